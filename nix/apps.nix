# SPDX-License-Identifier: MIT
# apps.<system>: the test machines under xtcp2-vmrun, and what is made of their results.
{
  lib,
  microvm,
  pkgs,
  ...
}:
let
  arch = pkgs.stdenv.hostPlatform.parsed.cpu.name;
  app = description: drv: {
    type = "app";
    program = lib.getExe drv;
    meta = { inherit description; };
  };
  vms = import ./microvms { inherit lib microvm pkgs; };
  # One program for each flavor, by its name.
  programs = pkgs.linkFarm "xtcp2-vms" (
    lib.mapAttrsToList (name: vm: {
      inherit name;
      path = lib.getExe vm.app;
    }) vms
  );
in
{
  default = app "The daemon" pkgs.xtcp2;
  integration-all = app "Every test machine, one after the other" (
    pkgs.writeShellApplication {
      name = "integration-all";
      runtimeInputs = [ pkgs.jq ];
      text = ''
        XTCP2_VMS=${programs} XTCP2_FLAVORS=${./microvms/flavors.json} exec bash ${../ci}/integration-all "$@"
      '';
    }
  );
  quality-report = app "Write ./quality-report" (
    pkgs.writeShellApplication {
      name = "quality-report";
      text = ''
        rm -rf quality-report
        cp -rL --no-preserve=mode ${pkgs.callPackage ./quality-report.nix { }} quality-report
      '';
    }
  );
}
// lib.mapAttrs' (
  name: vm: lib.nameValuePair "microvm-${arch}-${name}" (app vm.flavor.purpose vm.app)
) vms
