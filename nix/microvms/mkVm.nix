# SPDX-License-Identifier: MIT
# One row of flavors.json as a NixOS machine on microvm.nix; .config.microvm.declaredRunner runs it.
#
# Such a machine is started in one of two ways. Alone (`launched = false`), its console is the
# terminal, its root shell is on 127.0.0.1:12055 and its ports are forwarded as the row says.
# By xtcp2-vmrun (`launched = true`), all of these, and the results channel, are devices that
# the runner appends (qemu-args), and the machine brings none of its own.
{
  lib, # nixpkgs.lib: has nixosSystem
  microvm,
  pkgs,
  flavor,
  launched ? false,
}:
let
  modules = ../modules;
  inherit (pkgs.stdenv.hostPlatform) isx86_64;
  # The name of the kernel's first serial port.
  console = lib.replaceStrings [ "ttyS0" ] [ (if isx86_64 then "ttyS0" else "ttyAMA0") ];
  # The module that a row's sink adds to a machine that tests itself.
  sinks = {
    minimal = [ ];
    coverage = [ (modules + "/coverage.nix") ];
    coverage-iouring = [ (modules + "/coverage.nix") ];
    vector = [ (modules + "/vector.nix") ];
    s3parquet = [ (modules + "/s3parquet.nix") ];
    soak = [ (modules + "/soak.nix") ];
    tcp-stress = [ (modules + "/tcp-stress.nix") ];
    clickhouse-pipeline = [ (modules + "/clickhouse-pipeline.nix") ];
  };

  machine = {
    nixpkgs.pkgs = pkgs;
    system.stateVersion = "26.05";
    networking.hostName = "xtcp2-guest";
    # After microvm.nix's own, which leave the kernel one serial port: the shell needs the second.
    boot.kernelParams = lib.mkAfter (
      # As xtcp2-vmrun tells the guests that it starts itself.
      lib.filter (word: builtins.match "[^#].*" word != null) (
        lib.splitString "\n" (console (builtins.readFile ../../guest/kernel-append))
      )
      ++ [
        "8250.nr_uarts=4"
        "xtcp2.flavor=${flavor.name}"
      ]
      ++ lib.optional (!launched) "xtcp2.shell"
      ++ lib.optional (!launched && flavor.stays or false) "xtcp2.no_checks"
    );
    # Nobody builds in there, and the store's data base would have to be written at boot.
    nix.enable = false;

    microvm = {
      hypervisor = "qemu";
      mem = flavor.memory_mib;
      vcpu = flavor.vcpus;
      # One command line for KVM and TCG: any CPU model but null avoids -enable-kvm, and q35,
      # unlike "microvm", boots under TCG. qemu_kvm is then the cached qemu_test.
      cpu = "max";
      qemu = {
        machine = if isx86_64 then "q35" else "virt";
        package = pkgs.qemu_kvm;
        serialConsole = !launched;
        # The terminal that guest-setup names: "virt" has one serial port.
        extraArgs = lib.optionals (!launched) (
          if isx86_64 then
            [
              "-serial"
              "tcp:127.0.0.1:12055,server=on,wait=off"
            ]
          else
            [
              "-chardev"
              "socket,id=xshell,host=127.0.0.1,port=12055,server=on,wait=off"
              "-device"
              "virtio-serial-pci"
              "-device"
              "virtconsole,chardev=xshell"
            ]
        );
      };
      extraArgsScript = if launched then "${pkgs.runtimeShell} ${./qemu-args}" else null;
      # The runner has its own QMP channel; paths here are relative to wherever one happens to be.
      socket = null;
      # The host's store, read-only: no image to build, nothing to boot from a disk.
      shares = [
        {
          proto = "9p";
          tag = "ro-store";
          source = "/nix/store";
          mountPoint = "/nix/.ro-store";
          readOnly = true;
        }
      ];
      interfaces = lib.optional (!launched) {
        type = "user";
        id = "eth0";
        mac = "02:00:00:00:00:01";
      };
      forwardPorts = lib.optionals (!launched) (
        map (port: {
          from = "host";
          host = {
            address = "127.0.0.1";
            port = port.host;
          };
          guest.port = port.guest;
        }) flavor.forwards
      );
    };
  };
in
lib.nixosSystem {
  specialArgs = { inherit flavor; };
  modules = [
    microvm.nixosModules.microvm
    ../modules/xtcp2-service.nix
    ../modules/self-test.nix
    machine
  ]
  ++ sinks.${flavor.sink} or (throw ''
    nix/microvms/flavors.json: flavor ${flavor.name}: no NixOS module for the sink "${flavor.sink}"; there are: ${lib.concatStringsSep ", " (lib.attrNames sinks)}
  '');
}
