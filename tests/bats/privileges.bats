#!/usr/bin/env bats
# The privileges of the running daemon, which suffice for its work:
# user, capabilities, no_new_privs, the filter of system calls.
# bats file_tags=machine

# shellcheck disable=SC2154  # run sets stderr
bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  CTL=$(bin xtcp2ctl)
  SERVER=$(bin tcp_server)
  REFUSED=$(readlink -f "$BUILD/tests/tools/librefused_calls.so")
  export XTCP2 CTL SERVER REFUSED BUILD BATS_TEST_DIRNAME
  # In the sandbox the usual place of the socket is free.
  unset XTCP_USER XTCP_GRPC_SOCKET
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# CAP_SYS_PTRACE and CAP_SYS_ADMIN
BOTH=0000000000280000

# The sandbox with these verbs, below /run, which any user may enter.
inside() {
  sandbox < <(
    declare -f daemon_start daemon_stop states every has_record without_filter
    echo "BOTH=$BOTH"
    echo 'chmod 755 /run && mkdir /run/work && cd /run/work'
    cat
  )
}

# daemon_start FLAGS: a daemon that polls often and waits for its first poll. Its pid is in DAEMON.
daemon_start() {
  : >/run/log # of the daemon before
  "$XTCP2" -frequency 100ms -timeout 90ms -grpcPort 0 "$@" 2>/run/log &
  # shellcheck disable=SC2034  # read by the tests
  DAEMON=$!
  wait_for 20 grep -q '^xtcp2: version' /run/log
}
daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

# every PID KEY VALUE: that line of /proc/PID/status, of every thread.
every() {
  local task
  for task in "/proc/$1/task/"*; do
    [ "$(awk -v key="$2:" '$1 == key { $1 = ""; print substr($0, 2) }' "$task/status")" = "$3" ] ||
      { echo "$(cat "$task/comm"): $(grep "^$2:" "$task/status"), expected $3" >&2; return 1; }
  done
}

# has_record FILE FILTER: some record of the file matches.
has_record() { jq -n -e "first(inputs | select($2)) | true" "$1" >/dev/null 2>&1; }

# A build with a sanitizer has no filter.
without_filter() { grep -q 'this is a build with a sanitizer' /run/log; }

