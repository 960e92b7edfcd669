# SPDX-License-Identifier: MIT
{
  description = "xtcp2: records of every TCP socket of every network namespace of a Linux host";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    # A later main builds a QEMU without user networking: check before moving the lock.
    microvm = {
      url = "github:microvm-nix/microvm.nix";
      inputs.nixpkgs.follows = "nixpkgs";
      # Only for its graphical guests.
      inputs.spectrum.follows = "";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      microvm,
    }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forAllSystems =
        f: lib.genAttrs systems (system: f (nixpkgs.legacyPackages.${system}.extend self.overlays.default));
      appliance =
        system:
        lib.nixosSystem {
          modules = [
            self.nixosModules.xtcp2
            ./nix/modules/appliance.nix
            { nixpkgs.hostPlatform = system; }
          ];
        };
      args = pkgs: {
        inherit
          lib
          microvm
          pkgs
          self
          ;
      };
    in
    {
      overlays.default = import ./pkgs;

      nixosModules.xtcp2.imports = [ ./nix/modules/xtcp2-service.nix ];
      nixosModules.default = self.nixosModules.xtcp2;

      nixosConfigurations = lib.mapAttrs (_: appliance) {
        appliance = "x86_64-linux";
        appliance-aarch64 = "aarch64-linux";
      };

      packages = forAllSystems (pkgs: import ./nix/packages.nix (args pkgs));
      apps = forAllSystems (pkgs: import ./nix/apps.nix (args pkgs));
      checks = forAllSystems (pkgs: import ./nix/checks (args pkgs));
      devShells = forAllSystems (pkgs: {
        default = import ./nix/shell.nix pkgs;
      });
      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);

      # The jobs of a Hydra, each by system.
      hydraJobs = lib.mapAttrs (_: lib.mapAttrs (_: lib.hydraJob)) {
        inherit (self.packages) x86_64-linux aarch64-linux;
        checks = self.checks.x86_64-linux;
      };
    };
}
