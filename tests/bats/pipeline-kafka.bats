#!/usr/bin/env bats
# Records through a real broker into the real engine, and the faults that must be survived.
# bats file_tags=machine

load lib
load pipeline

setup() { pipe_up "$BATS_TEST_TMPDIR/pipe"; }

teardown() { pipe_down; }

# The engine reads from the broker.
kafka_engine() { start_engine -kafka 127.0.0.1:19092; }

no_errors() { rows_are 0 xtcp_flat_records_errors; }

# Producing in the background; its ledger is in $PIPE/produced.
produce_start() {
  nsenter -t "$HOLDER" -n -m -- "$(bin kafka_to_clickhouse)" -broker 127.0.0.1:19092 "$@" \
    >"$PIPE/produced" 2>"$PIPE/producer.log" 3>&- &
  PRODUCER=$!
  echo "$PRODUCER" >>"$PIPE/pids"
}

produce_end() {
  wait_for 120 gone "$PRODUCER"
  cat "$PIPE/produced" "$PIPE/producer.log"
  ACKNOWLEDGED=$(value_of acknowledged "$(cat "$PIPE/produced")")
  [ "$ACKNOWLEDGED" -gt 0 ]
}

@test "each record acknowledged by the broker is stored once, none is an error" {
  start_broker
  kafka_engine
  ledger=$(produce -rows 500 -loops 60)
  [ "$(value_of acknowledged "$ledger")" = 30000 ]
  wait_for 60 rows_are 30000
  [ "$(distinct_rows)" = 30000 ]
  no_errors
  # And nothing was read with an exception: rows, errors and exceptions as the monitor asks for them.
  monitor=$(sql "$(<"$PIPELINE/clickhouse/monitor.sql")")
  [ "$(cut -f1,3,4 <<<"$monitor")" = $'30000\t0\t0' ]
  [ "$(cut -f5 <<<"$monitor")" -ge 60 ]
  [ "$(http "$URL/replicas_status")" = Ok. ]
}

@test "the tools read what is on the topic" {
  start_broker
  produce -values 41,42 >/dev/null
  run inside "$(bin xtcp2_kafka_client)" -broker 127.0.0.1:19092 -count 1 -format csv -columns record_counter
  [ "$status" -eq 0 ]
  grep -qx 41 <<<"$output"
  grep -qx 42 <<<"$output"
  run inside "$(bin xtcp2_kafka_client)" -broker 127.0.0.1:19092 -count 1 -format json
  [ "$(grep -c '"record_counter"' <<<"$output")" = 2 ]
  # The raw reader writes exactly the bytes of the encoder.
  inside "$(bin kafka_to_clickhouse)" -broker 127.0.0.1:19092 -topic raw -values 1 -dump -dumpFileName "$PIPE/sent"
  inside "$(bin kafka_topic_reader)" -broker 127.0.0.1:19092 -topic raw -count 1 -raw >"$PIPE/read"
  cmp "$PIPE/sent" "$PIPE/read"
  inside "$(bin kafka_topic_reader)" -broker 127.0.0.1:19092 -topic raw -count 1 | grep '^partition=0 offset=0 ' >/dev/null
  run "$(bin xtcp2_kafka_client)" -format xml
  [ "$status" -eq 2 ]
}

@test "garbage on the topic lands in the errors with its bytes, and ingestion goes on" {
  start_broker
  kafka_engine
  printf 'this is no envelope\xff\x00' >"$PIPE/garbage"
  produce -rows 10 >/dev/null
  produce -filename "$PIPE/garbage" >/dev/null
  produce -rows 10 >/dev/null
  wait_for 60 rows_are 20
  wait_for 30 rows_are 1 xtcp_flat_records_errors
  [ "$(sql 'SELECT hex(raw) FROM xtcp.xtcp_flat_records_errors')" = "$(od -An -v -tx1 "$PIPE/garbage" | tr -d ' \n' | tr a-f A-F)" ]
  sql "SELECT topic, offset FROM xtcp.xtcp_flat_records_errors WHERE notEmpty(error)" | grep -x $'xtcp\t1' >/dev/null
  # The same garbage again and again blocks nothing.
  produce -filename "$PIPE/garbage" -loops 50 >/dev/null
  produce -rows 10 >/dev/null
  wait_for 60 rows_are 30
  wait_for 30 rows_are 51 xtcp_flat_records_errors
}

@test "records of a newer schema are kept apart" {
  start_broker
  kafka_engine
  produce -rows 5 >/dev/null
  wait_for 60 rows_are 5
  sql "INSERT INTO xtcp.xtcp_flat_records_in (schema_version, hostname, timestamp_ns) SELECT 2, 'new', toUnixTimestamp64Nano(now64(9))"
  [ "$(rows)" = 5 ]
  [ "$(sql 'SELECT hostname FROM xtcp.xtcp_flat_records_newer')" = new ]
}

