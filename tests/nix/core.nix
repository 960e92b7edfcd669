# SPDX-License-Identifier: MIT
# The packages on a real stdenv, that of ekala-project's corepkgs, as paths of their derivations: what the
# stand-in for nixpkgs takes without a look is checked there (hooks, outputs, the builder of images).
{
  corepkgs,
  system,
}:
let
  pkgs = import corepkgs {
    localSystem = { inherit system; };
    overlays = [
      # It has no librdkafka.
      (final: prev: {
        rdkafka = final.zlib;
        lib = prev.lib.extend (import ./stub/fileset.nix);
      })
      (import ../../pkgs)
    ];
  };
  inherit (pkgs) lib;
  checks = import ../../nix/checks {
    inherit lib pkgs;
    microvm = throw "no machine of microvm.nix is evaluated here";
    self = ../..;
  };
in
lib.mapAttrs (_: package: package.drvPath) {
  inherit (pkgs) xtcp2 xtcp2-coverage xtcp2-guest;
  oci-xtcp2 = pkgs.xtcp2-oci.xtcp2;
  oci-xtcp2-tcp-stress = pkgs.xtcp2-oci.tcp-stress;
  inherit (checks) clang-tidy;
}
