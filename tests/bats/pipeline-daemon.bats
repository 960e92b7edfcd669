#!/usr/bin/env bats
# The daemon's own records in SQL: over HTTP in two commands, and over Kafka.
# bats file_tags=machine

load lib
load pipeline

setup() { pipe_up "$BATS_TEST_TMPDIR/pipe"; }

teardown() { pipe_down; }

@test "two commands: SQL over one's own sockets" {
  start_traffic 5
  start_engine
  start_daemon -marshal protobufList -destPasswordFile "$PASSWORD_FILE" \
    -dest "http://default@127.0.0.1:18123/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList"
  all_five() { [ "$(sql "SELECT uniqExact(destination_port) FROM xtcp.sockets WHERE state = 'ESTABLISHED' AND destination_port BETWEEN 4000 AND 4004")" = 5 ]; }
  wait_for 60 all_five
  stop "$DAEMON"
  # Its last words name what it sent; all of it is there.
  grep -q ", $(rows) sent to http:.*, 0 lost" "$PIPE/daemon.log"
  [ "$(cat "$PIPE"/*.log | grep -cF "$XTCP2_CLICKHOUSE_PASSWORD")" = 0 ]
  [ "$(distinct_rows)" = "$(rows)" ]
}

@test "over Kafka: rows stored equal records acknowledged, exactly" {
  local acknowledged
  start_broker
  start_engine -kafka 127.0.0.1:19092
  start_traffic 20
  start_daemon -marshal protobufList -dest kafka:127.0.0.1:19092
  wait_for 60 rows_beyond 500
  # No poll any more, so that both sides come to rest.
  inside "$(bin xtcp2ctl)" set-poll-frequency -frequency 1h -timeout 1s >/dev/null
  wait_for 30 at_rest
  acknowledged=$(metric xtcp2_kafka_acknowledged_records_total)
  [ "$acknowledged" -gt 500 ]
  [ "$acknowledged" = "$(metric xtcp2_destination_submitted_records_total)" ]
  wait_for 60 rows_are "$acknowledged"
  [ "$(rows xtcp_flat_records_errors)" = 0 ]
  [ "$(rows xtcp_flat_records_newer)" = 0 ]
  sql "SELECT uniqExact(hostname), uniqExact(netns_cookie) FROM xtcp.xtcp_flat_records" | grep -E $'^1\t[1-9]' >/dev/null
}

# Nothing is on its way to the broker.
at_rest() {
  [ "$(metric xtcp2_kafka_in_flight_records)" = 0 ] && [ "$(metric xtcp2_destination_queue_envelopes)" = 0 ] &&
    [ "$(metric xtcp2_kafka_acknowledged_records_total)" = "$(metric xtcp2_destination_submitted_records_total)" ]
}

@test "the broker comes up after the daemon, goes away and comes back: nothing is lost" {
  start_daemon -marshal protobufList -dest kafka:127.0.0.1:19092
  wait_for 30 metric_beyond xtcp2_polls_total 2
  start_broker
  start_engine -kafka 127.0.0.1:19092
  wait_for 60 rows_beyond 0
  stop "$BROKER" KILL
  before=$(metric xtcp2_destination_submitted_records_total)
  wait_for 30 metric_beyond xtcp2_destination_submitted_records_total $((before + 1))
  start_broker
  inside "$(bin xtcp2ctl)" set-poll-frequency -frequency 1h -timeout 1s >/dev/null
  wait_for 60 at_rest
  wait_for 60 distinct_are "$(metric xtcp2_kafka_acknowledged_records_total)"
  [ "$(metric xtcp2_records_dropped_total)" = 0 ]
}
