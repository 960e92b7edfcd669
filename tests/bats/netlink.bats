#!/usr/bin/env bats
# The netlink source against the real kernel: its records must equal the output of ss(8)
# for the same sockets.

load lib

setup() {
  SERVER=$(bin tcp_server)
  CLIENT=$(bin tcp_client)
  BOUND=$(bin bound)
  POPULATE=$(bin populate)
  BUILD=$(readlink -f "$BUILD")
  export SERVER CLIENT BOUND POPULATE BUILD
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The sandbox with these verbs.
kernel() {
  sandbox < <(
    declare -f records shown settled same_as_ss peers in_state opened
    cat
  )
}

# One line per record: state, addresses and ports, inode, uid, cookie, algorithm, bytes acked and received.
records() {
  drive dump /run/records >/dev/null
  jq -r '[.inet_diag_msg_state,
    .inet_diag_msg_socket_source, .inet_diag_msg_socket_source_port,
    .inet_diag_msg_socket_destination, .inet_diag_msg_socket_destination_port,
    .inet_diag_msg_inode // 0, .inet_diag_msg_uid // 0, .inet_diag_msg_socket_cookie,
    .congestion_algorithm_string // "-", .tcp_info_bytes_acked // 0, .tcp_info_bytes_received // 0] | join(" ")' /run/records | sort
}

# The same from ss.
shown() {
  # Newer ones list bound sockets under -a, too; a dump does not read those unless asked.
  ss -tinemOHa | awk '
    /^UNCONN/ { next }
    function value(name,   i) {
      for (i = 6; i <= NF; i++) if (index($i, name ":") == 1) return substr($i, length(name) + 2)
      return 0
    }
    function end(text,   at) {
      at = match(text, /:[^:]*$/)
      port = substr(text, at + 1); address = substr(text, 1, at - 1)
      gsub(/[][]|::ffff:/, "", address)
      return (address == "*" ? "::" : address) " " (port == "*" ? 0 : port)
    }
    {
      state = $1; gsub("-", "_", state); sub(/^ESTAB$/, "ESTABLISHED", state); sub(/FIN_WAIT_/, "FIN_WAIT", state)
      algorithm = "-"
      for (i = 6; i <= NF; i++) if ($i ~ /^(cubic|reno|bbr)$/) algorithm = $i
      local = end($4); remote = end($5)
      # ss writes the listener of both families as *:port *:*, of one as 0.0.0.0:port 0.0.0.0:*
      print state, local, remote, value("ino"), value("uid"), "0x" value("sk"), algorithm, value("bytes_acked"), value("bytes_received")
    }' | while read -r state la lp ra rp inode uid cookie rest; do
    echo "$state $la $lp $ra $rp $inode $uid $((cookie)) $rest"
  done | sort
}

# settled: what ss shows before and after our dump is the same, so the dump must show it too.
settled() {
  shown >/run/before
  records >/run/ours
  shown | diff /run/before - >/dev/null
}

# Both views agree, and there are N sockets of state S in it, for each S=N.
same_as_ss() {
  local pair
  wait_for 20 settled
  diff /run/before /run/ours >&2
  for pair; do
    [ "$(grep -c "^${pair%=*} " /run/ours)" -eq "${pair#*=}" ] || { echo "not $pair:" >&2; cat /run/ours >&2; return 1; }
  done
}

# in_state STATE N: ss shows N sockets in that state.
in_state() { [ "$(ss -Htna state "$1" | wc -l)" -eq "$2" ]; }

# Connections that this namespace has begun (ActiveOpens).
opened() { awk '/^Tcp: [0-9]/ { print $6 }' /proc/net/snmp; }

# peers SERVER-ADDRESS CLIENT-ADDRESS N [FLAG...]: N listeners and as many quiet connections that have carried one message.
peers() {
  "$SERVER" -count "$3" -bind "$1" >/run/server &
  wait_for 20 grep -q READY /run/server
  "$CLIENT" -count "$3" -connect "$2" -sleep 1h "${@:4}" >/run/client &
  wait_for 20 grep -q READY /run/client
}

@test "IPv4: ports, states, inode, uid, cookie, algorithm and bytes are those of ss" {
  kernel <<'E'
    drive_start -own
    peers 0.0.0.0 127.0.0.1 5 -pads 3000
    same_as_ss ESTABLISHED=10 LISTEN=5
    [ "$(records | awk '$3 >= 4000 && $3 < 4005 && $11 == 3000 && $10 == 3000' | wc -l)" -eq 5 ]
E
}

@test "IPv6 and IPv4-mapped addresses" {
  kernel <<'E'
    drive_start -own
    peers :: ::1 2
    "$CLIENT" -count 2 -connect 127.0.0.1 -sleep 1h >/run/client2 &
    wait_for 20 grep -q READY /run/client2
    same_as_ss ESTABLISHED=8 LISTEN=2
    # The server's ends of IPv4 connections are IPv6 sockets with IPv4 addresses.
    [ "$(jq -s 'map(select(.inet_diag_msg_family == 10 and .inet_diag_msg_socket_source == "127.0.0.1"
      and .inet_diag_msg_state == "ESTABLISHED")) | length' /run/records)" -eq 2 ]
E
}

