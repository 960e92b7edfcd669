#!/usr/bin/env bats
# -changed: what a mostly idle host saves, and that every poll can be made whole again, from a file and in live streams.
# bats file_tags=machine

# shellcheck disable=SC2154 # stderr is set by bats
bats_require_minimum_version 1.5.0
load lib

setup() {
  client_setup
  POPULATE=$(bin populate) SERVER=$(bin tcp_server) TALKER=$(bin tcp_client)
  export POPULATE SERVER TALKER
}

# Runs the shell text alone on a host: 500 idle connections, both ends here, and one that talks.
host() {
  # shellcheck disable=SC2016 # expanded in the sandbox
  unshare -n -m -p -f --mount-proc -- bash -euo pipefail -c "
    mount --make-rprivate / && mount -t tmpfs run /run && ip link set lo up
    . '$BATS_TEST_DIRNAME/lib.bash'; export XTCP_GRPC_SOCKET=grpc.sock
    trap 'kill -KILL \$(jobs -p) 2>/dev/null || :' EXIT
    mkfifo hold
    \"\$POPULATE\" 500 <hold >populated & exec 8>hold
    wait_for 20 grep -q READY populated
    \"\$SERVER\" -bind 127.0.0.1 -port 7001 >server 2>&1 &
    wait_for 20 grep -q READY server
    \"\$TALKER\" -connect 127.0.0.1 -port 7001 -sleep 20ms >talker 2>&1 &
    wait_for 20 grep -q READY talker
    daemon() { \"\$XTCP2\" -user root -seccomp off -promListen= -grpcPort 0 -source netlink -owners off -marshal protobufList \"\$@\"; }
    $1" 3>&-
}

@test "an idle host sends less than a twentieth, and every poll is whole again" {
  host '
    loops="-grpcSocket= -frequency 200ms -timeout 190ms -maxLoops 40"
    daemon $loops -dest file:full.pb 2>full.log
    daemon $loops -dest file:changed.pb -changed -fullEvery 1h 2>changed.log
    full=$(stat -c %s full.pb) changed=$(stat -c %s changed.pb)
    echo "full $full bytes, changed $changed bytes" >figures
    [ $((changed * 20)) -lt "$full" ]
    # The ledger counts what was left out, and nothing is lost.
    grep -E "40 polls, [0-9]+ records, [0-9]+ sent to .*, 0 lost, [0-9]+ unchanged and left out" changed.log
    [ "$(grep -oE "[0-9]+ unchanged" changed.log | cut -d" " -f1)" -gt 38000 ]
    # Forty whole polls of all sockets.
    "$XTCP2" cat -full changed.pb >whole.jsonl
    jq -es "group_by(.poll) | length == 40 and all(.[]; length >= 1000 and (map(.inet_diag_msg_socket_cookie) | unique | length) == length)" whole.jsonl
    # Whole polls are polls of any daemon: to be made whole once more they pass unchanged.
    "$XTCP2" cat -full whole.jsonl | cmp - whole.jsonl
    # A record that is missing is told. The last but one is of the last poll.
    "$XTCP2" cat changed.pb | tail -n +2 >less.jsonl
    status=0
    "$XTCP2" cat -full less.jsonl >/dev/null 2>why || status=$?
    [ "$status" -eq 1 ]
    grep -E "^xtcp2 cat: .*, run [0-9]+, poll 1: [0-9]+ of [0-9]+ sockets are known: records were lost; polls are whole again from the next full one$" why
    cat why; [ "$(wc -l <why)" -eq 1 ]'
  sed 's/^/# /' figures >&3
}

@test "what is made whole is what a live stream of the same polls has, which leaves nothing out" {
  host '
    daemon -frequency 500ms -timeout 400ms -dest file:changed.pb -changed -fullEvery 3s 2>log & pid=$!
    wait_for 20 test -S grpc.sock
    # Connections come and go meanwhile.
    (while kill -0 "$pid" 2>/dev/null; do exec 9<>/dev/tcp/127.0.0.1/7001; echo x >&9; read -rt 0.05 <> <(:) || :; exec 9>&-; done) 2>/dev/null &
    "$CLIENT" -format json -count 15000 >live.jsonl
    kill "$pid"; wait "$pid" || cat log >&2
    "$XTCP2" cat -full changed.pb >whole.jsonl
    # Without the ages, the time, and the numbers of records. Of the live stream, polls that it has from beginning to end.
    strip() { jq -Sc "select(.event != 1) | del(.timestamp_ns, .record_counter, .since_full, .socket_fd, .netlinker_id, .tcp_info_last_data_sent,
      .tcp_info_last_data_recv, .tcp_info_last_ack_recv, .inet_diag_msg_expires, .inet_diag_msg_attributes)" "$1"; }
    polls=$(jq -s "map(.poll) | unique | .[1:-1] | [.[0], .[-1]] | @tsv" -r live.jsonl)
    read -r first last <<<"$polls"
    [ $((last - first)) -ge 8 ]
    for file in live whole; do
      strip $file.jsonl | jq -c "select(.poll >= $first and .poll <= $last)" | sort >$file.sorted
    done
    [ "$(wc -l <live.sorted)" -gt 8000 ]
    diff live.sorted whole.sorted >differences || { head -c 3000 differences >&2; false; }'
}
