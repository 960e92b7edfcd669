#!/usr/bin/env bats
# -closeEvents: every connection leaves a final record, however short it lived.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  SHORT=$(bin short_connections)
  SERVER=$(bin tcp_server)
  CLIENT=$(bin tcp_client)
  CTL=$(bin xtcp2ctl)
  BUILD=$(readlink -f "$BUILD")
  LISTEN=$(bin xtcp2client)
  export XTCP2 SHORT SERVER CLIENT CTL LISTEN BUILD
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The sandbox with these verbs.
closing() {
  sandbox < <(
    declare -f daemon_start daemon_stop namespaces short_everywhere has_records finals accounted
    cat
  )
}

# daemon_start [FLAG...]: records to /run/out, the log to /run/log; ready when the first poll has ended.
daemon_start() {
  "$XTCP2" -dest file:/run/out -marshal jsonl -promListen= -grpcPort 0 -closeEvents -d 7 -frequency 1h "$@" 2>/run/log &
  DAEMON=$!
  wait_for 20 grep -q "^poll: " /run/log
}

daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

# namespaces N: ns1 to nsN, loopback up.
namespaces() {
  local i
  for ((i = 1; i <= $1; i++)); do ip netns add "ns$i" && ip -n "ns$i" link set lo up; done
}

# short_everywhere NAMESPACES CONNECTIONS 4|6: in all of them at once; prints how many sockets were closed.
short_everywhere() {
  local i pids=()
  for ((i = 1; i <= $1; i++)); do ip netns exec "ns$i" "$SHORT" "$2" "$3" >"/run/closed$i" & pids+=($!); done
  wait "${pids[@]}"
  cat /run/closed* | awk '{ sum += $1 } END { print sum }'
}

# The final records of connections (not of listeners).
finals() { jq -c 'select(.event == 1 and .inet_diag_msg_socket_destination_port != 0)' /run/out; }
has_records() { [ "$(grep -c '"event":1' /run/out)" -ge "$1" ]; }

# accounted N: received and dropped are N by the log's last count.
accounted() {
  local events dropped
  read -r events dropped < <(sed -n 's/^close: \([0-9]*\) events, \([0-9]*\) dropped.*/\1 \2/p' /run/log | tail -n 1) || return 1
  [ $((events + dropped)) -eq "$1" ]
}

@test "10,000 connections over 20 namespaces between two polls: 10,000 final records per side" {
  closing <<'E'
    namespaces 20
    daemon_start
    closed=$(short_everywhere 20 500 4)
    [ "$closed" -eq 20020 ]
    wait_for 30 has_records "$closed"
    daemon_stop
    accounted "$closed"
    grep '^close: .* events' /run/log | tail -n 1 | grep ' 0 dropped' >/dev/null
    finals >/run/finals
    # A server's end has the listener's port, the only one that is there 500 times; it is the side that received the byte.
    jq -s -e 'length == 20000 and (map(.inet_diag_msg_socket_cookie) | unique | length) == 20000
      and all(.inet_diag_msg_state == "CLOSE" and .tcp_info_segs_in > 0 and .netns_inode > 0 and .netns_cookie > 0)
      and (group_by(.netns) | length == 20 and all(length == 1000))
      and (group_by(.netns) | all(group_by(.inet_diag_msg_socket_source_port) | map(length) | max == 500))
      and (map(select(.tcp_info_data_segs_in == 1)) | length == 10000)
      and (map(select(.tcp_info_data_segs_out == 1)) | length == 10000)' /run/finals
    # Names go with the namespaces, not with the numbers.
    jq -r '"\(.netns) \(.netns_inode)"' /run/finals | sort -u >/run/got
    for ((i = 1; i <= 20; i++)); do echo "ns$i $(stat -Lc %i "/run/netns/ns$i")"; done | sort >/run/want
    cmp /run/want /run/got
E
}

@test "a tiny buffer: received plus dropped events equal the closed sockets exactly" {
  closing <<'E'
    namespaces 20
    daemon_start -closeEventsBuffer 4096 -frequency 100ms -timeout 90ms
    for family in 4 6; do
      total=$((${total:-0} + $(short_everywhere 20 200 $family)))
      wait_for 30 accounted "$total"
    done
    [ "$total" -eq 16040 ]
    daemon_stop
    accounted "$total"
    # It was the loss that was tested.
    [ "$(sed -n 's/^close: .* events.* \([0-9]*\) dropped.*/\1/p' /run/log | tail -n 1)" -gt 0 ]
    [ "$(grep -c '"event":1' /run/out)" -eq "$(sed -n 's/^close: \([0-9]*\) events.*/\1/p' /run/log | tail -n 1)" ]
E
}

@test "a final record has what the last poll saw of the socket" {
  closing <<'E'
    namespaces 1
    ip netns exec ns1 "$SERVER" -count 1 -bind 127.0.0.1 >/run/server & server=$!
    wait_for 20 grep -q READY /run/server
    ip netns exec ns1 setpriv --reuid=4321 --clear-groups "$CLIENT" -count 1 -sleep 1h >/run/client & client=$!
    wait_for 20 grep -q READY /run/client
    daemon_start
    # By now the only poll is over.
    kill "$client" && wait "$client" || :
    kill "$server" && wait "$server" || :
    wait_for 20 has_records 3
    daemon_stop
    finals >/run/finals
    jq -s -e 'length == 2' /run/finals
    # Field by field the same as in the poll, for both ends.
    for field in inet_diag_msg_uid inet_diag_msg_inode c_group congestion_algorithm_string sk_mem_info_rcv_buf netns netns_inode \
      netns_cookie inet_diag_msg_socket_source_port; do
      key="[.inet_diag_msg_socket_cookie, .$field] | join(\" \")"
      jq -r "$key" /run/finals | sort >/run/got
      jq -r "select(.event == null and .inet_diag_msg_state == \"ESTABLISHED\") | $key" /run/out | sort >/run/want
      cmp /run/want /run/got || { echo "$field:"; cat /run/want /run/got; exit 1; }
    done >&2
    jq -s -e 'map(.inet_diag_msg_uid) | sort == [0, 4321]' /run/finals
E
}