# bats test_tags=machine
@test "the congestion algorithm and the user of each socket" {
  kernel <<'E'
    drive_start -own
    "$SERVER" -count 2 >/run/server &
    wait_for 20 grep -q READY /run/server
    echo reno >/proc/sys/net/ipv4/tcp_congestion_control
    setpriv --reuid=4321 --clear-groups "$CLIENT" -count 2 -sleep 1h >/run/client &
    wait_for 20 grep -q READY /run/client
    same_as_ss ESTABLISHED=4 LISTEN=2
    [ "$(records | awk '$7 == 4321 && $9 == "reno"' | wc -l)" -eq 2 ]
E
}

@test "TIME_WAIT, FIN_WAIT2 and CLOSE_WAIT" {
  kernel <<'E'
    drive_start -own
    mkfifo /run/hold
    # The server's side stays open after the client has ended: FIN_WAIT2 and CLOSE_WAIT.
    socat -u OPEN:/run/hold TCP-LISTEN:5001,reuseaddr &
    exec 7>/run/hold
    wait_for 20 in_state listening 1
    socat -u /dev/null TCP:127.0.0.1:5001,shut-none & client=$!
    wait $client || :
    wait_for 20 in_state close-wait 1
    wait_for 20 in_state fin-wait-2 1
    same_as_ss CLOSE_WAIT=1 FIN_WAIT2=1
    exec 7>&-
    wait_for 20 in_state time-wait 1
    same_as_ss TIME_WAIT=1
    # No owner, no tcp_info: absent, not zero.
    grep '"TIME_WAIT"' /run/records | jq -e '(.tcp_info_rtt, .congestion_algorithm_string, .inet_diag_msg_inode) == null'
E
}

@test "SYN_RECV and SYN_SENT" {
  kernel <<'E'
    drive_start -own
    # A listener that waits for data before it accepts: the connection stays a request.
    socat TCP-LISTEN:5002,tcp-defer-accept=60 - </dev/null >/dev/null &
    wait_for 20 in_state listening 1
    mkfifo /run/hold
    socat OPEN:/run/hold TCP:127.0.0.1:5002 &
    exec 7>/run/hold
    wait_for 20 in_state syn-recv 1
    # An address behind a cable that nobody holds at the other end.
    ip link add near type veth peer name far
    ip link set near up && ip link set far up && ip addr add 10.77.0.1/24 dev near
    ip neigh add 10.77.0.2 lladdr 02:00:00:00:00:02 dev near
    socat - TCP:10.77.0.2:5003 </dev/null &
    wait_for 20 in_state syn-sent 1
    same_as_ss SYN_RECV=1 SYN_SENT=1 LISTEN=1
E
}

@test "-states: only the requested ones; bound sockets only on demand" {
  kernel <<'E'
    mkfifo /run/hold
    "$BOUND" 5004 </run/hold >/run/bound &
    exec 7>/run/hold
    wait_for 20 grep -q READY /run/bound
    peers 127.0.0.1 127.0.0.1 3
    drive_start -own
    same_as_ss ESTABLISHED=6 LISTEN=3
    drive_start -own -states listen
    [ "$(records | cut -d' ' -f1 | sort | uniq -c | xargs)" = "3 LISTEN" ]
    drive_start -own -states all
    records | grep -v -e ESTABLISHED -e LISTEN >/run/rest
    if [ "$(uname -r | sort -V - <(echo 6.8) | head -n 1)" = 6.8 ]; then
      grep -qE '^[A-Z_]+ 127.0.0.1 5004 ' /run/rest
      [ "$(wc -l </run/rest)" -eq 1 ]
    fi
E
}

