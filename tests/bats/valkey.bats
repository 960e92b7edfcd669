#!/usr/bin/env bats
# -dest valkey: against redis-server, which speaks the same protocol and is in every release.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  export XTCP2 SERVER BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
  reachable
  chmod 777 .
  printf 'secret\n' >pass
  chmod 400 pass
  grep -q '^#define XTCP2_VALKEY 1' "$BUILD/src/version.h"
}

# Runs the shell text of standard input with network and processes of its own, so that no other's namespaces are read, and
# with these verbs.
inside() {
  unshare -n -m -p -f --mount-proc -- timeout -k 5 180 bash -euo pipefail -c "ip link set lo up; . '$BATS_TEST_DIRNAME/lib.bash'; . '$BATS_TEST_DIRNAME/dest.bash'
    trap 'kill -9 \$(jobs -p) 2>/dev/null || :; [ ! -e log ] || cat log >&2' EXIT
    $(declare -f store store_stop answers cli daemon_start entries)
    $(cat)" 3>&-
}

# store [OPTION...]: the server. Its pid is in STORE.
store() {
  redis-server --port 6379 --bind 127.0.0.1 --dir "$PWD" --save '' --appendonly yes --appendfsync always "$@" >>server.log &
  STORE=$!
  wait_for 20 answers
}
# store_stop [SIGNAL]
store_stop() { kill -"${1:-TERM}" "$STORE"; wait "$STORE" || :; }
answers() { redis-cli ping 2>&1 | grep 'PONG\|NOAUTH' >/dev/null; }
cli() { redis-cli "$@"; }
daemon_start() { dest_daemon valkey:127.0.0.1:6379 -topic records "$@"; }
# entries COMMAND N: the key has at least so many.
entries() { [ "$(cli "$1" records)" -ge "$2" ]; }

@test "valkey: entries of a stream and elements of a list hold each record, across a server that is killed" {
  inside <<'E'
    store
    "$SERVER" -count 20 >server & wait_for 20 grep -q READY server
    daemon_start -envelopeFlushRows 5
    wait_for 20 ready
    wait_for 30 entries XLEN 20
    store_stop KILL
    wait_for 20 not ready
    store
    wait_for 60 ready
    daemon_stop
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ] && [ "$lost" -eq 0 ]
    # Raw output has the identifier and the name of the field on lines of their own. The entry whose reply was lost may be there twice.
    cli --raw XRANGE records - + | grep '^{' >read
    [ "$(wc -l <read)" -ge "$sent" ] && [ "$(wc -l <read)" -le $((sent + 5)) ]
    jq -es 'all(.hostname != "")' <read >/dev/null
    cli DEL records
    daemon_start -valkeyCommand lpush
    wait_for 30 entries LLEN 3
    daemon_stop
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ] && [ "$(cli --raw LRANGE records 0 -1 | grep -c '^{')" -eq "$sent" ]
E
}

@test "valkey: -valkeyMaxLength trims the stream" {
  inside <<'E'
    store --stream-node-max-entries 1
    "$SERVER" -count 20 >server & wait_for 20 grep -q READY server
    daemon_start -envelopeFlushRows 1 -valkeyMaxLength 10
    wait_for 30 metric xtcp2_destination_sent_envelopes_total 50
    daemon_stop
    [ "$(cli XLEN records)" -le 20 ]
E
}

@test "valkey: a channel without a subscriber holds the records back; one with gets them" {
  inside <<'E'
    store
    daemon_start -valkeyCommand publish
    wait_for 20 why 'channel records has no subscriber'
    not ready
    cli --raw SUBSCRIBE records >got &
    wait_for 30 ready
    daemon_stop
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ]
    wait_for 20 eval '[ "$(grep -c ^{ got)" -eq '"$sent"' ]'
E
}

@test "valkey: passwords, users, a key of another kind, a server that is full: told, counted" {
  inside <<'E'
    tells() { # EXPECTED OPTION...
      daemon_start -flushTimeout 100ms "${@:2}"
      wait_for 30 why "$1"
      daemon_stop 3
    }
    store --requirepass secret
    tells 'NOAUTH.*-destPasswordFile'
    printf 'wrong\n' >wrong; chmod 400 wrong
    tells 'WRONGPASS.*-destPasswordFile' -destPasswordFile "$PWD/wrong"
    daemon_start -destPasswordFile "$PWD/pass"
    wait_for 20 ready
    daemon_stop
    cli -a secret --no-auth-warning ACL SETUSER few on '>secret' '~records' +ping
    tells 'NOPERM.*let the user run -valkeyCommand on the key' -destUser few -destPasswordFile "$PWD/pass"
    store_stop; rm -rf appendonlydir
    store
    cli SET records word
    tells 'WRONGTYPE.*name another key with -topic'
    cli DEL records
    cli CONFIG SET maxmemory 3mb
    "$SERVER" -count 100 >server & wait_for 20 grep -q READY server
    daemon_start -envelopeFlushBytes 32768 -destQueueBytes 262144 -label "$(printf 'x%.0s' {1..1000})" -flushTimeout 100ms
    wait_for 60 why 'OOM.*raise the server.s maxmemory, or bound the stream with -valkeyMaxLength'
    wait_for 60 metric 'xtcp2_records_dropped_total{reason="queue_full"}' 1
    daemon_stop 3
    read -r produced sent lost < <(ended)
    [ "$produced" -eq $((sent + lost)) ] && [ "$lost" -gt 0 ] && [ "$sent" -gt 0 ]
    [ "$(cli --raw XRANGE records - + | grep -c '^{')" -eq "$sent" ]
    not grep -w secret log
E
}

@test "valkey: a server that says nothing, and one that says something else: told, and the end comes in time" {
  inside <<'E'
    nc -lk 127.0.0.1 6379 >/dev/null & MUTE=$!
    wait_for 20 eval '[ -n "$(ss -Htnl "sport = 6379")" ]'
    daemon_start -flushTimeout 1s -produceTimeout 1s
    wait_for 20 why 'no reply within -produceTimeout'
    begin=$SECONDS
    daemon_stop 3
    [ $((SECONDS - begin)) -le 8 ]
    kill "$MUTE"; wait "$MUTE" || :
    socat TCP-LISTEN:6379,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo HTTP/1.0 400' &
    wait_for 20 eval '[ -n "$(ss -Htnl "sport = 6379")" ]'
    daemon_start -flushTimeout 1s
    wait_for 20 why 'does not answer like Valkey or Redis'
    daemon_stop 3
E
}
