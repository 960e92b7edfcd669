# SPDX-License-Identifier: MIT
# Every row of flavors.nix as { flavor, runner, app }: the row, the machine to be run
# alone, and the machine under xtcp2-vmrun, which judges it.
{
  lib,
  microvm,
  pkgs,
}:
let
  flavors = import ./flavors.nix { inherit lib; };
  arch = pkgs.stdenv.hostPlatform.parsed.cpu.name;

  # MinIO, the store here, is marked insecure (its upstream has stopped); only the machines that have it take it.
  pkgsFor =
    flavor:
    if lib.elem "minio" flavor.contents || lib.elem "store" flavor.contents then
      import pkgs.path {
        inherit (pkgs.stdenv.hostPlatform) system;
        overlays = [ (import ../../pkgs) ];
        config.allowInsecurePredicate = package: lib.getName package == "minio";
      }
    else
      pkgs;

  machine =
    flavor: launched:
    (import ./mkVm.nix {
      inherit
        lib
        microvm
        flavor
        launched
        ;
      pkgs = pkgsFor flavor;
    }).config;

  judged =
    flavor:
    let
      inherit (machine flavor true) microvm system;
    in
    pkgs.writeShellApplication {
      name = "xtcp2-vm-${flavor.name}";
      runtimeInputs = [ pkgs.xtcp2 ];
      # qemu_test is what microvm.nix makes of qemu_kvm.
      text = ''
        exec xtcp2-vmrun run --flavor ${flavor.name} --flavors ${./flavors.json} --launcher ${lib.getExe microvm.declaredRunner} \
          --kernel ${microvm.kernel.out}/${system.boot.loader.kernelFile} --qemu ${lib.getExe' pkgs.qemu_test "qemu-system-${arch}"} "$@"
      '';
    };
in
lib.listToAttrs (
  map (
    flavor:
    lib.nameValuePair flavor.name {
      inherit flavor;
      runner = (machine flavor false).microvm.declaredRunner;
      app = judged flavor;
    }
  ) flavors
)