@test "many batches: every socket of 10,000 exactly once" {
  kernel <<'E'
    mkfifo /run/hold
    "$POPULATE" 5000 </run/hold >/run/ready &
    exec 7>/run/hold
    wait_for 20 grep -q READY /run/ready
    drive_start -own
    expect "10000 1" drive dump /run/records
    expect 0 drive stat RECORDS_DUPLICATE
    [ "$(drive stat NL_RECVS)" -gt 100 ]
    jq -r .inet_diag_msg_socket_cookie /run/records | sort >/run/got
    ss -tneH state established | grep -o 'sk:[0-9a-f]*' | while read -r c; do echo $((16#${c#sk:})); done | sort >/run/want
    [ "$(wc -l </run/want)" -eq 10000 ]
    cmp /run/want /run/got
    # Batches carry the time of their own receive: it grows over the dump and ends before now.
    jq -s 'map(.timestamp_ns)' /run/records | jq -e --argjson now "$(date +%s%N)" 'sort == . and (unique | length) > 10 and last <= $now'
E
}

@test "a dump cut by its deadline is marked, and the next one is whole" {
  kernel <<'E'
    mkfifo /run/hold
    "$POPULATE" 3000 </run/hold >/run/ready &
    exec 7>/run/hold
    wait_for 20 grep -q READY /run/ready
    drive_start -own
    for _ in 1 2 3; do
      read -r records cut <<<"$(drive cut 500000)"
      [ "$cut" -eq 1 ]
      [ "$records" -lt 6000 ]
      read -r records _ <<<"$(drive count)"
      [ "$records" -eq 6000 ]
    done
    expect 3 drive stat NL_ERR_TIMEOUT
    expect 3 drive stat NL_PARTIAL
    expect 0 drive stat NL_STRAY
    expect 0 drive stat NL_RETRIES
E
}

@test "sockets that open and close during dumps are read without an error" {
  kernel <<'E'
    "$SERVER" -count 50 >/run/server &
    wait_for 20 grep -q READY /run/server
    # No echo is fast enough: connection after connection.
    "$CLIENT" -count 50 -sleep 1ms -rto 1ns >/run/client & client=$!
    drive_start -own
    dumps=0
    until [ "$dumps" -ge 100 ] && [ "$(opened)" -ge 500 ]; do
      drive count >/dev/null
      dumps=$((dumps + 1))
    done
    for counter in NL_PARTIAL NL_ERR_TRUNC NL_ERR_NOBUFS NL_ERR_NLMSG NL_ERR_DONE NL_STRAY DECODE_SHORT DECODE_BAD_ATTR; do
      expect 0 drive stat "$counter"
    done
    kill "$client"; wait "$client"
E
}

@test "no socket that lives is missed or doubled while others come and go, whether looked up or dumped" {
  # The nightly workflow makes 1,000 polls.
  for flags in "" -netlinkLookups; do
    # shellcheck disable=SC2086
    LIMIT=5 LIMIT_ENDS=1 run timeout 120 "$BATS_TEST_DIRNAME/../bench/churn" 1000 100 -source netlink $flags
    [[ ${lines[-1]} =~ ^([0-9]+)\ polls\ .*\ 200\ sockets\ that\ stayed:\ 0\ records\ missing,\ 0\ double$ ]]
    [ "${BASH_REMATCH[1]}" -ge 3 ]
  done
}

@test "udp_receiver_server counts the records of each envelope" {
  receiver=$(bin udp_receiver_server)
  export receiver
  kernel <<'E'
    "$receiver" -count 3 >/run/out &
    wait_for 20 grep -q READY /run/out
    # socat's own end of file would be one more datagram: shut-none. Two envelopes of two and one empty records; one of them again; no envelope.
    printf '\x04\x52\x00\x52\x00\x02\x52\x00' | socat -u - UDP:127.0.0.1:13000,shut-none
    printf '\x04\x52\x00\x52\x00' | socat -u - UDP:127.0.0.1:13000,shut-none
    printf 'hello' | socat -u - UDP:127.0.0.1:13000,shut-none
    wait_for 20 grep -q DONE /run/out
    expect "8 bytes, 3 records" sed -n 2p /run/out
    expect "5 bytes, 2 records" sed -n 3p /run/out
    expect "5 bytes, no envelope" sed -n 4p /run/out
    expect "DONE 3 datagrams, 18 bytes, 5 records, 1 undecodable" sed -n 5p /run/out
E
}
