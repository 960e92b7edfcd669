#!/usr/bin/env bats
# xtcp2 ss and top: a look at the sockets without a daemon; filters against ss(8) itself.

load lib
bats_require_minimum_version 1.5.0

# shellcheck source=tests/bats/look.bash
. "$BATS_TEST_DIRNAME/look.bash"

setup() { look_setup; }

# Connections of both families: 6 to the ports 7001 to 7003 of IPv4, 4 to 7011 and 7012 of IPv6.
lab() {
  # shellcheck disable=SC2016  # expanded in the sandbox
  look_lab '
    "$SERVER" -bind 127.0.0.1 -port 7001 -count 3 >/run/server4 2>&1 &
    "$SERVER" -bind ::1 -port 7011 -count 2 >/run/server6 2>&1 &
    wait_for 20 test_listeners 5
    "$CLIENT" -connect 127.0.0.1 -port 7001 -count 3 >/run/client4 2>&1 &
    "$CLIENT" -connect 127.0.0.1 -port 7001 -count 3 >/run/client4b 2>&1 &
    "$CLIENT" -connect ::1 -port 7011 -count 2 >/run/client6 2>&1 &
    "$CLIENT" -connect ::1 -port 7011 -count 2 >/run/client6b 2>&1 &
    wait_for 20 established 20'
}

# Local and remote port of each socket, sorted, as xtcp2 and as ss see them.
ours() { "$XTCP2" ss -a -columns sport,dport,state "$@" | jq -r '"\(.inet_diag_msg_socket_source_port) \(.inet_diag_msg_socket_destination_port)"' | sort; }
theirs() { ss -Htan "$@" | awk '{ n = split($(NF - 1), a, ":"); m = split($NF, b, ":"); print a[n], b[m] == "*" ? 0 : b[m] }' | sort; }

@test "a look needs no daemon and opens no port; a pipe gets whole records as JSON lines" {
  lab <<'EOS'
    "$XTCP2" ss >/run/records
    [ "$(wc -l </run/records)" -eq 20 ]
    jq -es 'all(.[]; .inet_diag_msg_state == "ESTABLISHED" and .tcp_info_rtt > 0 and .hostname != "")' /run/records >/dev/null
    [ "$("$XTCP2" ss -l | wc -l)" -eq 5 ]
    [ "$("$XTCP2" ss -a | wc -l)" -eq "$(ss -Htan | wc -l)" ]
EOS
}

# bats test_tags=machine
@test "each socket has its owner; filters and groups know it; without the right to look there is none" {
  lab <<'EOS'
    "$XTCP2" ss 'comm = tcp_client' | jq -r '"\(.pid) \(.inet_diag_msg_socket_destination_port)"' | sort >/run/ours
    ss -Htnp state established | sed -n 's/.*:\([0-9]*\) *users:(("tcp_client",pid=\([0-9]*\),.*/\2 \1/p' | sort >/run/theirs
    [ "$(wc -l </run/ours)" -eq 10 ]
    diff /run/theirs /run/ours
    "$XTCP2" ss -format table -group process >/run/table
    [ "$(grep -cE '^tcp_(client|server)/[0-9]+ +[0-9]+ ' /run/table)" -eq 6 ]
    setpriv --reuid=65534 --regid=65534 --clear-groups "$XTCP2" ss 2>/run/errors | jq -es 'length == 20 and all(.[]; has("pid") | not)'
EOS
}

@test "a reader that has enough is a normal end; an output that fails is not" {
  lab <<'EOS'
    set +o pipefail
    { "$XTCP2" ss; echo "$?" >/run/status; } 2>/run/errors | head -n 1 >/dev/null
    [ "$(cat /run/status)" -eq 0 ]
    [ ! -s /run/errors ]
    not "$XTCP2" ss >/dev/full 2>/run/errors
    [ "$(cat /run/errors)" = 'xtcp2 ss: stdout: No space left on device' ]
EOS
}

# bats test_tags=machine
@test "namespaces are read as the daemon reads them" {
  lab <<'EOS'
    ip netns add other
    ip -n other link set lo up
    ip netns exec other "$SERVER" -bind 127.0.0.1 -port 7100 -count 4 >/dev/null 2>&1 &
    there() { [ "$("$XTCP2" ss -l netns = other | wc -l)" -eq 4 ]; }
    wait_for 20 there
    "$XTCP2" ss -a -group netns -format table | grep -E '^other +4 '
EOS
}

