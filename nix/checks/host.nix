# SPDX-License-Identifier: MIT
# services.xtcp2 on a NixOS host (host.py says what has to hold there): the test driver of nixpkgs.
{
  callPackage,
  testers,
  xtcp2,
}:
testers.runNixOSTest {
  name = "xtcp2-host";
  meta.description = "services.xtcp2 on a NixOS host: records of namespaces in a file, the guest's checks, hardening";
  # Faster with KVM; without, the driver emulates.
  requiredFeatures.kvm = false;
  nodes.host =
    { pkgs, ... }:
    {
      imports = [ ../modules/xtcp2-service.nix ];
      services.xtcp2 = {
        enable = true;
        package = xtcp2;
        settings = {
          dest = "file:/var/lib/xtcp2/records.jsonl";
          frequency = "1s";
          timeout = "900ms";
        };
      };
      environment.etc.xtcp2-guest.source = callPackage ../../pkgs/xtcp2/guest.nix { inherit xtcp2; };
      environment.systemPackages = [
        pkgs.gawk
        pkgs.iproute2
        pkgs.jq
        pkgs.util-linux
      ];
    };
  testScript = builtins.readFile ./host.py;
}
