# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Verbs of the checks: . "$XTCP2_SELF_TEST/lib.bash"

# Undo a check's actions in reverse order when it ends for any reason.
undo=()
cleanup() {
  local i
  for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
    eval "${undo[i]}" 2>/dev/null
  done
}
trap cleanup EXIT
trap 'exit 124' TERM

pass() {
  echo "$*"
  exit 0
}

fail() {
  echo "$*"
  exit 1
}

# Sleeps without a process: waiting costs nothing where a fork costs milliseconds.
exec {never}<> <(:)
nap() { read -rt "$1" -u "$never" || :; }

# now: seconds since boot, in the variable of that name; without a process.
now() {
  local uptime
  read -r uptime _ </proc/uptime
  # shellcheck disable=SC2034 # for who called
  now=${uptime%.*}
}

# wait_for DESCRIPTION COMMAND...: until the command succeeds. The check's own
# limit ends it; the description is then the last line printed, so the reason.
wait_for() {
  echo "waiting for $1"
  until "${@:2}"; do
    nap 0.1
  done
}

# take WORD...: has these alone from here on, beside the checks whose header says "# alone: WORD", until let_go.
taken=()
take() {
  local word fd
  for word; do
    exec {fd}>"$XTCP2_LOCKS/$word" && flock "$fd" || return
    taken+=("$fd")
  done
}
let_go() {
  local fd
  for fd in "${taken[@]}"; do exec {fd}>&-; done
  taken=()
}

# http_answer FD: the body of the HTTP/1.0 answer that FD gives; closes it, and fails unless the status is 200.
http_answer() {
  local fd=$1 status line
  read -r _ status _ <&"$fd"
  while read -r line <&"$fd" && [ "$line" != $'\r' ]; do :; done
  cat <&"$fd"
  exec {fd}>&-
  [ "$status" = 200 ]
}

# http_ask PATH: asks the daemon; what it answers is to be read from $answer.
http_ask() {
  local host=${XTCP2_METRICS%:*} port=${XTCP2_METRICS##*:}
  { exec {answer}<>"/dev/tcp/$host/$port"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" "$host" >&"$answer"
}

# http_get PATH: the body of a 200 answer from the daemon, else failure.
http_get() { http_ask "$1" && http_answer "$answer"; }

# metrics [ARGUMENT]... AWK: the program over the lines of /metrics. One process: checks ask for a number again and again while they
# wait, and beside others.
metrics() {
  http_ask /metrics || return 1
  awk "$@" <&"$answer"
  exec {answer}>&-
}

# value NAME: a metric's value, summed over its labels; 0 when absent.
value() {
  metrics -v name="$1" '{ n = $1; sub(/{.*/, "", n) } n == name { sum += $NF } END { printf "%d\n", sum }'
}

# count FUNCTION VARIABLE: a sample of the family xtcp_counts.
count() {
  metrics -v f="function=\"$1\"" -v v="variable=\"$2\"" '/^xtcp_counts{/ && index($0, f) && index($0, v) { sum += $NF } END { printf "%d\n", sum }'
}

# grew BEFORE VERB...: whether VERB's number is now above BEFORE.
grew() {
  local now
  now=$("${@:2}")
  [ "${now:-0}" -gt "$1" ]
}

# wait_above DESCRIPTION NUMBER value NAME|count FUNCTION VARIABLE: until the daemon's number is above this one. One process asks
# for it again and again; wait_for with grew begins three for each question.
wait_above() {
  local metric=("$4")
  [ "$3" = value ] || metric=(xtcp_counts "function=\"$4\"" "variable=\"$5\"")
  echo "waiting for $1"
  xtcp2-report above "$XTCP2_METRICS" "${2:-0}" "${metric[@]}" || fail "cannot wait for $1"
}

# started_namespaces, ended_namespaces: how many the daemon has seen come and go.
started_namespaces() { count netNamespaceInstance start; }
ended_namespaces() { count netNamespaceInstance complete; }

# hold_netns: a process (its pid in $holder) that keeps a network namespace of its own alive.
holder=
hold_netns() {
  local fd
  exec {fd}< <(exec unshare -n bash -c 'echo; exec sleep 1000')
  holder=$!
  undo+=("kill $holder")
  read -r _ <&"$fd"
}

# bin NAME: the path of one of the tree's programs, or a failure that says so. The list has files; a second name
# is a link beside the first of them.
bin() {
  local first
  grep -m1 "/$1\$" "$XTCP2_BINARIES" && return
  read -r first <"$XTCP2_BINARIES" && [ -x "${first%/*}/$1" ] && echo "${first%/*}/$1" && return
  echo "the program $1 is not installed" >&2
  return 1
}

# main_pid: the daemon's process.
main_pid() {
  if [ -n "${XTCP2_UNIT:-}" ]; then systemctl show -p MainPID --value "$XTCP2_UNIT"; else echo "$XTCP2_PID"; fi
}

# ctl COMMAND [FLAG]...: xtcp2ctl against this daemon, over the socket it finds by itself; what it prints is kept from the check's output.
ctl() {
  local program
  program=$(bin xtcp2ctl) && "$program" "$@" >/dev/null
}

# setting FIELD: its value in the configuration that Get answers.
setting() {
  local program
  program=$(bin xtcp2ctl) || return
  "$program" get | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p"
}
