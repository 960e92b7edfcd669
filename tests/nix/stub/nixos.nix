# SPDX-License-Identifier: MIT
# A loose NixOS: below the names declared here, lists concatenate, sets merge and anything
# goes; a name that is not declared is an error, as in the real one.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    isAttrs
    isDerivation
    isList
    mkOption
    ;
  isPlain = value: isAttrs value && !isDerivation value && !value ? outPath;
  loose = lib.mkOptionType {
    name = "loose";
    check = _: true;
    emptyValue.value = null; # all definitions are `mkIf false`
    merge =
      loc: defs:
      let
        values = map (def: def.value) defs;
      in
      if lib.all isList values then
        lib.concatLists values
      else if lib.all isPlain values then
        (lib.types.lazyAttrsOf loose).merge loc defs
      else
        lib.options.mergeEqualOption loc defs;
  };
  looseOption = mkOption {
    type = loose;
    default = { };
  };
  weak = lib.mkOverride 1400;

  # As data: derivations become their paths.
  plain =
    value:
    if isDerivation value || (isAttrs value && value ? outPath) then
      "${value}"
    else if isAttrs value then
      lib.mapAttrs (_: plain) (removeAttrs value [ "_module" ])
    else if isList value then
      map plain value
    else if lib.isFunction value then
      "<function>"
    else
      value;
  failed = map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
in
{
  options =
    lib.genAttrs [
      "boot"
      "documentation"
      "environment"
      "fileSystems"
      "image"
      "networking"
      "nix"
      "nixpkgs"
      "security"
      "system"
      "systemd"
      "users"
      "virtualisation"
    ] (_: looseOption)
    // {
      assertions = mkOption {
        type = lib.types.listOf lib.types.unspecified;
        default = [ ];
      };
      warnings = mkOption {
        type = lib.types.listOf lib.types.str;
        default = [ ];
      };
      # Services whose real option names were looked up; one that is not here is an error.
      services = lib.genAttrs [
        "apache-kafka"
        "clickhouse"
        "getty"
        "grafana"
        "minio"
        "openssh"
        "prometheus"
        "vector"
      ] (_: looseOption);
    };

  config = {
    networking.hostName = weak "nixos";
    boot = {
      initrd.systemd.enable = weak true;
      kernelPackages = weak pkgs.linuxPackages;
      kernelParams = [ "loglevel=4" ];
    };
    nix = {
      enable = weak true;
      package = weak pkgs.jq;
      optimise.automatic = weak false;
      settings.auto-optimise-store = weak false;
    };
    security.virtualisation.flushL1DataCache = weak null;
    services.openssh.enable = weak false;
    system = {
      boot.loader = {
        initrdFile = weak "initrd";
        kernelFile = weak "bzImage";
        ukiFile = weak "nixos.efi";
      };
      switch.enable = weak true;
      build = {
        initialRamdisk = weak (pkgs.writeText "initrd" "");
        uki = weak (pkgs.writeText "uki" "");
        image = weak (pkgs.writeText "image" (builtins.toJSON (plain config.image)));
        # Fails on assertions like the real one, and forces every value and generated file.
        toplevel = weak (
          if failed != [ ] then
            throw "Failed assertions:\n- ${lib.concatStringsSep "\n- " failed}"
          else
            lib.foldr lib.warn (pkgs.writeText "nixos-system" (
              builtins.toJSON (plain {
                inherit (config)
                  boot
                  environment
                  fileSystems
                  networking
                  services
                  systemd
                  users
                  virtualisation
                  ;
              })
            )) config.warnings
        );
      };
    };
  };
}
