# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034 # some variables are for those who read this file
# Shared by the checks of a soak; after self-test/lib.bash.
#
# SOAK_LOAD samples the daemon while the load runs; the other checks judge the samples.
# A sample is one line of $samples, with the columns
#   1 seconds since the load was ready    2 resident KiB   3 threads   4 open descriptors
#   5 when the last poll ended  6 its seconds  7 its records
#   8 polls  9 polls cut  10 polls skipped  11 namespaces in the table
#  12 milliseconds that a fixed piece of work took, beside the polls
run=/run/xtcp2-soak
samples=$run/samples
soak=$XTCP2_SELF_TEST/../soak

# Time for the load to settle: connections that wait in TIME_WAIT come and go in a
# balance after a minute. A short run spends a third on it.
warm_up() { echo $((XTCP2_DURATION > 180 ? 60 : XTCP2_DURATION / 3)); }

# figure NAME VALUE...: figures for the report.
figures() {
  while [ $# -gt 1 ]; do
    xtcp2-report metric "$1" "$2"
    shift 2
  done
}

# settled: the samples after the warm-up.
settled() {
  awk -v from="$(warm_up)" '$1 >= from' "$samples"
}

# polls: "seconds duration records" of each poll after the warm-up.
polls() {
  settled | awk '$5 != last { last = $5; if (NR > 1) print $1, $6, $7 }'
}
