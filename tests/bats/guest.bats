#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What can be said about the guest and ci/vm without building or booting one.
load lib
bats_require_minimum_version 1.5.0

setup() {
  TOP=$BATS_TEST_DIRNAME/../..
  cd "$TOP" || return 1
}

# ci/vm with another table of flavors.
vm_with() {
  XTCP2_FLAVORS=$1 run -3 ci/vm "${@:2}"
  [ "${#lines[@]}" -eq 1 ] || { echo "$output"; false; }
}

@test "flavors.json follows its schema and names existing checks" {
  ci/check-flavors
}

@test "an unknown flavor is refused in one line that names the possible ones" {
  vm_with nix/microvms/flavors.json no-such-flavor
  [[ $output == *"unknown flavor 'no-such-flavor'"*lifecycle* ]]
}

@test "a flavor that is not built yet is refused in one line" {
  jq '.flavors[0].built = false' nix/microvms/flavors.json >"$BATS_TEST_TMPDIR/f.json"
  vm_with "$BATS_TEST_TMPDIR/f.json" lifecycle
  [[ $output == *"not built yet"* ]]
}

@test "a broken flavors.json is refused in one line" {
  echo '{"flavors": [' >"$BATS_TEST_TMPDIR/f.json"
  vm_with "$BATS_TEST_TMPDIR/f.json" lifecycle
  [[ $output == *"f.json is broken"* ]]
}

@test "an unknown release is refused in one line" {
  vm_with nix/microvms/flavors.json lifecycle --release potato
  [[ $output == *"unknown release 'potato'"* ]]
}

@test "the unit's exposure is at most 4.0 and the capabilities are the documented two" {
  unit=$(find "$BUILD/data" -name xtcp2.service)
  SYSTEMD_LOG_LEVEL=err systemd-analyze security --offline=true --threshold=40 --no-pager "$unit"
  grep -qx 'CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE' "$unit"
}

@test "the self-test refuses an unknown check with status 2" {
  run -2 guest/self-test/self-test NO_SUCH_CHECK
  [[ $output == *"no check 'NO_SUCH_CHECK'"*SYSTEMD* ]]
}

# A stand-in for the daemon's programs: checks must fail where there is no daemon.
@test "a check fails in its own time and with its reason when the daemon is not there" {
  mkdir "$BATS_TEST_TMPDIR/bin" && printf '#!/bin/sh\necho "$@"\n' >"$BATS_TEST_TMPDIR/bin/xtcp2-report"
  chmod +x "$BATS_TEST_TMPDIR/bin/xtcp2-report"
  : >"$BATS_TEST_TMPDIR/binaries"
  cp -r guest/self-test "$BATS_TEST_TMPDIR/st"
  sed -i 's/^# timeout: .*/# timeout: 1/' "$BATS_TEST_TMPDIR/st/checks.d/METRICS"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH XTCP2_METRICS=127.0.0.1:$(free_port) XTCP2_BINARIES=$BATS_TEST_TMPDIR/binaries \
    run -1 "$BATS_TEST_TMPDIR/st/self-test" METRICS NSTEST
  [[ ${lines[0]} == "plan METRICS,NSTEST" ]]
  [[ $output == *"end METRICS FAIL "*"no end after 1 s: waiting for xtcp_counts"* ]]
  [[ $output == *"end NSTEST FAIL "*"nsTest is not installed"* ]]
  [[ ${lines[-1]} == "overall FAIL" ]]
}
