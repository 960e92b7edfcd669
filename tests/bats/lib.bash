# shellcheck shell=bash
# Functions for every bats file: `load lib`. They wait for conditions and never sleep longer.

export BUILD=${BUILD:-$BATS_TEST_DIRNAME/../../build}
# Daemons make no socket in the machine's own /run; a test of the socket sets its path.
export XTCP_GRPC_SOCKET=
# A walk reads the sockets of the whole machine, on which other tests run; a test counts those of its own namespaces. What
# reads by BPF says so (bpf.bats).
export XTCP_SOURCE=netlink
# The first poll comes at once.
export XTCP_POLL_JITTER_PCT=0
# Log lines begin with their subsystem.
export XTCP_LOG_TIME=off

# After a test that failed: what its last `run` has left, which no failed assertion shows. Each text is cut.
teardown() {
  local said=${output-} errors=${stderr-}
  [ -n "${BATS_TEST_COMPLETED:-}" ] || [ -z "${status+set}" ] ||
    printf 'the last run ended with %s, said:\n%s\nand on standard error:\n%s\n' "$status" "${said:0:2000}" "${errors:0:4000}"
}

# Prints the path of a built binary. Build directories of test machines below $BUILD hold older ones of the same names.
bin() {
  local path=$BUILD/$1
  [ -f "$path" ] || path=$(find "$BUILD" -maxdepth 3 -name 'vm-*' -prune -o -type f -name "$1" -perm -u+x -print -quit)
  [ -n "$path" ] || { echo "bin: $1 is not built in $BUILD" >&2; return 1; }
  readlink -f "$path"
}

# Runs a command in a fresh network namespace with loopback up.
fresh_netns() {
  unshare -n -- sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

# setup() of tests with the daemon and its clients: their paths in XTCP2, CLIENT and CTL.
client_setup() {
  XTCP2=$(bin xtcp2)
  CLIENT=$(bin xtcp2client)
  CTL=$(bin xtcp2ctl)
  export XTCP2 CLIENT CTL BUILD BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
  chmod 777 . # for the user that the daemon becomes
}

# client_netns SHELLTEXT: runs it in a fresh network namespace, with this file and gRPC on the UNIX socket grpc.sock; its
# jobs are killed at its end.
client_netns() {
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'; export XTCP_GRPC_SOCKET=grpc.sock
    trap 'kill -KILL \$(jobs -p) 2>/dev/null || :; [ ! -e log ] || cat log >&2' EXIT
    $1" 3>&-
}

# Makes the directory of the test accessible for the ordinary user that the daemon becomes.
reachable() { chmod go+rx "$BATS_RUN_TMPDIR"; }

# not COMMAND...: fails when the command succeeds. A line that begins with ! never ends a test or a script, whatever set -e says.
not() { ! "$@"; }

# wait_for SECONDS COMMAND...: waits until the command succeeds; fails after that time.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "wait_for: gave up on: $*" >&2; return 1; }
    read -rt 0.05 <> <(:) || :
  done
}

# Prints an unused TCP port on loopback.
free_port() {
  local port
  while port=$((RANDOM % 20000 + 20000)); do
    [ -z "$(ss -Htnl "sport = $port")" ] && { echo "$port"; return; }
  done
}

# test_listeners N: true if at least N TCP sockets listen in this namespace.
test_listeners() {
  [ "$(ss -Htnl | wc -l)" -ge "$1" ]
}
