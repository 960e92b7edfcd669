#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The BPF source against the real kernel and against netlink.
load lib
bats_require_minimum_version 1.5.0

setup() {
  client_setup
  COMPARE=$(bin equals_kernel)
  SERVER=$(bin tcp_server)
  BOUND=$(bin bound)
  POPULATE=$(bin populate)
  SHORT=$(bin short_connections)
  OWN_FILES=$(bin own_files)
  CUT=$(bin libcut_readings.so)
  export OWN_FILES CUT COMPARE SERVER BOUND POPULATE SHORT
  can_bpf
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The build and this kernel have all that the source needs; a test that has nothing to test says so.
can_bpf() {
  grep -q '^#define XTCP2_BPF 1' "$BUILD/src/version.h" || skip "this build has no BPF source"
  [ -e /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF"
}

# The sandbox with these verbs.
kernel() {
  sandbox < <(
    declare -f poll keys owners
    cat
  )
}

# The same among the machine's processes, with the default source: a walk reads what all of them have.
machine() {
  [ "$(stat -Lc %i /proc/self/ns/pid)" = 4026531836 ] || skip "these processes are in a container"
  unshare -n -m -- bash -euo pipefail -c "
    mount --make-rprivate / && mount -t tmpfs run /run && mkdir /run/netns && ip link set lo up
    trap 'status=\$?; kill -KILL \$(jobs -p) 2>/dev/null || :; [ \$status = 0 ] || cat /run/log >&2; exit \$status' EXIT
    . '$BATS_TEST_DIRNAME/lib.bash'; unset XTCP_GRPC_SOCKET XTCP_SOURCE; $(cat)"
}

# poll SOURCE FILE [FLAG]...: one poll into the file.
poll() {
  "$XTCP2" -source "$1" -maxLoops 1 -frequency 2h -timeout 1h -user root -promListen= -grpcPort 0 -dest "file:$2" -marshal jsonl "${@:3}" 2>>/run/log
}

# keys FILE: a line per socket of this sandbox, by what names it. A walk brings those of all the machine, unnamed.
keys() {
  jq -r 'select(.netns // "" != "") | [.netns_inode, .inet_diag_msg_state, .inet_diag_msg_family, .inet_diag_msg_socket_source, .inet_diag_msg_socket_source_port,
    .inet_diag_msg_socket_destination, .inet_diag_msg_socket_destination_port, .inet_diag_msg_socket_cookie,
    .inet_diag_msg_inode // 0] | join(" ")' "$1" | sort
}

@test "every field of every record of one walk is what getsockopt and ss say" {
  run -0 sandbox <<'EOT'
    for ns in a b; do
      ip netns add $ns
      ip -n $ns link set lo up
    done
    mkdir /run/compare && chmod 711 /run/compare
    "$COMPARE" -netns a,b -xtcp2 "$XTCP2" -args "-source bpf" -dir /run/compare -limit 120s
    grep -q 'source bpf: 1 polls' /run/compare/log
EOT
  [[ ${lines[-1]} =~ ^kernel=$(uname -r)\ tcp_info=[0-9]+\ unknown=[^\ ]+\ records=[0-9]+\ values=[0-9]{4,}: ]]
}

@test "one walk and a dump of each namespace find the same sockets, cookies included, whoever asks first" {
  kernel <<'EOT'
    for ns in a b c; do
      ip netns add $ns
      ip -n $ns link set lo up
      mkfifo /run/$ns
      nsenter --net=/run/netns/$ns "$POPULATE" 40 <>/run/$ns >>/run/ready &
      nsenter --net=/run/netns/$ns "$SHORT" 20 4
      nsenter --net=/run/netns/$ns "$SHORT" 20 6
    done
    wait_for 20 eval '[ "$(grep -c READY /run/ready)" = 3 ]'
    poll bpf /run/first
    poll netlink /run/second
    poll bpf /run/third
    keys /run/first | grep -v ' SYN_SENT ' >/run/first.keys
    keys /run/second >/run/second.keys
    keys /run/third >/run/third.keys
    [ "$(grep -c TIME_WAIT /run/first.keys)" -ge 60 ]
    [ "$(grep -c ESTABLISHED /run/first.keys)" -ge 240 ]
    diff /run/first.keys /run/second.keys
    diff /run/second.keys /run/third.keys
    for file in second third; do
      jq -r 'select(.netns // "" != "") | [.netns, .netns_cookie] | join(" ")' "/run/$file" | sort -u >"/run/$file.names"
    done
    diff /run/second.names /run/third.names
EOT
}

@test "a namespace with a table of its own is read, and bound sockets where -states asks" {
  kernel <<'EOT'
    sysctl -qw net.ipv4.tcp_child_ehash_entries=64 || exit 77
    ip netns add own
    sysctl -qw net.ipv4.tcp_child_ehash_entries=0
    ip -n own link set lo up
    mkfifo /run/pipe
    nsenter --net=/run/netns/own "$POPULATE" 200 <>/run/pipe >>/run/ready &
    nsenter --net=/run/netns/own "$BOUND" 7000 <>/run/pipe >>/run/ready &
    wait_for 20 eval '[ "$(grep -c READY /run/ready)" = 2 ]'
    poll netlink /run/netlink -states all
    poll bpf /run/bpf -states all
    keys /run/netlink >/run/netlink.keys
    keys /run/bpf >/run/bpf.keys
    [ "$(grep -c ESTABLISHED /run/bpf.keys)" -ge 400 ]
    diff /run/netlink.keys /run/bpf.keys
EOT
}

@test "no socket that lives is missed or doubled while others come and go" {
  # As many polls as 10 s allow, one after the other: a walk is as long as the machine has sockets. The nightly workflow makes 1,000.
  LIMIT=10 LIMIT_ENDS=1 run -0 timeout 120 "$BATS_TEST_DIRNAME/../bench/churn" 1000 100 -source bpf
  [[ ${lines[-1]} =~ ^([0-9]+)\ polls\ .*\ 200\ sockets\ that\ stayed:\ 0\ records\ missing,\ 0\ double$ ]]
  [ "${BASH_REMATCH[1]}" -ge 3 ]
}

# owners FILE: a line per socket of this sandbox with an inode: who holds it.
owners() {
  jq -r 'select(.netns // "" != "" and .inet_diag_msg_inode // 0 != 0) | [.inet_diag_msg_inode, .pid // 0, .comm // "", .owner_count // 0, .unit // ""] | join(" ")' "$1" | sort
}

@test "BPF and /proc name the same owners: several processes, another user, a thread, numbers of this pid namespace" {
  kernel <<'EOT'
    mkfifo /run/pipe
    "$POPULATE" 10 <>/run/pipe >/run/ready &
    setpriv --reuid=4321 --clear-groups "$SERVER" -count 1 -bind 127.0.0.1 >/run/server &
    wait_for 20 grep -q READY /run/ready
    wait_for 20 grep -q READY /run/server
    port=$(ss -Htnlp | sed -n 's/.*127.0.0.1:\([0-9]*\) .*tcp_server.*/\1/p')
    # A connection of two processes, of which the first has it twice.
    bash -c 'exec 9<>"/dev/tcp/127.0.0.1/$0" 8>&9
      bash -c "echo second >/proc/self/comm; echo >/run/second; read -r <>/run/pipe" 8>&- &
      echo first >/proc/self/comm; echo >/run/first; read -r <>/run/pipe' "$port" &
    wait_for 20 test -s /run/first
    wait_for 20 test -s /run/second
    poll bpf /run/bpf
    poll netlink /run/proc -owners on
    poll bpf /run/off -owners off
    owners /run/bpf >/run/bpf.owners
    owners /run/proc >/run/proc.owners
    diff /run/proc.owners /run/bpf.owners
    grep -q ' first 1 ' /run/bpf.owners
    grep -q ' tcp_server 0 ' /run/bpf.owners
    [ "$(grep -c ' populate 0 ' /run/bpf.owners)" -ge 20 ]
    not grep '"pid"' /run/off
EOT
}

@test "a socket that only one thread has, by descriptors of its own, belongs to the thread's process" {
  kernel <<'EOT'
    mkfifo /run/pipe
    "$OWN_FILES" <>/run/pipe >/run/ready & holder=$!
    wait_for 20 grep -q READY /run/ready
    # owned FILE PORT: pid, name and number of other processes of the listener there.
    owned() { jq -r "select(.netns == \"self\" and .inet_diag_msg_socket_source_port == $2) | [.pid // 0, .comm // \"\", .owner_count // 0] | join(\" \")" "$1"; }
    poll bpf /run/bpf -owners on
    poll netlink /run/proc -owners on
    [ "$(owned /run/bpf 7000)" = "$holder own_files 0" ]
    [ "$(owned /run/bpf 7001)" = "$holder own_files 0" ]
    # The directories of processes in /proc show the descriptors of the first thread.
    [ "$(owned /run/proc 7000)" = "$holder own_files 0" ]
    [ "$(owned /run/proc 7001)" = "0  0" ]
EOT
}

@test "a namespace that a socket or a descriptor holds, and nothing else, is called by who does" {
  kernel <<'EOT'
    hide_start socket
    ip netns add closed
    ip -n closed link set lo up
    nsenter --net=/run/netns/closed "$SHORT" 5 4
    # From here on nothing but this descriptor holds it, and the sockets in it are past their processes.
    exec 8</run/netns/closed
    ip netns delete closed
    poll bpf /run/out -hiddenThreads=false
    jq -r .netns /run/out | sort | uniq -c >/run/names
    grep -Eq '^ *1 socket:[0-9]+$' /run/names
    grep -Eq '^ *5 fd:[0-9]+$' /run/names
EOT
}

@test "a namespace has the name of its process, also where /proc hides it" {
  kernel <<'EOT'
    unshare -n bash -c 'ip link set lo up && exec "$SERVER" -count 1 -bind 127.0.0.1' >/dev/null &
    process=$!
    listens() { [ -n "$(nsenter -t "$process" -n ss -Htln 2>/dev/null)" ]; }
    wait_for 20 listens
    # To a daemon without CAP_SYS_PTRACE /proc now shows no process that may more.
    mount -o remount,hidepid=2 /proc
    printf '#!/bin/sh\nexec setpriv --bounding-set=-sys_ptrace "%s" "$@"\n' "$XTCP2" >/run/without
    chmod +x /run/without
    XTCP2=/run/without
    for source in bpf netlink; do
      poll "$source" "/run/$source" -hiddenThreads=false -owners off
      jq -r .netns "/run/$source" | sort -u >"/run/names.$source"
    done
    grep -qx "pid:$process" /run/names.bpf
    not grep -qx "pid:$process" /run/names.netlink
EOT
}

@test "where nothing says otherwise BPF reads, and no capability for it stays" {
  machine <<'EOT'
    "$XTCP2" -user root -promListen= -grpcPort 0 -dest null 2>/run/log &
    daemon=$!
    wait_for 60 grep -q 'version .* source bpf' /run/log
    # CAP_PERFMON is 38, CAP_BPF 39.
    for set in Eff Prm Bnd Amb; do
      have=$(awk -v name="Cap$set:" '$1 == name { print $2 }' "/proc/$daemon/status")
      [ $(((0x$have >> 38) & 3)) = 0 ]
    done
    kill "$daemon"
    wait "$daemon"
EOT
}

@test "auto reads through netlink, and says why, where an option or a capability decides" {
  machine <<'EOT'
    once() { "$@" -user root -promListen= -grpcPort 0 -grpcSocket= -dest null -maxLoops 1 2>/run/log; }
    # netlink_because TEXT: the last daemon read through netlink and told so once, with this reason.
    netlink_because() {
      grep -q -- "-source auto reads through netlink: $1" /run/log
      [ "$(grep -c 'reads through netlink' /run/log)" = 1 ]
      grep -q 'source netlink.*: 1 polls' /run/log
    }
    once "$XTCP2" -ioUring
    netlink_because '-ioUring is a way to read netlink'
    once "$XTCP2" -writeFiles 1 -capturePath /run/captures
    netlink_because '-writeFiles keeps what netlink sends'
    once setpriv --bounding-set=-sys_admin --inh-caps=-all --ambient-caps=-all "$XTCP2"
    netlink_because 'CAP_SYS_ADMIN is missing'
    once "$XTCP2" -source netlink
    not grep 'reads through netlink' /run/log
EOT
}

@test "auto checks again where a reading was cut, and reads through netlink where each of them was" {
  machine <<'EOT'
    # cut DUMPS: a daemon for one poll, whose first so many dumps of netlink are cut.
    cut() { LD_PRELOAD=$CUT CUT_DUMPS=$1 "$XTCP2" -user root -promListen= -grpcPort 0 -grpcSocket= -dest null -maxLoops 1 2>/run/log; }
    # A dump is asked for twice, and there are two readings with netlink in each of three attempts.
    cut 2
    grep -q 'cut_readings: 2 dumps' /run/log
    not grep 'reads through netlink' /run/log
    grep -q 'source bpf: 1 polls' /run/log
    cut 12
    grep -q 'cut_readings: 12 dumps' /run/log
    grep -q -- '-source auto reads through netlink: .*the readings were cut, so busy is this machine' /run/log
    grep -q 'source netlink: 1 polls' /run/log
EOT
}

@test "in a container with processes of its own auto reads its namespaces through netlink" {
  kernel <<'EOT'
    unset XTCP_SOURCE
    "$XTCP2" -user root -promListen= -grpcPort 0 -dest null -maxLoops 1 2>/run/log
    grep -q -- '-source auto reads through netlink: a walk would read the sockets of the whole machine' /run/log
    grep -q 'source netlink: 1 polls' /run/log
EOT
}

@test "without CAP_BPF or CAP_PERFMON, and without CAP_SYS_ADMIN, -source bpf refuses to start; with both it reads" {
  for missing in bpf perfmon none; do
    CAP=$missing kernel <<'EOT'
      drop=-sys_admin
      [ "$CAP" = none ] || drop=$drop,-$CAP
      status=0
      setpriv --bounding-set="$drop" --inh-caps=-all --ambient-caps=-all \
        "$XTCP2" -source bpf -user root -promListen= -grpcPort 0 -dest null -maxLoops 1 2>/run/log || status=$?
      if [ "$CAP" = none ]; then
        [ "$status" = 0 ]
        exit 0
      fi
      [ "$status" = 2 ]
      grep -q -- '-source bpf: the kernel refuses the program (Operation not permitted): it takes CAP_BPF and CAP_PERFMON' /run/log
EOT
  done
}

@test "an unknown source ends the start with the names of those there are" {
  run -2 "$XTCP2" -source ebpf -check
  [[ $output == *'-source ebpf: must be netlink, bpf or auto; did you mean bpf?'* ]]
}

@test "a restart in place goes on with the programs that were loaded before the capabilities were given up" {
  run -0 sandbox <<'EOT'
    "$XTCP2" -source bpf -dest file:/run/out -marshal jsonl -frequency 300ms -timeout 200ms -promListen= -grpcSocket /run/grpc.sock 2>/run/log & daemon=$!
    wait_for 20 grep -q 'workers, every' /run/log
    "$CTL" get -socket /run/grpc.sock >/run/config
    jq '.tag = "new"' /run/config >/run/changed
    "$CTL" reconfigure -socket /run/grpc.sock -file /run/changed >/run/answer
    wait_for 20 grep -q '"tag":"new"' /run/out
    kill $daemon
    wait $daemon
    # Both of its lives read by BPF.
    [ "$(grep -c 'version .* source bpf' /run/log)" -eq 2 ]
    [ "$(grep -c 'source bpf: [0-9]* polls' /run/log)" -eq 2 ]
EOT
}
