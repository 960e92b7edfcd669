# SPDX-License-Identifier: MIT
# A stand-in for nixpkgs, to evaluate the flake without network: the real library (./lib, put
# there by ci/nix), fake packages and a NixOS whose options take anything below known names.
{
  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      nixosSystem =
        {
          modules,
          specialArgs ? { },
        }:
        lib.evalModules {
          class = "nixos";
          specialArgs = {
            modulesPath = "${self}/modules";
          }
          // specialArgs;
          modules = modules ++ [
            ./nixos.nix
            (
              { config, ... }:
              let
                platform = pkgsFor config.nixpkgs.hostPlatform;
                extended = lib.foldl' (pkgs: pkgs.extend) platform (config.nixpkgs.overlays or [ ]);
              in
              {
                _module.args.pkgs = lib.mkForce (config.nixpkgs.pkgs or extended);
              }
            )
          ];
        };
      pkgsFor = system: import ./pkgs.nix { inherit lib nixosSystem system; };
    in
    {
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] pkgsFor;
      lib = lib.extend (_final: _prev: { inherit nixosSystem; });
    };
}
