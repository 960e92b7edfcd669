#!/usr/bin/env bats
# The daemon as a user meets it: started, watched, stopped.

# shellcheck disable=SC2154  # run sets stderr
bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  NSTEST=$(bin nsTest)
  export XTCP2 SERVER NSTEST BUILD BATS_TEST_DIRNAME
  reachable
  cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the shell text of standard input in a fresh network namespace, with the verbs of lib.bash.
inside() {
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'; trap 'kill \$(jobs -p) 2>/dev/null || :' EXIT; $(cat)"
}

# The same with an empty /run/netns of its own.
private_netns_names() {
  unshare -n -m -- bash -euo pipefail -c "mount --make-rprivate / && mkdir -p /run/netns && mount -t tmpfs names /run/netns
    ip link set lo up; . '$BATS_TEST_DIRNAME/lib.bash'; trap 'kill \$(jobs -p) 2>/dev/null || :' EXIT; $(cat)"
}

@test "no arguments: records on stdout as JSON lines, the log on stderr" {
  run --separate-stderr inside <<'E2'
    "$SERVER" -count 2 -bind 127.0.0.1 >/dev/null & server=$!
    wait_for 20 test_listeners 2
    "$XTCP2" -maxLoops 1
    kill $server
E2
  [ "$status" -eq 0 ]
  [ "$(jq -s 'map(select(.netns == "self" and .inet_diag_msg_state == "LISTEN")) | map(.inet_diag_msg_socket_source_port) | sort == [4000, 4001, 8889, 9088]' <<<"$output")" = true ]
  [[ "$stderr" == *"xtcp2: "*"1 polls, "*" 0 lost"* ]]
}

@test "-frequency runs cycle after cycle until -maxLoops" {
  run --separate-stderr inside <<'E2'
    "$SERVER" -count 1 -bind 127.0.0.1 >/dev/null & server=$!
    wait_for 20 test_listeners 1
    "$XTCP2" -frequency 500ms -timeout 490ms -maxLoops 3 -promListen= -grpcPort 0
    kill $server
E2
  [ "$status" -eq 0 ]
  own=$(jq -s 'map(select(.netns == "self" and .inet_diag_msg_socket_source_port == 4000)) | length' <<<"$output")
  [ "$own" -eq 3 ]
}

@test "SIGTERM ends it with status 0 and the ledger" {
  run --separate-stderr inside <<'E2'
    # Its own listener is a socket to tell of, wherever there is no other.
    "$XTCP2" -dest file:out -frequency 100ms -timeout 50ms -grpcPort 0 & daemon=$!
    wait_for 20 test -s out
    kill $daemon
    wait $daemon
E2
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"Terminated: stopping"* ]]
  [[ "$stderr" == *" 0 lost"* ]]
}

@test "records left unsent at the end: exit status 3, and the reason is logged" {
  run --separate-stderr inside <<'E2'
    "$XTCP2" -dest file:missing/out -maxLoops 1 -flushTimeout 100ms
E2
  [ "$status" -eq 3 ]
  [[ "$stderr" == *" lost; exit status 3: records were lost"* ]]
  [[ "$stderr" == *"missing/out: open: No such file or directory"* ]]
  [[ "$stderr" == *" 0 sent to file:missing/out, "* ]]
}

@test "the service manager gets READY, STOPPING and the watchdog's keep-alive" {
  run --separate-stderr inside <<'E2'
    socat -u UNIX-RECVFROM:notify,fork,mode=666 OPEN:told,creat,append & listener=$!
    wait_for 20 test -S notify
    NOTIFY_SOCKET=$PWD/notify WATCHDOG_USEC=100000 \
      "$XTCP2" -dest null -frequency 100ms -timeout 50ms -promListen= -grpcPort 0 & daemon=$!
    wait_for 20 grep -q READY=1 told
    wait_for 20 grep -q WATCHDOG=1 told
    kill $daemon
    wait $daemon
    wait_for 20 grep -q STOPPING=1 told
    kill $listener
E2
  [ "$status" -eq 0 ]
}

@test "it keeps two capabilities and drops the rest" {
  run --separate-stderr inside <<'E2'
    "$XTCP2" -dest null -frequency 100ms -timeout 50ms -promListen= -grpcPort 0 & daemon=$!
    wait_for 20 grep -q '^CapEff:.*0000000000280000' /proc/$daemon/status
    grep -q '^CapPrm:.*0000000000280000' /proc/$daemon/status
    # Every thread, not the first alone.
    for task in /proc/$daemon/task/*; do grep -q '^CapEff:.*0000000000280000' $task/status; done
    kill $daemon
    wait $daemon
E2
  [ "$status" -eq 0 ]
}

# bats test_tags=machine
@test "an ordinary user gets the sockets of the own namespace, and a line says so" {
  run --separate-stderr inside <<'E2'
    "$SERVER" -count 1 -bind 127.0.0.1 >/dev/null & server=$!
    wait_for 20 test_listeners 1
    setpriv --reuid 65534 --regid 65534 --clear-groups "$XTCP2" -maxLoops 1 -promListen= -grpcPort 0
    kill $server
E2
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"without CAP_SYS_ADMIN only the sockets of the own network namespace are seen"* ]]
  [ "$(jq -s 'map(select(.netns == "self" and .inet_diag_msg_socket_source_port == 4000 and .inet_diag_msg_state == "LISTEN")) | length' <<<"$output")" -eq 1 ]
}

@test "threads are constant, however many namespaces there are" {
  run --separate-stderr private_netns_names <<'E2'
    "$XTCP2" -dest null -frequency 200ms -timeout 190ms -grpcPort 0 -netlinkers 3 & daemon=$!
    threads() { awk '/^Threads/ { print $2 }' /proc/$daemon/status; }
    namespaces() { curl -fsS http://127.0.0.1:9088/metrics | awk '$1 == "xtcp2_namespaces" { print $2 }'; }
    has() { [ "$(namespaces)" -ge "$1" ]; }
    wait_for 20 has 1
    before=$(threads)
    [ "$before" -eq 6 ]
    "$NSTEST" -initial 60 -loops 0 >/dev/null & maker=$!
    wait_for 20 has 61
    [ "$(threads)" -eq "$before" ]
    kill $maker $daemon
    wait $daemon
E2
  [ "$status" -eq 0 ]
}

@test "-replay decodes the captures of -writeFiles to the same records" {
  run --separate-stderr inside <<'E2'
    "$SERVER" -count 3 -bind 127.0.0.1 >/dev/null & server=$!
    wait_for 20 test_listeners 3
    "$XTCP2" -maxLoops 1 -writeFiles 2 -capturePath cap -netnsDirs /nonexistent -netlinkers 1 -promListen= -grpcPort 0 >live.jsonl
    kill $server
    ls cap
    for f in cap/*; do "$XTCP2" -replay "$f"; done >replayed.jsonl
E2
  [ "$status" -eq 0 ]
  key='[.inet_diag_msg_socket_source_port, .inet_diag_msg_socket_destination_port, .inet_diag_msg_socket_cookie, .tcp_info_rto, .timestamp_ns]'
  inode=$(jq -r 'select(.inet_diag_msg_socket_source_port == 4000) | .netns_inode' live.jsonl | head -n 1)
  [ -n "$inode" ]
  jq -c "$key" replayed.jsonl | sort >b
  [ -s b ]
  jq -c "select(.netns_inode == $inode) | $key" live.jsonl | sort >a
  # The kept dumps are of the namespaces polled first; each of their records is among the live ones.
  [ -z "$(comm -13 <(jq -c "$key" live.jsonl | sort) b)" ]
}
