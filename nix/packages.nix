# SPDX-License-Identifier: MIT
# packages.<system>
{
  lib,
  microvm,
  pkgs,
  self,
}:
let
  vms = import ./microvms { inherit lib microvm pkgs; };
in
{
  inherit (pkgs) xtcp2 xtcp2-coverage xtcp2-guest;
  default = pkgs.xtcp2;
  oci-xtcp2 = pkgs.xtcp2-oci.xtcp2;
  oci-xtcp2-tcp-stress = pkgs.xtcp2-oci.tcp-stress;
  quality-report = pkgs.callPackage ./quality-report.nix { };
}
// lib.optionalAttrs (pkgs.stdenv.hostPlatform.system == "x86_64-linux") (
  {
    appliance-image = self.nixosConfigurations.appliance.config.system.build.image;
  }
  // lib.mapAttrs' (name: vm: lib.nameValuePair "microvm-x86_64-${name}" vm.runner) vms
)
