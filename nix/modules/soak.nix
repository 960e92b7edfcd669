# SPDX-License-Identifier: MIT
# Long life under churn: namespaces come and go, a population of connections stays.
{
  flavor,
  lib,
  pkgs,
  ...
}:
let
  tune = flavor.tunables;
  bin = program: lib.getExe' pkgs.xtcp2 program;
  load = command: {
    wantedBy = [ "multi-user.target" ];
    after = [ "xtcp2.service" ];
    serviceConfig.ExecStart = toString command;
    serviceConfig.Restart = "on-failure";
  };
in
{
  systemd.services = {
    xtcp2-load-churn = load [
      (bin "nsTest")
      "-initial ${toString tune.initial_ns}"
      "-sleep ${tune.churn_sleep}"
    ];
    xtcp2-load-server = load [
      (bin "tcp_server")
      "-count ${toString tune.tcp_server_count}"
    ];
    xtcp2-load-client = load [
      (bin "tcp_client")
      "-count ${toString tune.tcp_client_count}"
      "-connect ${tune.tcp_connect}"
      "-sleep ${tune.tcp_client_sleep}"
      "-pads ${toString tune.tcp_pads}"
    ];
  };
}
