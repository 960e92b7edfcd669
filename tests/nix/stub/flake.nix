# SPDX-License-Identifier: MIT
# A stand-in for nixpkgs, to evaluate the flake without network: the real library (./lib, put
# there by ci/nix), fake packages and a NixOS whose options take anything below known names.
{
  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      pkgsFor = system: import ./pkgs.nix { inherit lib system; };
    in
    {
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] pkgsFor;
      lib = lib.extend (
        final: _prev: {
          nixosSystem =
            {
              modules,
              specialArgs ? { },
            }:
            final.evalModules {
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
                    extended = final.foldl' (pkgs: pkgs.extend) platform (config.nixpkgs.overlays or [ ]);
                  in
                  {
                    _module.args.pkgs = final.mkForce (config.nixpkgs.pkgs or extended);
                  }
                )
              ];
            };
        }
      );
    };
}
