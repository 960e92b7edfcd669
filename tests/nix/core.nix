# SPDX-License-Identifier: MIT
# The packages on a real stdenv, that of ekala-project's corepkgs, as paths of their derivations: what the
# stand-in for nixpkgs takes without a look is checked there (hooks, outputs, the builder of images).
{
  corepkgs,
  system,
  # The system that the packages are for; another one than `system` is a cross build.
  host ? system,
}:
let
  optionalAttrs = condition: set: if condition then set else { };
  pkgs = import corepkgs {
    localSystem = { inherit system; };
    crossSystem = if host == system then null else { system = host; };
    overlays = [
      # It has none of these libraries and no emulator of processors, and a cross build of its protobuf wants the compiler by this name.
      (final: prev: {
        rdkafka = final.zlib;
        nats-c = final.zlib;
        lldpd = final.zlib;
        libmaxminddb = final.zlib;
        qemu-user = final.zlib;
        protobuf_35 = prev.protobuf;
        lib = prev.lib.extend (import ./stub/fileset.nix);
      })
      # Its LLVM, for another processor, asks for itself.
      (final: _: optionalAttrs (host != system) { llvmPackages = { clang = final.zlib; clang-unwrapped = final.zlib; }; })
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
lib.mapAttrs (_: package: package.drvPath) (
  {
    inherit (pkgs) xtcp2 xtcp2-coverage;
    oci-xtcp2 = pkgs.xtcp2-oci.xtcp2;
    oci-xtcp2-tcp-stress = pkgs.xtcp2-oci.tcp-stress;
  }
  # These want more of corepkgs than it can build for another processor: LLVM and what util-linux links.
  // lib.optionalAttrs (host == system) {
    inherit (pkgs) xtcp2-guest;
    inherit (checks) clang-tidy;
  }
)
