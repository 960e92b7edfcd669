# SPDX-License-Identifier: MIT
# The daemon's options, read from the table that its flags come from
# (src/lib/control/options.def): [ { flag, type, default, min, max, help } ].
# Only builtins, so that it can be evaluated without nixpkgs.
let
  lines = builtins.filter builtins.isString (
    builtins.split "\n" (builtins.readFile ../../src/lib/control/options.def)
  );
  parse = builtins.match ''OPTION\("([^"]+)", [a-z0-9_]+, ([A-Z0-9_]+), "([^"]*)", "([^"]*)", "([^"]*)", [0-9]+, "(.*)"\)'';
  named =
    fields:
    let
      field = builtins.elemAt fields;
    in
    {
      flag = field 0;
      type = field 1;
      default = field 2;
      min = field 3;
      max = field 4;
      help = field 5;
    };
  rows = map named (builtins.filter (fields: fields != null) (map parse lines));
in
# The options of a configuration file; actions and the name of the file itself are for the command line.
builtins.filter (row: row.type != "ACTION" && row.type != "CONFIG_FILE") rows
