# SPDX-License-Identifier: MIT
# Which options of NixOS this tree's modules set, in the machines, in the appliance and on the host of the test driver.
# `listed` names options, "*" standing for any one name. Returns the listed ones that are set, and what is set and not listed.
{
  stub,
  microvm,
  listed,
}:
let
  nixpkgs = (import (stub + "/flake.nix")).outputs { self.outPath = stub; };
  inherit (nixpkgs) lib;
  pkgs = nixpkgs.legacyPackages.x86_64-linux.extend (import ../../pkgs);
  machine =
    flavor: launched:
    import ../../nix/microvms/mkVm.nix {
      inherit
        flavor
        launched
        lib
        pkgs
        ;
      microvm.nixosModules.microvm = microvm + "/nixos-modules/microvm";
    };
  test = pkgs.callPackage ../../nix/checks/host.nix { testers.runNixOSTest = test: test; };
  systems =
    lib.concatMap (
      flavor:
      map (machine flavor) [
        true
        false
      ]
    ) (import ../../nix/microvms/flavors.nix { inherit lib; })
    ++ map (modules: lib.nixosSystem { inherit modules; }) [
      [
        ../../nix/modules/xtcp2-service.nix
        ../../nix/modules/appliance.nix
        { nixpkgs.hostPlatform = "x86_64-linux"; }
      ]
      [
        test.nodes.host
        {
          nixpkgs.pkgs = pkgs;
          services.xtcp2.openFirewall = true;
          services.xtcp2.environmentFile = "/run/secrets/xtcp2";
        }
      ]
    ];

  # Others' options, and those of modules that are evaluated themselves.
  foreign =
    option:
    !lib.any (prefix: lib.take (lib.length prefix) option.loc == prefix) [
      [ "_module" ]
      [ "microvm" ]
      [
        "services"
        "xtcp2"
      ]
    ];
  ours =
    definition:
    !lib.any (path: lib.hasPrefix "${toString path}/" (toString definition.file)) [
      stub
      microvm
    ];

  patterns = map (name: {
    inherit name;
    words = lib.splitString "." name;
  }) listed;
  fits =
    path: pattern:
    lib.length path == lib.length pattern.words
    && lib.all (pair: pair.snd == "*" || pair.fst == pair.snd) (lib.zipLists path pattern.words);

  walk =
    path: value:
    let
      row = lib.findFirst (fits path) null patterns;
      kind = value._type or null;
    in
    if row != null then
      [ { used = row.name; } ]
    else if kind == "merge" then
      lib.concatMap (walk path) value.contents
    else if value ? content && kind != null then
      walk path value.content
    else if lib.isAttrs value && value != { } && kind == null && !value ? outPath then
      lib.concatLists (lib.mapAttrsToList (name: walk (path ++ [ name ])) value)
    else
      [ { unlisted = lib.concatStringsSep "." path; } ];

  set =
    lib.concatMap (
      system:
      lib.concatMap (
        option:
        lib.concatMap (definition: walk option.loc definition.value) (
          lib.filter ours option.definitionsWithLocations
        )
      ) (lib.filter foreign (lib.collect lib.isOption system.options))
    ) systems
    ++ walk [ "testers" "runNixOSTest" ] test;
  names = kind: lib.unique (lib.catAttrs kind set);
in
{
  used = names "used";
  unlisted = names "unlisted";
}
