#!/usr/bin/env bats
# More than one server: three engines that share a topic, and the SQL of a cluster.
# bats file_tags=machine

load lib
load pipeline

setup() { pipe_up "$BATS_TEST_TMPDIR/pipe"; }

teardown() { pipe_down; }

# engine N: starts engine N (1 to 3) of the group on its own directory and port.
engine() {
  start "engine$1" env -u XTCP2_CLICKHOUSE_PASSWORD "$(bin xtcp2-clickhouse)" -data "$PIPE/clickhouse$1" -listen "127.0.0.1:1812$1" -kafka 127.0.0.1:19092
  ENGINES[$1]=$STARTED
}

# sql_at N QUERY
sql_at() {
  inside curl -sS --fail-with-body -u "default:$(inside cat "$PIPE/clickhouse$1/password")" "http://127.0.0.1:1812$1/" --data-binary "$2"
}

# N reads at least one partition.
has_partition() { [ "$(sql_at "$1" "SELECT max(length(assignments.partition_id)) FROM system.kafka_consumers" 2>/dev/null)" -ge 1 ]; }

# N has stored more than that many rows.
stored_beyond() { [ "$(sql_at "$1" 'SELECT count() FROM xtcp.xtcp_flat_records')" -gt "$2" ]; }

# The identities of all stored records, of all engines.
identities() {
  local n
  for n in 1 2 3; do sql_at "$n" 'SELECT run_id, record_counter FROM xtcp.xtcp_flat_records'; done
}

different_are() { [ "$(identities 2>/dev/null | sort -u | wc -l)" = "$1" ]; }

@test "three partitions, three engines in one group, one killed and replaced under load: stored is acknowledged" {
  local n ledger doubled ENGINES=()
  start_broker --override num.partitions=3
  produce -rows 1 >/dev/null # which makes the topic
  for n in 1 2 3; do engine "$n"; done
  for n in 1 2 3; do wait_for 60 has_partition "$n"; done
  nsenter -t "$HOLDER" -n -m -- "$(bin kafka_to_clickhouse)" -broker 127.0.0.1:19092 -rows 200 -loops 300 -rate 6000 \
    >"$PIPE/produced" 2>"$PIPE/producer.log" 3>&- &
  n=$!
  echo "$n" >>"$PIPE/pids"
  wait_for 60 stored_beyond 2 1000
  stop "${ENGINES[2]}" KILL
  # The others go on with their partitions; its own waits for the one that takes its place, on the same directory.
  engine 2
  wait_for 60 has_partition 2
  wait_for 120 gone "$n"
  ledger=$(cat "$PIPE/produced")
  [ "$(value_of acknowledged "$ledger")" = 60000 ]
  # The first one, of the message that made the topic, is one of them.
  wait_for 120 different_are 60000
  for n in 1 2 3; do stored_beyond "$n" 1000; done
  doubled=$(($(identities | wc -l) - 60001))
  echo "doubled=$doubled"
  [ "$doubled" -ge 0 ]
  # What one poll of the consumer had stored and not yet committed.
  [ "$doubled" -le $((16 * 200)) ]
  for n in 1 2 3; do [ "$(sql_at "$n" 'SELECT count() FROM xtcp.xtcp_flat_records_errors')" = 0 ]; done
}

# alone NAME [parse]: runs the statements of standard input in the engine by itself, as one server of a cluster.
alone() {
  mkdir -p "$BATS_TEST_TMPDIR/$1"
  python3 "$BATS_TEST_DIRNAME/../pipeline/engine.py" "$CACHE"/clickhouse/node_modules/@chdb/lib-linux-*/libchdb.so "$BATS_TEST_TMPDIR/$1" "${@:2}"
}

