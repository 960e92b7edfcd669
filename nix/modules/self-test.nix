# SPDX-License-Identifier: MIT
# A test machine's inside: what the host asked for, the self-test, the shell on the second
# serial port. Units and scripts are those of guest/, which the Debian-built guest runs too.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  guest = pkgs.xtcp2-guest.override { xtcp2 = config.services.xtcp2.package; };
  # Modules that both guests load at boot; "root" rows are there for whoever asks, as all are here.
  bootModules = lib.concatMap (
    row:
    let
      words = builtins.match "boot ([^ ]+)" row;
    in
    if words == null then [ ] else words
  ) (lib.splitString "\n" (builtins.readFile ../../guest/debian/modules));
in
{
  services.xtcp2.enable = true;

  systemd = {
    packages = [ guest ];
    services = {
      xtcp2-guest-setup = {
        wantedBy = [ "multi-user.target" ];
        path = [ pkgs.iproute2 ];
      };
      xtcp2-selftest = {
        wantedBy = [ "multi-user.target" ];
        path = [
          config.services.xtcp2.package
          pkgs.gawk
          pkgs.gnutar
          pkgs.iproute2
          pkgs.procps
          pkgs.util-linux
        ];
      };
      xtcp2-shell.wantedBy = [ "multi-user.target" ];
      # The console belongs to the transcript.
      "serial-getty@ttyS0".enable = false;
      "serial-getty@ttyAMA0".enable = false;
    };
  };

  boot = {
    initrd.kernelModules = bootModules;
    kernelModules = [ "tcp_diag" ];
  };
  # guest-setup configures the one interface, eth0, with the addresses that QEMU fixes.
  networking = {
    firewall.enable = false;
    useDHCP = false;
    useNetworkd = false;
    usePredictableInterfaceNames = false;
  };
  users.users.root.hashedPassword = "";
}
