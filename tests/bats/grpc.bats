#!/usr/bin/env bats
# The gRPC server over made-up polls (tests/tools/grpc_serve), with our clients
# and with clients that nobody here wrote.
# bats file_tags=machine

bats_require_minimum_version 1.5.0
load lib

setup_file() {
  # Pinned and kept: only the first run of a machine downloads.
  if ! "$BATS_TEST_DIRNAME/../../ci/clients" >"$BATS_FILE_TMPDIR/clients.log" 2>&1; then
    echo missing >"$BATS_FILE_TMPDIR/clients.missing"
  fi
}

setup() {
  SERVE=$(bin grpc_serve) CASES=$(bin h2_cases) CLIENT=$(bin xtcp2client) CTL=$(bin xtcp2ctl) XTCP2=$(bin xtcp2)
  SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  CLIENTS=$SOURCE/build/clients
  export SERVE CASES CLIENT CTL XTCP2 SOURCE CLIENTS BUILD BATS_TEST_DIRNAME
  # A sanitizer that keeps what was freed would look like growth.
  export ASAN_OPTIONS=quarantine_size_mb=1
  cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the shell text of standard input in a fresh network namespace, with a
# server on port 8889 and at grpc.sock: `serve FLAGS` starts it, its pid is in server, its lines are in serve.log.
inside() {
  fresh_netns timeout -k 5 180 bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'
    trap 'kill -9 \$(jobs -p) 2>/dev/null || :' EXIT
    export XTCP_GRPC_SOCKET=\$PWD/grpc.sock
    serve() { : >serve.log; \"\$SERVE\" -port 8889 \"\$@\" >serve.log 2>serve.err & server=\$!; wait_for 20 grep -q listening serve.log; }
    gone() { ! kill -0 \"\$1\" 2>/dev/null; }
    polls() { [ \"\$(grep -c '^poll' serve.log)\" -ge \"\$1\" ]; }
    end() { kill \"\$server\"; wait \"\$server\"; cat serve.err; not grep -E 'ERROR|runtime error' serve.err; }
    $(cat)" 3>&-
}

# --- clients of others --------------------------------------------------------

@test "at least two clients of others could be installed" {
  cat "$BATS_FILE_TMPDIR/clients.log"
  [ ! -e "$BATS_FILE_TMPDIR/clients.missing" ]
}

@test "grpcio: every call, errors, deadlines, health, a slow reader, the end" {
  [ -x "$CLIENTS/python/bin/python" ] || skip "grpcio is not installed"
  inside <<'E2'
    serve -records 1000 -frequency 0
    timeout 120 "$CLIENTS/python/bin/python" "$SOURCE/tests/clients/grpcio_check.py" "unix:$PWD/grpc.sock" "$server" 1000 | tee tap
    wait "$server"
    not grep '^not ok' tap
    grep -q '^1\.\.38$' tap
    not grep -E 'ERROR|runtime error' serve.err
E2
}

@test "grpc-js: calls, errors, deadlines, streams, the end" {
  [ -d "$CLIENTS/node_modules/@grpc/grpc-js" ] || skip "grpc-js is not installed"
  inside <<'E2'
    serve -records 1000 -frequency 0
    NODE_PATH=$CLIENTS/node_modules timeout 120 node "$SOURCE/tests/clients/grpcjs_check.js" "$SOURCE/proto" "unix:$PWD/grpc.sock" "$server" 1000 | tee tap
    wait "$server"
    not grep '^not ok' tap
    grep -q '^1\.\.12$' tap
    not grep -E 'ERROR|runtime error' serve.err
E2
}

@test "grpcurl: list, describe, call" {
  [ -x "$CLIENTS/grpcurl" ] || skip "grpcurl is not installed"
  inside <<'E2'
    serve -records 3 -frequency 0
    curl="$CLIENTS/grpcurl -plaintext"
    [ "$($curl 127.0.0.1:8889 list | wc -l)" -eq 5 ]
    $curl 127.0.0.1:8889 describe xtcp_flat_record.v1.XtcpFlatRecord | grep 'uint32 tcp_info_rtt = 1230' >/dev/null
    $curl 127.0.0.1:8889 describe xtcp_config.v1.ConfigService.TriggerPollBurst
    [ "$($curl 127.0.0.1:8889 xtcp_config.v1.ConfigService/Get | jq .config.netlinkers)" -eq 4 ]
    [ "$($curl -unix -d '{}' "$PWD/grpc.sock" xtcp_flat_record.v1.XTCPFlatRecordService/PollFlatRecords | jq -s length)" -eq 3 ]
    end
E2
}

@test "a wrong filter over gRPC is INVALID_ARGUMENT with its place and its word, and the daemon goes on" {
  [ -x "$CLIENTS/grpcurl" ] || skip "grpcurl is not installed"
  inside <<'E2'
    "$XTCP2" -user root -frequency 2h -timeout 1h -grpcPort 8889 -grpcSocket "$PWD/grpc.sock" -promListen= -dest null 2>log & daemon=$!
    wait_for 20 test -S grpc.sock
    records="$CLIENTS/grpcurl -plaintext -unix -max-time 20"
    service=xtcp_flat_record.v1.XTCPFlatRecordService
    for method in FlatRecords PollFlatRecords; do
      # shellcheck disable=SC2086
      not $records -d '{"filter": "state listen and dprot = 443"}' "$PWD/grpc.sock" $service/$method >out 2>err
      cat err
      grep -q 'Code: InvalidArgument' err
      grep -qF 'filter: at 18, "dprot": is not a field' err
      [ ! -s out ]
    done
    # shellcheck disable=SC2086
    $records -d '{"filter": "sport = :8889"}' "$PWD/grpc.sock" $service/PollFlatRecords >out
    jq -es 'length > 0 and all(.[]; .xtcpFlatRecord.inetDiagMsgSocketSourcePort == 8889)' out
    kill $daemon
    wait $daemon
E2
}

@test "h2load: 5,000 calls over 20 connections" {
  inside <<'E2'
    serve -frequency 0
    printf '\0\0\0\0\0' >request
    h2load -n 5000 -c 20 -m 20 -d request -H 'content-type: application/grpc' -H 'te: trailers' \
      http://127.0.0.1:8889/xtcp_config.v1.ConfigService/Get | tee out
    grep -q '5000 succeeded, 0 failed, 0 errored' out
    end
E2
}

@test "gzip on the wire: read, and answered to who takes it" {
  inside <<'E2'
    serve -frequency 0
    # An empty message, and what gzip makes of it.
    gzip -nc </dev/null >empty.gz
    printf '\0\0\0\0\0' >plain
    { printf '\1\0\0\0'; printf "\\x$(printf %x "$(wc -c <empty.gz)")"; cat empty.gz; } >packed
    call() {
      local body=$1
      shift
      curl -sS --http2-prior-knowledge --unix-socket grpc.sock -D headers -o answer --data-binary "@$body" \
        -H 'content-type: application/grpc' -H 'te: trailers' "$@" http://localhost/xtcp_config.v1.ConfigService/Get
      tr -d '\r' <headers | sed 's/ *$//' >lines
    }
    flag() { head -c 1 answer | od -An -tu1 | tr -d ' '; }
    call plain
    grep -qx 'grpc-accept-encoding: identity,gzip' lines
    not grep -q '^grpc-encoding' lines
    [ "$(flag)" = 0 ]
    tail -c +6 answer >want
    call packed -H 'grpc-encoding: gzip' -H 'grpc-accept-encoding: identity, deflate, gzip'
    grep -qx 'grpc-encoding: gzip' lines
    [ "$(flag)" = 1 ]
    tail -c +6 answer | gzip -dc | cmp want -
    # A compressed message of a call that names no encoding, half a message.
    call packed; grep -qx 'grpc-status: 13' lines
    { printf '\1\0\0\0\012'; head -c 10 empty.gz; } >cut
    call cut -H 'grpc-encoding: gzip'; grep -qx 'grpc-status: 13' lines
    end
E2
}

# --- the transport against peers that misbehave ---------------------------------

@test "frames against the rules of RFC 9113 get the answer it names" {
  inside <<'E2'
    serve -frequency 0
    "$CASES" 8889 | tee tap
    not grep '^not ok' tap
    grep -q '^ok 41 ' tap
    "$CTL" trigger-poll
    end
E2
}

@test "floods of control frames and header fields are stopped, with ENHANCE_YOUR_CALM" {
  inside <<'E2'
    serve -frequency 0
    "$CASES" 8889 flood | tee tap
    not grep '^not ok' tap
    grep -q '^ok 6 ' tap
    "$CTL" trigger-poll
    end
E2
}

# Each kind of flood goes on for five seconds, on a new connection whenever one is ended.
@test "floods cost a quarter of a processor at most, their beginning included, and no poll" {
  inside <<'E2'
    ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }
    for kind in resets pings settings 'header fields'; do
      serve -records 100 -frequency 100ms
      before=$(ticks) begin=$(date +%s%N) polls=$(grep -c '^poll' serve.log || :)
      "$CASES" 8889 storm "$kind" 5
      percent=$((($(ticks) - before) * 1000000000 / ($(date +%s%N) - begin)))
      polls=$(($(grep -c '^poll' serve.log) - polls))
      echo "$kind: $percent % of a processor, $polls polls in 5 s"
      # Half a second of five is the burst.
      [ "$percent" -le 25 ] && [ "$polls" -ge 40 ]
      end
    done
E2
}

@test "TriggerPoll beyond its rate is RESOURCE_EXHAUSTED" {
  inside <<'E2'
    serve -frequency 0
    printf '\0\0\0\0\0' >request
    h2load -D 4 -c 1 -m 20 -d request -H 'content-type: application/grpc' -H 'te: trailers' \
      -B "unix:$XTCP_GRPC_SOCKET" http://localhost/xtcp_config.v1.ConfigService/TriggerPoll >load & load=$!
    refused() { ! "$CTL" trigger-poll 2>err && grep -q RESOURCE_EXHAUSTED err; }
    wait_for 4 refused
    cat err
    wait $load
    grep requests: load
    # The first hundred and some twenty a second, however many were asked for.
    echo "$(grep -c '^poll' serve.log) polls"
    [ "$(grep -c '^poll' serve.log)" -le 300 ]
    recovers() { "$CTL" trigger-poll; }
    wait_for 20 recovers
    end
E2
}

@test "700 idle connections cost little and delay nobody" {
  inside <<'E2'
    serve -frequency 0
    rss() { awk '/VmRSS/ { print $2 }' /proc/$server/status; }
    before=$(rss)
    coproc IDLE { "$CASES" 8889 idle 700; }
    read -r -t 30 line <&"${IDLE[0]}"
    [ "$line" = "idle 700" ]
    [ $(($(rss) - before)) -lt 65536 ]
    "$CTL" get -wait 5s | jq -e .netlinkers
    kill "$IDLE_PID"
    end
E2
}

@test "more connections of one peer than the limit are refused, the others stay" {
  inside <<'E2'
    ulimit -n 8192
    serve -frequency 0
    coproc IDLE { "$CASES" 8889 idle 800; }
    read -r -t 30 line <&"${IDLE[0]}"
    [ "$line" = "connection 769 was not answered" ]
    kill "$IDLE_PID"
    wait_for 20 "$CTL" trigger-poll -wait 20s
    grep -q 'too many connections of one peer' serve.err
    end
E2
}

@test "clients killed in the middle of a stream leave nothing behind" {
  inside <<'E2'
    serve -records 5000 -frequency 50ms
    for i in 1 2 3 4 5; do "$CLIENT" -format json >/dev/null 2>&1 & clients="${clients:-} $!"; done
    wait_for 20 grep -q 'tap on' serve.log
    wait_for 20 polls 5
    kill -9 $clients
    wait_for 20 grep -q 'tap off' serve.log
    seen=$(grep -c '^poll' serve.log)
    wait_for 20 polls $((seen + 3))
    end
E2
}

@test "a stopped client holds neither polls nor memory beyond its bound" {
  inside <<'E2'
    serve -records 5000 -frequency 50ms -streamBytes 1048576
    rss() { awk '/VmRSS/ { print $2 }' /proc/$server/status; }
    "$CLIENT" -format null & client=$!
    wait_for 20 grep -q 'tap on' serve.log
    wait_for 20 polls 3
    before=$(rss)
    kill -STOP $client
    seen=$(grep -c '^poll' serve.log)
    wait_for 30 polls $((seen + 40))
    [ $(($(rss) - before)) -lt 16384 ]
    kill -CONT $client
    kill -INT $client
    wait $client
    end
E2
}

@test "streams that do not read share one budget, and return it" {
  inside <<'E2'
    serve -records 20000 -frequency 50ms -streamBytes 67108864 -totalBytes 16777216
    rss() { awk '/VmRSS/ { print $2 }' /proc/$server/status; }
    # A client that reads, beside them: what it is told to have missed is in its last line.
    "$CLIENT" -format null >reader 2>reader.err & reader=$!
    wait_for 20 polls 3
    before=$(rss)
    coproc STALL { exec "$CASES" 8889 stall; }
    stall=$STALL_PID
    for i in {1..24}; do
      echo >&"${STALL[1]}"
      read -r -t 30 line <&"${STALL[0]}"
      [ "$line" = "stalled $i" ]
      # 12 MB of records that this stream would hold and the ones before it have no room for.
      seen=$(grep -c '^poll' serve.log)
      wait_for 30 polls $((seen + 2))
    done
    during=$(rss)
    kill "$stall"
    wait "$stall" || :
    kill -INT $reader
    wait $reader || :
    wait_for 20 grep -q 'tap off' serve.log
    given_back() { [ $(($(rss) - before)) -lt 4096 ]; }
    # The allocator of a sanitizer keeps pages of its own accord.
    ldd "$SERVE" | grep -E 'lib[at]san' >/dev/null || wait_for 20 given_back
    echo "resident: $before KiB before, $during with 24 streams, $(rss) after"
    # The budget and a half of it for all else.
    [ $((during - before)) -lt 24576 ]
    cat reader reader.err
    not grep -q missed reader.err
    end
E2
}

# --- xtcp2client ------------------------------------------------------------------

@test "xtcp2client: the formats" {
  inside <<'E2'
    serve -records 20 -frequency 100ms -tag blue
    [ "$("$CLIENT" -count 40 | jq -s 'map(select(.tag == "blue" and .inet_diag_msg_state == "ESTABLISHED")) | length')" -eq 40 ]
    [ "$("$CLIENT" -count 3 -format csv -columns tag,inet_diag_msg_socket_source | sort -u)" = $'blue,127.0.0.1\ntag,inet_diag_msg_socket_source' ]
    "$CLIENT" -count 1 -format tsv -columns tag,record_counter | grep $'blue\t[0-9]' >/dev/null
    "$CLIENT" -count 1 -format humanize | grep -x 'congestion_algorithm_string: cubic' >/dev/null
    [ "$("$CLIENT" -count 60 -format null)" = "60 records" ]
    end
E2
}

@test "xtcp2client: -poll asks for polls of its own" {
  inside <<'E2'
    serve -records 7 -frequency 0
    [ "$("$CLIENT" -poll -pollFrequency 50ms -count 21 -format json | jq -sc 'map(.record_counter)')" = "[$(printf '1,2,3,4,5,6,7,%.0s' 1 2 3 | sed 's/,$//')]" ]
    [ "$("$CLIENT" -poll -pollFrequency 50ms -workers 3 -count 42 -format null)" = "42 records" ]
    end
E2
}

@test "xtcp2client: a reader that goes away is a normal end" {
  inside <<'E2'
    serve -records 2000 -frequency 50ms
    "$CLIENT" | head -n 3 >lines
    [ "$(wc -l <lines)" -eq 3 ]
    end
E2
}

@test "xtcp2client -format top: plain without a terminal, sorted" {
  inside <<'E2'
    serve -records 30 -frequency 50ms
    "$CLIENT" -format top -columns inet_diag_msg_socket_cookie,tcp_info_rtt -sort tcp_info_rtt -refresh 200ms -count 500 >out
    not grep -q $'\033' out
    awk '/sockets/ { last = 0 } $2 ~ /^[0-9.]+[KMG]?$/ && $1 ~ /^[0-9]+$/ { if (last && $2 > last) bad = 1; last = $2; n++ } END { exit bad || n < 20 }' out
    end
E2
}

@test "xtcp2client -format top: fills the terminal it has, q ends it" {
  inside <<'E2'
    serve -records 100 -frequency 50ms
    "$(bin pty)" 60 12 "$CLIENT" -format top -refresh 100ms <<'KEYS' >out
wait 100 sockets
modes
screen
send >
wait by recv_rate
send q
end
KEYS
    grep -F alternate out
    # One drawing: twelve lines of at most sixty columns.
    awk '/^ok/ { part++; next } part == 2' out >screen
    awk 'length > 60 { exit 1 } END { exit NR != 12 }' screen
    grep -F '100 sockets' screen
    not grep '^failed' out
    end
E2
}

# --- xtcp2ctl -----------------------------------------------------------------------

@test "xtcp2ctl: get, set-poll-frequency, trigger-poll, poll-burst" {
  inside <<'E2'
    serve -records 2 -frequency 0
    [ "$("$CTL" get | jq -r .poll_frequency)" = 10s ]
    [ "$("$CTL" set-poll-frequency -frequency 1h -timeout 2s | jq -r .poll_timeout)" = 2s ]
    [ "$("$CTL" get | jq -r .poll_frequency)" = 1h ]
    "$CTL" trigger-poll
    wait_for 20 polls 1
    "$CTL" set-poll-frequency -timeout 10ms >/dev/null
    [ "$("$CTL" poll-burst -count 3 -interval 20ms)" = "3 polls, one every 20ms" ]
    wait_for 20 polls 4
    end
E2
}

@test "xtcp2ctl reconfigure: the same process, the new configuration, from either kind of file" {
  inside <<'E2'
    serve -records 2 -frequency 0 -tag old
    "$CLIENT" -format null >/dev/null 2>client.err & client=$!
    wait_for 20 grep -q 'tap on' serve.log
    echo '{"tag": "new", "poll_frequency": "7s"}' >part.json
    [ "$("$CTL" reconfigure -file part.json | jq -r .tag)" = new ]
    rc=0; wait $client || rc=$?
    [ "$rc" -eq 1 ] && grep -q UNAVAILABLE client.err
    wait_for 20 "$CTL" trigger-poll
    [ "$("$CTL" get | jq -r .tag)" = new ]
    [ "$("$CLIENT" -poll -count 1 | jq -r .tag)" = new ]
    "$(bin xtcp2)" -tag newest -conf >whole.json
    "$CTL" reconfigure -file whole.json 2>note >/dev/null
    grep -q 'left as they are: .*grpcSocket' note
    not grep -q 'netnsDirs' note
    wait_for 20 sh -c '"$CTL" get | jq -e ".tag == \"newest\""'
    kill -0 "$server"
    end
E2
}

@test "errors name the fault and the valid values; exit statuses" {
  inside <<'E2'
    fails() { local want=$1 rc=0; shift; "$@" >out 2>&1 || rc=$?; [ "$rc" -eq "$want" ] || { cat out; return 1; }; }
    fails 1 "$CTL" get; grep -q 'nothing listens on localhost port 8889; start the daemon' out
    fails 1 "$CLIENT"; grep -q 'nothing listens' out
    # It reads: closed with something unread, the connection is reset, and the answer may be lost.
    socat TCP-LISTEN:8000,fork,reuseaddr SYSTEM:'head -c 24 >/dev/null; echo "HTTP/1.1 400 Bad Request"; echo; cat >/dev/null' & other=$!
    wait_for 20 test_listeners 1
    fails 1 "$CTL" get -port 8000 -wait 20s; grep -q 'does not speak gRPC' out
    fails 1 "$CLIENT" -port 8000; grep -q 'does not speak gRPC' out
    kill $other
    serve -frequency 0
    fails 1 "$CTL" set-poll-frequency -frequency 300h; grep -q 'poll_frequency: .*between 1ms and 168h' out
    fails 1 "$CTL" set-poll-frequency -frequency 1s -timeout 5s; grep -q 'must be longer' out
    fails 1 "$CTL" poll-burst -count 1001 -interval 1h; grep -q 'count: .*1 and 1000' out
    fails 1 "$CTL" poll-burst -interval 1ms; grep -q 'interval: .*longer' out
    fails 1 "$CTL" set-s3; grep -q "destination of this daemon is not s3:" out
    echo '{"netlinkers": 65}' >bad.json
    fails 1 "$CTL" reconfigure -file bad.json; grep -q 'netlinkers: .*between 1 and 64' out
    echo '{"nonsense": 1}' >bad.json
    fails 2 "$CTL" reconfigure -file bad.json; grep -q 'nonsense: no such' out
    echo '{"netlinkers": "many"}' >bad.json
    fails 2 "$CTL" reconfigure -file bad.json; grep -q 'netlinkers: must be a whole number' out
    echo '{' >bad.json
    fails 2 "$CTL" reconfigure -file bad.json
    fails 2 "$CTL" reconfigure -file absent.json; grep -q 'No such file' out
    fails 2 "$CTL"; fails 2 "$CTL" nothing; [ "$(wc -l <out)" -eq 1 ]; grep -q 'possible: get ' out; fails 2 "$CTL" get -port 0; fails 2 "$CTL" set-poll-frequency
    fails 0 "$CTL" -help; grep -q reconfigure out
    fails 2 "$CLIENT" -format yaml; grep -q 'must be json, csv, tsv, humanize, null or top' out
    fails 2 "$CLIENT" -format csv -columns nothing; fails 2 "$CLIENT" -workers 0
    fails 2 "$CLIENT" -format top -sort nothing; fails 0 "$CLIENT" -help
    end
E2
}