# Records of two hosts and questions about them: those that need a join, a window, a state.
records_and_questions() {
  local begin=$1 span
  span="since = toDateTime($begin, 'UTC'), until = toDateTime($((begin + 600)), 'UTC')"
  cat <<SQL
INSERT INTO xtcp.xtcp_flat_records_in (schema_version, hostname, container_name, run_id, poll, netlinker_id, record_counter, timestamp_ns,
    inet_diag_msg_state, tcp_info_len, inet_diag_msg_socket_cookie, inet_diag_msg_socket_destination_port, inet_diag_msg_socket_source_port,
    inet_diag_msg_socket_destination, tcp_info_bytes_sent, tcp_info_total_retrans, tcp_info_rtt)
  SELECT 1, 'h' || toString(h), 'web', 5, p + 1, 0, p * 50 + s, ($begin + p * 20) * 1000000000, 1, 240, s, 443, 40000 + s, unhex('C6336401'), p * s * 10, p, s * 100
  FROM (SELECT number AS p FROM numbers(12)) AS polls CROSS JOIN (SELECT number + 1 AS s FROM numbers(50)) AS sockets
  CROSS JOIN (SELECT number AS h FROM numbers(2)) AS hosts;
SELECT hostname, count(), sum(bytes_sent) FROM xtcp.sockets_now GROUP BY ALL ORDER BY ALL;
SELECT count(), sum(bytes_sent) FROM xtcp.sockets_at(at = toDateTime($begin + 130, 'UTC'));
SELECT snapshot, count() FROM xtcp.snapshots($span) GROUP BY ALL ORDER BY ALL;
SELECT hostname, numbered, stored, missing, twice FROM xtcp.losses ORDER BY ALL;
SELECT * FROM xtcp.retransmits_by_container ORDER BY ALL;
SELECT * FROM xtcp.worst_remotes ORDER BY ALL;
SELECT * FROM xtcp.minutes_by(by = 'container', $span) ORDER BY ALL;
SELECT hostname, port, sum(bytes_sent), quantilesDDMerge(0.01, 0.5, 0.9, 0.99)(rtt) FROM xtcp.minutes_to_sum($span) GROUP BY ALL ORDER BY ALL;
SELECT table, groupArray((name, type)) FROM (SELECT * FROM system.columns WHERE database = 'xtcp' ORDER BY position)
  WHERE table NOT LIKE '%\\_local' GROUP BY table ORDER BY table;
SQL
}

@test "the SQL of the cluster: each statement is sound, and over the tables of all shards each view answers as over those of one server" {
  local begin
  begin=$(($(date +%s) / 60 * 60 - 900))
  cd "$BATS_TEST_TMPDIR" || return 1
  "$PIPELINE/clickhouse/cluster" >cluster.sql
  [ "$(alone parse parse <cluster.sql)" = "$(grep -c ' ON CLUSTER ' cluster.sql)" ]
  # Nothing that is stored is neither replicated nor read by all.
  [ "$(grep -c '^ENGINE = Replicated' cluster.sql)" = "$(cat "$PIPELINE"/clickhouse/sql/*.sql | grep -c '^ENGINE = .*MergeTree')" ]
  [ "$(grep -c '^ENGINE = Distributed' cluster.sql)" = "$(grep -c '^ENGINE = Replicated' cluster.sql)" ]
  # Without a Keeper there is neither a queue of ON CLUSTER nor a replica: the rest runs. Twice, as after an upgrade.
  sed -e "s/ ON CLUSTER '{cluster}'//" -e "s/^ENGINE = Replicated\(.*MergeTree\)(.*'{replica}')/ENGINE = \1/" cluster.sql >some.sql
  { cat some.sql some.sql && records_and_questions "$begin"; } | alone cluster >cluster.answers
  { cat "$PIPELINE"/clickhouse/sql/*.sql && records_and_questions "$begin"; } | alone single >single.answers
  [ "$(wc -l <single.answers)" -gt 30 ]
  diff cluster.answers single.answers
  # A statement that there is no rule for is no silent gap.
  printf 'DROP TABLE xtcp.xtcp_flat_records;\n' >unknown.sql
  run "$PIPELINE/clickhouse/cluster" unknown.sql
  [ "$status" -eq 1 ]
  grep -F 'no rule for the statement' <<<"$output"
}
