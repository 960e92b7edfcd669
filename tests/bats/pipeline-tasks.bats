#!/usr/bin/env bats
# docs/tasks.md: the commands that need a database, run as they stand there, against records whose answer is known.
# bats file_tags=machine

load lib
load pipeline
bats_require_minimum_version 1.5.0

setup() {
  pipe_up "$BATS_TEST_TMPDIR/pipe"
  PAGE=$BATS_TEST_DIRNAME/../../docs/tasks.md
  mkdir "$PIPE/bin" "$PIPE/xtcp-db" "$PIPE/hour-db"
  chown nobody "$PIPE/xtcp-db" "$PIPE/hour-db"
  ln -s "$(bin xtcp2)" "$(bin xtcp2-clickhouse)" "$PIPE/bin/"
  export PATH=$PIPE/bin:$PATH
  unset XTCP2_CLICKHOUSE_PASSWORD XTCP2_CLICKHOUSE_READER_PASSWORD
  # Only what the test itself starts has sockets.
  export XTCP_PROM_LISTEN='' XTCP_GRPC_PORT=0 XTCP_GRPC_SOCKET='' XTCP_SECCOMP=off
  cd "$PIPE" || return
}

teardown() { pipe_down; }

# command_of HEADING [N]: the Nth line of the first block of shell below the heading.
command_of() {
  awk -v heading="## $1" -v n="${2:-1}" '
    $0 == heading { on = 1; next }
    on && /^```sh/ { here = 1; next }
    here && /^```/ { exit }
    here && ++line == n { print; exit }' "$PAGE"
}

# nsenter leaves the directory.
here() { inside env -C "$PIPE" "$@"; }

task() { here bash -c "$(command_of "$@")"; }

# Insert JSON lines of standard input.
records() { here xtcp2-clickhouse query -data xtcp-db 'INSERT INTO xtcp.xtcp_flat_records_in FORMAT JSONEachRow'; }

@test "an hour recorded and queried, also in another format" {
  start_traffic 2
  # The hour is one poll here.
  here bash -c "$(command_of 'An hour recorded and queried' | sed 's/^timeout 1h //') -maxLoops 2 -frequency 2s -timeout 1s" 2>log
  task 'An hour recorded and queried' 2 >worst
  grep -P '^127\.0\.0\.1\t' worst
  # Over loopback round trips are shorter.
  here bash -c "$(command_of 'A recording in another format' | sed 's/100us/1us/')" >csv
  [ "$(head -n 1 csv)" = timestamp_ns,netns,inet_diag_msg_socket_destination,inet_diag_msg_socket_destination_port,tcp_info_rtt,tcp_info_total_retrans ]
  # Into the same database, once more.
  xtcp2 cat -marshal protobufList hour.pb | gzip >again.gz
  [ "$(here xtcp2-clickhouse query -data hour-db -insert again.gz 'SELECT min(n), max(n) FROM (SELECT count() AS n FROM xtcp.xtcp_flat_records GROUP BY run_id, netlinker_id, record_counter)')" = $'2\t2' ]
  run -1 here xtcp2-clickhouse query -data hour-db -insert csv 'SELECT 1'
  [[ $output == *'ProtobufList is damaged or cut'* ]]
  run -1 here xtcp2-clickhouse query -data hour-db -insert missing 'SELECT 1'
  [[ $output == *'-insert missing: No such file or directory' ]]
}

@test "today against yesterday" {
  jq -nc 'def at(h): (now - h * 3600 | floor | tostring) + "000000000";
    {schema_version: 1, tcp_info_rtt: 9000, timestamp_ns: at(0.1)}, {schema_version: 1, tcp_info_rtt: 4000, timestamp_ns: at(24.5)},
    {schema_version: 1, tcp_info_rtt: 90000, timestamp_ns: at(12)} | . + {inet_diag_msg_socket_destination: "\u000a\u0000\u0000\u0001"}' | records
  [ "$(task 'Today against yesterday')" = $'10.0.0.1\t9\t4' ]
}

@test "short connections to a port" {
  jq -nc '{schema_version: 1, event: 1, timestamp_ns: ((now | floor | tostring) + "000000000"), duration_basis: 1, duration_us: (2000, 4000, 20000000),
    inet_diag_msg_socket_destination_port: (5432, 80), inet_diag_msg_socket_source: "\u000a\u0000\u0000\u0001", inet_diag_msg_socket_destination: "\u000a\u0000\u0000\u0002"}' | records
  [ "$(task 'Short connections to a port')" = $'10.0.0.1\t10.0.0.2\t2\t3' ]
  printf '%s\n' '{"event":1,"comm":"psql","inet_diag_msg_socket_destination_port":5432,"duration_us":2000}' \
    '{"event":1,"comm":"late","inet_diag_msg_socket_destination_port":5432,"duration_us":2000000}' '{"comm":"psql","inet_diag_msg_socket_destination_port":5432}' >hour.pb
  task 'Short connections to a port' 2 | tail -n +2 | cut -d, -f3,6 >short
  [ "$(cat short)" = psql,2000 ]
}

@test "proof that nothing was lost, across a restart" {
  local run
  start_traffic 20
  start engine env -C "$PIPE" xtcp2-clickhouse -data xtcp-db
  wait_for 60 ping_engine
  for run in 1 2; do
    here xtcp2 -marshal protobufList -destPasswordFile xtcp-db/password -maxLoops 5 -frequency 200ms -timeout 150ms -closeEvents \
      -dest 'http://default@127.0.0.1:18123/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList' 2>"log$run"
  done
  task 'Proof that nothing was lost, across a restart' >losses
  # hostname, started, numbered, stored, missing, twice
  [ "$(cut -f 5,6 losses)" = $'0\t0\n0\t0' ]
  # The second command's filter, over the logs of both runs.
  cat log1 log2 | bash -c "$(command_of 'Proof that nothing was lost, across a restart' 2 | sed 's/^journalctl -u xtcp2 | //')" | grep -oE '^[0-9]+' >ledgers
  [ "$(wc -l <ledgers)" -eq 2 ]
  diff <(cut -f 3 losses) ledgers
  diff <(cut -f 4 losses) ledgers
}
