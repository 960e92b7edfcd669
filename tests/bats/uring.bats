#!/usr/bin/env bats
# -ioUring: receiving through a ring gives the same records and the same counts.

load lib

setup() {
  POPULATE=$(bin populate)
  SERVER=$(bin tcp_server)
  XTCP2=$(bin xtcp2)
  BUILD=$(readlink -f "$BUILD")
  export POPULATE SERVER XTCP2 BUILD
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The sandbox with these verbs.
both() {
  sandbox < <(
    declare -f populated counters identity
    cat
  )
}

# populated PAIRS: that many loopback connections, both ends.
populated() {
  mkfifo /run/hold
  "$POPULATE" "$1" </run/hold >/run/ready &
  exec 7>/run/hold
  wait_for 20 grep -q READY /run/ready
}

# The counters that must be equal for both readers.
counters() {
  local id
  for id in NL_DUMPS NL_DONE NL_MESSAGES NL_RETRIES NL_PARTIAL NL_STRAY NL_ERR_RECV NL_ERR_TIMEOUT NL_ERR_NOBUFS NL_ERR_TRUNC \
    RECORDS_DUPLICATE DECODE_SHORT DECODE_BAD_ATTR; do
    echo "$id $(drive stat $id)"
  done
}

# Everything in a record but when and through what it was read, and the clocks of its socket.
identity() {
  jq -cS 'del(.timestamp_ns, .socket_fd, .tcp_info_last_data_sent, .tcp_info_last_ack_sent, .tcp_info_last_data_recv,
    .tcp_info_last_ack_recv, .inet_diag_msg_expires, .tcp_info_busy_time)' "$1" | sort
}

# bats test_tags=machine
@test "the same records and counts as the plain reader, whatever the batches" {
  both <<'E'
    populated 500
    ip netns add two && ip -n two link set lo up
    ip netns exec two "$SERVER" -count 20 >/run/server &
    wait_for 20 grep -q READY /run/server
    drive_start
    drive scan >/dev/null
    expect "1020 2" drive dump /run/plain
    counters >/run/plain.counters
    identity /run/plain >/run/want
    for batches in "64 128" "1 1" "3 2" "4096 1"; do
      drive_start -ioUring -ioUringRecvBatch "${batches% *}" -ioUringCqeBatch "${batches#* }" 2>/run/messages
      drive scan >/dev/null
      # The ring is there.
      ls -l "/proc/$DRIVER_PID/fd" | grep 'anon_inode:\[io_uring\]' >/dev/null
      expect "1020 2" drive dump /run/uring
      counters >/run/uring.counters
      diff /run/plain.counters /run/uring.counters >&2
      identity /run/uring >/run/got
      cmp /run/want /run/got
      # And again: nothing stayed behind in the ring.
      expect "1020 2" drive count
    done
E
}

@test "a dump cut by its deadline leaves nothing in the ring: the next one is whole" {
  both <<'E'
    populated 3000
    drive_start -own -ioUring -ioUringRecvBatch 4
    for _ in 1 2 3; do
      read -r records cut <<<"$(drive cut 500000)"
      [ "$cut" -eq 1 ]
      [ "$records" -lt 6000 ]
      expect "6000 1" drive count
    done
    expect 0 drive stat NL_STRAY
    expect 0 drive stat NL_RETRIES
    expect 3 drive stat NL_PARTIAL
E
}

@test "the daemon reads through it with several workers" {
  both <<'E'
    populated 500
    "$XTCP2" -ioUring -maxLoops 1 -promListen= -grpcPort 0 >/run/out 2>/run/log
    not grep -q 'reading without it' /run/log
    jq -s -e 'group_by(.inet_diag_msg_socket_cookie) | length == 1000 and all(length == 1)' /run/out
E
}
