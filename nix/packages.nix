# SPDX-License-Identifier: MIT
# packages.<system>
{
  lib,
  microvm,
  pkgs,
  self,
}:
let
  arch = pkgs.stdenv.hostPlatform.parsed.cpu.name;
  vms = import ./microvms { inherit lib microvm pkgs; };
  appliance =
    self.nixosConfigurations.${if arch == "x86_64" then "appliance" else "appliance-${arch}"};
  described = description: lib.addMetaAttrs { inherit description; };
in
{
  inherit (pkgs) xtcp2 xtcp2-coverage xtcp2-guest;
  default = pkgs.xtcp2;
  oci-xtcp2 = described "OCI image of the daemon, as a script that writes it" pkgs.xtcp2-oci.xtcp2;
  oci-xtcp2-tcp-stress = described "OCI image of a population of connections" pkgs.xtcp2-oci.tcp-stress;
  quality-report = pkgs.callPackage ./quality-report.nix { };
  appliance-image = described "Disk image that is nothing but xtcp2" appliance.config.system.build.image;
}
// lib.mapAttrs' (
  name: vm: lib.nameValuePair "microvm-${arch}-${name}" (described vm.flavor.purpose vm.runner)
) vms