@test "a namespace that comes later is heard from its first scan on; the own one always" {
  closing <<'E'
    daemon_start
    "$SHORT" 3 6 >/run/own
    ip netns add late && ip -n late link set lo up
    heard() {
      ip netns exec late "$SHORT" 1 4 >/dev/null
      # Not -q: the first grep would die of a closed pipe.
      grep '"late"' /run/out | grep '"event":1' >/dev/null
    }
    # The watch of the directory leads to a scan at once.
    wait_for 20 heard
    daemon_stop
    jq -s -e 'map(select(.event == 1 and .netns == "self")) | length == 7' /run/out
E
}

@test "CAP_NET_ADMIN is permitted but not effective; without it only the own namespace is followed" {
  closing <<'E'
    daemon_start
    caps() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$DAEMON/task/"*"/status" | sort -u; }
    # Bit 12 is CAP_NET_ADMIN, bit 11 CAP_NET_BROADCAST; all threads alike.
    [ $(((0x$(caps CapEff) >> 11) & 3)) -eq 0 ]
    [ $(((0x$(caps CapPrm) >> 11) & 3)) -eq 3 ]
    daemon_stop
    rm /run/log /run/out
    namespaces 1
    printf '#!/bin/sh\nexec setpriv --bounding-set -net_admin --inh-caps -net_admin %s "$@"\n' "$XTCP2" >/run/less
    chmod +x /run/less
    XTCP2=/run/less
    daemon_start
    grep -q 'only connections of the own network namespace' /run/log
    ip netns exec ns1 "$SHORT" 1 4 >/dev/null
    "$SHORT" 1 4 >/dev/null
    wait_for 20 has_records 3
    daemon_stop
    jq -s -e 'map(select(.event == 1)) | length == 3 and all(.netns == "self")' /run/out
E
}

@test "a start over in place follows all namespaces as before" {
  closing <<'E'
    namespaces 1
    "$XTCP2" -dest file:/run/out -marshal jsonl -promListen= -closeEvents -d 7 -frequency 1h 2>/run/log & DAEMON=$!
    wait_for 20 grep -q "^poll: " /run/log
    echo '{"tag": "again"}' >/run/part.json
    "$CTL" reconfigure -file /run/part.json >/dev/null
    polled_again() { [ "$(grep -c "^poll: " /run/log)" -ge 2 ]; }
    wait_for 20 polled_again
    kill -0 "$DAEMON"
    ip netns exec ns1 "$SHORT" 2 4 >/dev/null
    heard() { jq -s -e 'map(select(.event == 1 and .tag == "again" and .netns == "ns1")) | length == 5' /run/out >/dev/null; }
    wait_for 20 heard
    daemon_stop
E
}

@test "a gRPC client gets final records between polls" {
  closing <<'E'
    namespaces 1
    daemon_start -grpcPort 8889
    "$LISTEN" -format json >/run/live 2>&1 &
    live=$!
    # The client may listen only after a connection or two; there is no other poll in this hour.
    got_one() { ip netns exec ns1 "$SHORT" 1 4 >/dev/null && grep -q '"event":1' /run/live; }
    wait_for 20 got_one
    kill -TERM "$live"
    wait "$live" || :
    [ "$(grep -c '^poll: ' /run/log)" -eq 1 ]
    daemon_stop
E
}

@test "a number that goes to another namespace between two scans takes no name with it" {
  closing <<'E'
    namespaces 1
    daemon_start -promListen 127.0.0.1:9088
    number() { ip netns list-id | awk 'NR == 1 { print $2 }'; }
    numbers() { [ "$(ip netns list-id | wc -l)" -eq "$1" ]; }
    # finals_of NAME N: N final records carry the name (null for none).
    finals_of() { jq -s -e --argjson name "$1" --argjson n "$2" 'map(select(.event == 1 and .netns == $name)) | length == $n' /run/out >/dev/null; }
    # The last connections of a namespace end right before it: they are still its own.
    ip netns exec ns1 "$SHORT" 20 4 >/run/closed
    old=$(number)
    ip netns delete ns1
    wait_for 20 finals_of '"ns1"' 41
    wait_for 20 numbers 0
    # Nobody scans for a namespace that only a process holds. The kernel numbers it for the veth pair's sake.
    other=$(anonymous_start /run/hold)
    nsenter -t "$other" -n ip link set lo up
    tie "$other"
    wait_for 20 numbers 1
    [ "$(number)" = "$old" ]
    nsenter -t "$other" -n "$SHORT" 10 4 >/run/closed
    wait_for 20 finals_of null 21
    jq -s -e 'map(select(.event == 1 and .netns == null)) | all(.netns_inode == null and .netns_cookie == null)' /run/out
    curl -fs http://127.0.0.1:9088/metrics | grep -x 'xtcp2_close_events_unnamed_total 21'
    # A scan names it, from the next connection on.
    ip netns add another
    wait_for 20 grep "namespace pid:$other found" /run/log
    named() { nsenter -t "$other" -n "$SHORT" 1 4 >/run/closed && ! finals_of "\"pid:$other\"" 0; }
    wait_for 20 named
    finals_of '"ns1"' 41
    daemon_stop
E
}
