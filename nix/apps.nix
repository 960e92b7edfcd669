# SPDX-License-Identifier: MIT
# apps.<system>: the test machines under xtcp2-vmrun, and what is made of their results.
{
  lib,
  microvm,
  pkgs,
  ...
}:
let
  app = description: drv: {
    type = "app";
    program = lib.getExe drv;
    meta = { inherit description; };
  };
  vms = import ./microvms { inherit lib microvm pkgs; };
in
{
  default = app "The daemon" pkgs.xtcp2;
  quality-report = app "Write ./quality-report" (
    pkgs.writeShellApplication {
      name = "quality-report";
      text = "cp -rL --no-preserve=mode ${pkgs.callPackage ./quality-report.nix { }} quality-report";
    }
  );
}
// lib.optionalAttrs (pkgs.stdenv.hostPlatform.system == "x86_64-linux") (
  {
    integration-all = app "Every test machine, one after the other" (
      pkgs.writeShellApplication {
        name = "integration-all";
        text = lib.concatMapStrings (vm: "${lib.getExe vm.app} \"$@\"\n") (lib.attrValues vms);
      }
    );
  }
  // lib.mapAttrs' (
    name: vm: lib.nameValuePair "microvm-x86_64-${name}" (app vm.flavor.purpose vm.app)
  ) vms
)
