#!/usr/bin/env bats
# The rollups of xtcp2-clickhouse: their answers are those of the records that they sum up.
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
  local table
  for table in xtcp_flat_records xtcp_socket_minutes xtcp_minutes; do sql "TRUNCATE TABLE xtcp.$table"; done
  # Ten minutes of records begin here, all of them past.
  BEGIN=$(($(date +%s) / 60 * 60 - 900))
  SPAN="since = toDateTime($BEGIN, 'UTC'), until = toDateTime($((BEGIN + 600)), 'UTC')"
}

# load_polls FIRST LAST: these polls, every 10 s, of two hosts with 400 connections each, as of a daemon with -changed: most
# are idle and come with every twelfth poll alone, a quarter begins in poll 15, another ends in poll 25 with a final record.
load_polls() {
  sql "INSERT INTO xtcp.xtcp_flat_records_in
      (schema_version, hostname, container_name, netns, run_id, poll, since_full, event, timestamp_ns, inet_diag_msg_state, tcp_info_len,
       inet_diag_msg_socket_cookie, inet_diag_msg_socket_source_port, inet_diag_msg_socket_destination_port, inet_diag_msg_socket_destination,
       tcp_info_bytes_sent, tcp_info_bytes_received, tcp_info_bytes_retrans, tcp_info_total_retrans, tcp_info_rtt)
    SELECT 1, 'h' || toString(h), if(s % 3 = 0, '', 'web' || toString(s % 3)), 'n', 5, if(final, 0, p + 1), p % 12, final,
      ($BEGIN + p * 10) * 1000000000, 1, 240, s, 40000 + s, [80, 443][1 + s % 2],
      unhex(if(s % 5 = 0, if(s % 2 = 0, '20010DB80001', '20010DB80002') || repeat('00', 10), 'C63364' || hex(toUInt8(s % 250)))),
      moved * s * 100, moved * s * 10 + h, moved * 7, moved, 1000 + cityHash64(s, p, h) % 100000
    FROM
    (
      SELECT *, s % 4 = 2 AND p = 25 AS final, s % 10 < 3 AS talks, if(talks, p + final, s % 10) AS moved
      FROM (SELECT number AS p FROM numbers($1, $2 - $1 + 1)) AS polls
      CROSS JOIN (SELECT number AS s FROM numbers(1, 400)) AS sockets
      CROSS JOIN (SELECT number AS h FROM numbers(2)) AS hosts
    )
    WHERE (p % 12 = 0 OR talks OR final) AND NOT (s % 4 = 1 AND p < 15) AND NOT (s % 4 = 2 AND p > 25)"
  # Marks of -changed and listeners are no connections.
  sql "INSERT INTO xtcp.xtcp_flat_records_in (schema_version, hostname, poll, event, timestamp_ns, inet_diag_msg_state, tcp_info_len)
    SELECT 1, 'h0', 1, number % 4, ($BEGIN + $1 * 10) * 1000000000, if(number % 4 > 1, 0, 10), if(number % 4 > 1, 0, 240) FROM numbers(40)"
}

# The same from the records: of each connection its last reading by the end of a minute less that by its beginning, but for the first minute.
from_records() {
  local name=$1
  echo "WITH records AS
    (
      SELECT *, $name AS name, toDateTime(timestamp_ns, 'UTC') AS at FROM xtcp.xtcp_flat_records
      WHERE event < 2 AND tcp_info_len > 0 AND inet_diag_msg_state = 1
    )
    SELECT minute, name, countIf(here > 0), sum(here),
      sum(sent_after - sent_before), sum(received_after - received_before), sum(resent_after - resent_before), sum(segments_after - segments_before)
    FROM
    (
      SELECT minute, hostname, name, inet_diag_msg_socket_cookie, countIf(at >= minute AND at < minute + INTERVAL 1 MINUTE) AS here,
        maxIf(tcp_info_bytes_sent, at < minute + INTERVAL 1 MINUTE) AS sent_after, maxIf(tcp_info_bytes_sent, at < greatest(minute, toDateTime($BEGIN + 60, 'UTC'))) AS sent_before,
        maxIf(tcp_info_bytes_received, at < minute + INTERVAL 1 MINUTE) AS received_after, maxIf(tcp_info_bytes_received, at < greatest(minute, toDateTime($BEGIN + 60, 'UTC'))) AS received_before,
        maxIf(tcp_info_bytes_retrans, at < minute + INTERVAL 1 MINUTE) AS resent_after, maxIf(tcp_info_bytes_retrans, at < greatest(minute, toDateTime($BEGIN + 60, 'UTC'))) AS resent_before,
        maxIf(tcp_info_total_retrans, at < minute + INTERVAL 1 MINUTE) AS segments_after, maxIf(tcp_info_total_retrans, at < greatest(minute, toDateTime($BEGIN + 60, 'UTC'))) AS segments_before
      FROM records CROSS JOIN (SELECT toDateTime($BEGIN + 60 * number, 'UTC') AS minute FROM numbers(10)) AS minutes
      GROUP BY ALL
    )
    GROUP BY minute, name HAVING sum(here) > 0 ORDER BY minute, name"
}

