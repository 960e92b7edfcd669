#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# -netlinkLookups: what lookups read is what a dump reads, and what they cannot know is dumped.
# bats file_tags=machine
bats_require_minimum_version 1.5.0
load lib

setup() {
  client_setup
  POPULATE=$(bin populate)
  SERVER=$(bin tcp_server)
  BOUND=$(bin bound)
  export POPULATE SERVER BOUND
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The sandbox with these verbs.
inside() {
  sandbox < <(
    declare -f populated value metrics_served daemon_start daemon_stop ended written poll_now keys
    cat
  )
}

# populated: two connections and their listener in each of two namespaces; the own one has the reader of the metrics as well.
populated() {
  mkfifo /run/pipe
  for ns in one two; do
    ip netns add $ns
    ip -n $ns link set lo up
    nsenter --net=/run/netns/$ns "$POPULATE" 2 <>/run/pipe >>/run/ready &
  done
  wait_for 20 eval '[ "$(grep -c READY /run/ready)" = 2 ]'
}

value() { curl -fsS http://127.0.0.1:9088/metrics | awk -v name="$1" '$1 == name { print $2 }'; }
metrics_served() { curl -fs http://127.0.0.1:9088/readyz >/dev/null; }

# daemon_start [FLAG]...: one that polls when it is told to, after its first poll.
daemon_start() {
  "$XTCP2" -source netlink -netlinkLookups -frequency 2h -timeout 1h -user root -grpcPort 0 -grpcSocket /run/grpc.sock -dest file:/run/out -marshal jsonl "$@" 2>/run/log &
  DAEMON=$!
  wait_for 20 metrics_served
}
daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

# The poll behind the one that ended at $last has ended; the destination has written all records there are.
ended() { [ "$(value xtcp2_poll_last_end_timestamp_seconds)" != "$last" ]; }
written() { [ "$(wc -l </run/out)" -eq "$(value xtcp2_records_total)" ]; }

# poll_now FILE: one more poll, whose records are put there.
poll_now() {
  wait_for 20 written
  before=$(wc -l </run/out)
  last=$(value xtcp2_poll_last_end_timestamp_seconds)
  "$CTL" trigger-poll -socket /run/grpc.sock >/dev/null
  wait_for 20 ended
  wait_for 20 written
  tail -n "+$((before + 1))" /run/out >"$1"
}

# keys FILE: a line per socket of the namespaces made here, with what does not change while it rests.
keys() {
  jq -r 'select(.netns == "one" or .netns == "two") |
    [.netns, .inet_diag_msg_state, .inet_diag_msg_family, .inet_diag_msg_socket_source, .inet_diag_msg_socket_source_port,
    .inet_diag_msg_socket_destination, .inet_diag_msg_socket_destination_port, .inet_diag_msg_socket_cookie, .inet_diag_msg_inode // 0,
    .inet_diag_msg_uid // 0, .congestion_algorithm_string // "", .tcp_info_rtt // 0, .tcp_info_bytes_acked // 0, .sk_mem_info_rcvbuf // 0,
    .tcp_info_snd_cwnd // 0, .shutdown_state // 0, .sock_opt // 0, .c_group // 0] | join(" ")' "$1" | sort
}

@test "a poll by lookups has the records of a dump, field by field" {
  inside <<'EOT'
    populated
    daemon_start
    poll_now /run/second
    [ "$(value xtcp2_netlink_namespaces_looked_up_total)" -ge 2 ]
    daemon_stop
    "$XTCP2" -source netlink -maxLoops 1 -user root -promListen= -grpcPort 0 -grpcSocket= -dest file:/run/dump -marshal jsonl 2>>/run/log
    keys /run/dump >/run/dump.keys
    keys /run/second >/run/second.keys
    diff /run/dump.keys /run/second.keys
    [ "$(grep -c ESTABLISHED /run/second.keys)" -eq 8 ]
EOT
}

@test "a new socket is in the next poll, and so is one that takes the place of another" {
  inside <<'EOT'
    populated
    nsenter --net=/run/netns/one "$SERVER" -count 1 -bind 127.0.0.1 >/run/server & first=$!
    wait_for 20 grep -q READY /run/server
    # listens FILE ADDRESS: how many listeners there have this address in the namespace one.
    listens() { jq -r "select(.netns == \"one\" and .inet_diag_msg_state == \"LISTEN\" and .inet_diag_msg_socket_source == \"$2\") | .netns" "$1" | wc -l; }
    daemon_start
    poll_now /run/0
    looked=$(value xtcp2_netlink_namespaces_looked_up_total)
    [ "$looked" -ge 2 ]
    [ "$(listens /run/0 127.0.0.1)" -eq 1 ]
    # One more: the kernel counts it.
    nsenter --net=/run/netns/one "$SERVER" -count 1 -bind 127.0.0.2 >/run/server2 &
    wait_for 20 grep -q READY /run/server2
    poll_now /run/1
    [ "$(listens /run/1 127.0.0.2)" -eq 1 ]
    # It is known from then on.
    poll_now /run/2
    [ "$(value xtcp2_netlink_namespaces_looked_up_total)" -ge $((looked + 3)) ]
    [ "$(listens /run/2 127.0.0.2)" -eq 1 ]
    # One less and one more: as many as before.
    kill "$first"
    wait "$first" || :
    nsenter --net=/run/netns/one "$SERVER" -count 1 -bind 127.0.0.3 >/run/server3 &
    wait_for 20 grep -q READY /run/server3
    short=$(value xtcp2_netlink_lookups_incomplete_total)
    poll_now /run/3
    [ "$(value xtcp2_netlink_lookups_incomplete_total)" -gt "$short" ]
    [ "$(listens /run/3 127.0.0.3)" -eq 1 ]
    [ "$(listens /run/3 127.0.0.1)" -eq 0 ]
    # Lookups and the dump behind them give each socket one record.
    [ -z "$(jq -r .inet_diag_msg_socket_cookie /run/3 | sort | uniq -d)" ]
    daemon_stop
EOT
}

@test "listeners that share a port are read by a dump of the listeners, beside lookups of the rest" {
  inside <<'EOT'
    populated
    # listen FILE PORT COUNT: so many listeners of this port in the namespace one, while the pipe FILE is held open.
    listen() {
      mkfifo "$1"
      nsenter --net=/run/netns/one "$BOUND" "$2" "$3" <>"$1" >"$1.ready" & LISTENER=$!
      wait_for 20 grep -q READY "$1.ready"
    }
    # listens FILE PORT
    listens() { jq -r "select(.netns == \"one\" and .inet_diag_msg_state == \"LISTEN\" and .inet_diag_msg_socket_source_port == $2) | .netns" "$1" | wc -l; }
    listen /run/first 7000 3
    daemon_start
    # The lookups find one of the three; then comes a pause, and then the dump of the listeners.
    poll_now /run/0
    [ "$(value xtcp2_netlink_lookups_incomplete_total)" -ge 1 ]
    poll_now /run/1
    looked=$(value xtcp2_netlink_namespaces_looked_up_total)
    poll_now /run/2
    dumps=$(value xtcp2_netlink_listener_dumps_total)
    [ "$dumps" -ge 1 ]
    [ "$(value xtcp2_netlink_namespaces_looked_up_total)" -ge $((looked + 2)) ]
    for i in 0 1 2; do
      [ "$(listens /run/$i 7000)" -eq 3 ]
      keys /run/$i >/run/$i.keys
      diff /run/0.keys /run/$i.keys
      [ -z "$(jq -r .inet_diag_msg_socket_cookie /run/$i | sort | uniq -d)" ]
    done
    # One of another port in the place of the three: as few as before are known, and a dump follows.
    kill "$LISTENER"
    wait "$LISTENER" || :
    listen /run/second 7001 3
    poll_now /run/3
    [ "$(value xtcp2_netlink_listener_dumps_total)" -gt "$dumps" ]
    [ "$(value xtcp2_netlink_lookups_incomplete_total)" -ge 2 ]
    [ "$(listens /run/3 7000)" -eq 0 ]
    [ "$(listens /run/3 7001)" -eq 3 ]
    [ -z "$(jq -r .inet_diag_msg_socket_cookie /run/3 | sort | uniq -d)" ]
    daemon_stop
EOT
}

@test "where lookups cannot tell, nothing is looked up: some states, a filter that the kernel runs, a capture" {
  inside <<'EOT'
    populated
    for flags in "-states listen" "-states all" "-filter dport!=:1" "-writeFiles 1 -capturePath /run/captures"; do
      # shellcheck disable=SC2086
      daemon_start $flags
      poll_now /run/again
      [ -s /run/again ]
      [ "$(value xtcp2_netlink_lookups_total)" -eq 0 ]
      daemon_stop
      rm /run/out
    done
EOT
}
