#!/usr/bin/env bats
# xtcp2-report where no host listens: the sentinel goes to standard output.

load lib

setup() {
  REPORT=$(bin xtcp2-report)
  export XTCP2_REPORT_STATE=$BATS_TEST_TMPDIR/state
}

@test "report: end and overall print the console's sentinels" {
  run "$REPORT" end NS_TRAFFIC PASS 12 "grew from 1 to 2"
  [ "$status" -eq 0 ]
  [ "$output" = "XTCP2_SELF_TEST_NS_TRAFFIC_PASS grew from 1 to 2" ]
  run "$REPORT" overall FAIL
  [ "$status" -eq 0 ]
  [ "$output" = "XTCP2_SELF_TEST_OVERALL_FAIL" ]
}

@test "report: a reason of any length and any bytes stays one line" {
  run "$REPORT" end A FAIL 1 "$(printf 'two\nlines\a'; head -c 5000 /dev/zero | tr '\0' x)"
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == "XTCP2_SELF_TEST_A_FAIL two lines xxx"* ]]
}

@test "report: what is only for the host is silent without one" {
  local arguments
  for arguments in "plan A,B" "begin A 100" "metric rows 5" "heartbeat rows=5 rss=7" "note hello" "bye"; do
    # shellcheck disable=SC2086  # words
    run "$REPORT" $arguments
    echo "$arguments: $status $output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
  done
}

@test "report: an artifact without a host is an error" {
  run "$REPORT" artifact name "$BATS_TEST_FILENAME"
  [ "$status" -eq 1 ]
  [[ $output == *org.xtcp2.artifact* ]]
  run "$REPORT" artifact name "$BATS_TEST_TMPDIR/none"
  [ "$status" -eq 1 ]
  [[ $output == *"$BATS_TEST_TMPDIR/none: No such file"* ]]
}

@test "report: bad usage is exit status 2" {
  local arguments
  for arguments in "" "frobnicate" "end A" "end A MAYBE 1" "end ../A PASS 1" "heartbeat rows" "bye now" "overall"; do
    # shellcheck disable=SC2086  # words
    run "$REPORT" $arguments
    echo "'$arguments': $status $output"
    [ "$status" -eq 2 ]
    [ -n "$output" ]
  done
  run "$REPORT" -help
  [ "$status" -eq 0 ]
  [[ $output == usage:* ]]
}
