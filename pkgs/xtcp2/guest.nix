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
  lines = concat: lib.concatMapStrings (line: "${line}\n") concat;
  # What a guest is told of each flavor: the daemon's arguments and the checks to run.
  filesOf = flavor: [
    {
      name = "${flavor.name}.env";
      path = writeText "${flavor.name}.env" "XTCP2_ARGS=${toString flavor.daemon_args}\n";
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
  flavors = linkFarm "xtcp2-flavors" (lib.concatMap filesOf flavors);
  agetty = lib.getExe' util-linux "agetty";
  meta.platforms = lib.platforms.linux;
} "source ${./guest-install.bash}"
