# SPDX-License-Identifier: MIT
# A host with services.xtcp2 on the stand-in for nixpkgs: what systemd is given, as JSON.
{
  stub,
  settings,
  openFirewall ? false,
}:
let
  nixpkgs = (import (stub + "/flake.nix")).outputs { self.outPath = stub; };
  pkgs = nixpkgs.legacyPackages.x86_64-linux.extend (import ../../pkgs);
  host = nixpkgs.lib.nixosSystem {
    modules = [
      ../../nix/modules/xtcp2-service.nix
      {
        nixpkgs = { inherit pkgs; };
        services.xtcp2 = {
          enable = true;
          inherit openFirewall;
          settings = builtins.fromJSON settings;
        };
      }
    ];
  };
in
pkgs.writeText "systemd.json" (
  builtins.toJSON {
    packages = map toString host.config.systemd.packages;
    ports =
      let
        ports = host.config.networking.firewall.allowedTCPPorts or null;
      in
      # The value if every definition is `mkIf false`.
      if ports == null then [ ] else ports;
    services.xtcp2 = nixpkgs.lib.filterAttrs (
      _: value: value != null
    ) host.config.systemd.services.xtcp2;
  }
)
