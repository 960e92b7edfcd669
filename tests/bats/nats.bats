#!/usr/bin/env bats
# -dest nats: against a nats-server with JetStream.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  export XTCP2 SERVER SOURCE BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
  reachable
  chmod 777 .
  grep -q '^#define XTCP2_NATS 1' "$BUILD/src/version.h"
}

# Runs the shell text of standard input with network and processes of its own, so that no other's namespaces are read, and
# with these verbs.
inside() {
  unshare -n -m -p -f --mount-proc -- timeout -k 5 180 bash -euo pipefail -c "ip link set lo up; . '$BATS_TEST_DIRNAME/lib.bash'; . '$BATS_TEST_DIRNAME/dest.bash'
    trap 'kill -9 \$(jobs -p) 2>/dev/null || :; [ ! -e log ] || cat log >&2' EXIT
    $(declare -f nats nats_stop listens ask daemon_start stored rows)
    $(cat)" 3>&-
}

# nats [LINE...]: the server, with more lines of configuration. Its pid is in NATS.
nats() {
  printf '%s\n' 'listen: 127.0.0.1:4222' "jetstream { store_dir: \"$PWD/store\" }" "$@" >server.conf
  nats-server -c server.conf >>server.log 2>&1 &
  NATS=$!
  wait_for 20 listens 4222
}
# nats_stop [SIGNAL]
nats_stop() { kill -"${1:-TERM}" "$NATS"; wait "$NATS" || :; }
listens() { [ -n "$(ss -Htnl "sport = $1")" ]; }
ask() { python3 "$SOURCE/tests/tools/nats_ask.py" "$@"; }
daemon_start() { dest_daemon nats:127.0.0.1:4222 -topic xtcp.rec "$@"; }
# The records in the stream, which are in the file `messages` then.
rows() { ask 4222 -read XT >messages && wc -l <messages; }
# stored N: the stream has at least so many messages.
stored() { [ "$(ask 4222 '$JS.API.STREAM.INFO.XT' | jq .state.messages)" -ge "$1" ]; }

@test "nats: each acknowledged record is in the stream, and no other; threads stay as many as they are" {
  inside <<'E'
    nats
    ask 4222 -stream XT
    "$SERVER" -count 20 >server & wait_for 20 grep -q READY server
    daemon_start -envelopeFlushRows 3
    wait_for 20 ready
    wait_for 30 stored 50
    threads=$(ls "/proc/$DAEMON/task" | wc -l)
    wait_for 30 stored 100
    [ "$(ls "/proc/$DAEMON/task" | wc -l)" -eq "$threads" ]
    daemon_stop
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ] && [ "$lost" -eq 0 ]
    [ "$(rows)" -eq "$sent" ]
    jq -es 'length > 0 and all(.hostname != "")' <messages >/dev/null
E
}

@test "nats: no JetStream, no stream: told at the start, not ready; then delivered" {
  inside <<'E'
    nats-server -a 127.0.0.1 -p 4222 >server.log 2>&1 & NATS=$!
    wait_for 20 listens 4222
    daemon_start
    wait_for 20 why 'the server has no JetStream for this user: start it with -js'
    nats_stop
    nats
    wait_for 30 why 'no stream takes subject xtcp.rec: create one, or name another subject with -topic'
    not ready
    grep -q 'destination: nats:127.0.0.1:4222: no stream takes subject xtcp.rec: .*trying again' log
    ask 4222 -stream XT
    wait_for 60 ready
    daemon_stop
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ] && [ "$(rows)" -eq "$sent" ]
    not grep 'nothing is confirmed' log
E
}

@test "nats: the stream goes away and a service answers instead: nothing counts as sent" {
  inside <<'E'
    nats
    ask 4222 -stream XT
    daemon_start
    wait_for 20 ready
    ask 4222 -echo xtcp.rec >echo & ECHO=$!
    wait_for 20 grep -q READY echo
    ask 4222 '$JS.API.STREAM.DELETE.XT' | jq -e .success >/dev/null
    wait_for 20 grep -q 'subject xtcp.rec is answered by something else than a stream: name another subject' log
    wait_for 20 why 'no stream takes subject xtcp.rec'
    kill "$ECHO"
    ask 4222 -stream XT
    wait_for 60 ready
    daemon_stop
    # The stream that is gone had the first ones.
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ] && [ "$(rows)" -lt "$sent" ]
E
}

