# shellcheck shell=bash
# For tests of namespaces: a sandbox that no other test is seen in, and verbs
# that drive the namespace table and the netlink source step by step (the
# program tests/tools/dump).

# Runs the shell text of standard input with network, mounts, /run and processes
# of its own. The processes end with it. After a failure the end of /run/log is shown, where there is one.
sandbox() {
  unshare -n -m -p -f --mount-proc -- bash -euo pipefail -c "
    trap '[ \$? -eq 0 ] || [ ! -e /run/log ] || tail -n 30 /run/log >&2' EXIT
    mount --make-rprivate / && mount -t tmpfs run /run && mkdir /run/netns && ip link set lo up
    . '$BATS_TEST_DIRNAME/lib.bash'; unset XTCP_GRPC_SOCKET; . '$BATS_TEST_DIRNAME/drive.bash'; $(cat)"
}

# Starts the driver with these flags. Its pid is in DRIVER_PID.
drive_start() {
  coproc DRIVER { exec "$BUILD/tests/tools/dump" "$@"; }
  # Bash hides a coprocess from subshells; copies are not hidden.
  # shellcheck disable=SC2153
  exec {DRIVE_OUT}<&"${DRIVER[0]}" {DRIVE_IN}>&"${DRIVER[1]}"
  drive stat NETNS >/dev/null # it watches from here on
}

# drive COMMAND [ARGUMENT]: prints what the command prints; of its last line, what follows the command's name.
drive() {
  local line
  echo "$*" >&"$DRIVE_IN"
  while IFS= read -r -t 120 line <&"$DRIVE_OUT"; do
    case $line in
    "$1 "*)
      echo "${line#"$1 "}"
      return
      ;;
    *) echo "$line" ;;
    esac
  done
  echo "drive: no answer to $*" >&2
  return 1
}

# expect VALUE COMMAND...: the command prints exactly that.
expect() {
  local want=$1 got
  shift
  got=$("$@")
  [ "$got" = "$want" ] || { echo "expected \"$want\" from \"$*\", got \"$got\"" >&2; return 1; }
}

# Open files of the driver; sockets that hold a namespace are among them.
open_files() {
  local answer
  answer=$(drive fds)
  echo "${answer% *}"
}

# names_only: the names the table holds, sorted, on one line.
names_only() { drive names | awk 'NF > 1 { print $1 }' | sort | xargs; }

# scanned NAMES: a scan now shows exactly these.
scanned() {
  drive scan >/dev/null
  [ "$(names_only)" = "$*" ]
}

# An anonymous namespace with a process in it, whose pid is printed; $1 names the file it waits on to end.
anonymous_start() {
  local pid
  mkfifo "$1"
  unshare -n -- cat "$1" >/dev/null 2>&1 &
  pid=$!
  wait_for 20 is_apart "$pid"
  echo "$pid"
}
is_apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

# A veth pair from here into a namespace (a name, or the pid of a process). It
# goes when, and only when, the kernel frees the namespace.
tie() { ip link add "tie-$1" type veth peer name peer netns "$1"; }
tied() { ip link show "tie-$1" >/dev/null 2>&1; }
untied() { ! tied "$1"; }

# hide_start HOW [LAUNCHER...]: a namespace that neither a mount nor a process shows (tests/tools/hide.c). It ends
# when descriptor 7 is closed.
hide_start() {
  local how=$1
  shift
  [ -p "/run/hold-$how" ] || mkfifo -m 666 "/run/hold-$how"
  rm -f "/run/hidden-$how" # what an earlier one said
  # A user of another user namespace may not enter the directories above the build.
  [ -x /run/hide ] || install -m 755 "$BUILD/tests/tools/hide" /run/hide
  "$@" /run/hide "$how" <"/run/hold-$how" >"/run/hidden-$how" &
  exec 7>"/run/hold-$how"
  wait_for 20 grep -q READY "/run/hidden-$how"
}

# left N: a scan shows so many.
left() { [ "$(drive scan)" -eq "$1" ]; }
