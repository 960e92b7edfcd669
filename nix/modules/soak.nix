# SPDX-License-Identifier: MIT
# Long life under churn: what the unit soak-load of guest/systemd needs to run.
{ config, pkgs, ... }:
{
  systemd.services.soak-load.path = [
    config.services.xtcp2.package
    pkgs.coreutils
  ];
}
