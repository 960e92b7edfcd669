#!/usr/bin/env bats
# Discovery of network namespaces: which are found, their names, and the release of
# ended ones.

load lib

setup() {
  NSTEST=$(bin nsTest)
  NS=$(bin ns)
  SERVER=$(bin tcp_server)
  BUILD=$(readlink -f "$BUILD")
  export NSTEST NS SERVER BUILD
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

@test "the own namespace is there at once, with its inode and cookie" {
  sandbox <<'E'
    drive_start
    expect "self" names_only
    drive count >/dev/null
    read -r name inode cookie state _ <<<"$(drive names | head -n 1)"
    [ "$name $inode $state" = "self $(stat -Lc %i /proc/self/ns/net) open" ]
    [ "$cookie" -gt 0 ]
    expect "1" drive scan
E
}

@test "a named namespace is found, read, and freed by the scan after its deletion" {
  sandbox <<'E'
    drive_start
    drive count >/dev/null
    before=$(open_files)
    ip netns add blue
    tie blue
    scanned blue self
    [ "$(drive count | cut -d' ' -f2)" -eq 2 ]
    [ "$(open_files)" -eq $((before + 1)) ]
    ip netns del blue
    tied blue                  # our socket holds it
    scanned self
    [ "$(open_files)" -eq "$before" ]
    wait_for 20 untied blue
    expect 1 drive stat NETNS_REMOVED
E
}

@test "an anonymous namespace is found by its process, its sockets are read, it is freed when the process ends" {
  sandbox <<'E'
    cd "$(mktemp -d -p /run)"
    drive_start
    drive count >/dev/null
    before=$(open_files)
    pid=$(anonymous_start hold)
    tie "$pid"
    nsenter -n -t "$pid" sh -c "ip link set lo up; exec \"$SERVER\" -count 3" >/dev/null & server=$!
    wait_for 20 sh -c "[ \$(nsenter -n -t $pid ss -Htnl | wc -l) -eq 3 ]"
    scanned "pid:$pid" self
    drive dump /run/records >/dev/null
    [ "$(grep -c "\"netns\":\"pid:$pid\".*\"LISTEN\"" /run/records)" -eq 3 ]
    # One process less, still there; its name stays as long as that process lives.
    kill "$server"; wait "$server" || :
    scanned "pid:$pid" self
    tied "$pid"
    echo end >hold; wait_for 20 sh -c "! kill -0 $pid 2>/dev/null"
    scanned self
    [ "$(open_files)" -eq "$before" ]
    wait_for 20 untied "$pid"
E
}

@test "the name follows: from one process to another, to a mount, and back" {
  sandbox <<'E'
    cd "$(mktemp -d -p /run)"
    drive_start
    first=$(anonymous_start one)
    mkfifo two
    nsenter -n -t "$first" -- cat two & second=$!
    wait_for 20 is_apart $second
    scanned "pid:$first" self
    drive count >/dev/null
    cookie=$(drive names | awk '/^pid:/ { print $3 }')
    echo end >one; wait_for 20 sh -c "! kill -0 $first 2>/dev/null"
    scanned "pid:$second" self
    touch /run/netns/green
    mount --bind "/proc/$second/ns/net" /run/netns/green
    scanned green self
    mkdir -p /run/docker/netns
    touch /run/docker/netns/other
    mount --bind "/proc/$second/ns/net" /run/docker/netns/other
    scanned green self         # a name in use is kept
    umount /run/netns/green
    scanned other self
    umount /run/docker/netns/other
    scanned "pid:$second" self
    # All the while it was the same namespace, on the same socket.
    [ "$(drive names | awk '/^pid:/ { print $3, $4 }')" = "$cookie open" ]
    expect 2 drive stat NETNS_ADDED
    expect 0 drive stat NETNS_REMOVED
E
}

@test "the own namespace takes the name of a mount and gives it back" {
  sandbox <<'E'
    drive_start
    touch /run/netns/default
    mount --bind /proc/self/ns/net /run/netns/default
    scanned default
    umount /run/netns/default
    scanned self
E
}

@test "a file that is not mounted yet is no namespace; its mount is noticed without an event" {
  sandbox <<'E'
    drive_start
    touch /run/netns/late
    expect 1 drive watch 5000          # the file's creation
    expect 1 drive scan
    cd "$(mktemp -d -p /run)"
    pid=$(anonymous_start hold)
    mount --bind "/proc/$pid/ns/net" /run/netns/late
    expect 1 drive watch 5000
    scanned late self
    expect 0 drive stat NETNS_ERR_OTHER
E
}

@test "odd directory entries are passed over, odd names become UTF-8" {
  sandbox <<'E'
    cd "$(mktemp -d -p /run)"
    pid=$(anonymous_start hold)
    mkdir /run/netns/directory
    ln -s nowhere /run/netns/dangling
    mkfifo /run/netns/pipe
    name=$'caf\xc3\xa9-\xff\x01'
    touch "/run/netns/$name"
    mount --bind "/proc/$pid/ns/net" "/run/netns/$name"
    drive_start
    scanned $'caf\xc3\xa9-??' self
    [ "$(drive count | cut -d' ' -f2)" -eq 2 ]
E
}

@test "events: a namespace that comes and goes is reported" {
  sandbox <<'E'
    drive_start
    ip netns add red
    expect 1 drive watch 5000
    scanned red self
    ip netns del red
    expect 1 drive watch 5000
    scanned self
    # Quiet again, but for one late look at most.
    drive watch 100 >/dev/null
    expect 0 drive watch 100
    [ "$(drive stat NETNS_EVENTS)" -ge 2 ]
E
}

@test "events: missing directories are watched from when they appear, again and again" {
  sandbox <<'E'
    cd "$(mktemp -d -p /run)"
    pid=$(anonymous_start hold)
    drive_start
    for round in 1 2; do
      mkdir /run/docker
      expect 1 drive watch 5000
      drive scan >/dev/null
      mkdir /run/docker/netns
      expect 1 drive watch 5000
      drive scan >/dev/null
      touch /run/docker/netns/sandbox
      mount --bind "/proc/$pid/ns/net" /run/docker/netns/sandbox
      expect 1 drive watch 5000
      scanned sandbox self
      umount /run/docker/netns/sandbox
      rm -r /run/docker
      expect 1 drive watch 5000
      scanned "pid:$pid" self
    done
    # Other files in the parent directory cause no event.
    while [ "$(drive watch 200)" -eq 1 ]; do :; done
    touch /run/docker-other /run/other
    expect 0 drive watch 200
E
}

@test "events: a queue that overflows leads to a scan, not to a loss" {
  sandbox <<'E'
    drive_start
    max=$(cat /proc/sys/fs/inotify/max_queued_events)
    [ "$max" -le 100000 ]
    ip netns add kept
    (cd /run/netns && seq -f f%.0f "$max" | xargs touch && rm f*[0-9] 2>/dev/null || find . -name 'f*' -delete)
    expect 1 drive watch 5000
    while [ "$(drive watch 100)" -eq 1 ]; do :; done
    [ "$(drive stat NETNS_OVERFLOW)" -ge 1 ]
    scanned kept self
E
}

@test "churn: namespaces made and removed under the scans leave nothing behind" {
  sandbox <<'E'
    drive_start
    drive count >/dev/null
    before=$(open_files)
    "$NSTEST" -initial 30 -sleep 2ms -traffic -conns 2 -loops 300 >/run/out & nstest=$!
    wait_for 20 grep -q READY /run/out
    rounds=0
    until grep -q DONE /run/out; do
      drive scan >/dev/null
      drive count >/dev/null
      rounds=$((rounds + 1))
    done
    [ "$rounds" -ge 2 ]
    drive scan >/dev/null
    read -r records namespaces <<<"$(drive count)"
    [ "$namespaces" -eq 31 ]
    [ "$records" -eq $((30 * 5)) ]     # a listener and two connections' ends each
    kill "$nstest"; wait "$nstest"
    scanned self
    [ "$(open_files)" -eq "$before" ]
    [ "$(drive stat NETNS_ADDED)" -eq $(($(drive stat NETNS_REMOVED) + 1)) ]
    [ "$(drive stat NETNS_ADDED)" -gt 31 ]
    expect 0 drive stat NETNS_ERR_OTHER
    expect 0 drive stat NETNS_ERR_DENIED
    expect 0 drive stat NL_PARTIAL
    expect "" ls /run/netns
E
}

@test "2,000 namespaces: all read, one thread, one file each" {
  sandbox <<'E'
    "$NSTEST" -initial 2000 -loops 0 >/run/out & nstest=$!
    wait_for 60 grep -q READY /run/out
    drive_start
    drive count >/dev/null
    before=$(open_files)
    expect 2001 drive scan
    [ "$(drive count | cut -d' ' -f2)" -eq 2001 ]
    expect "$((before + 2000)) 1" drive fds
    expect 2001 drive scan
    # 5,000 scans a minute would not be linear: 2,000 entries take some 10 ms.
    [ "$(drive stat NETNS_SCAN_NS)" -lt 2000000000 ]
    kill "$nstest"; wait "$nstest"
    scanned self
    expect "$before 1" drive fds
E
}

@test "no descriptors left: counted, the rest is read, and the namespace next time" {
  sandbox <<'E'
    "$NSTEST" -initial 30 -loops 0 >/run/out & nstest=$!
    wait_for 20 grep -q READY /run/out
    drive_start 2>/run/log
    drive count >/dev/null
    expect 31 drive scan
    drive limit 20 >/dev/null
    read -r _ namespaces <<<"$(drive count)"
    [ "$namespaces" -ge 5 ] && [ "$namespaces" -lt 20 ]
    expect $((31 - namespaces)) drive stat NETNS_ERR_LIMIT
    [ "$(grep -c 'Too many open files' /run/log)" -eq 1 ]
    drive limit 200 >/dev/null
    [ "$(drive count | cut -d' ' -f2)" -eq 31 ]
    kill "$nstest"; wait "$nstest"
E
}

@test "without CAP_SYS_ADMIN: own namespace read, others blocked and counted once each" {
  sandbox <<'E'
    ip netns add red
    ip netns add blue
    mkfifo /run/in /run/answers
    setpriv --bounding-set -sys_admin "$BUILD/tests/tools/dump" </run/in >/run/answers 2>/run/log &
    exec {DRIVE_IN}>/run/in {DRIVE_OUT}</run/answers
    expect 3 drive scan
    for _ in 1 2 3; do [ "$(drive count | cut -d' ' -f2)" -eq 1 ]; done
    expect 2 drive stat NETNS_ERR_DENIED
    [ "$(drive names | grep -c ' blocked ')" -eq 2 ]
    [ "$(grep -c 'Operation not permitted' /run/log)" -eq 1 ]
E
}

@test "without CAP_SYS_PTRACE: names are found, strange processes counted once" {
  sandbox <<'E'
    cd "$(mktemp -d -p /run)"
    pid=$(anonymous_start hold)
    ip netns add red
    mkfifo /run/in /run/answers
    setpriv --bounding-set -sys_ptrace "$BUILD/tests/tools/dump" </run/in >/run/answers 2>/run/log &
    exec {DRIVE_IN}>/run/in {DRIVE_OUT}</run/answers
    for _ in 1 2 3; do scanned red self; done
    denied=$(drive stat NETNS_ERR_DENIED)
    [ "$denied" -ge 2 ] && [ "$denied" -lt 6 ]
    [ "$(grep -c CAP_SYS_PTRACE /run/log)" -eq 1 ]
    [ "$(drive count | cut -d' ' -f2)" -eq 2 ]
E
}

# bats test_tags=machine
@test "ns shows inode, cookie, processes, sockets and name" {
  sandbox <<'E'
    ip netns add red
    ip netns exec red sh -c "ip link set lo up; exec \"$SERVER\" -count 4" >/run/out &
    wait_for 20 grep -q READY /run/out
    "$NS" -json >/run/json
    inode=$(stat -Lc %i /run/netns/red)
    jq -es "map(select(.name == \"red\")) == [{inode: $inode, cookie: .[1].cookie, name: \"red\",
      path: \"/run/netns/red\", own: false, processes: 1, sockets: 4}] and .[1].cookie > 0" /run/json
    jq -es 'length == 2 and .[0].name == "self" and .[0].own and .[0].processes >= 2' /run/json
    "$NS" | grep -E "^$inode +[0-9]+ +1 +4 +red$"
E
}

@test "tools answer -help with 0 and a bad flag with 2" {
  for tool in ns nsTest tcp_server tcp_client udp_receiver_server; do
    path=$(bin "$tool")
    for flag in -help --help -h; do
      run "$path" "$flag"
      [ "$status" -eq 0 ]
      [[ "$output" == "$tool: "* ]]
    done
    run "$path" -nope
    [ "$status" -eq 2 ]
    [[ "$output" == "$tool: unknown argument \"-nope\"; possible: "* ]]
  done
  run "$(bin tcp_server)" -count many
  [ "$status" -eq 2 ]
  [[ "$output" == *"-count must be a number"* ]]
  run "$(bin tcp_client)" --sleep=5
  [ "$status" -eq 2 ]
  [[ "$output" == *"-sleep must be a duration"* ]]
}

@test "300 namespaces cost no thread, a descriptor each and little memory" {
  [ "$(PROCESSES=0 "$BATS_TEST_DIRNAME/../bench/scale" 300 | grep -c '^ok')" -eq 3 ]
}

@test "a namespace that only a thread, a kept or a passed socket holds is found, read, and let go" {
  sandbox <<'E'
    drive_start -hiddenSockets
    drive count >/dev/null
    for how in thread socket passed; do
      before=$(open_files)
      hide_start $how
      expect 2 drive scan
      names_only | grep -Ex 'self (tid|socket):[0-9]+' >/dev/null
      drive dump /run/records >/dev/null
      [ "$(jq -s 'map(select(.netns != "self" and .inet_diag_msg_socket_source_port == 7000)) | length' /run/records)" -eq 1 ]
      expect 2 drive scan
      exec 7>&-
      wait_for 20 left 1
      [ "$(open_files)" -eq "$before" ]
    done
E
}

# bats test_tags=machine
@test "hidden namespaces of an ordinary user are found, in nested user namespaces as well" {
  sandbox <<'E'
    drive_start -hiddenSockets
    chmod 755 /run
    for how in thread socket passed; do
      hide_start $how setpriv --reuid=65534 --regid=65534 --clear-groups unshare -U -r -- unshare -U -r -n --
      expect 3 drive scan
      drive dump /run/records >/dev/null
      [ "$(jq -s 'map(select(.inet_diag_msg_socket_source_port == 7000)) | length' /run/records)" -eq 1 ]
      exec 7>&-
      wait_for 20 left 1
    done
E
}

@test "a hidden namespace is followed when its descriptor changes, and gets the name of a process that enters it" {
  sandbox <<'E'
    drive_start -hiddenSockets
    hide_start swap
    expect 2 drive scan
    drive count >/dev/null
    cookie=$(drive names | awk '/^socket:/ { print $3 }')
    echo swap >&7
    wait_for 20 grep -q SWAPPED /run/hidden-swap
    expect 2 drive scan
    [ "$(drive names | awk '/^socket:/ { print $3, $4 }')" = "$cookie open" ]
    exec 7>&-
    wait_for 20 left 1
    hide_start thread
    expect 2 drive scan
    tid=$(names_only | grep -o 'tid:[0-9]*' | cut -d: -f2)
    mkfifo /run/hold
    nsenter "--net=/proc/$tid/task/$tid/ns/net" cat /run/hold & entered=$!
    wait_for 20 is_apart $entered
    scanned "pid:$entered" self
    touch /run/netns/shown
    mount --bind "/proc/$entered/ns/net" /run/netns/shown
    scanned self shown
E
}

@test "the daemon finds hidden namespaces by itself, and polls cost no privilege more" {
  sandbox <<'E'
    XTCP2=$(bin xtcp2)
    mkdir /run/work && cd /run/work
    listeners() { [ "$(jq -r 'select(.inet_diag_msg_socket_source_port == 7000) | .netns' out | grep -c "^$1:")" -ge 1 ]; }
    hide_start thread
    "$XTCP2" -frequency 100ms -timeout 90ms -promListen= -grpcPort 0 >out 2>log 7>&- & daemon=$!
    wait_for 20 listeners tid
    exec 7>&-
    kill $daemon
    wait $daemon
    hide_start passed
    "$XTCP2" -hiddenSockets -frequency 100ms -timeout 90ms -promListen= -grpcPort 0 >out 2>log 7>&- & daemon=$!
    wait_for 20 listeners socket
    # CAP_NET_ADMIN (bit 12) is in effect on the thread that looks for sockets, and on no other.
    effective() { awk -v name="$1" '/^Name/ { n = $2 } /^CapEff/ && n ~ name { print $2 }' /proc/$daemon/task/*/status; }
    for mask in $(effective '^(xtcp2|netlinker)'); do [ $((0x$mask & 1 << 12)) -eq 0 ]; done
    [ $((0x$(effective '^hidden') & 1 << 12)) -ne 0 ]
    kill $daemon
    wait $daemon
    not grep -q 'system call' log
E
}

@test "an anonymous namespace is let go at its end, however seldom polls are" {
  sandbox <<'E'
    XTCP2=$(bin xtcp2)
    mkdir /run/work && cd /run/work
    metric() { curl -sS --noproxy '*' http://127.0.0.1:9088/metrics | awk -v name="$1" '$1 == name { printf "%d\n", $2 }'; }
    polled() { [ "$(metric xtcp2_polls_total)" -ge 1 ] && [ "$(metric xtcp2_namespaces)" -eq "$1" ] && [ "$(metric xtcp2_namespaces_unread)" -eq 0 ]; }
    one=$(anonymous_start one)
    two=$(anonymous_start two)
    nsenter -n -t "$two" sleep 100 & other=$!
    wait_for 20 is_apart $other
    tie "$one"
    tie "$two"
    "$XTCP2" -frequency 1h -timeout 1m -grpcPort 0 >out 2>log 7>&- & daemon=$!
    wait_for 20 polled 3
    echo end >one
    wait_for 20 untied "$one"   # by the scan after its end: the next poll is an hour away
    # The end of one of two processes changes nothing but the name.
    echo end >two
    wait_for 20 sh -c "! kill -0 $two 2>/dev/null"
    wait_for 20 polled 2
    tied "$two"
    kill $other
    wait_for 20 untied "$two"
    [ "$(metric xtcp2_polls_total)" -eq 1 ]
    # One that only a thread holds.
    kill $daemon
    wait $daemon
    hide_start thread
    tid=$(ls /proc/"$(pgrep -x hide)"/task | tail -n 1)
    touch /run/netns/tmp && mount --bind "/proc/$tid/task/$tid/ns/net" /run/netns/tmp
    tie tmp
    umount /run/netns/tmp
    "$XTCP2" -frequency 500ms -timeout 400ms -grpcPort 0 >out 2>log 7>&- & daemon=$!
    found() { grep '"netns":"tid:' out >/dev/null; }
    wait_for 20 found
    exec 7>&-
    wait_for 20 untied tmp
    kill $daemon
    wait $daemon
E
}
