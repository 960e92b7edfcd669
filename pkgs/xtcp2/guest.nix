# SPDX-License-Identifier: MIT
# The files of guest/ as a package: the self-test below lib/xtcp2, units and drop-ins
# below lib/systemd/system, with paths and interpreters of the Nix store.
{
  lib,
  linkFarm,
  runCommand,
  util-linux,
  writeText,
  xtcp2,
}:
let
  inherit (lib.importJSON ../../nix/microvms/flavors.json) flavors;
  lines = lib.concatMapStrings (line: "${line}\n");
  # What a guest is told of each flavor: the daemon's arguments, where an instrumented
  # build leaves its counters, the tunables and the checks to run.
  filesOf = flavor: [
    {
      name = "${flavor.name}.env";
      path = writeText "${flavor.name}.env" (
        lines (
          [ "XTCP2_ARGS=${toString flavor.daemon_args}" ]
          ++ lib.optional (lib.elem "coverage" flavor.contents) "GCOV_PREFIX=/run/cov"
          ++ lib.mapAttrsToList (
            name: value: "XTCP2_TUNE_${lib.toUpper name}=${toString value}"
          ) flavor.tunables
        )
      );
    }
    {
      name = "${flavor.name}.checks";
      path = writeText "${flavor.name}.checks" (lines flavor.checks);
    }
  ];
in
runCommand "xtcp2-guest" {
  inherit xtcp2;
  src = ../../guest;
  monitor = ../../pipeline/clickhouse/monitor.sql;
  flavors = linkFarm "xtcp2-flavors" (lib.concatMap filesOf flavors);
  agetty = lib.getExe' util-linux "agetty";
  meta.platforms = lib.platforms.linux;
} "source ${./guest-install.bash}"