@test "nats: the server is killed and comes back: each record is stored once, none is lost" {
  inside <<'E'
    nats
    ask 4222 -stream XT
    "$SERVER" -count 50 >server & wait_for 20 grep -q READY server
    daemon_start -envelopeFlushRows 5
    wait_for 30 stored 30
    for kill in 1 2; do
      nats_stop KILL
      wait_for 20 not ready
      wait_for 20 why 'the connection broke\|cannot be reached'
      nats
      wait_for 60 ready
    done
    daemon_stop
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ] && [ "$lost" -eq 0 ]
    [ "$(rows)" -eq "$sent" ]
E
}

@test "nats: a stream that is full refuses: told, counted; stored is what was sent" {
  inside <<'E'
    nats
    ask 4222 -stream XT '{"max_bytes":300000,"discard":"new"}'
    "$SERVER" -count 100 >server & wait_for 20 grep -q READY server
    daemon_start -envelopeFlushBytes 32768 -destQueueBytes 262144 -label "$(printf 'x%.0s' {1..1000})"
    wait_for 60 why 'the stream of subject xtcp.rec is full (maximum bytes exceeded): raise its limit'
    wait_for 60 metric 'xtcp2_records_dropped_total{reason="queue_full"}' 1
    daemon_stop 3
    read -r produced sent lost < <(ended)
    [ "$produced" -eq $((sent + lost)) ] && [ "$lost" -gt 0 ] && [ "$sent" -gt 0 ]
    [ "$(rows)" -eq "$sent" ]
E
}

@test "nats: messages too large for the server or the stream are cut in two and arrive" {
  inside <<'E'
    nats 'max_payload: 65536'
    ask 4222 -stream XT '{"max_msg_size":30000}'
    "$SERVER" -count 100 >server & wait_for 20 grep -q READY server
    daemon_start -label "$(printf 'x%.0s' {1..1000})"
    wait_for 30 stored 30
    grep -q 'an envelope of [0-9]* bytes is too large: .*max_msg_size; smaller ones are sent' log
    daemon_stop
    read -r produced sent lost < <(ended)
    [ "$produced" -eq "$sent" ] && [ "$(rows)" -eq "$sent" ]
    jq -es 'length > 0' <messages >/dev/null
E
}

@test "nats: user, token and permissions: what is refused is told in the words of the options" {
  inside <<'E'
    printf 'wrong\n' >wrong; printf 'secret\n' >pass; chmod 400 wrong pass
    nats 'authorization { users = [ {user: all, password: secret}
      {user: few, password: secret, permissions: {publish: ["other"], subscribe: ["_INBOX.>"]}} ] }'
    ask -u all:secret 4222 -stream XT
    tells() { # EXPECTED OPTION...
      daemon_start -flushTimeout 100ms "${@:2}"
      wait_for 30 why "$1"
      daemon_stop 3
    }
    tells 'refuses clients without a user: -destUser and -destPasswordFile'
    tells 'refuses -destUser with this password (-destPasswordFile)' -destUser all -destPasswordFile "$PWD/wrong"
    tells 'refuses the token of -destPasswordFile' -destPasswordFile "$PWD/pass"
    tells 'does not let this user: .*xtcp.rec' -destUser few -destPasswordFile "$PWD/pass"
    daemon_start -destUser all -destPasswordFile "$PWD/pass"
    wait_for 20 ready
    daemon_stop
    not grep -w secret log
    nats_stop
    nats 'authorization { token: secret }'
    daemon_start -destPasswordFile "$PWD/pass"
    wait_for 20 ready
    daemon_stop
E
}

