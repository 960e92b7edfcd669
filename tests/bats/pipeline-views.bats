#!/usr/bin/env bats
# The ready views of xtcp2-clickhouse: their answers to records whose answer is known, on tables of an earlier version.
# bats file_tags=machine

load lib
load pipeline

setup_file() {
  pipe_up "$BATS_FILE_TMPDIR"
  start_engine
  export PIPE HOLDER ENGINE PASSWORD_FILE XTCP2_CLICKHOUSE_PASSWORD
}

teardown_file() { pipe_down; }

setup() {
  sql 'TRUNCATE TABLE xtcp.xtcp_flat_records'
  NOW=$(date +%s)
}

# Inserts the JSON lines of standard input: what jq makes of the expression $1, with `at(S)` for S seconds before NOW.
records() {
  jq -nc "def at(s): ($NOW - s | tostring) + \"000000000\";
          def record: {schema_version: 1, hostname: \"h\", run_id: 5, inet_diag_msg_state: 1, tcp_info_len: 232} + .;
          $1" >"$BATS_TEST_TMPDIR/rows"
  http --fail-with-body --data-binary "@$BATS_TEST_TMPDIR/rows" \
    "$URL/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+JSONEachRow"
}

# The rows of a query, one a line, their columns joined by a blank, all on one line joined by ";".
answer() { sql "$1" | tr '\t' ' ' | paste -sd ';'; }

@test "sockets_now is the last poll of each host, not that of a poll on its way" {
  records '
    (range(1; 4) as $poll | range(10) | {poll: $poll, timestamp_ns: at(60 - $poll * 10), inet_diag_msg_socket_cookie: .} | record),
    # The newest has just begun: by a clock that is ahead, so that it has for as long as the test takes.
    (range(3) | {poll: 4, timestamp_ns: at(-600), inet_diag_msg_socket_cookie: .} | record),
    # Another host, with one poll only; a third one has been silent for hours; records of an earlier version say no poll.
    (range(7) | {hostname: "new", run_id: 6, poll: 1, timestamp_ns: at(-600), inet_diag_msg_socket_cookie: .} | record),
    (range(5) | {hostname: "silent", run_id: 7, poll: 9, timestamp_ns: at(20000), inet_diag_msg_socket_cookie: .} | record),
    (range(5) | {hostname: "h", run_id: 5, event: 1, timestamp_ns: at(1), inet_diag_msg_socket_cookie: (. + 100)} | record)'
  [ "$(answer 'SELECT hostname, count(), min(poll) = max(poll), max(poll) FROM xtcp.sockets_now GROUP BY 1 ORDER BY 1')" = 'h 10 1 3;new 7 1 1' ]
  # A newer one that is whole; a new run counts from 1 and is newer nevertheless.
  records '(range(4) | {poll: 5, timestamp_ns: at(10), inet_diag_msg_socket_cookie: .} | record)'
  [ "$(answer 'SELECT run_id, count(), max(poll) FROM xtcp.sockets_now WHERE hostname = '"'h'"' GROUP BY 1')" = '5 4 5' ]
  records '
    (range(2) | {run_id: 8, poll: 1, timestamp_ns: at(8), inet_diag_msg_socket_cookie: .} | record)'
  [ "$(answer 'SELECT run_id, count(), max(poll) FROM xtcp.sockets_now WHERE hostname = '"'h'"' GROUP BY 1')" = '8 2 1' ]
  # Sorted and counted by people as the table sockets is.
  [ "$(answer "SELECT state, count() FROM xtcp.sockets_now GROUP BY state")" = 'ESTABLISHED 9' ]
}

@test "snapshots of a daemon with -changed are whole, now and in the past" {
  records '
    (range(6) | {poll: 1, timestamp_ns: at(100), inet_diag_msg_socket_cookie: ., tcp_info_rtt: 1000} | record),
    ({poll: 1, event: 3, poll_sockets: 6, timestamp_ns: at(100)} | record),
    # Socket 2 moves, 4 is gone, 7 is new.
    ({poll: 2, since_full: 1, timestamp_ns: at(90), inet_diag_msg_socket_cookie: 2, tcp_info_rtt: 2000} | record),
    ({poll: 2, since_full: 1, timestamp_ns: at(90), inet_diag_msg_socket_cookie: 7, tcp_info_rtt: 7000} | record),
    ({poll: 2, since_full: 1, event: 2, timestamp_ns: at(90), inet_diag_msg_socket_cookie: 4} | record),
    ({poll: 2, since_full: 1, event: 3, poll_sockets: 6, timestamp_ns: at(90)} | record),
    # Nothing happens.
    ({poll: 3, since_full: 2, event: 3, poll_sockets: 6, timestamp_ns: at(80)} | record),
    # A full poll, in which socket 0 is not.
    (range(1; 4) | {poll: 4, timestamp_ns: at(70), inet_diag_msg_socket_cookie: ., tcp_info_rtt: 3000} | record),
    ({poll: 4, event: 3, poll_sockets: 3, timestamp_ns: at(70)} | record)'
  snapshot() { echo "SELECT groupArray((c, r)) FROM (SELECT inet_diag_msg_socket_cookie AS c, rtt_ms AS r FROM $1 ORDER BY c)"; }
  local second='[(0,1),(1,1),(2,2),(3,1),(5,1),(7,7)]'
  [ "$(answer "$(snapshot xtcp.sockets_now)")" = '[(1,3),(2,3),(3,3)]' ]
  [ "$(answer "$(snapshot "xtcp.sockets_at(at = toDateTime($NOW - 75))")")" = "$second" ]
  [ "$(answer "$(snapshot "xtcp.sockets_at(at = toDateTime($NOW - 95))")")" = '[(0,1),(1,1),(2,1),(3,1),(4,1),(5,1)]' ]
  answer 'SELECT snapshot, count() FROM xtcp.snapshots(since = now() - INTERVAL 200 SECOND, until = now()) GROUP BY 1 ORDER BY 1' >"$BATS_TEST_TMPDIR/polls"
  [ "$(cat "$BATS_TEST_TMPDIR/polls")" = '1 6;2 6;3 6;4 3' ]
  [ "$(answer 'SELECT poll, full_poll, ended, sockets_said FROM xtcp.polls ORDER BY poll')" = '1 1 1 6;2 1 1 6;3 1 1 6;4 4 1 3' ]
  # Marks are no sockets.
  [ "$(answer 'SELECT count() FROM xtcp.sockets')" = 11 ]
}

@test "retransmits_by_container, worst_remotes and short_lived" {
  records '
    # 10 segments before the hour counts; 5 in it, of a container; a short connection of another, whole in its final record.
    ({poll: 1, timestamp_ns: at(30), container_name: "web", inet_diag_msg_socket_cookie: 1, tcp_info_total_retrans: 10, tcp_info_bytes_sent: 1000, tcp_info_bytes_retrans: 100,
      tcp_info_rtt: 9000, inet_diag_msg_socket_destination: "\u0001\u0002\u0003\u0004"} | record),
    ({poll: 2, timestamp_ns: at(20), container_name: "web", inet_diag_msg_socket_cookie: 1, tcp_info_total_retrans: 15, tcp_info_bytes_sent: 3000, tcp_info_bytes_retrans: 150,
      tcp_info_rtt: 9000, inet_diag_msg_socket_destination: "\u0001\u0002\u0003\u0004"} | record),
    ({poll: 2, timestamp_ns: at(20), netns: "self", inet_diag_msg_socket_cookie: 2, tcp_info_total_retrans: 70, tcp_info_rtt: 100, inet_diag_msg_socket_destination: "\u0005\u0006\u0007\u0008"} | record),
    ({event: 1, timestamp_ns: at(15), container_id: "0123456789abcdef", inet_diag_msg_socket_cookie: 3, tcp_info_total_retrans: 7, tcp_info_bytes_sent: 700, tcp_info_bytes_retrans: 70,
      duration_us: 2500, duration_basis: 1, inet_diag_msg_socket_destination_port: 443} | record),
    ({event: 1, timestamp_ns: at(15), inet_diag_msg_socket_cookie: 4, duration_us: 60000000, duration_basis: 1} | record)'
  [ "$(answer 'SELECT container, retransmits, bytes_retransmitted, bytes_sent, retransmitted_percent, sockets FROM xtcp.retransmits_by_container LIMIT 2')" = '0123456789ab 7 70 700 10 1;web 5 50 2000 2.5 1' ]
  [ "$(answer 'SELECT destination, sockets, rtt_p90_ms FROM xtcp.worst_remotes')" = '1.2.3.4 1 9;5.6.7.8 1 0.1' ]
  [ "$(answer 'SELECT destination_port, duration_ms, exact FROM xtcp.short_lived')" = '443 2.5 1' ]
}

@test "losses finds a missing record in each run, and none between runs" {
  records '
    (range(1; 101) | {netlinker_id: 0, record_counter: ., timestamp_ns: at(50), poll: 1} | record),
    (range(1; 51) | select(. != 20 and . != 21) | {netlinker_id: 1, record_counter: ., timestamp_ns: at(50), poll: 1} | record),
    # Restarted: the counters begin anew. One record came twice, and the first ten are no longer there.
    (range(11; 31), 30 | {run_id: 9, netlinker_id: 0, record_counter: ., timestamp_ns: at(20), poll: 1} | record)'
  [ "$(answer 'SELECT run_id, numbered, stored, missing, expired, twice FROM xtcp.losses')" = '5 150 148 2 0 0;9 30 20 0 10 1' ]
}

@test "tables of an earlier version get the columns when the engine starts" {
  pipe_up "$BATS_TEST_TMPDIR/own"
  start_engine
  local table column
  # As they were: the views of an earlier version were made without the columns, too.
  for table in mv newer_mv; do sql "DROP VIEW xtcp.xtcp_flat_records_in_$table"; done
  for table in xtcp_flat_records xtcp_flat_records_newer xtcp_flat_records_in; do
    for column in run_id poll since_full poll_sockets; do sql "ALTER TABLE xtcp.$table DROP COLUMN $column"; done
  done
  sql "CREATE MATERIALIZED VIEW xtcp.xtcp_flat_records_in_mv TO xtcp.xtcp_flat_records AS
       SELECT * REPLACE (fromUnixTimestamp64Nano(timestamp_ns, 'UTC') AS timestamp_ns) FROM xtcp.xtcp_flat_records_in WHERE schema_version <= 1"
  sql "INSERT INTO xtcp.xtcp_flat_records_in (schema_version, hostname, timestamp_ns) SELECT 1, 'before', toUnixTimestamp(now()) * 1000000000"
  stop "$ENGINE"
  start_engine
  records '({record_counter: 1, run_id: 12, poll: 3, timestamp_ns: at(9)} | record)'
  [ "$(answer 'SELECT hostname, run_id, poll FROM xtcp.xtcp_flat_records ORDER BY run_id')" = 'before 0 0;h 12 3' ]
  [ "$(answer "SELECT name FROM system.columns WHERE database = 'xtcp' AND table = 'xtcp_flat_records' AND position BETWEEN
    (SELECT position FROM system.columns WHERE database = 'xtcp' AND table = 'xtcp_flat_records' AND name = 'event') AND
    (SELECT position FROM system.columns WHERE database = 'xtcp' AND table = 'xtcp_flat_records' AND name = 'event') + 4")" = 'event;run_id;poll;since_full;poll_sockets' ]
  stop "$ENGINE"
  # The Kafka table cannot get a column: it is made anew when it lacks one, and only then.
  kafka_table() { sql "SELECT uuid FROM system.tables WHERE name = 'xtcp_flat_records_kafka'"; }
  start_engine -kafka 127.0.0.1:19092
  local made
  made=$(kafka_table)
  stop "$ENGINE"
  start_engine -kafka 127.0.0.1:19092
  [ "$(kafka_table)" = "$made" ]
  for table in xtcp_flat_records xtcp_flat_records_newer xtcp_flat_records_in; do sql "ALTER TABLE xtcp.$table ADD COLUMN novel UInt8"; done
  stop "$ENGINE"
  start_engine -kafka 127.0.0.1:19092
  [ "$(kafka_table)" != "$made" ]
  [ "$(sql "SELECT count() FROM system.columns WHERE table = 'xtcp_flat_records_kafka' AND name = 'novel'")" = 1 ]
  [ "$(sql "SELECT count() FROM system.tables WHERE name IN ('xtcp_flat_records_mv', 'xtcp_flat_records_newer_mv', 'xtcp_flat_records_errors_mv')")" = 3 ]
  pipe_down
}
