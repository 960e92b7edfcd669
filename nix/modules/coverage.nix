# SPDX-License-Identifier: MIT
# The daemon instrumented for gcov. The flavor says where its counters go (GCOV_PREFIX), and
# the self-test hands them to the host; output `gcno` of the package has what they mean.
{ pkgs, ... }:
{
  services.xtcp2.package = pkgs.xtcp2-coverage;
}
