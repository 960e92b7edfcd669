# SPDX-License-Identifier: MIT
# The files of guest/ as a package: the self-test below lib/xtcp2, units and drop-ins
# below lib/systemd/system, with paths and interpreters of the Nix store.
{
  jq,
  lib,
  runCommand,
  util-linux,
  xtcp2,
}:
runCommand "xtcp2-guest" {
  inherit xtcp2;
  nativeBuildInputs = [ jq ];
  src = ../../guest;
  flavors = ../../nix/microvms/flavors.json;
  monitor = ../../pipeline/clickhouse/monitor.sql;
  agetty = lib.getExe' util-linux "agetty";
  meta = {
    description = "The inside of the test machines: self-test, load, units";
    inherit (xtcp2.meta) license platforms;
  };
} "source ${./guest-install.bash}"
