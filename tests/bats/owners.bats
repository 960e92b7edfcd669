#!/usr/bin/env bats
# -owners: which process holds a socket; and how long a closed connection lived.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  CLIENT=$(bin tcp_client)
  BUILD=$(readlink -f "$BUILD")
  export XTCP2 SERVER CLIENT BUILD
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The sandbox with these verbs.
inside() {
  sandbox < <(
    declare -f server_start client_start holders_start daemon_start daemon_stop described of_port last_of_port
    cat
  )
}

# server_start: tcp_server on loopback; its pid is in SERVER_PID, its port in PORT.
server_start() {
  "$SERVER" -count 1 -bind 127.0.0.1 >/run/server &
  # shellcheck disable=SC2034  # read by the tests
  SERVER_PID=$!
  wait_for 20 grep -q READY /run/server
  PORT=$(ss -Htnl | awk '{ sub(/.*:/, "", $4); print $4; exit }')
}

# client_start [LAUNCHER...]: one connection to it; its pid is in CLIENT_PID.
client_start() {
  "$@" "$CLIENT" -count 1 -sleep 1h >/run/client &
  # shellcheck disable=SC2034  # read by the tests
  CLIENT_PID=$!
  wait_for 20 grep -q READY /run/client
}

# holders_start: a connection to the server that the processes FIRST and SECOND hold and nobody else.
holders_start() {
  mkfifo /run/hold-first /run/hold-second
  # shellcheck disable=SC2016  # expanded by that shell
  bash -c 'exec 9<>"/dev/tcp/127.0.0.1/$0"
    bash -c "echo second >/proc/self/comm; echo \$\$ >/run/second; read -r <>/run/hold-second" &
    echo first >/proc/self/comm; echo $$ >/run/first; read -r <>/run/hold-first' "$PORT" &
  wait_for 20 test -s /run/first
  wait_for 20 test -s /run/second
  FIRST=$(cat /run/first) SECOND=$(cat /run/second)
  [ "$(cat "/proc/$FIRST/comm" "/proc/$SECOND/comm" | xargs)" = "first second" ]
}

daemon_start() {
  "$XTCP2" -owners on -dest file:/run/out -marshal jsonl -grpcPort 0 -promListen= -frequency 100ms -timeout 90ms "$@" 2>/run/log &
  DAEMON=$!
}
daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

# described FILTER: some record matches.
described() { jq -n -e "first(inputs | select($1)) | true" /run/out >/dev/null 2>&1; }

# of_port FILTER: of the records of the client's end of a connection to the server.
of_port() {
  jq -r "select(.inet_diag_msg_socket_destination_port == $PORT and .inet_diag_msg_state == \"ESTABLISHED\") | $1" /run/out
}

# last_of_port FILTER: the last of those records matches; the file may end within a line.
last_of_port() {
  grep "\"inet_diag_msg_socket_destination_port\":$PORT,.*}\$" /run/out | tail -n 1 | jq -e "$1" >/dev/null
}

@test "the first poll names who holds each socket, whoever it is, and by default nobody is asked" {
  inside <<'E'
    server_start
    client_start setpriv --reuid=4321 --clear-groups
    "$XTCP2" -owners on -maxLoops 1 -promListen= -grpcPort 0 >/run/out 2>/run/log
    grep -q '^xtcp2: runs as ' /run/log
    jq -s -e --argjson server "$SERVER_PID" --argjson client "$CLIENT_PID" --argjson port "$PORT" 'length == 3 and all(
      if .inet_diag_msg_socket_destination_port == $port then .pid == $client and .comm == "tcp_client"
      else .pid == $server and .comm == "tcp_server" end) and all(.owner_count == null)' /run/out
    for owners in off auto; do
      "$XTCP2" -owners $owners -maxLoops 1 -promListen= -grpcPort 0 >/run/out
      jq -s -e 'length == 3 and all(.pid == null and .comm == null)' /run/out
    done
E
}

@test "a word that -owners does not know ends the start" {
  run "$XTCP2" -owners maybe -maxLoops 1
  [ "$status" -eq 2 ]
  [[ $output == *"-owners maybe: must be on, auto or off"* ]]
}

