#!/usr/bin/env bats
# Every destination with a real receiver that is not ours, first driven by a
# small tool that submits known envelopes, then by the daemon.

bats_require_minimum_version 1.5.0
load lib

setup() {
  SEND=$(bin dest_send)
  XTCP2=$(bin xtcp2)
  export SEND XTCP2 BUILD BATS_TEST_DIRNAME
  reachable
  cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the shell text of standard input in a fresh network namespace, with the verbs of lib.bash.
inside() {
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'; listening() { [ -n \"\$(ss -Htunl \"sport = \$1\")\" ]; }; $(cat)"
}

# The bytes that dest_send COUNT BYTES submits.
expected() {
  local i
  for ((i = 0; i < $1; i++)); do printf "%08d%*s\n" "$i" "$(($2 - 9))" ''; done | tr ' ' .
}

@test "an unknown scheme or address: status 2 and the list of valid forms" {
  run -2 "$SEND" nosuch:x 1 10
  [[ "$output" == *'unknown scheme; possible are null, stdout, stderr, file:PATH, udp:HOST:PORT, tcp:HOST:PORT, unix:PATH'* ]]
  run -2 "$XTCP2" -dest nosuch:x
  [[ "$output" == *'unknown scheme; possible are null, stdout'* ]]
}

@test "a destination that cannot be opened: the reason, the lost records, status 3" {
  run -3 "$XTCP2" -replay "$BATS_TEST_DIRNAME/../data/linux-6.18-ipv4.pcap" -dest file:/nonexistent/x -flushTimeout 100ms
  grep -qx 'destination: file:/nonexistent/x: open: No such file or directory; trying again' <<<"$output"
  [[ "$output" == *'replay: 18 records did not reach file:/nonexistent/x within -flushTimeout'* ]]
  [[ "$output" == *'replay: 18 lost; exit status 3: records were lost'* ]]
}

@test "stdout, stderr and file carry the envelopes as they are" {
  expected 100 1000 >want
  "$SEND" stdout 100 1000 >out 2>log
  cmp out want
  grep -q '^submitted 100 sent 100 queue_full 0 send_failed 0 deadline 0$' log
  "$SEND" stdout 100 1000 2>log | cat >piped
  cmp piped want
  "$SEND" file:appended 100 1000 2>log
  "$SEND" file:appended 100 1000 2>log
  cat want want | cmp - appended
  "$SEND" stderr 1 50 2>&1 | grep -x '00000000\.*' >/dev/null
}

@test "stdout whose reader ends: the daemon ends at once, with everything counted" {
  run bash -c '"$SEND" -wait 1m -pause 1m stdout 5 1000 2>log | head -1'
  [ "$status" -eq 0 ]
  grep -q 'the reader is gone' log
  grep -q '^submitted 1 sent 1 ' log
}

@test "tcp: socat receives every byte" {
  expected 200 5000 >want
  inside <<'E2'
    socat -u TCP4-LISTEN:9000,bind=127.0.0.1 CREATE:got & peer=$!
    wait_for 20 listening 9000
    "$SEND" tcp:127.0.0.1:9000 200 5000
    wait $peer
E2
  cmp got want
}

@test "tcp: nc receives every byte, over IPv6 too" {
  expected 50 5000 >want
  inside <<'E2'
    nc -l ::1 9000 >got </dev/null & peer=$!
    wait_for 20 listening 9000
    "$SEND" "tcp:[::1]:9000" 50 5000
    wait $peer
E2
  cmp got want
}

@test "unix: a peer that comes late, goes and comes back misses nothing" {
  expected 60 20000 >want
  "$SEND" -pause 20ms "unix:$PWD/sock" 60 20000 2>log & send=$!
  wait_for 20 grep -q 'No such file' log
  socat -u "UNIX-LISTEN:$PWD/sock,readbytes=150000" CREATE:got1
  socat -u "UNIX-LISTEN:$PWD/sock" CREATE:got2 & peer=$!
  wait $send
  wait $peer
  # Whole lines of both; what was cut or sent again counts once.
  cat got1 <(echo) got2 | awk 'length == 19999' | sort -u | cmp - want
}

@test "udp: one datagram per envelope" {
  expected 20 60000 >want
  inside <<'E2'
    socat -u -b 65536 UDP4-RECV:9000,bind=127.0.0.1,rcvbuf=4000000 CREATE:got & peer=$!
    wait_for 20 listening 9000
    "$SEND" -pause 5ms udp:127.0.0.1:9000 20 60000
    wait_for 20 cmp -s got want
    kill $peer
E2
  cmp got want
}

@test "unix: socat receives every byte" {
  expected 200 5000 >want
  socat -u "UNIX-LISTEN:$PWD/sock" CREATE:got & peer=$!
  wait_for 20 test -S sock
  "$SEND" "unix:$PWD/sock" 200 5000
  wait $peer
  cmp got want
}

@test "unixgram: one datagram per envelope; one too large is lost and counted" {
  expected 50 100000 >want
  socat -u -b 300000 "UNIX-RECV:$PWD/sock" CREATE:got & peer=$!
  wait_for 20 test -S sock
  "$SEND" "unixgram:$PWD/sock" 50 100000
  wait_for 20 cmp -s got want
  run -1 "$SEND" "unixgram:$PWD/sock" 1 20000000
  kill $peer
  [[ "$output" == *'Message too long'*'submitted 1 sent 0 queue_full 0 send_failed 1 deadline 0'* ]]
}

@test "http: every envelope is one POST; refused ones are counted" {
  expected 20 50000 >want
  inside <<'E2'
    socat TCP4-LISTEN:9000,bind=127.0.0.1,fork,reuseaddr "EXEC:$BATS_TEST_DIRNAME/http_sink.bash got" & peer=$!
    socat TCP4-LISTEN:9001,bind=127.0.0.1,fork,reuseaddr "SYSTEM:$BATS_TEST_DIRNAME/http_sink.bash refused '404 Not Found'" & refusing=$!
    wait_for 20 listening 9000
    wait_for 20 listening 9001
    "$SEND" http://127.0.0.1:9000/in 20 50000
    "$SEND" http://127.0.0.1:9001/in 2 100 2>log && exit 1
    kill $peer $refusing
E2
  cmp got want
  grep -q 'HTTP status 404: ok' log
  grep -q 'send_failed 2 ' log
}

@test "file: a full disk leaves whole envelopes only, and nothing is lost once there is space" {
  unshare -m -- bash -euo pipefail <<E2
    . '$BATS_TEST_DIRNAME/lib.bash'
    mkdir disk
    mount -t tmpfs -o size=1m disk disk
    head -c 600000 /dev/zero >disk/ballast
    "$SEND" file:disk/out 40 20000 2>log & send=\$!
    wait_for 20 grep -q 'No space left' log
    [ \$((\$(stat -c %s disk/out) % 20000)) -eq 0 ]
    rm disk/ballast
    wait \$send
    cp disk/out got
E2
  expected 40 20000 | cmp - got
}

@test "a full queue drops the oldest envelopes and logs their number" {
  run -1 "$SEND" -queue 100000 -wait 300ms "unix:$PWD/nobody" 50 10000
  [[ "$output" == *'queue full (100000 bytes): dropped the oldest '*'; 40 records since the start'* ]]
  [[ "$output" == *'submitted 50 sent 0 queue_full 40 send_failed 0 deadline 10'* ]]
}

# bats test_tags=machine
@test "a name server that does not answer does not hold the end" {
  unshare -m -n -- bash -euo pipefail <<E2
    . '$BATS_TEST_DIRNAME/lib.bash'
    ip link set lo up
    echo nameserver 127.0.0.1 >resolv.conf
    mount --bind resolv.conf /etc/resolv.conf
    listening() { [ -n "\$(ss -Hunl 'sport = 53')" ]; }
    socat -u UDP4-RECV:53,bind=127.0.0.1 CREATE:questions & dns=\$!
    wait_for 20 listening
    # The resolver waits for five seconds.
    begin=\${EPOCHREALTIME/./}
    status=0
    "$SEND" -wait 200ms tcp:nobody.example:9000 3 100 2>log || status=\$?
    took=\$((\${EPOCHREALTIME/./} - begin))
    kill \$dns
    [ \$status -eq 1 ] && [ -s questions ] && [ \$took -lt 4000000 ]
E2
  grep -q 'submitted 3 sent 0 queue_full 0 send_failed 0 deadline 3' log
}

@test "the daemon ships JSON lines over tcp and unix, and whole lines in datagrams" {
  inside <<'E2'
    socat -u TCP4-LISTEN:9000,bind=127.0.0.1 CREATE:tcp.jsonl & tcp=$!
    socat -u "UNIX-LISTEN:$PWD/stream,mode=666" CREATE:unix.jsonl & unix=$!
    socat -u -b 300000 "UNIX-RECV:$PWD/gram,mode=666" CREATE:gram.jsonl & gram=$!
    wait_for 20 listening 9000
    wait_for 20 test -S gram
    for dest in tcp:127.0.0.1:9000 "unix:$PWD/stream" "unixgram:$PWD/gram"; do
      "$XTCP2" -dest "$dest" -maxLoops 2 -frequency 500ms -timeout 490ms -promListen= -grpcPort 0 2>"${dest%%:*}.log"
    done
    wait $tcp $unix
    sent=$(sed -n 's/.* records, \([0-9]*\) sent.*/\1/p' unixgram.log)
    lines() { [ "$(wc -l <gram.jsonl)" -eq "$1" ]; }
    wait_for 20 lines "$sent"
    kill $gram
E2
  for kind in tcp unix gram; do
    jq -se 'length > 0 and all(.[]; .inet_diag_msg_state != null)' <$kind.jsonl
  done
  for log in tcp unix unixgram; do
    grep -q ' 0 lost' $log.log
  done
}

@test "the daemon keeps copies of the first envelopes" {
  fresh_netns "$XTCP2" -dest file:out -destWriteFiles 1 -capturePath copies -maxLoops 2 -frequency 500ms -timeout 490ms -grpcPort 0
  [ "$(echo copies/*)" = copies/xtcp2-envelope-000001.jsonl ]
  head -c "$(stat -c %s copies/xtcp2-envelope-000001.jsonl)" out | cmp - copies/xtcp2-envelope-000001.jsonl
}

@test "copies and captures that a full disk refuses: a line for all of a kind, and polls go on" {
  unshare -m -n -- bash -euo pipefail <<E2
    ip link set lo up
    mkdir disk
    mount -t tmpfs -o size=4k disk disk
    head -c 4096 /dev/zero >disk/ballast
    export XTCP_USER=root XTCP_GRPC_SOCKET= XTCP_GRPC_PORT=0 XTCP_PROM_LISTEN=
    "$BUILD/tcp_server" -count 1 >server & server=\$!
    until grep -q READY server; do read -rt 0.05 <> <(:) || :; done
    "$XTCP2" -dest null -destWriteFiles 1000 -capturePath disk -frequency 100ms -timeout 90ms -maxLoops 5 2>copies.log
    "$XTCP2" -dest null -writeFiles 1000 -capturePath disk -frequency 100ms -timeout 90ms -maxLoops 5 2>captures.log
    kill \$server
E2
  [ "$(grep -c 'disk/xtcp2-envelope-000001.jsonl: cannot write the copy of an envelope: No space left on device' copies.log)" -eq 1 ]
  [ "$(grep -c 'No space left' copies.log)" -eq 1 ]
  [ "$(grep -c 'capture: cannot .* disk/.*: No space left on device' captures.log)" -eq 1 ]
  [ "$(grep -c 'No space left' captures.log)" -eq 1 ]
  grep -q ' 0 lost' copies.log && grep -q ' 0 lost' captures.log
}

@test "the daemon ends when the reader of stdout is gone" {
  fresh_netns bash -c '"$XTCP2" -frequency 1h -timeout 1s 2>log | head -1; echo "${PIPESTATUS[0]}" >status'
  [ "$(cat status)" -eq 0 ]
  grep -q 'the reader is gone' log
}