@test "the broker is killed and restarted under load: nothing acknowledged is lost" {
  start_broker
  kafka_engine
  produce_start -rows 200 -loops 200 -rate 5000
  wait_for 60 rows_beyond 5000
  stop "$BROKER" KILL
  wait_for 30 broker_missed
  start_broker
  produce_end
  wait_for 120 distinct_are "$ACKNOWLEDGED"
  [ "$ACKNOWLEDGED" = 40000 ]
  # A block whose offset could not be committed comes again: 16 messages a poll at most, twice.
  [ "$(rows)" -le $((ACKNOWLEDGED + 2 * 16 * 200)) ]
  no_errors
}

# The producer has met it: reconnecting is refused.
broker_missed() { grep -q "Connection refused" "$PIPE/producer.log"; }

@test "the engine is killed and restarted under load: nothing is lost, doubling stays below one poll" {
  start_broker
  kafka_engine
  produce_start -rows 200 -loops 200 -rate 5000
  wait_for 60 rows_beyond 5000
  stop "$ENGINE" KILL
  kafka_engine
  produce_end
  wait_for 120 distinct_are "$ACKNOWLEDGED"
  [ "$ACKNOWLEDGED" = 40000 ]
  doubled=$(($(rows) - ACKNOWLEDGED))
  echo "doubled=$doubled"
  [ "$doubled" -ge 0 ]
  [ "$doubled" -le $((16 * 200)) ]
  no_errors
}

@test "the engine is stopped in order and restarted: nothing is lost" {
  start_broker
  kafka_engine
  produce_start -rows 200 -loops 100 -rate 5000
  wait_for 60 rows_beyond 2000
  stop "$ENGINE"
  kafka_engine
  produce_end
  wait_for 120 distinct_are 20000
  [ "$(rows)" -le $((20000 + 16 * 200)) ]
}

@test "a full disk: said as the status, and all is there once space is back" {
  local held=40
  start_broker
  ENGINE_DATA=$PIPE/small
  mkdir "$ENGINE_DATA"
  inside mount -t tmpfs -o size=64m,uid=65534,gid=65534,mode=750 tmpfs "$ENGINE_DATA"
  kafka_engine
  produce -rows 100 -loops 10 >/dev/null
  wait_for 60 rows_are 1000
  # Fills what is left but for a few pages.
  inside sh -c 'cat /dev/zero >"$1/ballast" 2>/dev/null || :' sh "$ENGINE_DATA"
  produce -rows 100 -loops "$held" >/dev/null
  wait_for 60 status_is 503
  http "$URL/replicas_status" | grep 'NOT_ENOUGH_SPACE\|No space left\|CANNOT_WRITE' >/dev/null
  inside rm "$ENGINE_DATA/ballast"
  wait_for 90 distinct_are $((1000 + held * 100))
  wait_for 90 status_is 200
  no_errors
}

status_is() { [ "$(http -o /dev/null -w '%{http_code}' "$URL/replicas_status")" = "$1" ]; }

# unready TEXT: /readyz is 503 and says TEXT, and the alert of docs/metrics.md on xtcp2_destination_up fires.
unready() {
  [ "$(inside curl -s -o "$PIPE/body" -w '%{http_code}' http://127.0.0.1:9088/readyz)" = 503 ] && grep -q "$1" "$PIPE/body" &&
    [ "$(metric xtcp2_destination_up)" -eq 0 ]
}

lost() { sed -n 's/.* sent to .*, \([0-9]*\) lost.*/\1/p' "$PIPE/daemon.log"; }

@test "a broker whose message.max.bytes is smaller than an envelope: split, nothing lost" {
  start_broker --override message.max.bytes=50000
  start_traffic 200
  start_daemon -dest kafka:127.0.0.1:19092 -marshal protobufList -kafkaCompression none
  wait_for 60 metric_beyond xtcp2_destination_sent_records_total 2000
  [ "$(metric xtcp2_kafka_failed_records_total)" -gt 0 ] # the broker has refused some
  stop "$DAEMON"
  [ "$(lost)" = 0 ]
  grep -q 'Message size too large; raise the broker.s message.max.bytes' "$PIPE/daemon.log"
  [ "$(grep -c 'too large' "$PIPE/daemon.log")" -le 3 ]
}

@test "a broker whose advertised address is out of reach: not ready, and the setting is named" {
  start_broker --override advertised.listeners=PLAINTEXT://127.0.0.1:9
  start_daemon -dest kafka:127.0.0.1:19092 -marshal protobufList -produceTimeout 2s -flushTimeout 1s
  wait_for 60 unready 'nothing is confirmed within -produceTimeout: the broker sends messages to 127.0.0.1:9, .* advertised.listeners'
  grep -q 'advertised.listeners.*still waiting' "$PIPE/daemon.log"
  stop "$DAEMON"
  [ "$(lost)" -gt 0 ]
  grep -q 'exit status 3: records were lost' "$PIPE/daemon.log"
}

@test "a topic that does not exist and is not made: not ready, and the setting is named" {
  start_broker --override auto.create.topics.enable=false
  start_daemon -dest kafka:127.0.0.1:19092 -topic absent -marshal protobufList -produceTimeout 2s -flushTimeout 1s
  wait_for 60 unready 'topic absent does not exist: create it, set the broker.s auto.create.topics.enable'
  grep -q 'topic absent does not exist.*still waiting' "$PIPE/daemon.log"
  stop "$DAEMON"
  [ "$(lost)" -gt 0 ]
}
