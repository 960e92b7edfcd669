# SPDX-License-Identifier: MIT
# The NixOS type of a row of options.nix, so that a value that the daemon would refuse fails the evaluation.
{ lib }:
let
  inherit (lib) types;

  bound = text: if text == "" then null else lib.toInt text;
  # "" is no limit; what is above 2^63 - 1 does not fit into Nix's integers.
  number =
    row:
    let
      min = if row.min == "" then 0 else bound row.min;
    in
    if row.max == "" then
      types.addCheck types.int (n: n >= min)
    else
      types.ints.between min (bound row.max);
in
row:
{
  BOOL = types.bool;
  CHOICE = types.enum (lib.splitString "|" row.min);
  DURATION = types.strMatching "0|([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+";
  LEVEL = types.either (types.ints.between 0 1000) (
    types.enum [
      "error"
      "warning"
      "notice"
      "info"
      "debug"
    ]
  );
  STRING = types.str;
  LIST = types.str;
  FILE = types.str;
  PROPERTIES = types.str;
  U32 = number row;
  U64 = number row;
}
.${row.type}
