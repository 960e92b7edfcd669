#!/usr/bin/env bats
# The daemon's life with everything at once: clients of all kinds, namespaces that come and go, sockets that
# close, its end. UNDER is what runs it: `ci/test tsan valgrind` look at every step of it this way.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  CLIENT=$(bin xtcp2client)
  CTL=$(bin xtcp2ctl)
  SHORT=$(bin short_connections)
  UNDER=${UNDER:-}
  # A filter of system calls would hold for what runs the daemon as well.
  [ -z "$UNDER" ] || export XTCP_SECCOMP=off
  BUILD=$(readlink -f "$BUILD")
  export XTCP2 CLIENT CTL SHORT UNDER BUILD BATS_TEST_DIRNAME
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The sandbox with these verbs.
alive() {
  sandbox < <(
    declare -f start polls lead_a_life stop accounted
    cat
  )
}

start() {
  # shellcheck disable=SC2086
  $UNDER "$XTCP2" -closeEvents -frequency 500ms -timeout 400ms -flushTimeout 20s -d 7 "$@" 2>/run/log &
  daemon=$!
  wait_for 60 polls 1
}

polls() { [ "$(grep -c '^poll: ' /run/log)" -ge "$1" ]; }

# Two kinds of streams, all calls, all pages, namespaces and sockets that come and go while polls run.
lead_a_life() {
  local i listening polling
  "$CLIENT" -format json >/run/listened &
  listening=$!
  "$CLIENT" -poll -pollFrequency 500ms -format json >/run/polled &
  polling=$!
  for i in 1 2 3 4; do
    ip netns add "n$i" && ip -n "n$i" link set lo up
    ip netns exec "n$i" "$SHORT" 20 4 >/dev/null
    for page in metrics healthz readyz; do curl -s "http://127.0.0.1:9088/$page" >/dev/null; done
    "$CTL" get >/dev/null
    "$CTL" trigger-poll >/dev/null
  done
  wait_for 60 test -s /run/listened
  wait_for 60 test -s /run/polled
  for i in 1 2 3 4; do ip netns del "n$i"; done
  kill -STOP "$listening"
  wait_for 60 polls "$(($(grep -c '^poll: ' /run/log) + 4))"
  kill -KILL "$listening"
  # The other one is there at the end.
  kill -0 "$polling"
}

stop() {
  local status=0
  kill -TERM "$daemon"
  wait "$daemon" || status=$?
  grep -v '^poll: \|^watch: ' /run/log >&2
  return "$status"
}

# The ledger of the end: what was made was sent.
accounted() {
  local made sent lost
  read -r made sent lost <<<"$(sed -n 's/.* polls, \([0-9]*\) records, \([0-9]*\) sent to .*, \([0-9]*\) lost/\1 \2 \3/p' /run/log)"
  [ "$made" -gt 0 ]
  [ "$made" -eq "$sent" ]
  [ "$lost" -eq 0 ]
}

@test "a life of the plain reader" {
  alive <<'E'
    start -dest file:/run/out
    lead_a_life
    stop
    accounted
E
}

@test "a life of the io_uring reader" {
  case $UNDER in *valgrind*) skip "valgrind does not know what the kernel writes through a ring" ;; esac
  alive <<'E'
    start -dest file:/run/out -ioUring
    lead_a_life
    stop
    not grep -q 'reading without it' /run/log
    accounted
E
}

# The brokers are librdkafka's own, in the daemon.
@test "a life with Kafka" {
  alive <<'E'
    start -dest kafka:127.0.0.1:9 -topic life -kafkaConfig test.mock.num.brokers=2
    lead_a_life
    stop
    accounted
E
}

@test "captures in every format" {
  # Parquet is written beside its name, by the user that the daemon becomes.
  reachable
  chmod 777 "$BATS_TEST_TMPDIR"
  formats=$("$XTCP2" -help | sed -n '/^Formats/,/^$/s/^  \([a-zA-Z]\+\)$/\1/p')
  [ "$(wc -w <<<"$formats")" -eq 9 ]
  for format in $formats; do
    for capture in "$BATS_TEST_DIRNAME"/../data/*.pcap; do
      $UNDER "$XTCP2" -replay "$capture" -marshal "$format" -dest "file:$BATS_TEST_TMPDIR/$format"
      [ -s "$BATS_TEST_TMPDIR/$format" ]
    done
  done
}
