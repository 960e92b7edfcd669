# SPDX-License-Identifier: MIT
# The whole data path with NixOS's own services: Kafka (or, where the row's contents say so,
# Redpanda), ClickHouse, Prometheus and Grafana, each with the files of pipeline/.
{
  config,
  flavor,
  lib,
  pkgs,
  ...
}:
let
  redpanda = lib.elem "redpanda" flavor.contents;
  tune = flavor.tunables;

  # server.properties as pipeline/kafka/run uses it, apart from where the data lie. The
  # NixOS module wants lists for the options it has types for.
  properties = lib.listToAttrs (
    lib.concatMap (
      line:
      let
        words = builtins.match "([a-z][^=]*)=(.*)" line;
      in
      lib.optional (words != null) (lib.nameValuePair (lib.head words) (lib.last words))
    ) (lib.splitString "\n" (builtins.readFile ../../pipeline/kafka/server.properties))
  );
  schemas = pkgs.linkFarm "xtcp2-format-schemas" [
    {
      name = "xtcp_flat_record.proto";
      path = ../../proto/xtcp_flat_record/v1/xtcp_flat_record.proto;
    }
  ];
  clickhouse = "${lib.getExe' pkgs.clickhouse "clickhouse-client"} --port 19001 --password ${tune.clickhouse_password}";
  sql = ../../pipeline/clickhouse/sql;
in
{
  imports = [
    ./prometheus.nix
    ./redpanda.nix
  ];

  services = {
    apache-kafka = lib.mkIf (!redpanda) {
      enable = true;
      clusterId = "eHRjcDIta2Fma2EtMDAwMQ";
      formatLogDirs = true;
      settings = properties // {
        "log.dirs" = [ "/var/lib/apache-kafka" ];
        # Clients come over the machine's network, too.
        listeners = lib.splitString "," (
          lib.replaceStrings [ "127.0.0.1:19092" ] [ "0.0.0.0:19092" ] properties.listeners
        );
      };
    };

    clickhouse = {
      enable = true;
      serverConfig = {
        listen_host = "0.0.0.0";
        http_port = 18123;
        tcp_port = 19001;
        format_schema_path = "${schemas}/";
        # The macros of pipeline/clickhouse/sql/30-kafka.sql.
        macros = {
          kafka_brokers = "localhost:19092";
          inherit (tune) kafka_topic;
          kafka_group = "xtcp";
        };
      };
      usersConfig.users.default.password = tune.clickhouse_password;
    };

    grafana = {
      enable = true;
      declarativePlugins = [ pkgs.grafanaPlugins.grafana-clickhouse-datasource ];
      settings = {
        server.http_addr = "0.0.0.0";
        server.http_port = 3000;
        "auth.anonymous".enabled = true;
        "auth.anonymous".org_role = "Viewer";
        # A machine for one test keeps no secrets.
        security.secret_key = "xtcp2";
      };
      provision = {
        enable = true;
        datasources.path = ../../pipeline/grafana/datasources.yaml;
        dashboards.path = ../../pipeline/grafana/dashboards.yaml;
      };
    };
  };

  systemd.services = {
    apache-kafka = lib.mkIf (!redpanda) {
      serviceConfig.StateDirectory = "apache-kafka";
    };

    xtcp2-clickhouse-schema = {
      description = "Tables and views of xtcp2";
      wantedBy = [ "multi-user.target" ];
      requires = [ "clickhouse.service" ];
      after = [ "clickhouse.service" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        # A broker or a topic that is not there yet would be an exception of the consumer.
        ExecStartPre = [
          "${pkgs.xtcp2-guest}/lib/xtcp2/pipeline/wait-for-port 19092"
          "${lib.getExe' pkgs.xtcp2 "kafka_topic_reader"} -broker localhost:19092 -topic ${tune.kafka_topic} -count 1"
        ];
        ExecStart = map (file: "${clickhouse} --multiquery --queries-file ${sql}/${file}") [
          "10-records.sql"
          "20-views.sql"
          "25-minutes.sql"
          "30-kafka.sql"
        ];
      };
    };

    # Sockets to look at, and who tells how the path stands: units of guest/systemd.
    pipeline-load = {
      wantedBy = [ "multi-user.target" ];
      path = [
        config.services.xtcp2.package
        pkgs.iproute2
      ];
    };
    pipeline-monitor = {
      wantedBy = [ "multi-user.target" ];
      path = [
        config.services.xtcp2.package
        pkgs.coreutils
      ];
    };
  };

  # The path that dashboards.yaml names.
  environment.etc."grafana/xtcp2-dashboards".source = ../../pipeline/grafana/dashboards;
}
