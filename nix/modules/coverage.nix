# SPDX-License-Identifier: MIT
# The daemon instrumented for gcov; its counters are written to /var/lib/xtcp2 when it
# stops, below the paths of the build, where `output gcno` of the package has the notes.
{ pkgs, ... }:
{
  services.xtcp2.package = pkgs.xtcp2-coverage;
  systemd.services.xtcp2.environment.GCOV_PREFIX = "%S/xtcp2/coverage";
}
