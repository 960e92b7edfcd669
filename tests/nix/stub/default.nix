# SPDX-License-Identifier: MIT
# import nixpkgs { ... }
{
  system,
  overlays ? [ ],
  config ? { },
}:
let
  lib = import ./lib.nix;
in
assert lib.isAttrs config;
lib.foldl' (pkgs: pkgs.extend) (import ./pkgs.nix { inherit lib system; }) overlays
