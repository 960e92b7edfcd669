#!/usr/bin/env bats
# xtcp2-report where no host listens: the sentinel goes to standard output.

bats_require_minimum_version 1.5.0
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

# A stand-in for a daemon: its number grows when the file does.
@test "report: above waits until the sum of a metric's samples is above the number" {
  local dir=$BATS_TEST_TMPDIR/www port waiting
  port=$(free_port) && mkdir "$dir"
  run -2 "$REPORT" above nowhere 1 a
  [[ $output == *"above expects an address such as 127.0.0.1:9088, not nowhere"* ]]
  "$REPORT" above "127.0.0.1:$port" 5 a_total 'kind="x"' &
  waiting=$!
  printf 'a_total{kind="x"} 5\na_total{kind="y"} 9\n' >"$dir/metrics"
  python3 -m http.server --directory "$dir" --bind 127.0.0.1 "$port" >"$dir.log" 2>&1 &
  # It has asked, and more than once.
  wait_for 20 eval '[ "$(grep -c "GET /metrics" "$dir.log")" -ge 2 ]'
  kill -0 "$waiting"
  printf 'a_total{kind="x",more="1"} 3\na_total{kind="x"} 3\n' >"$dir/new" && mv "$dir/new" "$dir/metrics"
  wait "$waiting"
  kill %%
}
