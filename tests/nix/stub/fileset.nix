# SPDX-License-Identifier: MIT
# lib.fileset where the evaluator is too old for the real one (Debian 12's Nix 2.8 has no
# builtins.readFileType), as an overlay of the library; nothing elsewhere.
_final: prev:
let
  within =
    files: path:
    prev.any (
      file: prev.hasPrefix "${toString file}/" "${path}/" || prev.hasPrefix "${path}/" "${toString file}/"
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
if builtins ? readFileType then { } else { inherit fileset; }