@test "filters take what ss takes, in the kernel and outside of it" {
  lab < <(
    declare -f ours theirs
    cat <<'EOS'
    while IFS= read -r filter; do
      theirs $filter >/run/theirs
      ours $filter >/run/kernel
      ours -kernelFilter=false $filter >/run/user
      diff /run/theirs /run/kernel >&2 || { echo "kernel: $filter" >&2; exit 1; }
      diff /run/theirs /run/user >&2 || { echo "user: $filter" >&2; exit 1; }
      wc -l <"/run/theirs"
    done >/run/counts <<'FILTERS'
dport = :7001
dport = :7001 or sport = :7011
sport >= :7002 and sport <= :7011
sport > :7002
dport < :7003 and dport != :0
not dport = :7001
not ( dport = :7001 or sport = :7001 )
src 127.0.0.0/8
src 127.0.0.1:7001
dst [::1]:7011
src [::1]
not src 127.0.0.1
( src 127.0.0.1 and dport = :7002 ) or ( src [::1] and sport = :7012 )
( ! dport = :7001 ) and ! sport = :7001
dst 10.0.0.0/8 or not ( dport = :7003 and src 127.0.0.0/9 )
state established
state listening
state established sport = :7001
state listening src [::1]
exclude established
state connected dport = :7002
FILTERS
    # Some filters take nothing of these: that all agree says little then.
    [ "$(awk '$1 > 0' /run/counts | wc -l)" -ge 20 ]
EOS
  )
}

@test "what the kernel left out is not read" {
  lab <<'EOS'
    "$XTCP2" -filter 'dport = :7001 and rtt > 0s' -dest "file:/run/out" -marshal csv -columns dport -maxLoops 1 -grpcPort 0 -promListen= -seccomp off -user root
    [ "$(sort /run/out | uniq -c | xargs)" = "2 7001 1 inet_diag_msg_socket_destination_port" ]
EOS
}

@test "a mistake in a filter is one line with its place, in every program" {
  for command in ss top; do
    run --separate-stderr "$XTCP2" "$command" dprot = :1
    [ "$status" -eq 2 ]
    # shellcheck disable=SC2154
    [ "${#stderr_lines[@]}" -eq 1 ]
    # shellcheck disable=SC2154
    [[ "$stderr" == *': filter: at 1, "dprot": is not a field; `xtcp2 fields` lists them; did you mean dport?' ]]
  done
  run --separate-stderr "$XTCP2" -filter 'rtt > 50' -dest null
  [ "$status" -eq 2 ]
  [ "$stderr" = 'xtcp2: -filter: at 7, "50": is not a time with its unit: say 50ms, 200us or 1.5s' ]
  run --separate-stderr "$(bin xtcp2client)" -filter 'state no'
  [ "$status" -eq 2 ]
  [[ "$stderr" == 'xtcp2client: -filter: at 7, "no": is not a state'* ]]
}

@test "xtcp2 fields lists each field with unit and meaning" {
  "$XTCP2" fields >list
  grep -E '^rtt +tcp_info_rtt +uint32 +microseconds +round-trip time, smoothed$' list
  [ "$(grep -c . list)" -gt 180 ]
  grep -E '^send_rate +bytes acknowledged per second' list
}

@test "a table fits, JSON has raw numbers, and a bad option ends with status 2" {
  lab <<'EOS'
    "$XTCP2" ss -format table -sort rtt -rows 3 >/run/table
    [ "$(wc -l </run/table)" -eq 4 ]
    grep -E '^STATE .*LOCAL +REMOTE +RTT_MS' /run/table
    "$XTCP2" ss -columns local,rtt,retrans_pct -sort rtt -rows 1 | jq -e '.tcp_info_rtt > 0 and .retrans_pct == 0 and (.local | test(":"))'
    "$XTCP2" top -count 2 -interval 100ms -columns remote,send_rate,recv_rate,sendq 2>&1 | tail -n 20 | jq -es 'length == 20 and all(.[]; .send_rate != null)'
    not "$XTCP2" ss -columns nonsense 2>/run/error
    grep -F 'xtcp2 ss: -columns nonsense: is not a column; `xtcp2 fields` lists them' /run/error
    not "$XTCP2" ss -group nonsense 2>/run/error
    grep -F 'must be remote, container, process or netns' /run/error
EOS
}
