# SPDX-License-Identifier: MIT
# services.xtcp2: the daemon on a NixOS host.
#
# The unit is the one that the package installs, hardening included; this module adds a
# drop-in with the configuration. Options of services.xtcp2.settings are generated from the
# daemon's own table, so that a name or a range it would refuse fails the evaluation.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.xtcp2;
  inherit (lib) mkOption types;

  typeOf = import ../lib/option-type.nix { inherit lib; };
  settingOf =
    row:
    lib.nameValuePair row.flag (mkOption {
      type = types.nullOr (typeOf row);
      default = null;
      defaultText = lib.literalMD "the daemon's own: `${row.default}`";
      description = row.help;
    });

  settings = lib.filterAttrs (_: value: value != null) cfg.settings;
  json = pkgs.formats.json { };
  written = json.generate "xtcp2.json" settings;
  # The daemon itself says whether it takes the file: it knows its names better than a module of another release.
  configFile =
    if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
      pkgs.runCommand "xtcp2.json" { }
        "${lib.getExe cfg.package} -config ${written} -conf >/dev/null && cp ${written} $out"
    else
      written;
  # A listener that is off has neither address nor port.
  portOf = address: lib.optional (address != "") (lib.toInt (lib.last (lib.splitString ":" address)));
in
{
  options.services.xtcp2 = {
    enable = lib.mkEnableOption "xtcp2, records of every TCP socket of every network namespace";

    # Built from the host's own nixpkgs, which may be one that takes no overlays.
    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../../pkgs/xtcp2/package.nix { };
      defaultText = lib.literalMD "the package of this flake, with the packages of the host";
      description = "Which xtcp2 runs.";
    };

    settings = mkOption {
      type = types.submodule {
        # For options that the daemon of `package` has and this module does not know yet.
        freeformType = json.type;
        options = lib.listToAttrs (map settingOf (import ../lib/options.nix));
      };
      default = { };
      example = {
        dest = "kafka:broker:9092";
        marshal = "protobufList";
        frequency = "30s";
      };
      description = ''
        Options of the daemon by the names of their flags ({command}`xtcp2 -help`); the build
        asks the daemon whether it takes them. They end
        up in the Nix store, which everybody can read: give credentials in
        {option}`services.xtcp2.environmentFile`.
      '';
    };

    extraArgs = mkOption {
      type = types.listOf (types.strMatching "[^[:space:]]+");
      default = [ ];
      example = [ "-ioUring" ];
      description = "Further arguments, which win over {option}`services.xtcp2.settings`.";
    };

    environmentFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/xtcp2";
      description = ''
        File of environment variables, such as `XTCP_KAFKA_CONFIG=sasl.password=...`, which is
        added to `settings.kafkaConfig`. Others win over {option}`services.xtcp2.settings`.
      '';
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Opens the ports of metrics and gRPC. Both listen on loopback unless
        `settings.promListen` and `settings.grpcListen` say otherwise; for gRPC other hosts
        want `settings.grpcTls` as well.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    systemd.packages = [ cfg.package ];
    systemd.tmpfiles.packages = [ cfg.package ];
    users.users.xtcp2 = {
      isSystemUser = true;
      group = "xtcp2";
      home = "/var/lib/xtcp2";
    };
    users.groups.xtcp2 = { };
    systemd.services.xtcp2 = {
      wantedBy = [ "multi-user.target" ];
      environment =
        lib.optionalAttrs (settings != { }) { XTCP_CONFIG = "${configFile}"; }
        // lib.optionalAttrs (cfg.extraArgs != [ ]) { XTCP2_ARGS = toString cfg.extraArgs; };
      serviceConfig = {
        # The unit's own names /bin/kill, which NixOS has not.
        ExecReload = [
          ""
          "${pkgs.coreutils}/bin/kill -HUP $MAINPID"
        ];
      }
      // lib.optionalAttrs (cfg.environmentFile != null) {
        EnvironmentFile = [ cfg.environmentFile ];
      };
    };
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall (
      (if cfg.settings.promListen == null then [ 9088 ] else portOf cfg.settings.promListen)
      ++ lib.remove 0 [ (if cfg.settings.grpcPort == null then 8889 else cfg.settings.grpcPort) ]
    );
  };
}
