#!/usr/bin/env bats
# Who may do what over gRPC: the real daemon, our clients and those of others.
# bats file_tags=machine

bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2) CTL=$(bin xtcp2ctl) CLIENT=$(bin xtcp2client)
  SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  CLIENTS=$SOURCE/build/clients
  export XTCP2 CTL CLIENT SOURCE CLIENTS BUILD
}

# Runs the shell text of standard input with network, processes, /run and groups of its own.
sandbox() {
  unshare -n -m -p -f --mount-proc -- timeout -k 5 120 bash -euo pipefail -c "
    mount --make-rprivate / && mount -t tmpfs run /run && mkdir /run/netns && ip link set lo up
    . '$BATS_TEST_DIRNAME/lib.bash'; unset XTCP_GRPC_SOCKET; cd /run
    cp /etc/group groups; printf 'xreaders:x:7001:\nxadmins:x:7002:\nxothers:x:7003:\n' >>groups; mount --bind groups /etc/group
    daemon_start() {
      \"\$XTCP2\" -dest null -promListen= -frequency 1h -timeout 1s \"\$@\" >out 2>log & daemon=\$!
      wait_for 20 grep -q 'workers, every' log
    }
    daemon_end() { kill \$daemon; wait \$daemon; }
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups \"\$@\"; }
    statuses() { timeout 60 \"\$CLIENTS/python/bin/python\" \"\$SOURCE/tests/clients/grpcio_access.py\" \"\$@\"; }
    statuses_js() { NODE_PATH=\$CLIENTS/node_modules timeout 60 node \"\$SOURCE/tests/clients/grpcjs_access.js\" \"\$@\"; }
    # What each method answers to who may read, to an administrator, and to who may nothing.
    for method in Get FlatRecords Check Watch ServerReflectionInfo; do echo \$method OK; done | tee reader >admin
    for method in Set SetPollFrequency TriggerPoll TriggerPollBurst SetS3Upload PollFlatRecords; do echo \$method PERMISSION_DENIED; done >>reader
    printf '%s\n' 'Set INVALID_ARGUMENT' 'SetPollFrequency INVALID_ARGUMENT' 'TriggerPoll OK' 'TriggerPollBurst INVALID_ARGUMENT' \
      'SetS3Upload UNIMPLEMENTED' 'PollFlatRecords OK' >>admin
    sed 's/ .*/ PERMISSION_DENIED/' reader >denied
    sed 's/ .*/ UNAUTHENTICATED/' reader >unauthenticated
    # answers_are FILE: the statuses on standard input are those.
    answers_are() { grep -E '^[A-Za-z0-9]+ [A-Z_]+\$' | diff - \"\$1\"; }
    $(cat)" 3>&-
}

@test "TCP serves reading, and nothing that changes or triggers" {
  sandbox <<'E2'
    daemon_start
    statuses 127.0.0.1:8889 | tee all; answers_are reader <all
    tail -n 1 all | grep 'to change or trigger anything, connect to the UNIX socket /run/xtcp2/grpc.sock as root' >/dev/null
    as_nobody "$CLIENT" -target localhost -count 1 >record & client=$!
    wait_for 10 sh -c '"$CTL" trigger-poll && test -s record'
    wait $client
    ! as_nobody "$CTL" trigger-poll 2>err
    grep -q 'TriggerPoll over localhost port 8889 is refused: .*/run/xtcp2/grpc.sock as root.*PERMISSION_DENIED' err
    grep -q '127.0.0.1:[0-9]* may not call /xtcp_config.v1.ConfigService/Set: refused' log
    [ "$(grep -c 'may not call' log)" -eq 1 ]
    grep -q 'everybody who reaches 127.0.0.1 port 8889 may read records' log
    daemon_end
E2
}

@test "the UNIX socket: all for root and the daemon's own user, closed to others; it goes with the daemon" {
  sandbox <<'E2'
    daemon_start
    [ "$(stat -c '%a %F' /run/xtcp2/grpc.sock)" = "660 socket" ] && [ "$(stat -c %a /run/xtcp2)" = 755 ]
    statuses unix:/run/xtcp2/grpc.sock | answers_are admin
    "$CTL" set-poll-frequency -frequency 2h | jq -e '.poll_frequency == "2h"'
    ! as_nobody "$CTL" get -socket /run/xtcp2/grpc.sock 2>err
    grep -q 'does not let this user in; be root or a member of a group' err
    daemon_end
    [ ! -e /run/xtcp2/grpc.sock ]

    install -d -o 65534 own
    setpriv --reuid=65534 --regid=65534 --clear-groups "$XTCP2" -dest null -promListen= -frequency 1h -timeout 1s -grpcSocket own/grpc.sock 2>log & daemon=$!
    wait_for 20 grep -q 'workers, every' log
    as_nobody "$CTL" trigger-poll -socket own/grpc.sock
    daemon_end
    [ ! -e own/grpc.sock ]
E2
}

@test "groups: -grpcAdmins may change, -grpcReaders may read, others get what TCP gives" {
  sandbox <<'E2'
    daemon_start -grpcAdmins xadmins -grpcReaders xreaders
    [ "$(stat -c %a /run/xtcp2/grpc.sock)" = 666 ]
    statuses unix:/run/xtcp2/grpc.sock uid=4321 gid=4321,7003,7002 | answers_are admin
    setpriv --reuid=4321 --regid=7002 --clear-groups "$CTL" trigger-poll
    statuses unix:/run/xtcp2/grpc.sock uid=4321 gid=4321,7001 | answers_are reader
    statuses unix:/run/xtcp2/grpc.sock uid=65534 gid=65534 | answers_are denied
    # Who may read has a name: TCP, where nobody has one, gives nothing.
    statuses 127.0.0.1:8889 | answers_are denied
    ! grep -q 'everybody who reaches' log
    daemon_end
    daemon_start -grpcAdmins xadmins
    statuses unix:/run/xtcp2/grpc.sock uid=65534 gid=65534 | answers_are reader
    daemon_end
    rc=0; "$XTCP2" -grpcAdmins xadmins,nosuchgroup -maxLoops 1 2>log || rc=$?
    [ "$rc" -eq 2 ] && grep -q 'grpcAdmins nosuchgroup: there is no such group' log
E2
}

@test "a stale socket is replaced, a live one and a file are left alone" {
  sandbox <<'E2'
    daemon_start
    kill -9 $daemon; wait $daemon || :
    [ -S /run/xtcp2/grpc.sock ]
    daemon_start
    "$CTL" trigger-poll
    # A second daemon goes on without, and says so; with a place of its own it ends.
    "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1 2>second
    grep -q 'no UNIX socket, .*: -grpcSocket /run/xtcp2/grpc.sock: another process listens on it' second
    rc=0; "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1 -grpcSocket ../run/xtcp2/grpc.sock 2>second || rc=$?
    [ "$rc" -eq 2 ] && grep -q 'another process listens on it' second
    "$CTL" trigger-poll
    daemon_end
    echo kept >file
    rc=0; "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1 -grpcSocket file 2>second || rc=$?
    [ "$rc" -eq 2 ] && grep -q 'file: is there already and is no socket' second && [ "$(cat file)" = kept ]
    as_nobody "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1 2>second
    grep -q 'no UNIX socket, .*/run/xtcp2/grpc.sock' second
E2
}

@test "nobody cannot make the daemon write, nor send records elsewhere" {
  sandbox <<'E2'
    printf 'root:x:0:0::/root:/bin/sh\n' >passwd
    daemon_start
    echo '{"dest":"file:/run/passwd","marshal":"csv","columns":"label","label":"hax::0:0::/root:/bin/sh"}' >a.json
    for way in "-port 8889" "-target 127.0.0.1" "-socket /run/xtcp2/grpc.sock"; do
      ! as_nobody "$CTL" reconfigure $way -file a.json
    done
    ! as_nobody "$CTL" set-poll-frequency -frequency 10ms -timeout 1ms
    [ "$("$CTL" get | jq -r .dest)" = null ] && kill -0 $daemon
    daemon_end
    [ "$(cat passwd)" = 'root:x:0:0::/root:/bin/sh' ]
E2
}

@test "who only reads sees neither credentials nor paths" {
  sandbox <<'E2'
    mkdir -m 700 private
    "$XTCP2" -dest file:/run/private/records -capturePath /run/private -promListen= -frequency 1h -timeout 1s 2>log & daemon=$!
    wait_for 20 grep -q 'workers, every' log
    [ "$("$CTL" get | jq -r '.dest + " " + .capture_path')" = 'file:/run/private/records /run/private' ]
    [ "$(as_nobody "$CTL" get -target localhost | jq -r '.dest + " " + .capture_path')" = 'file:(hidden) (hidden)' ]
    daemon_end
E2
}

@test "credentials do not follow to another broker" {
  sandbox <<'E2'
    "$XTCP2" -dest kafka:127.0.0.1:9092 -marshal protobufList -promListen= -frequency 1s -timeout 500ms -flushTimeout 0 \
      -kafkaConfig 'security.protocol=sasl_plaintext;sasl.mechanism=PLAIN;sasl.username=svc;sasl.password=TOPSECRETPW' 2>log & daemon=$!
    wait_for 20 grep -q 'workers, every' log
    socat -u TCP4-LISTEN:9999,bind=127.0.0.1,fork,reuseaddr OPEN:got,creat,append & thief=$!
    wait_for 10 test_listeners 2
    ! "$CTL" get | grep TOPSECRETPW >/dev/null
    echo '{"dest":"kafka:127.0.0.1:9999"}' >a.json
    ! as_nobody "$CTL" reconfigure -file a.json -target localhost 2>err
    grep -q PERMISSION_DENIED err
    for dest in kafka:127.0.0.1:9999 kafka:127.0.0.1:9092,127.0.0.1:9999 null tcp:127.0.0.1:9999; do
      echo "{\"dest\":\"$dest\"}" >a.json
      ! "$CTL" reconfigure -file a.json 2>err
      grep -q 'dest: the credentials in -kafkaConfig .* do not follow.*INVALID_ARGUMENT' err
    done
    # The configuration as it is may come back, and other fields may change.
    echo '{"tag":"new"}' >a.json
    "$CTL" reconfigure -file a.json >/dev/null
    wait_for 10 sh -c '"$CTL" get | jq -e ".tag == \"new\""'
    # The producer is there: it has tried its own broker.
    wait_for 10 grep -q 'kafka.*9092' log
    kill $daemon; wait $daemon || :
    [ ! -s got ]
    kill $thief
E2
}
