#!/usr/bin/env bats
# Delivery as an operator meets it: readiness, headers, names and exit statuses, with receivers that are not ours.

bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  export XTCP2 BUILD BATS_TEST_DIRNAME
  reachable
  chmod 777 "$BATS_TEST_TMPDIR"
  cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the shell text of standard input in fresh network, mount, UTS and PID namespaces: nothing outlives it, with these verbs:
#   start FLAG...   the daemon, polling each second; its log is in log
#   end_is N        SIGTERM: the exit status is N
#   readyz          the status code of /readyz; the answer is in body
inside() {
  {
    cat <<'E2'
. "$BATS_TEST_DIRNAME/lib.bash"
ip link set lo up
listening() { [ -n "$(ss -Htunl "sport = $1")" ]; }
start() {
  "$XTCP2" -frequency 1s -timeout 900ms -flushTimeout 500ms -promListen 127.0.0.1:9088 -grpcPort 0 "$@" 2>log & daemon=$!
}
end_is() {
  local status=0
  kill "$daemon"
  wait "$daemon" || status=$?
  [ "$status" -eq "$1" ] || { echo "exit status $status, not $1"; cat log; return 1; }
}
readyz() { curl -s -o body -w '%{http_code}' http://127.0.0.1:9088/readyz; }
ready() { [ "$(readyz)" = 200 ]; }
unready() { [ "$(readyz)" = 503 ] && grep -q "$1" body; }
metric() { curl -s http://127.0.0.1:9088/metrics | awk -v name="$1" '$1 == name { print $2 }'; }
lines() { [ -s "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
E2
    cat
  } >script
  unshare -n -m -u -p --fork --kill-child --mount-proc --propagation private -- bash -euo pipefail script 3>&-
}

@test "exit status: 0 when all was delivered, 3 when nobody was there, whichever destination; the ledger says the same" {
  inside <<'E2'
    nc -l 127.0.0.1 7000 & # a socket to report
    wait_for 40 listening 7000
    for dest in null file:out stdout; do
      start -dest "$dest" -promListen= >stdout
      wait_for 40 grep -q "$dest: up" log
      end_is 0
      tail -n 1 log | grep ' 0 lost$'
    done
    for dest in tcp:127.0.0.1:9 udp:127.0.0.1:9 unix:nobody unixgram:nobody file:missing/out http://127.0.0.1:9/ kafka:127.0.0.1:9; do
      start -dest "$dest" -marshal protobufList -promListen=
      wait_for 40 grep -q "$dest: .*trying again" log
      end_is 3
      # Before the first poll nothing is there that could be lost.
      tail -n 1 log | grep -E ' ([1-9][0-9]* lost; exit status 3: records were lost|0 lost; exit status 3: the destination was not reached)$'
    done
E2
}

@test "exit status 3 when a server refuses, not ready meanwhile, with its reason; ready again when it takes" {
  inside <<'E2'
    socat TCP4-LISTEN:9000,bind=127.0.0.1,fork,reuseaddr "SYSTEM:$BATS_TEST_DIRNAME/http_sink.bash got '401 Unauthorized'" & sink=$!
    wait_for 40 listening 9000
    start -dest http://127.0.0.1:9000/
    wait_for 40 unready 'http://127.0.0.1:9000/ does not deliver: HTTP status 401'
    [ "$(metric xtcp2_destination_up)" = 0 ]
    kill $sink
    wait $sink || :
    wait_for 40 unready 'connect'
    socat TCP4-LISTEN:9000,bind=127.0.0.1,fork,reuseaddr "EXEC:$BATS_TEST_DIRNAME/http_sink.bash got" & sink=$!
    wait_for 40 ready
    [ "$(metric xtcp2_destination_up)" = 1 ]
    end_is 3
    # A reason of its own each, although within one minute.
    grep -q 'is lost: HTTP status 401' log
    grep -q 'connect.*trying again' log
    kill $sink
E2
}

@test "a peer that accepts and does not read: not ready after -produceTimeout, with the reason" {
  inside <<'E2'
    # The listener's queue takes the connection; nobody accepts it.
    python3 -c 'import os, signal, socket
s = socket.socket(socket.AF_UNIX)
s.bind("mute")
os.chmod("mute", 0o777)
s.listen()
signal.pause()' & mute=$!
    wait_for 40 test -S mute
    start -dest "unix:$PWD/mute" -produceTimeout 500ms
    wait_for 40 unready 'does not deliver: nothing is confirmed within -produceTimeout: the peer does not read'
    [ "$(metric xtcp2_destination_up)" = 0 ]
    end_is 3
    kill $mute
E2
}

@test "csv: the header is the first line of every file, and of none twice" {
  inside <<'E2'
    columns=netns,inet_diag_msg_state
    nc -l 127.0.0.1 7000 & # a socket to report
    rows() { [ -s "$1" ] && [ "$(grep -c LISTEN "$1")" -ge 2 ]; }
    headers() { [ "$(head -n 1 "$1")" = "$columns" ] && [ "$(grep -cx "$columns" "$1")" -eq 1 ]; }
    start -dest file:out.csv -marshal csv -columns $columns
    wait_for 40 rows out.csv
    mv out.csv out.csv.1                       # logrotate
    wait_for 40 rows out.csv
    headers out.csv.1 && headers out.csv
    cp out.csv out.csv.2 && : >out.csv         # its copytruncate
    wait_for 40 rows out.csv
    headers out.csv
    end_is 0
    cp out.csv before
    start -dest file:out.csv -marshal csv -columns $columns
    grown() { [ "$(wc -l <out.csv)" -gt "$(wc -l <before)" ]; }
    wait_for 40 grown
    end_is 0
    headers out.csv
    # Other columns are said where they begin.
    start -dest file:out.csv -marshal csv -columns netns
    wait_for 40 grep -qx netns out.csv
    end_is 0
    # Standard output, appended to after a restart.
    for _ in 1 2; do
      "$XTCP2" -marshal csv -columns $columns -maxLoops 1 -promListen= -grpcPort 0 >>stdout.csv 2>log
    done
    [ "$(grep -c LISTEN stdout.csv)" -ge 2 ]
    headers stdout.csv
    # Copies of envelopes are files too.
    "$XTCP2" -dest null -marshal csv -columns $columns -maxLoops 1 -promListen= -grpcPort 0 -destWriteFiles 1 -capturePath copies 2>log
    headers copies/xtcp2-envelope-000001.csv
E2
}

@test "tsv: the header begins each connection, POST and datagram" {
  inside <<'E2'
    header=$'netns\tinet_diag_msg_state'
    nc -l 127.0.0.1 7000 & # a socket to report
    flags=(-marshal tsv -columns netns,inet_diag_msg_state)
    # Two readers of one life of the daemon, each of whom goes after some lines.
    start -dest tcp:127.0.0.1:9000 "${flags[@]}"
    for i in 1 2; do
      socat -u TCP4-LISTEN:9000,bind=127.0.0.1,reuseaddr CREATE:got$i & peer=$!
      wait_for 40 lines got$i 3
      kill $peer
      wait $peer || :
      [ "$(head -n 1 got$i)" = "$header" ]
      [ "$(grep -cx "$header" got$i)" -eq 1 ]
    done
    kill $daemon
    wait $daemon || :

    cat >post <<'E3'
#!/usr/bin/env bash
while read -r line; do
  line=${line%$'\r'}
  [[ ${line,,} != content-length:* ]] || length=${line#*: }
  [ -z "$line" ] || continue
  head -c "$length" | { head -n 1 >>firsts; cat >/dev/null; }
  printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
done
E3
    chmod +x post
    socat TCP4-LISTEN:9001,bind=127.0.0.1,fork,reuseaddr EXEC:./post & sink=$!
    wait_for 40 listening 9001
    start -dest http://127.0.0.1:9001/ "${flags[@]}"
    wait_for 40 lines firsts 3
    end_is 0
    [ "$(sort -u firsts)" = "$header" ]
    kill $sink

    # Each datagram brings it: no other line is read without one.
    socat -u -b 65536 UDP4-RECV:9002,bind=127.0.0.1 CREATE:datagrams & sink=$!
    wait_for 40 listening 9002
    start -dest udp:127.0.0.1:9002 "${flags[@]}"
    headers() { [ -s datagrams ] && [ "$(grep -cx "$header" datagrams)" -ge 3 ]; }
    wait_for 40 headers
    end_is 0
    [ "$(head -n 1 datagrams)" = "$header" ]
    kill $sink
E2
}

@test "udp: a name with two addresses, of which the first refuses" {
  inside <<'E2'
    printf '::1 collector.example\n127.0.0.1 collector.example\n' >hosts
    mount --bind hosts /etc/hosts
    socat -u UDP4-RECV:9000,bind=127.0.0.1 CREATE:got & peer=$!
    wait_for 40 listening 9000
    start -dest udp:collector.example:9000
    wait_for 40 test -s got
    wait_for 40 ready
    end_is 0
    kill $peer
E2
}

# bats test_tags=machine
@test "the host's name is that of the moment of the poll; -hostname stays" {
  inside <<'E2'
    hostname before
    start -dest file:out
    named() { grep -q "\"hostname\":\"$1\"" "$2"; }
    wait_for 40 named before out
    hostname after
    wait_for 40 named after out
    end_is 0
    [ "$(grep -o '"hostname":"[a-z]*"' out | uniq | wc -l)" -eq 2 ]
    # No name is kept for a restart in place either, and a name that is no UTF-8 spoils no record.
    printf 'Z\374rich' >/proc/sys/kernel/hostname
    nc -l 127.0.0.1 7000 & # a socket to report
    wait_for 40 listening 7000
    "$XTCP2" -dest file:bytes -maxLoops 1 -promListen= -grpcPort 0 2>log
    named 'Z?rich' bytes
    "$XTCP2" -dest file:given -hostname mine -maxLoops 1 -promListen= -grpcPort 0 2>log
    [ "$(grep -o '"hostname":"[^"]*"' given | sort -u)" = '"hostname":"mine"' ]
E2
}

@test "standard descriptors that are closed at the start" {
  inside <<'E2'
    status=0
    "$XTCP2" -dest stdout -maxLoops 1 -promListen= -grpcPort 0 2>err >&- || status=$?
    [ "$status" -eq 2 ]
    grep -q 'destination "stdout": standard output is closed' err
    nc -l 127.0.0.1 7000 & # a socket to report
    wait_for 40 listening 7000
    "$XTCP2" -dest file:out -maxLoops 1 -promListen= -grpcPort 0 <&- >&- 2>&-
    jq -s 'length > 0' out | grep -x true
E2
}

@test "jsonl: no number but the time is above 2^53" {
  inside <<'E2'
    nc -l 127.0.0.1 7000 & # a socket to report
    wait_for 40 listening 7000
    "$XTCP2" -dest file:out -maxLoops 1 -promListen= -grpcPort 0 2>log
    jq -es '[.[] | select(.tcp_info_len)] | length > 0' out
    jq -es '[.[] | del(.timestamp_ns) | to_entries[] | select((.value | type) == "number" and .value > 9007199254740992)] == []' out
E2
}
