#!/usr/bin/env bats
# xtcp2 top on a terminal: tests/tools/pty is the terminal, and what is on its screen is looked at.

load lib
bats_require_minimum_version 1.5.0

# shellcheck source=tests/bats/look.bash
. "$BATS_TEST_DIRNAME/look.bash"

setup() {
  PTY=$(bin pty)
  export PTY
  look_setup
}

# 3 listeners and 3 connections, whose client keeps sending; its pid is in client.
lab() {
  # shellcheck disable=SC2016  # expanded in the sandbox
  look_lab '
    "$SERVER" -bind 127.0.0.1 -port 7001 -count 3 >/run/server 2>&1 &
    wait_for 20 test_listeners 3
    "$CLIENT" -connect 127.0.0.1 -port 7001 -count 3 -sleep 50ms >/run/client 2>&1 &
    client=$!
    wait_for 20 established 6' on_screen rows
}

# on_screen COLUMNS ROWS [FLAG...]: the commands of standard input, on a terminal of that size with xtcp2 top.
on_screen() {
  local size=("$1" "$2")
  shift 2
  "$PTY" "${size[@]}" "$XTCP2" top -interval 200ms "$@" | tee /run/said || { cat /run/said; return 1; } >&2
}

# Rows of sockets in what pty printed last as a screen.
rows() { grep -cE '^ESTAB ' "$1"; }

@test "80 and 200 columns: no line is longer, no number is cut, the most important columns stay" {
  lab <<'EOS'
    on_screen 80 24 <<<$'wait 127.0.0.1\nwait SEND/S\nscreen\nsend q\nend' >/run/80
    on_screen 200 24 <<<$'wait 127.0.0.1\nwait SEND/S\nscreen\nsend q\nend' >/run/200
    on_screen 40 10 <<<$'wait 127.0.0.1\nwait SEND/S\nscreen\nsend q\nend' >/run/40
    for columns in 40 80 200; do
      [ "$(awk '{ if (length > n) n = length } END { print n }' /run/$columns)" -le "$columns" ]
      [ "$(rows /run/$columns)" -eq 6 ] || grep -E '127.0.0.1' /run/$columns
      grep -E 'REMOTE.* SEND/S' /run/$columns
    done
    grep -E '^STATE +OWNER +NETNS +LOCAL +REMOTE +SEND/S +RECV/S +RTT_MS +RETR/S +RETRANS +SENDQ +RECVQ +CWND +CC$' /run/200
    # Each row ends with a whole value of the last heading.
    awk '/^STATE/ { n = NF } /^ESTAB/ { if (NF != n) bad = 1 } END { exit bad || !n }' /run/80 /run/200
EOS
}

@test "the title has a clock, says what it waits for, and hides listeners until they are asked for" {
  lab <<'EOS'
    on_screen 100 24 <<'KEYS' >/run/out
wait 6 sockets (3 hidden), by send_rate
screen
send a
wait 9 sockets
wait LISTEN
send a
wait (3 hidden)
gone LISTEN
send q
end
KEYS
    grep -E '^[0-2][0-9]:[0-5][0-9]:[0-5][0-9] xtcp2 top: 6 sockets' /run/out
EOS
}

@test "keys sort, group, filter, pause and help" {
  lab <<'EOS'
    on_screen 120 24 <<'KEYS' >/run/out
wait by send_rate
send >
wait by recv_rate
send <
wait by send_rate
send \e[C
wait by recv_rate
send g
wait REMOTE    SOCKETS
wait 1 groups
send g
wait CONTAINER
send g
wait PROCESS
send g
wait NETNS SOCKETS
send g
wait 6 sockets
send h
wait this help
send x
gone this help
send p
wait PAUSED
send p
gone PAUSED
send /
wait /_
send dport = :7001
wait /dport = :7001_
send \r
wait 1 sockets, by recv_rate, dport = :7001
send /
send  and bogus\r
wait at 19, "bogus": is not a field
send \e
wait 1 sockets
send /
send \e
send q
end
KEYS
    grep -x 0 /run/out
EOS
}

@test "colours stand for states, and NO_COLOR leaves them out" {
  lab <<'EOS'
    "$BOUND" >/dev/null 2>&1 &
    coloured() { on_screen 100 24 -columns state,local,remote state all <<<$'wait LISTEN\ncolours\nsend q\nend' | sed -n 2p; }
    [ "$(coloured)" -gt 0 ]
    [ "$(NO_COLOR=1 coloured)" -eq 0 ]
EOS
}

@test "the terminal is as it was at every end, and while top is stopped" {
  lab <<'EOS'
    for end in 'send q' 'signal TERM' 'signal INT' 'signal HUP' 'signal QUIT' $'send \003' 'send \e[Dq'; do
      on_screen 100 24 <<<"wait sockets"$'\nmodes\n'"$end"$'\nend\nmodes' >/run/out
      [ "$(grep -E '^(raw|cooked) |^[0-9]+$' /run/out | xargs)" = "raw alternate hidden 0 cooked main cursor" ] || { echo "after $end:"; cat /run/out; exit 1; } >&2
    done
    for stop in 'signal TSTP' $'send \032'; do
      on_screen 100 24 <<<"wait sockets"$'\n'"$stop"$'\nstopped\nmodes\nsignal CONT\nwait sockets\nmodes\nsend q\nend' >/run/out
      [ "$(grep -E '^(raw|cooked) ' /run/out | xargs)" = "cooked main cursor raw alternate hidden" ] || { echo "after $stop:"; cat /run/out; exit 1; } >&2
    done
EOS
}

@test "a window that changes its size gets a table of that size" {
  lab <<'EOS'
    on_screen 200 24 <<<$'wait RETRANS\nresize 60 8\nwait 127.0.0.1\nwait SEND/S\ngone CWND\nscreen\nsend q\nend' >/run/out
    [ "$(awk '{ if (length > n) n = length } END { print n }' /run/out)" -le 60 ]
EOS
}

@test "a connection that closes has no rate in TIME_WAIT" {
  lab <<'EOS'
    exec 9<>/dev/tcp/127.0.0.1/7001
    mkfifo /run/keys
    on_screen 120 24 </run/keys >/run/out 9>&- &
    screen=$!
    exec 8>/run/keys
    printf 'wait 8 sockets\nwait SEND/S\n' >&8
    wait_for 30 grep -q '^ok wait SEND/S' /run/out
    exec 9>&-
    printf 'wait TIME_WAIT\nscreen\nsend q\nend\n' >&8
    exec 8>&-
    wait "$screen"
    grep -E '^TIME_WAIT' /run/out
    not grep -E '^TIME_WAIT.*[0-9][TPE]' /run/out
EOS
}

@test "xtcp2client's table is the same, without its own connection" {
  lab <<'EOS'
    "$XTCP2" -dest null -frequency 300ms -timeout 200ms -grpcPort 8889 -promListen= -user root -seccomp off >/run/log 2>&1 &
    daemon=$!
    wait_for 20 test_listeners 4
    client=$(dirname "$XTCP2")/xtcp2client
    "$PTY" 120 24 "$client" -format top -refresh 200ms -socket '' -target 127.0.0.1 -filter 'dport != :7003 and sport != :7003' >/run/out <<'KEYS'
wait sockets (
wait :7001
wait SEND/S
screen
send a
wait :8889
signal TERM
end
modes
KEYS
    not grep -E ':8889|127.0.0.1:7003 ' <(sed -n '/^STATE/,/^ok screen/p' /run/out)
    grep -x 'cooked main cursor' /run/out
    kill "$daemon"
    wait "$daemon"
EOS
}
