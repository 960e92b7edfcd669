# shellcheck shell=bash
# For tests of xtcp2 ss and xtcp2 top: the programs, and a sandbox with connections.

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

look_setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  CLIENT=$(bin tcp_client)
  BOUND=$(bin bound)
  BUILD=$(readlink -f "$BUILD")
  export XTCP2 SERVER CLIENT BOUND BUILD
  unset NO_COLOR
  cd "$BATS_TEST_TMPDIR" || return
}

# look_lab TEXT [FUNCTION...]: runs TEXT, which makes connections, then the shell text of standard input in a sandbox with
# these functions.
look_lab() {
  local text=$1
  shift
  sandbox < <(
    declare -f established "$@"
    echo "$text"
    cat
  )
}

# established N: so many sockets of this namespace are connected.
established() { [ "$(ss -Htn state established | wc -l)" -ge "$1" ]; }
