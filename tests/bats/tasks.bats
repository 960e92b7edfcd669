#!/usr/bin/env bats
# docs/tasks.md: each command of the page, run as it stands there, against sockets whose answer is known.
# bats file_tags=machine

load lib
bats_require_minimum_version 1.5.0

# shellcheck source=tests/bats/look.bash
. "$BATS_TEST_DIRNAME/look.bash"

setup() {
  PAGE=$BATS_TEST_DIRNAME/../../docs/tasks.md
  export PAGE
  look_setup
}

# command_of HEADING [N]: the Nth line of the first block of shell below the heading.
command_of() {
  awk -v heading="## $1" -v n="${2:-1}" '
    $0 == heading { on = 1; next }
    on && /^```sh/ { inside = 1; next }
    inside && /^```/ { exit }
    inside && ++line == n { print; exit }' "$PAGE"
}

# `task HEADING [N]` runs a command of the page. Two namespaces, joined by a veth pair; from 10.9.0.1 three connections to
# 10.9.0.2: one quiet, one whose peer stops reading, and a listener.
lab() {
  # shellcheck disable=SC2016  # expanded in the sandbox
  look_lab '
    mkdir /run/bin && ln -s "$XTCP2" /run/bin/xtcp2
    PATH=/run/bin:$PATH
    ip netns add far
    ip link add near type veth peer name far netns far
    ip address add 10.9.0.1/24 dev near && ip link set near up
    ip -n far address add 10.9.0.2/24 dev far && ip -n far link set far up && ip -n far link set lo up
    ip netns exec far "$SERVER" -bind 10.9.0.2 -port 443 >/run/server 2>&1 &
    server=$!
    "$SERVER" -bind 127.0.0.1 -port 7001 >/run/server2 2>&1 &
    listens() { ip netns exec far ss -Htln | grep :443 >/dev/null && ss -Htln | grep :7001 >/dev/null; }
    wait_for 20 listens
    "$CLIENT" -connect 127.0.0.1 -port 7001 -sleep 100ms >/run/client2 2>&1 &
    "$CLIENT" -connect 10.9.0.2 -port 443 -sleep 100ms >/run/client 2>&1 &
    wait_for 20 established 3' command_of task stuck
}

task() { eval "$(command_of "$@")"; }

@test "every block of shell of the page is run here" {
  local heading
  while read -r heading; do
    grep -qE "(task|command_of) '$heading" "$BATS_TEST_FILENAME" "${BATS_TEST_FILENAME%/*}/pipeline-tasks.bats" ||
      { echo "no test runs: $heading" >&2; return 1; }
    [ -n "$(command_of "$heading")" ]
  done < <(sed -n 's/^## //p' "$PAGE")
}

@test "the worst remote address now" {
  lab <<'EOS'
    task 'The worst remote address now' >/run/out
    grep -E '^REMOTE +SOCKETS .*RTT_MS' /run/out
    grep -E '^10\.9\.0\.2 +1 ' /run/out
    [ "$(wc -l </run/out)" -le 6 ]
    # The largest on top.
    awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "RTT_MS") c = i } NR > 2 && $c > last { bad = 1 } NR > 1 { last = $c } END { exit bad }' /run/out
EOS
}

@test "the process with the biggest send queue" {
  lab <<'EOS'
    stuck
    ahead() { task 'The process with the biggest send queue' | tee /run/out | grep -E '10\.9\.0\.1:[0-9]+ +10\.9\.0\.2:443'; }
    wait_for 20 ahead
    [ "$(wc -l </run/out)" -eq 2 ]
    grep -E '^SENDQ +OWNER .*LOCAL +REMOTE' /run/out
    # The shell that opened it, and how many others hold it.
    grep -E " bash/[0-9]+[+][0-9]+ " /run/out
EOS
}

# Stop the server beyond the veth pair and send to it until its buffer and ours are full.
stuck() {
  # shellcheck disable=SC2154 # of the sandbox
  kill -STOP "$server"
  exec 9<>/dev/tcp/10.9.0.2/443
  head -c 20000000 /dev/zero >&9 2>/dev/null &
}

@test "the container that retransmits most" {
  lab <<'EOS'
    task 'The container that retransmits most' >/run/out
    grep -E '^CONTAINER +SOCKETS .*RETRANS' /run/out
    live=$(command_of 'The container that retransmits most' 2)
    eval "$live -count 2 -interval 100ms -format table" >/run/out
    grep -E 'RETR/S' /run/out
EOS
}

@test "an alert above 2 % of retransmission" {
  lab <<'EOS'
    status=0
    task 'An alert above 2 % of retransmission' >/run/out || status=$?
    [ "$status" -eq 4 ] # jq: nothing was selected
    [ ! -s /run/out ]
    # The kernel of a test machine may have no way to lose packets: the same filter of jq takes a row of a lossy path.
    printf '%s\n' '{"remote":"10.9.0.2","sockets":1,"tcp_info_bytes_sent":2000000,"retrans_pct":2.5}' >/run/lossy
    jq_part=$(command_of 'An alert above 2 % of retransmission' | sed 's/.*| jq/jq/')
    eval "$jq_part" </run/lossy | grep -F 10.9.0.2 >/dev/null
EOS
}

@test "who talks to a port, and how well" {
  lab <<'EOS'
    task 'Who talks to a port, and how well' >/run/out
    grep -E '10\.9\.0\.1:[0-9]+ +10\.9\.0\.2:443 ' /run/out
    not grep -F :7001 /run/out
EOS
}

@test "slow or stuck connections" {
  lab <<'EOS'
    task 'Slow or stuck connections' >/run/out
    grep -E '^STATE' /run/out
    not grep -F :7001 /run/out
EOS
}

@test "an hour of records in a file, for later" {
  lab <<'EOS'
    line=$(command_of 'An hour of records in a file, for later')
    # The daemon's part of the line, for one poll.
    daemon=$(sed 's/^timeout 1h //; s/ | zstd.*//' <<<"$line")
    eval "$daemon -maxLoops 1 -user root -seccomp off -promListen= -grpcPort 0" >/run/out 2>/run/log
    jq -es 'length > 0 and all(.[]; .inet_diag_msg_socket_source != "127.0.0.1")' /run/out >/dev/null
EOS
}
