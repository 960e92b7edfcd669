# shellcheck shell=bash
# Verbs of tests whose daemon sends to a server: sourced in the sandbox, where the daemon's messages go to the file log.

# dest_daemon DEST [FLAG]...: starts the daemon. Its pid is in DAEMON.
dest_daemon() {
  "$XTCP2" -dest "$1" -marshal jsonl -source netlink -frequency 200ms -timeout 190ms \
    -promListen 127.0.0.1:9088 -grpcPort 0 -grpcSocket "$PWD/grpc.sock" "${@:2}" 2>>log &
  export DAEMON=$!
  wait_for 20 curl -sf -o /dev/null http://127.0.0.1:9088/metrics
}
# daemon_stop [STATUS]
daemon_stop() {
  local status=0
  kill "$DAEMON" && wait "$DAEMON" || status=$?
  [ "$status" -eq "${1:-0}" ]
}
metric() { [ "$(curl -s http://127.0.0.1:9088/metrics | awk -v name="$1" '$1 == name { print $2 }')" -ge "$2" ]; }
ready() { metric xtcp2_destination_up 1; }
why() { curl -s http://127.0.0.1:9088/readyz | grep "$1"; }
# What the daemon's last line says of records: produced, sent, lost.
ended() { sed -n 's/.* polls, \([0-9]*\) records, \([0-9]*\) sent to .*, \([0-9]*\) lost.*/\1 \2 \3/p' log | tail -n 1; }
