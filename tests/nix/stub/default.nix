# SPDX-License-Identifier: MIT
# import nixpkgs { ... }
{
  system,
  overlays ? [ ],
  config ? { },
}:
let
  self = (import ./flake.nix).outputs { self.outPath = ./.; };
  inherit (self) lib;
in
assert lib.isAttrs config;
lib.foldl' (pkgs: pkgs.extend) self.legacyPackages.${system} overlays