@test "root becomes a user of its own with two capabilities, no new privileges and the filter, on every thread" {
  inside <<'E'
    # librdkafka's threads, which block signals, among them.
    daemon_start -dest kafka:127.0.0.1:1 -marshal protobufList -promListen=
    grep -q '^xtcp2: runs as uid 64978$' /run/log
    threads() { [ "$(ls "/proc/$DAEMON/task" | wc -l)" -ge 8 ]; }
    wait_for 20 threads
    every "$DAEMON" Uid "64978 64978 64978 64978"
    every "$DAEMON" Gid "64978 64978 64978 64978"
    every "$DAEMON" Groups ""
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do every "$DAEMON" "$set" "$BOTH"; done
    every "$DAEMON" NoNewPrivs 1
    without_filter || every "$DAEMON" Seccomp 2
    # SIGSYS is number 31 and must not be blocked.
    for task in "/proc/$DAEMON/task/"*; do
      blocked=$(awk '$1 == "SigBlk:" { print $2 }' "$task/status")
      [ $((16#$blocked >> 30 & 1)) -eq 0 ]
    done
    daemon_stop || [ $? -eq 1 ]
E
}

@test "user xtcp2 is taken where there is one; -user and -groups name others; root stays root when told to" {
  inside <<'E'
    cp /etc/passwd passwd && cp /etc/group group
    echo 'xtcp2:x:4711:4712::/nonexistent:/bin/false' >>passwd
    echo 'readers:x:4713:' >>group
    mount --bind passwd /etc/passwd && mount --bind group /etc/group
    daemon_start -dest null -promListen=
    every "$DAEMON" Uid "4711 4711 4711 4711"
    every "$DAEMON" Gid "4712 4712 4712 4712"
    daemon_stop
    daemon_start -dest null -promListen= -user 5000 -groups readers,6000
    every "$DAEMON" Uid "5000 5000 5000 5000"
    every "$DAEMON" Groups "4713 6000"
    daemon_stop
    daemon_start -dest file:out -promListen= -user root
    every "$DAEMON" Uid "0 0 0 0"
    for set in CapPrm CapEff CapBnd; do every "$DAEMON" "$set" "$BOTH"; done
    every "$DAEMON" NoNewPrivs 1
    daemon_stop
E
}

@test "a user or group that is not there, and one that only root can become, end the start with one line" {
  run -2 "$XTCP2" -user no-such-user -dest null
  [ "$output" = 'xtcp2: -user no-such-user: unknown user "no-such-user"' ]
  run -2 "$XTCP2" -groups no-such-group -dest null
  [ "$output" = 'xtcp2: -groups no-such-group: unknown group "no-such-group"' ]
  run -2 setpriv --reuid 65534 --regid 65534 --clear-groups "$XTCP2" -user root -dest null
  [[ "$output" == 'xtcp2: -user root: only root may become another user; this is '* ]]
  run -2 setpriv --reuid 65534 --regid 65534 --clear-groups "$XTCP2" -groups 4711 -dest null
  [[ "$output" == 'xtcp2: -groups 4711: '*' was started without group 4711' ]]
  run -2 "$XTCP2" -seccomp maybe -dest null
  [ "$output" = 'xtcp2: -seccomp maybe: must be on, log or off' ]
}

@test "an ordinary user with ambient capabilities has them, and no others, from the start" {
  inside <<'E'
    ip netns add red
    ip netns exec red sh -c "ip link set lo up; exec \"$SERVER\" -count 2" >ready &
    wait_for 20 grep -q READY ready
    install -d -o 4242 -g 4242 own
    setpriv --reuid 4242 --regid 4242 --clear-groups --inh-caps=-all,+sys_admin,+sys_ptrace --ambient-caps=-all,+sys_admin,+sys_ptrace \
      "$XTCP2" -frequency 100ms -timeout 90ms -dest file:own/out -promListen= -grpcPort 0 2>/run/log & DAEMON=$!
    wait_for 20 has_record own/out '.netns == "red"'
    for set in CapInh CapPrm CapEff CapAmb; do every "$DAEMON" "$set" "$BOTH"; done
    every "$DAEMON" NoNewPrivs 1
    daemon_stop
E
}

@test "named, container-like and anonymous namespaces are found and read by the ordinary user" {
  inside <<'E'
    ip netns add red
    ip netns exec red sh -c "ip link set lo up; exec \"$SERVER\" -count 2" >ready &
    wait_for 20 grep -q READY ready
    mkdir -p /run/docker/netns hold && mkfifo hold/one hold/two hold/three
    pids=()
    for name in one two; do
      unshare -n -- sh -c "ip link set lo up; \"$SERVER\" -count 1 >ready-$name & read -r _ <hold/$name; kill \$!" &
      pids+=($!)
      wait_for 20 grep -q READY "ready-$name"
    done
    touch /run/docker/netns/box && mount --bind "/proc/${pids[0]}/ns/net" /run/docker/netns/box
    # In a user namespace of somebody else.
    setpriv --reuid 4242 --regid 4242 --clear-groups unshare -U -r -n -- \
      sh -c "ip link set lo up; \"$SERVER\" -count 1 & read -r _ <hold/three; kill \$!" >ready-three &
    wait_for 20 grep -q READY ready-three
    daemon_start -dest file:out -promListen=
    wait_for 20 has_record out '.netns == "red"'
    wait_for 20 has_record out '.netns == "box"'
    others() { jq -e -n '[inputs | .netns | select(test("^pid:"))] | unique | length == 2' out >/dev/null 2>&1; }
    wait_for 20 others
    daemon_stop
    not grep -E 'denied|refused|not permitted' /run/log
E
}

@test "a directory of namespaces that only root may enter is kept open; one that is made later is not reached, its processes are" {
  inside <<'E'
    mkdir -p -m 700 /run/docker && mkdir /run/docker/netns && mkfifo hold
    unshare -n -- sh -c "ip link set lo up; \"$SERVER\" -count 1 >ready & read -r _ <hold; kill \$!" & pid=$!
    wait_for 20 grep -q READY ready
    daemon_start -dest file:out -promListen 127.0.0.1:9088
    wait_for 20 has_record out ".netns == \"pid:$pid\""
    # Seen by an event, not by a scan alone.
    touch /run/docker/netns/box && mount --bind "/proc/$pid/ns/net" /run/docker/netns/box
    wait_for 20 has_record out '.netns == "box"'
    events=$(curl -fsS http://127.0.0.1:9088/metrics | awk '$1 == "xtcp2_namespace_events_total" { print $2 }')
    [ "$events" -ge 1 ]
    daemon_stop
    umount /run/docker/netns/box && rm -r /run/docker
    daemon_start -dest file:later -promListen=
    mkdir -p -m 700 /run/docker && mkdir /run/docker/netns
    touch /run/docker/netns/box && mount --bind "/proc/$pid/ns/net" /run/docker/netns/box
    wait_for 20 has_record later ".netns == \"pid:$pid\""
    wait_for 20 grep -q 'cannot read the directory /run/docker/netns: Permission denied' /run/log
    daemon_stop
E
}

@test "-dest file: opened by root, written by the user; what is renamed is written further where no other can be made" {
  inside <<'E'
    mkdir -m 755 log
    daemon_start -dest file:/run/work/log/out -promListen=
    wait_for 20 test -s log/out
    mv log/out log/out.1
    wait_for 20 grep -q "file:/run/work/log/out: the daemon's user cannot open it again (Permission denied): the open file is written further, even when it is renamed" /run/log
    size=$(stat -c %s log/out.1)
    grown() { [ "$(stat -c %s log/out.1)" -gt "$size" ]; }
    wait_for 20 grown
    [ ! -e log/out ]
    # The directory becomes the user's, as a rotation expects.
    chown 64978 log
    wait_for 20 test -s log/out
    daemon_stop
    grep -q ' 0 lost$' /run/log
    [ "$(grep -c 'cannot open it again' /run/log)" -eq 1 ]
    [ "$(cat log/out.1 log/out | wc -l)" -eq "$(sed -n 's/.* \([0-9]*\) sent to file.*/\1/p' /run/log)" ]
E
}

@test "-dest file: what is removed where no other can be made is not written, and is counted" {
  inside <<'E'
    mkdir -m 755 log
    daemon_start -dest file:log/out -promListen= -flushTimeout 100ms
    wait_for 20 test -s log/out
    rm log/out
    wait_for 20 grep -q 'file:log/out: open: Permission denied; trying again' /run/log
    status=0
    daemon_stop || status=$?
    [ $status -eq 1 ]
    not grep -q ' 0 lost$' /run/log
E
}

@test "no root-only file or directory can be written: neither CAP_DAC_OVERRIDE nor root's uid is there" {
  inside <<'E'
    mkdir -m 700 secret
    socat -u UNIX-LISTEN:/run/work/sock,mode=600 /dev/null & peer=$!
    wait_for 20 test -S sock
    daemon_start -dest unix:/run/work/sock -promListen= -flushTimeout 100ms
    wait_for 20 grep -q 'unix:/run/work/sock: connect: Permission denied' /run/log
    daemon_stop || [ $? -eq 1 ]
    kill $peer
    for flag in -writeFiles -destWriteFiles; do
      status=0
      "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1 -capturePath secret "$flag" 2 2>/run/log || status=$?
      [ $status -eq 2 ]
      grep -q '^xtcp2: -capturePath secret: uid 64978 cannot write there (Permission denied)' /run/log
    done
    [ -z "$(ls secret)" ]
    # One that is missing is made, and is the user's.
    "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1 -capturePath captures -writeFiles 1 -destWriteFiles 1
    [ "$(stat -c '%u %a' captures)" = "64978 700" ]
    [ "$(ls captures | wc -l)" -ge 1 ]
E
}

@test "the gRPC socket belongs to the user, who takes it away in the end" {
  inside <<'E'
    "$XTCP2" -frequency 100ms -timeout 90ms -dest null -promListen= -grpcPort 0 2>/run/log & DAEMON=$!
    wait_for 20 test -S /run/xtcp2/grpc.sock
    wait_for 20 grep -q '^xtcp2: version' /run/log
    [ "$(stat -c '%u %g %a' /run/xtcp2)" = "64978 64978 755" ]
    [ "$(stat -c '%u %g %a' /run/xtcp2/grpc.sock)" = "64978 64978 660" ]
    "$CTL" get >/dev/null
    setpriv --reuid 64978 --regid 64978 --clear-groups "$CTL" get >/dev/null
    not setpriv --reuid 65534 --regid 65534 --clear-groups "$CTL" get
    daemon_stop
    [ ! -e /run/xtcp2/grpc.sock ]
E
}

@test "a start over in place: the same rights, one filter however often, everything still found" {
  inside <<'E'
    ip netns add red
    ip netns exec red sh -c "ip link set lo up; exec \"$SERVER\" -count 2" >ready &
    wait_for 20 grep -q READY ready
    "$XTCP2" -frequency 100ms -timeout 90ms -dest file:out -promListen= 2>/run/log & DAEMON=$!
    wait_for 20 has_record out '.netns == "red"'
    filters() { awk '/^Seccomp_filters/ { print $2 }' "/proc/$DAEMON/status"; }
    before=$(filters)
    for round in 1 2 3; do
      echo "{\"tag\": \"round-$round\"}" >set.json
      "$CTL" reconfigure -file set.json
      wait_for 20 has_record out ".netns == \"red\" and .tag == \"round-$round\""
    done
    [ "$(filters)" = "$before" ]
    every "$DAEMON" Uid "64978 64978 64978 64978"
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do every "$DAEMON" "$set" "$BOTH"; done
    every "$DAEMON" NoNewPrivs 1
    not grep '^seccomp: refused' /run/log
    daemon_stop
E
}

@test "a file that only root could open is written further after a start over" {
  inside <<'E'
    ip netns add red
    ip netns exec red sh -c "ip link set lo up; exec \"$SERVER\" -count 2" >ready &
    wait_for 20 grep -q READY ready
    install -m 600 /dev/null mine
    "$XTCP2" -frequency 100ms -timeout 90ms -dest file:mine -promListen= -grpcPort 0 2>/run/log & DAEMON=$!
    wait_for 20 has_record mine '.netns == "red"'
    for round in 1 2; do
      echo "{\"tag\": \"round-$round\"}" >set.json
      "$CTL" reconfigure -file set.json
      wait_for 20 has_record mine ".tag == \"round-$round\""
    done
    daemon_stop
    grep ' lost$' /run/log >ends
    not grep -v ' 0 lost$' ends
E
}

@test "calls that are not in the list fail, are counted, and are logged once each" {
  inside <<'E'
    daemon_start -dest null -promListen= # a build without a filter says so
    daemon_stop
    if without_filter; then exit 0; fi
    LD_PRELOAD=$REFUSED "$XTCP2" -frequency 100ms -timeout 90ms -grpcPort 0 -dest file:out 2>/run/log & DAEMON=$!
    wait_for 20 test -s out
    for name in keyctl ptrace mount unshare bpf execveat io_uring_setup setns socket ioctl clone; do
      [ "$(grep -c "^refused_calls: $name ENOSYS$" /run/log)" -eq 2 ]
      [ "$(grep -c "^seccomp: refused the system call $name (number [0-9]*) of thread strange: " /run/log)" -eq 1 ]
    done
    [ "$(curl -fsS http://127.0.0.1:9088/metrics | awk '$1 == "xtcp2_system_calls_refused_total" { print $2 }')" -eq 22 ]
    daemon_stop
    # Let through, or no filter at all.
    LD_PRELOAD=$REFUSED "$XTCP2" -maxLoops 1 -frequency 100ms -timeout 90ms -grpcPort 0 -promListen= -dest null -seccomp log 2>/run/log
    grep -q '^refused_calls: bpf EFAULT$\|^refused_calls: bpf E[A-Z]*$' /run/log
    not grep '^seccomp: ' /run/log
    daemon_start -dest null -promListen= -seccomp off
    every "$DAEMON" Seccomp "$(awk '/^Seccomp:/ { print $2 }' /proc/self/status)"
    daemon_stop
E
}

@test "every kind of work goes through the filter" {
  inside <<'E'
    socat -u TCP4-LISTEN:9000,bind=127.0.0.1,fork /dev/null & tcp=$!
    socat -u UDP4-RECV:9001,bind=127.0.0.1 /dev/null & udp=$!
    socat -u UNIX-LISTEN:sock,fork,mode=666 /dev/null & unix=$!
    socat -u UNIX-RECV:gram,mode=666 /dev/null & gram=$!
    listening() { [ -n "$(ss -Htunl "sport = $1")" ]; }
    wait_for 20 listening 9000
    wait_for 20 listening 9001
    wait_for 20 test -S sock
    wait_for 20 test -S gram
    for dest in null stdout stderr file:out tcp:localhost:9000 udp:localhost:9001 unix:sock unixgram:gram \
      http://localhost:9000/ https://localhost:9000/ kafka:localhost:9000; do
      for more in "" "-closeEvents -resolveContainerId -enrichContainer" -ioUring; do
        # shellcheck disable=SC2086
        "$XTCP2" -maxLoops 2 -frequency 50ms -timeout 40ms -flushTimeout 200ms -dest "$dest" $more >/dev/null 2>log || :
        not grep '^seccomp: refused' log
        grep -q ' polls, ' log
      done
    done
    kill $tcp $udp $unix $gram
E
}

@test "descriptors 0 to 2 that are closed are nobody's, and -dest stdout without one is refused" {
  inside <<'E'
    "$XTCP2" -frequency 100ms -timeout 90ms -promListen= -grpcPort 0 -dest file:out 0<&- 1>&- 2>&- & DAEMON=$!
    wait_for 20 test -s out
    for fd in 0 1 2; do [ "$(readlink "/proc/$DAEMON/fd/$fd")" = /dev/null ]; done
    daemon_stop
    status=0
    "$XTCP2" -maxLoops 1 >&- 2>log || status=$?
    [ $status -eq 2 ]
    [ "$(cat log)" = 'xtcp2: destination "stdout": is closed; expected stdout' ]
E
}

@test "-replay opens the capture as root and reads it with no capability at all" {
  inside <<'E'
    install -m 600 "$BATS_TEST_DIRNAME/../data/linux-6.18-ipv4.pcap" secret.pcap
    install -m 600 /dev/null mine
    "$XTCP2" -replay secret.pcap -dest file:mine 2>/run/log
    grep -q ' 18 records, 18 sent to file:mine' /run/log
    [ "$(wc -l <mine)" -eq 18 ]
    # It waits for a peer, so that it can be looked at.
    "$XTCP2" -replay secret.pcap -dest unix:nobody -flushTimeout 20s 2>/run/log & DAEMON=$!
    wait_for 20 grep -q 'trying again' /run/log
    every "$DAEMON" Uid "64978 64978 64978 64978"
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do every "$DAEMON" "$set" 0000000000000000; done
    every "$DAEMON" NoNewPrivs 1
    without_filter || every "$DAEMON" Seccomp 2
    kill $DAEMON
E
}