@test "nats: TLS with the authority, a wrong one, none, a certificate for another name, and one to show" {
  inside <<'E'
    authority() {
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
    }
    signed() { # NAME SAN
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -addext "subjectAltName=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
      openssl x509 -req -in "$1.csr" -CA good.pem -CAkey good.key -days 2 -copy_extensions copy -out "$1.pem" 2>/dev/null
    }
    authority good; authority other
    signed server DNS:localhost,IP:127.0.0.1; signed elsewhere DNS:elsewhere.example; signed client DNS:client
    chmod 644 ./*.pem
    tells() { # EXPECTED OPTION...
      daemon_start -dest nats:localhost:4222 -flushTimeout 100ms "${@:2}"
      wait_for 30 why "$1"
      daemon_stop 3
    }
    delivers() {
      daemon_start -dest nats:localhost:4222 "$@"
      wait_for 20 ready
      daemon_stop
    }
    nats "tls { cert_file: \"$PWD/server.pem\", key_file: \"$PWD/server.key\" }"
    NATS_TLS=1 ask 4222 -stream XT
    delivers -destTls -tlsCa good.pem
    delivers -destTls -tlsCa good.pem -dest nats:127.0.0.1:4222
    tells 'has a certificate for another name, or by no authority of -tlsCa'
    tells 'has a certificate for another name, or by no authority of -tlsCa' -destTls -tlsCa other.pem
    tells 'has a certificate for another name, or by no authority of -tlsCa' -destTls
    nats_stop
    nats "tls { cert_file: \"$PWD/elsewhere.pem\", key_file: \"$PWD/elsewhere.key\" }"
    tells 'has a certificate for another name$' -destTls -tlsCa good.pem
    nats_stop
    nats "tls { cert_file: \"$PWD/server.pem\", key_file: \"$PWD/server.key\", ca_file: \"$PWD/good.pem\", verify: true }"
    delivers -destTls -tlsCa good.pem -tlsCert client.pem -tlsKey client.key
    tells 'asks for a certificate that it trusts: -tlsCert and -tlsKey' -destTls -tlsCa good.pem
    nats_stop
    nats
    tells 'has no TLS: leave -destTls out' -destTls
E
}

@test "nats: a server that says nothing, and one that stops: told, and the end comes in time, all counted" {
  inside <<'E'
    nc -lk 127.0.0.1 4222 >/dev/null & MUTE=$!
    wait_for 20 listens 4222
    daemon_start -flushTimeout 1s
    wait_for 20 why 'does not answer like one of NATS within 2 s'
    begin=$SECONDS
    daemon_stop 3
    [ $((SECONDS - begin)) -le 8 ]
    kill "$MUTE"; wait "$MUTE" || :
    nats
    ask 4222 -stream XT
    daemon_start -flushTimeout 1s -produceTimeout 1s
    wait_for 20 metric xtcp2_destination_sent_records_total 1
    kill -STOP "$NATS"
    wait_for 30 why 'does not answer'
    begin=$SECONDS
    daemon_stop 3
    [ $((SECONDS - begin)) -le 8 ]
    not grep 'is abandoned' log
    kill -CONT "$NATS"
    read -r produced sent lost < <(ended)
    [ "$produced" -eq $((sent + lost)) ] && [ "$lost" -gt 0 ] && [ "$sent" -gt 0 ]
    [ "$(rows)" -ge "$sent" ]
E
}

@test "nats: the connection of a thread that hangs is not open in the process of a new configuration" {
  inside <<'E'
    nats
    ask 4222 -stream XT
    "$SERVER" -port 10000 -count 300 >server & wait_for 20 grep -q READY server
    configure() { echo "{\"location\": \"$1\", \"label\": \"$(printf 'x%.0s' {1..2000})\"}" >c.json; }
    unread() { ss -Htn 'dport = 4222' | awk '{ sum += $3 } END { print sum + 0 }'; }
    # The thread that writes hangs: five polls of a megabyte each leave what the server has not read as it is.
    hangs() {
      local before polls
      before=$(unread) polls=$(curl -s http://127.0.0.1:9088/metrics | awk '$1 == "xtcp2_polls_total" { print $2 }')
      wait_for 20 metric xtcp2_polls_total $((polls + 5))
      [ "$before" -gt 1000000 ] && [ "$(unread)" -eq "$before" ]
    }
    restarted() { [ "$(grep -c 'xtcp2: version' log)" -eq 2 ]; }
    configure old
    daemon_start -config c.json -envelopeFlushRows 100 -produceTimeout 1h -flushTimeout 0s
    wait_for 20 ready
    kill -STOP "$NATS"
    wait_for 60 hangs
    socket=$(ss -Htne 'dport = 4222' | grep -o 'ino:[0-9]*')
    configure new
    kill -HUP "$DAEMON"
    wait_for 30 restarted
    grep 'is abandoned' log
    not grep -F "socket:[${socket#ino:}]" <<<"$(ls -l "/proc/$DAEMON/fd")"
E
}

@test "nats: the next server of the list is taken" {
  inside <<'E'
    nats
    ask 4222 -stream XT
    daemon_start -dest nats:127.0.0.1:4221,127.0.0.1:4222
    wait_for 20 ready
    not grep 'trying again' log
    daemon_stop
E
}