@test "two processes hold one socket: the lowest number is named, the other counted; then the one that is left" {
  inside <<'E'
    server_start
    holders_start
    "$XTCP2" -owners on -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    [ "$(of_port '"\(.pid) \(.comm) \(.owner_count)"')" = "$FIRST first 1" ]
    daemon_start
    wait_for 20 last_of_port ".pid == $FIRST and .owner_count == 1"
    kill "$FIRST"
    wait_for 20 last_of_port ".pid == $SECOND and .comm == \"second\" and .owner_count == null"
    daemon_stop
E
}

@test "the number of the process that ended goes to another one: that one is never named" {
  inside <<'E'
    server_start
    holders_start
    daemon_start
    wait_for 20 last_of_port ".pid == $FIRST"
    # No poll between the end of the one and the start of the other under the same number.
    kill -STOP "$DAEMON"
    kill "$FIRST"
    wait "$FIRST" || :
    reused() {
      echo $((FIRST - 1)) >/proc/sys/kernel/ns_last_pid
      sleep 1h & [ $! -eq "$FIRST" ]
    }
    wait_for 20 reused
    kill -CONT "$DAEMON"
    wait_for 20 last_of_port ".pid == $SECOND and .comm == \"second\""
    daemon_stop
    jq -n -e '[inputs | select(.comm == "sleep")] == []' /run/out
E
}

@test "without CAP_SYS_PTRACE one line says so, own sockets have owners, and the daemon is ready" {
  inside <<'E'
    server_start
    mkdir -m 777 /run/daemon
    setpriv --reuid=4321 --regid=4321 --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
      "$XTCP2" -owners on -dest file:/run/daemon/out -marshal jsonl -grpcPort 0 -grpcSocket= -promListen 127.0.0.1:9088 \
      -frequency 100ms -timeout 90ms 2>/run/log & DAEMON=$!
    ready() { [ "$(curl -s -o /run/ready -w '%{http_code}' http://127.0.0.1:9088/readyz)" = 200 ]; }
    wait_for 20 ready
    wait_for 20 grep -q '^owners: no permission to see the descriptors of ' /run/log
    # The daemon's own listener is its own to see.
    own() { jq -n -e "first(inputs | select(.pid == $DAEMON and .comm == \"xtcp2\"))" /run/daemon/out >/dev/null 2>&1; }
    wait_for 20 own
    wait_for 20 ready
    daemon_stop
    jq -n -e "[inputs | select(.pid == $SERVER_PID)] == []" /run/daemon/out
    [ "$(grep -c '^owners: ' /run/log)" -eq 1 ]
E
}

@test "a final record names the owner that the last poll knew, and a duration that is at least so long" {
  inside <<'E'
    server_start
    client_start setpriv --reuid=4321 --clear-groups
    daemon_start -closeEvents
    wait_for 20 described ".pid == $CLIENT_PID"
    kill "$CLIENT_PID" && wait "$CLIENT_PID" || :
    wait_for 20 described '.event == 1 and .comm == "tcp_client"'
    daemon_stop
    jq -s -e --argjson pid "$CLIENT_PID" 'map(select(.event == 1 and .comm == "tcp_client")) | length == 1
      and all(.pid == $pid and .duration_us > 0 and .duration_basis > 0)' /run/out
E
}

@test "a connection that says nothing tells how long it lived, to the tick, although no poll has seen it" {
  inside <<'E'
    server_start
    "$XTCP2" -dest file:/run/out -marshal jsonl -grpcPort 0 -promListen= -frequency 1h -closeEvents -d 7 2>/run/log & DAEMON=$!
    wait_for 20 grep -q '^poll: ' /run/log
    begin=$(date +%s%N)
    exec 9<>"/dev/tcp/127.0.0.1/$PORT"
    opened=$(date +%s%N)
    read -rt 0.3 <> <(:) || :
    closing=$(date +%s%N)
    exec 9>&-
    # Both ends, once the server has closed its own.
    kill "$SERVER_PID"
    ends() { [ "$(jq -c 'select(.event == 1 and .duration_basis == 1)' /run/out | wc -l)" -eq 2 ]; }
    wait_for 20 ends
    end=$(date +%s%N)
    daemon_stop
    # Ten milliseconds are the longest tick.
    jq -s -e --argjson least $(((closing - opened) / 1000 - 10000)) --argjson most $(((end - begin) / 1000 + 10000)) '
      map(select(.event == 1 and .duration_basis == 1))
      | length == 2 and all(.duration_us >= $least and .duration_us <= $most)' /run/out
E
}
