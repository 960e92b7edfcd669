#!/usr/bin/env bats
# xtcp2-clickhouse query: asks a running one or opens the directory, formats, exit status, and ends with its client.
# bats file_tags=machine

load lib
load pipeline
bats_require_minimum_version 1.5.0

setup() {
  pipe_up "$BATS_TEST_TMPDIR/pipe"
  DATA=$PIPE/clickhouse
  mkdir -m 755 "$DATA"
  chown nobody "$DATA"
  unset XTCP2_CLICKHOUSE_PASSWORD XTCP2_CLICKHOUSE_READER_PASSWORD
}

teardown() { pipe_down; }

query() { inside "$(bin xtcp2-clickhouse)" query "$@"; }

# Whether a process has the directory open.
unused() { [ ! -e "$DATA/lock" ] || inside flock -s -n "$DATA/lock" true; }
used() { not unused; }

@test "query opens the directory itself: statements, data, formats, errors" {
  run -0 query -data "$DATA" 'SELECT count() FROM xtcp.sockets_now'
  [ "$output" = 0 ]
  # The data of an INSERT and a statement may come from standard input.
  echo '{"schema_version":1,"hostname":"h","timestamp_ns":'"$(date +%s%N)"'}' |
    query -data "$DATA" 'INSERT INTO xtcp.xtcp_flat_records_in FORMAT JSONEachRow'
  [ "$(echo 'SELECT hostname FROM xtcp.sockets' | query -data "$DATA" -format csv)" = $'"hostname"\n"h"' ]
  [ "$(query -data "$DATA" -format json SELECT 1 AS a)" = '{"a":1}' ]
  [ "$(query -data "$DATA" -format CSV 'SELECT 1 AS a FORMAT JSONEachRow')" = '{"a":1}' ]
  run -1 query -data "$DATA" 'SELECT nope'
  [[ $output == 'xtcp2-clickhouse query: Code: 47. DB::Exception: '* ]]
  run -1 query -data "$DATA" -lib /nope 'SELECT 1'
  [ "$output" = 'clickhouse: /nope cannot be read: No such file or directory' ]
  run -1 query -data "$DATA" -lib /etc/passwd 'SELECT 1'
  [ "$output" = 'clickhouse: /etc/passwd cannot be loaded: invalid ELF header' ]
  run -1 query -data /etc/passwd 'SELECT 1'
  [ "$output" = 'clickhouse: /etc/passwd: Not a directory' ]
  run -1 query -data "$DATA" -allowFiles /nope 'SELECT 1'
  [ "$output" = 'clickhouse: -allowFiles /nope: must be a directory that is there' ]
  run -1 query -data "$DATA" -insert / 'SELECT 1'
  [ "$output" = 'xtcp2-clickhouse query: -insert /: Is a directory' ]
  run -1 query -data "$DATA" -maxQuerySeconds 1 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)'
  [[ $output == *TIMEOUT_EXCEEDED* ]]
  unused
}

@test "query asks the server that has the directory open, on any port, or the one at -server" {
  run -1 query 'SELECT 1'
  [[ $output == *'nothing answers at http://127.0.0.1:18123/: start `xtcp2-clickhouse -data DIR`, or let the query open the directory: -data DIR' ]]
  start_engine -listen :18123
  unset XTCP2_CLICKHOUSE_PASSWORD
  [ "$(query -data "$DATA" 'SELECT currentUser(), 1')" = $'default\t1' ]
  [ "$(query -passwordFile "$DATA/password" 'SELECT 2')" = 2 ]
  [ "$(XTCP2_CLICKHOUSE_READER_PASSWORD=$(inside cat "$DATA/reader-password") query 'SELECT 3')" = 3 ]
  run -1 query 'SELECT 4'
  [[ $output == *REQUIRED_PASSWORD* ]]
  run -1 query -data "$DATA" 'SELECT throwIf(number = 3000000) FROM numbers(10000000)'
  [ "${lines[-1]}" = 'xtcp2-clickhouse query: the statement failed after part of its result; the end of that says why' ]
  stop "$ENGINE"
  [ ! -e "$DATA/address" ]
  run -2 query </dev/null -format
  run -2 query -maxQuerySeconds 0 'SELECT 1'
  run -2 query </dev/null
  [[ $output == 'xtcp2-clickhouse query: a statement is needed, such as '* ]]
  run -2 query -server nowhere 'SELECT 1'
  [ "$output" = 'xtcp2-clickhouse query: -server nowhere: must be HOST:PORT' ]
  run -2 "$(bin xtcp2-clickhouse)" -data "$DATA" -listen nowhere
  [ "$output" = 'xtcp2-clickhouse: -listen: must be HOST:PORT, :PORT or [IPv6]:PORT with a port up to 65535' ]
}

forever='SELECT sum(sipHash64(number)) FROM numbers(1000000000000)'
running() { [ "$(query -data "$DATA" "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'")" = "$1" ]; }

@test "a statement ends with the query, however that ends" {
  local signal
  start_engine
  for signal in TERM KILL; do
    start "query-$signal" "$(bin xtcp2-clickhouse)" query -data "$DATA" "$forever"
    local pid=$STARTED
    wait_for 30 running 1
    stop "$pid" "$signal"
    wait_for 30 running 0
  done
  stop "$ENGINE"
  # A server of its own ends as well.
  for signal in TERM KILL; do
    start "own-$signal" "$(bin xtcp2-clickhouse)" query -data "$DATA" "$forever"
    pid=$STARTED
    wait_for 30 used
    stop "$pid" "$signal"
    wait_for 30 unused
  done
  # And the query with a server of its own that something ends.
  start own-server "$(bin xtcp2-clickhouse)" query -data "$DATA" "$forever"
  pid=$STARTED
  wait_for 30 used
  kill -KILL "$(pgrep -P "$pid")"
  wait_for 30 gone "$pid"
  [ "$(cat "$PIPE/own-server.log")" = 'xtcp2-clickhouse query: the engine was ended by a signal: Killed' ]
  # A reader that has enough is a normal end.
  query -data "$DATA" 'SELECT number FROM numbers(1000000000)' | head -n 1 >"$BATS_TEST_TMPDIR/first"
  [ "$(cat "$BATS_TEST_TMPDIR/first")" = 0 ]
  wait_for 30 unused
}
