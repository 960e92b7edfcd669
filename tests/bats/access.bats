#!/usr/bin/env bats
# Access over gRPC: the real daemon, the tree's clients and other ones.
# bats file_tags=machine

bats_require_minimum_version 1.5.0
load lib

setup_file() {
  "$BATS_TEST_DIRNAME/../../ci/clients" >"$BATS_FILE_TMPDIR/clients.log" 2>&1 || { cat "$BATS_FILE_TMPDIR/clients.log"; return 1; }
}

setup() {
  XTCP2=$(bin xtcp2) CTL=$(bin xtcp2ctl) CLIENT=$(bin xtcp2client)
  SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  CLIENTS=$SOURCE/build/clients
  export XTCP2 CTL CLIENT SOURCE CLIENTS BUILD
}

# Runs the shell text of standard input with network, processes, /run and groups of its own.
sandbox() {
  # Outside: as the first process of a namespace timeout ends at once, since coreutils 9.10.
  timeout -k 5 120 unshare -n -m -p -f --kill-child --mount-proc -- bash -euo pipefail -c "
    mount --make-rprivate / && mount -t tmpfs run /run && mkdir /run/netns && ip link set lo up
    . '$BATS_TEST_DIRNAME/lib.bash'; unset XTCP_GRPC_SOCKET; cd /run
    cp /etc/group groups; printf 'xreaders:x:7001:\nxadmins:x:7002:\nxothers:x:7003:\n' >>groups; mount --bind groups /etc/group
    daemon_start() {
      rm -f log
      \"\$XTCP2\" -dest null -promListen= -frequency 1h -timeout 1s \"\$@\" >out 2>log & daemon=\$!
      wait_for 20 grep -q 'workers, every' log
    }
    # last_says TEXT: the refusal that statuses printed, in the file all.
    last_says() { tail -n 1 all | grep -e \"\$1\"; }
    daemon_end() { kill \$daemon; wait \$daemon; }
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups \"\$@\"; }
    statuses() { timeout 60 \"\$CLIENTS/python/bin/python\" \"\$SOURCE/tests/clients/grpcio_access.py\" \"\$@\"; }
    statuses_js() { NODE_PATH=\$CLIENTS/node_modules timeout 60 node \"\$SOURCE/tests/clients/grpcjs_access.js\" \"\$@\"; }
    # The answer of each method to clients with read access, administrators, and clients without access.
    for method in Get FlatRecords Check Watch ServerReflectionInfo; do echo \$method OK; done | tee reader >admin
    for method in Set SetPollFrequency TriggerPoll TriggerPollBurst SetS3Upload PollFlatRecords; do echo \$method PERMISSION_DENIED; done >>reader
    printf '%s\n' 'Set INVALID_ARGUMENT' 'SetPollFrequency INVALID_ARGUMENT' 'TriggerPoll OK' 'TriggerPollBurst INVALID_ARGUMENT' \
      'SetS3Upload FAILED_PRECONDITION' 'PollFlatRecords OK' >>admin
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
    wait_for 20 sh -c '"$CTL" trigger-poll && test -s record'
    wait $client
    not as_nobody "$CTL" trigger-poll 2>err
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
    not as_nobody "$CTL" get -socket /run/xtcp2/grpc.sock 2>err
    grep -q 'does not let this user in; be root or a member of a group' err
    daemon_end
    [ ! -e /run/xtcp2/grpc.sock ]

    install -d -o 65534 own
    rm log
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
    # -grpcReaders needs names: over TCP, without them, every call is refused.
    statuses 127.0.0.1:8889 | answers_are denied
    not grep -q 'everybody who reaches' log
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
    [ "$rc" -eq 2 ] && grep -q 'file: exists and is not a socket' second && [ "$(cat file)" = kept ]
    as_nobody "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1 2>second
    grep -q 'no UNIX socket, .*/run/xtcp2/grpc.sock' second
E2
}

@test "user nobody can neither make the daemon write files nor send records elsewhere" {
  sandbox <<'E2'
    printf 'root:x:0:0::/root:/bin/sh\n' >passwd
    daemon_start
    echo '{"dest":"file:/run/passwd","marshal":"csv","columns":"label","label":"hax::0:0::/root:/bin/sh"}' >a.json
    for way in "-port 8889" "-target 127.0.0.1" "-socket /run/xtcp2/grpc.sock"; do
      not as_nobody "$CTL" reconfigure $way -file a.json
    done
    not as_nobody "$CTL" set-poll-frequency -frequency 10ms -timeout 1ms
    [ "$("$CTL" get | jq -r .dest)" = null ] && kill -0 $daemon
    daemon_end
    [ "$(cat passwd)" = 'root:x:0:0::/root:/bin/sh' ]
E2
}

@test "clients with read access get neither credentials nor paths" {
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
    wait_for 20 test_listeners 2
    not grep -q TOPSECRETPW <("$CTL" get)
    echo '{"dest":"kafka:127.0.0.1:9999"}' >a.json
    not as_nobody "$CTL" reconfigure -file a.json -target localhost 2>err
    grep -q PERMISSION_DENIED err
    for dest in kafka:127.0.0.1:9999 kafka:127.0.0.1:9092,127.0.0.1:9999 null tcp:127.0.0.1:9999; do
      echo "{\"dest\":\"$dest\"}" >a.json
      not "$CTL" reconfigure -file a.json 2>err
      grep -q 'dest: the credentials in -kafkaConfig belong to another destination.*INVALID_ARGUMENT' err
    done
    # The configuration as it is may come back, and other fields may change.
    echo '{"tag":"new"}' >a.json
    "$CTL" reconfigure -file a.json >/dev/null
    wait_for 20 sh -c '"$CTL" get | jq -e ".tag == \"new\""'
    # The producer is there: it has tried its own broker.
    wait_for 20 grep -q 'kafka.*9092' log
    kill $daemon; wait $daemon || :
    [ ! -s got ]
    kill $thief
E2
}

@test "tokens: each gives the access of its line; without one every call over TCP is refused" {
  sandbox <<'E2'
    printf '# who\nadmin %s\nread\t%s\n\n' adminadminadmin1 readreadreadread >tokens; chmod 640 tokens
    daemon_start -grpcTokenFile tokens
    statuses 127.0.0.1:8889 >all; answers_are unauthenticated <all
    last_says 'to read, send a token (authorization: Bearer TOKEN), or connect to the UNIX socket'
    statuses 127.0.0.1:8889 token=readreadreadread >all; answers_are reader <all
    last_says 'send an admin token'
    statuses 127.0.0.1:8889 token=adminadminadmin1 | answers_are admin
    statuses 127.0.0.1:8889 token=adminadminadmin >all; answers_are unauthenticated <all
    last_says "not in the daemon's -grpcTokenFile"
    [ "$(statuses_js 127.0.0.1:8889 token=adminadminadmin1 | xargs)" = 'Get OK Check OK Set INVALID_ARGUMENT TriggerPoll OK' ]
    [ "$(statuses_js 127.0.0.1:8889 token=readreadreadread | xargs)" = 'Get OK Check OK Set PERMISSION_DENIED TriggerPoll PERMISSION_DENIED' ]
    # Not every release has a Go for it.
    grpcurl=$CLIENTS/grpcurl
    [ ! -x "$grpcurl" ] || "$grpcurl" -plaintext -H 'authorization: Bearer adminadminadmin1' 127.0.0.1:8889 xtcp_config.v1.ConfigService/TriggerPoll
    statuses unix:/run/xtcp2/grpc.sock | answers_are admin
    XTCP2_TOKEN=adminadminadmin1 as_nobody "$CTL" trigger-poll -target localhost
    printf 'readreadreadread\n' >mine; chmod 600 mine
    "$CTL" get -target localhost -tokenFile mine | jq -e .netlinkers
    not "$CTL" trigger-poll -target localhost -tokenFile mine
    daemon_end
    not grep -E 'adminadminadmin|readreadread' log
    # In the clear a token counts from this machine only.
    ip addr add 192.0.2.1/32 dev lo
    daemon_start -grpcTokenFile tokens -grpcListen 0.0.0.0 -grpcInsecure
    statuses 127.0.0.1:8889 token=adminadminadmin1 | answers_are admin
    statuses 192.0.2.1:8889 token=adminadminadmin1 >all; answers_are unauthenticated <all
    last_says 'over TLS (-grpcTls) or from this host only'
    not env XTCP2_TOKEN=adminadminadmin1 "$CTL" trigger-poll -target 192.0.2.1 2>err; grep -q 'not sent to 192.0.2.1 port 8889 in the clear' err
    daemon_end
E2
}

@test "a token file that is open, damaged or empty ends the start, and so does an open port without protection" {
  sandbox <<'E2'
    refused() { local rc=0; "$XTCP2" -dest null -promListen= -maxLoops 1 "${@:2}" >out 2>&1 || rc=$?; [ "$rc" -eq 2 ] && grep -q -- "$1" out || { cat out; return 1; }; }
    echo 'admin adminadminadmin1' >tokens; chmod 644 tokens
    refused 'tokens: its mode is 644, .*chmod' -grpcTokenFile tokens
    chmod 600 tokens; echo 'root adminadminadmin1' >>tokens
    refused 'tokens: line 2: must begin with admin or read' -grpcTokenFile tokens
    echo 'admin short' >tokens
    refused 'tokens: line 1: a token has 16 to 512 characters' -grpcTokenFile tokens
    echo 'admin' >tokens
    refused 'line 1: must be "admin TOKEN"' -grpcTokenFile tokens
    : >tokens
    refused 'tokens: contains no token' -grpcTokenFile tokens
    refused 'No such file' -grpcTokenFile nowhere
    mkfifo fifo; chmod 600 fifo
    refused 'fifo: is not a regular file' -grpcTokenFile fifo
    for address in 0.0.0.0 :: '[::]' 192.0.2.1; do
      refused 'other hosts may reach it: give -grpcTls, or -grpcInsecure' -grpcListen "$address"
    done
    refused 'needs -grpcTlsCert and -grpcTlsKey' -grpcTls
    refused 'is off, but options of TLS are given' -grpcTlsCert x
    refused 'does not say who they are' -grpcListen 0.0.0.0 -grpcTls -grpcTlsCert x -grpcTlsKey y
    refused 'needs -grpcTlsClientCa' -grpcTls -grpcTlsCert x -grpcTlsKey y -grpcTlsAdmins me
    "$XTCP2" -dest null -promListen= -maxLoops 1 -grpcListen 0.0.0.0 -grpcInsecure 2>out
    grep -q 'everybody who reaches 0.0.0.0 port 8889 may read records' out
    "$XTCP2" -dest null -promListen= -maxLoops 1 -grpcListen ::1 2>out
E2
}

@test "TLS: client certificates give read or admin access; plaintext gets a clear answer" {
  sandbox <<'E2'
    # authority NAME; certificate AUTHORITY NAME COMMON-NAME [SUBJECT-ALT-NAME]
    authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null; }
    certificate() {
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" -keyout "$2.key" -out "$2.csr" 2>/dev/null
      openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 2 -out "$2.pem" \
        -extfile <(echo "subjectAltName=${4:-DNS:$3}") 2>/dev/null
    }
    authority ca; authority other
    certificate ca server localhost DNS:localhost,IP:127.0.0.1
    certificate ca alice alice; certificate ca bob somebody URI:spiffe://example/bob; certificate ca carol carol; certificate other mallory alice
    echo 'admin adminadminadmin1' >tokens; chmod 600 tokens
    daemon_start -grpcTls -grpcTlsCert server.pem -grpcTlsKey server.key -grpcTlsClientCa ca.pem -grpcTlsAdmins alice,spiffe://example/bob -grpcTokenFile tokens
    grep -q 'listening on 127.0.0.1 port 8889 with TLS' log
    not grep -q 'everybody who reaches' log
    statuses localhost:8889 ca=ca.pem cert=alice.pem key=alice.key | answers_are admin
    statuses localhost:8889 ca=ca.pem cert=bob.pem key=bob.key | answers_are admin
    statuses localhost:8889 ca=ca.pem cert=carol.pem key=carol.key >all; answers_are reader <all
    last_says 'present a client certificate that -grpcTlsAdmins names'
    statuses localhost:8889 ca=ca.pem >all; answers_are unauthenticated <all
    statuses localhost:8889 ca=ca.pem token=adminadminadmin1 | answers_are admin
    statuses localhost:8889 ca=ca.pem cert=mallory.pem key=mallory.key >all 2>err
    grep -q '^Get ' all && not grep -E '^[A-Za-z]+ (OK|INVALID_ARGUMENT|UNIMPLEMENTED)$' all
    [ "$(statuses_js localhost:8889 ca=ca.pem cert=alice.pem key=alice.key | xargs)" = 'Get OK Check OK Set INVALID_ARGUMENT TriggerPoll OK' ]
    # Not every release has a Go for it.
    grpcurl=$CLIENTS/grpcurl
    [ ! -x "$grpcurl" ] || "$grpcurl" -cacert ca.pem -cert alice.pem -key alice.key localhost:8889 xtcp_config.v1.ConfigService/TriggerPoll
    [ ! -x "$grpcurl" ] || not "$grpcurl" -cacert ca.pem -cert carol.pem -key carol.key localhost:8889 xtcp_config.v1.ConfigService/TriggerPoll

    "$CTL" trigger-poll -tls -tlsCa ca.pem -tlsCert alice.pem -tlsKey alice.key
    "$CTL" get -tls -target 127.0.0.1 -tlsCa ca.pem -tlsCert carol.pem -tlsKey carol.key | jq -e .netlinkers
    not "$CTL" trigger-poll -tls -tlsCa ca.pem -tlsCert carol.pem -tlsKey carol.key 2>err; grep -q PERMISSION_DENIED err
    not "$CTL" get -tls -tlsCa ca.pem 2>err; grep -q 'UNAUTHENTICATED' err
    not "$CTL" get -tls -tlsCa other.pem 2>err; grep -q 'certificate verify failed' err
    not "$CTL" get -tls -tlsCa ca.pem -tlsName elsewhere 2>err; grep -qi 'hostname mismatch' err
    not "$CTL" get -tls -tlsCa ca.pem -tlsCert mallory.pem -tlsKey mallory.key 2>err; grep -q 'no TLS with localhost port 8889: ' err
    chmod 644 alice.key
    not "$CTL" get -tls -tlsCa ca.pem -tlsCert alice.pem -tlsKey alice.key 2>err; grep -q 'alice.key: its mode is 644' err
    "$CLIENT" -poll -count 5 -format null -tls -tlsCa ca.pem -tlsCert bob.pem -tlsKey bob.key

    # Plaintext: told so in words.
    not "$CTL" get -target localhost 2>err; grep -q 'is that without -grpcTls' err
    exec 4<>/dev/tcp/127.0.0.1/8889; printf 'GET / HTTP/1.1\r\n\r\n' >&4; grep -q 'this port speaks gRPC over TLS only' <&4; exec 4>&-
    grep -q 'no TLS connection: the client speaks plaintext' log
    # Nothing older than TLS 1.3, nothing but HTTP/2.
    not openssl s_client -connect localhost:8889 -tls1_2 -alpn h2 </dev/null >out 2>&1
    not openssl s_client -connect localhost:8889 -alpn http/1.1 </dev/null >out 2>&1
    openssl s_client -connect localhost:8889 -alpn h2 -CAfile ca.pem </dev/null 2>/dev/null | grep 'TLSv1.3'
    # The socket is as ever.
    statuses unix:/run/xtcp2/grpc.sock | answers_are admin
    daemon_end

    refused() { local rc=0; "$XTCP2" -dest null -promListen= -maxLoops 1 -grpcTls "${@:2}" >out 2>&1 || rc=$?; [ "$rc" -eq 2 ] && grep -q -- "$1" out || { cat out; return 1; }; }
    refused 'alice.key: its mode is 644' -grpcTlsCert alice.pem -grpcTlsKey alice.key
    refused 'bob.key: no private key for the certificate' -grpcTlsCert server.pem -grpcTlsKey bob.key
    refused 'nowhere: no certificate: No such file or directory' -grpcTlsCert nowhere -grpcTlsKey bob.key
    refused 'nowhere: no certificates of an authority: No such file or directory' -grpcTlsCert server.pem -grpcTlsKey server.key -grpcTlsClientCa nowhere
    refused 'tokens: no certificates of an authority' -grpcTlsCert server.pem -grpcTlsKey server.key -grpcTlsClientCa tokens
E2
}

@test "TLS carries a stream of many records, and calls by the thousand" {
  sandbox <<'E2'
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key -out cert 2>/dev/null
    "$(bin tcp_server)" -count 500 >/dev/null & servers=$!
    wait_for 20 test_listeners 500
    daemon_start -grpcTls -grpcTlsCert cert -grpcTlsKey key -grpcInsecure
    "$CLIENT" -tls -tlsCa cert -count 20000 -format null >count & client=$!
    "$CTL" set-poll-frequency -frequency 50ms -timeout 40ms >/dev/null
    wait $client
    [ "$(cat count)" = '20000 records' ]
    printf '\0\0\0\0\0' >request
    h2load -n 3000 -c 20 -m 20 -d request -H 'content-type: application/grpc' -H 'te: trailers' https://localhost:8889/xtcp_config.v1.ConfigService/Get >h2
    grep -q '3000 succeeded, 0 failed, 0 errored' h2
    kill $servers
    daemon_end
E2
}

@test "other users fill every place: root is still let in, and answered within 2 s" {
  sandbox <<'E2'
    install -m 755 "$(bin h2_cases)" cases
    fill() {
      mkfifo "hold$1"
      setpriv --reuid="$1" --regid=7003 --clear-groups ./cases /run/xtcp2/grpc.sock idle "$2" <"hold$1" >"filled$1" &
      exec {hold}<>"hold$1"
      wait_for 20 grep -qx "idle $2" "filled$1"
    }
    ulimit -n 8192
    daemon_start -grpcAdmins xadmins
    fill 4321 768
    fill 4322 256
    not setpriv --reuid=4323 --regid=7003 --clear-groups "$CTL" get
    for _ in 1 2 3 4 5; do timeout 2 "$CTL" get >answer; done
    timeout 2 setpriv --reuid=4323 --regid=7002 --clear-groups "$CTL" trigger-poll
    grep -q 'connection refused: too many connections' log
    daemon_end
E2
}

@test "few descriptors: other users fill every place, and both root and the polls have what they need" {
  sandbox <<'E2'
    install -m 755 "$(bin h2_cases)" cases
    for ((i = 0; i < 20; i++)); do ip netns add "n$i"; done
    (ulimit -n 256; exec "$XTCP2" -dest null -promListen= -frequency 100ms -timeout 90ms -grpcAdmins xadmins) 2>log & daemon=$!
    wait_for 20 grep -q 'workers, every' log
    mkfifo hold
    exec {hold}<>hold
    # An eighth of 256 for all, three quarters of it for the one who comes first.
    for place in 4321:25 4322:9 4323:1; do
      setpriv --reuid="${place%:*}" --regid=7003 --clear-groups ./cases /run/xtcp2/grpc.sock idle 250 <hold >filled &
      wait_for 20 grep -qx "connection ${place#*:} was not answered" filled
    done
    timeout 2 "$CTL" trigger-poll
    daemon_end
    not grep -E 'Too many open files|descriptors' log
E2
}
