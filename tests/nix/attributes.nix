# SPDX-License-Identifier: MIT
# The attributes of nixpkgs that the stand-in has; of sets of packages and functions, those in them.
{ stub }:
let
  nixpkgs = (import (stub + "/flake.nix")).outputs { self.outPath = stub; };
  inherit (nixpkgs) lib;
  pkgs = nixpkgs.legacyPackages.x86_64-linux;
  plumbing = [
    "_type"
    "extend"
    "lib"
    "path"
    "system"
  ];
  sets = [
    "dockerTools"
    "formats"
    "grafanaPlugins"
    "linuxPackages"
    "llvmPackages"
    "llvmPackages_21"
    "python3Packages"
    "testers"
    "unixtools"
  ];
in
lib.concatMap (
  name:
  if lib.elem name sets then
    map (inner: "${name}.${inner}") (lib.attrNames pkgs.${name})
  else
    [ name ]
) (lib.subtractLists plumbing (lib.attrNames pkgs))