# same NAME EXPRESSION: minutes_by(by = NAME) agrees with the records, whose group is EXPRESSION.
same() {
  sql "SELECT minute, name, sockets, records, bytes_sent, bytes_received, bytes_retransmitted, retransmits
    FROM xtcp.minutes_by(by = '$1', $SPAN) ORDER BY minute, name" >"$BATS_TEST_TMPDIR/rollup"
  sql "$(from_records "$2")" >"$BATS_TEST_TMPDIR/records"
  [ -s "$BATS_TEST_TMPDIR/records" ]
  diff "$BATS_TEST_TMPDIR/rollup" "$BATS_TEST_TMPDIR/records"
}

all_same() {
  same hostname hostname
  same container "if(container_name = '', 'netns ' || netns, container_name)"
  same port 'toString(least(inet_diag_msg_socket_source_port, inet_diag_msg_socket_destination_port))'
  same remote "if(length(inet_diag_msg_socket_destination) = 4,
    toString((IPv4CIDRToRange(toIPv4(replaceOne(toString(destination_ip), '::ffff:', '')), 24)).1) || '/24',
    toString((IPv6CIDRToRange(destination_ip, 48)).1) || '/48')"
}

@test "counters of each minute by host, container, remote prefix and port: exactly those of the records, across a restart, with records twice and late" {
  load_polls 0 17
  sql 'OPTIMIZE TABLE xtcp.xtcp_socket_minutes FINAL'
  stop "$ENGINE"
  start_engine
  load_polls 30 41
  load_polls 18 29
  # At least once: some polls come again.
  load_polls 10 20
  all_same
  sql 'OPTIMIZE TABLE xtcp.xtcp_socket_minutes FINAL'
  sql 'OPTIMIZE TABLE xtcp.xtcp_minutes FINAL'
  all_same
}

@test "quantiles of round-trip times are within 1 % of the exact ones" {
  load_polls 0 41
  # The exact ones are the readings at that place in their order, or between the two beside it.
  within() { echo "min(rtt_us[$1] BETWEEN 0.99 * exact[toUInt64(floor($2 * (n - 1))) + 1] AND 1.01 * exact[toUInt64(ceil($2 * (n - 1))) + 1])"; }
  [ "$(sql "SELECT count(), $(within 1 0.5), $(within 2 0.9), $(within 3 0.99) FROM xtcp.minutes_by(by = 'hostname', $SPAN) AS rollup
    INNER JOIN
    (
      SELECT toStartOfMinute(toDateTime(timestamp_ns, 'UTC')) AS minute, hostname AS name, arraySort(groupArray(tcp_info_rtt)) AS exact, length(exact) AS n
      FROM xtcp.xtcp_flat_records WHERE tcp_info_rtt > 0 GROUP BY ALL
    ) AS records USING (minute, name)")" = $'14\t1\t1\t1' ]
  # Sums over several columns, and one group by itself.
  sql "SELECT quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(rtt)[2] > 1000 FROM xtcp.minutes_to_sum($SPAN) WHERE port = 443 AND remote = '198.51.100.0/24'" | grep -x 1
  [ "$(sql "SELECT uniqExact(remote), min(rtt_p99_ms >= rtt_p50_ms) FROM xtcp.minutes($SPAN) WHERE hostname = 'h1'")" = $'3\t1' ]
  # A condition reaches every table that is read: it decides how much of it is.
  [ "$(sql "EXPLAIN SELECT * FROM xtcp.minutes($SPAN) WHERE hostname = 'h1'" | grep -c 'filter column: .*hostname = ')" = 3 ]
  [ "$(sql "SELECT count() FROM xtcp.minutes_by(by = 'port', $SPAN) WHERE name = '443'")" = 7 ]
  run sql "SELECT * FROM xtcp.minutes_by(by = 'ports', $SPAN)"
  [ "$status" -ne 0 ]
  grep -F 'by is hostname, container, remote or port' <<<"$output"
}

both_closed() { [ "$(sql "SELECT uniqExact(inet_diag_msg_socket_cookie) FROM xtcp.xtcp_flat_records WHERE event = 1 AND $1")" = 2 ]; }

@test "known traffic: the bytes of a transfer that the daemon sees are the bytes of the rollup" {
  # The host has been seen before; connections that begin now are new.
  sql "INSERT INTO xtcp.xtcp_flat_records_in (schema_version, hostname, timestamp_ns, tcp_info_len, inet_diag_msg_socket_destination_port)
    SELECT 1, 'known', (toUnixTimestamp(now()) - 120) * 1000000000, 240, 1"
  start_daemon -hostname known -closeEvents -marshal protobufList -destPasswordFile "$PASSWORD_FILE" -filter 'sport = :7007 or dport = :7007' \
    -dest "http://default@127.0.0.1:18123/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList"
  start receiver nc -l 127.0.0.1 7007
  wait_for 20 inside sh -c 'ss -Hltn "sport = :7007" | grep . >/dev/null'
  head -c 3000000 /dev/zero >"$PIPE/zeros"
  inside nc -N 127.0.0.1 7007 <"$PIPE/zeros"
  wait_for 30 both_closed 'tcp_info_bytes_sent + tcp_info_bytes_received > 0'
  stop "$DAEMON"
  # The kernel counts what it retransmits as sent, and each FIN as a byte received.
  [ "$(sql "SELECT sum(bytes_sent) - sum(bytes_retransmitted), sum(bytes_received)
    FROM xtcp.minutes_by(by = 'port', since = now() - INTERVAL 10 MINUTE, until = now()) WHERE name = '7007'")" = $'3000000\t3000002' ]
}
