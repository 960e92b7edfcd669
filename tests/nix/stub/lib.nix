# SPDX-License-Identifier: MIT
# The real library, with a stand-in for lib.fileset where the evaluator is too old for it
# (Debian 12's Nix 2.8 has no builtins.readFileType).
let
  lib = import ./lib;
  within =
    files: path:
    lib.any (
      file: lib.hasPrefix "${toString file}/" "${path}/" || lib.hasPrefix "${path}/" "${toString file}/"
    ) files;
  fileset = {
    unions =
      files:
      map (
        file:
        if builtins.pathExists file then
          file
        else
          throw "lib.fileset.unions: ${toString file} does not exist"
      ) files;
    toSource =
      { root, fileset }:
      builtins.path {
        path = root;
        name = "source";
        filter = path: _type: within fileset path;
      };
  };
in
if builtins ? readFileType then lib else lib.extend (_final: _prev: { inherit fileset; })
