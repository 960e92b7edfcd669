# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests use BROKER and ENGINE
# The parts of the data path as verbs: each test (or file) has a network and a
# mount namespace of its own, in which ports are the real ones; nothing is left
# behind. `ci/pipeline --deps` must have been run.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/xtcp2
PIPELINE=$BATS_TEST_DIRNAME/../../pipeline
URL=http://127.0.0.1:18123

# A fresh namespace with loopback, kept by a process until pipe_down. Files go to $1.
pipe_up() {
  PIPE=$1
  mkdir -p "$PIPE"
  passable "$PIPE"
  echo >"$PIPE/pids"
  export XTCP_GRPC_SOCKET=$PIPE/grpc.sock
  unshare -n -m -- sh -c 'mount --make-rprivate / && ip link set lo up && exec sleep infinity' \
    </dev/null >/dev/null 2>&1 3>&- &
  HOLDER=$!
  echo "$HOLDER" >>"$PIPE/pids"
  wait_for 20 holder_ready
}

# The engine drops root: on the way to its directory everybody may pass.
passable() {
  local dir=$1
  while [ "$dir" != / ] && [ "$dir" != "${TMPDIR:-/tmp}" ] && [ -O "$dir" ]; do
    chmod a+x "$dir"
    dir=$(dirname "$dir")
  done
}

holder_ready() {
  [ "$(readlink "/proc/$HOLDER/ns/net")" != "$(readlink /proc/self/ns/net)" ] &&
    inside ip -o link show lo 2>/dev/null | grep 'LOWER_UP' >/dev/null
}

# Runs a command in the namespace.
inside() { nsenter -t "$HOLDER" -n -m -- "$@"; }

# Starts a long-running command in the namespace; its log is $PIPE/NAME.log, its pid in $STARTED.
start() {
  local name=$1
  shift
  nsenter -t "$HOLDER" -n -m -- "$@" </dev/null >>"$PIPE/$name.log" 2>&1 3>&- &
  STARTED=$!
  echo "$STARTED" >>"$PIPE/pids"
}

# stop PID [SIGNAL]: and waits for its end.
stop() {
  kill -"${2:-TERM}" "$1" 2>/dev/null || :
  wait_for 30 gone "$1"
}

# A process whose first thread has ended still holds its files until the others have.
gone() {
  ! kill -0 "$1" 2>/dev/null ||
    { [ "$(awk '{ print $3 }' "/proc/$1/stat" 2>/dev/null)" = Z ] && [ "$(ls "/proc/$1/task" 2>/dev/null)" = "$1" ]; }
}

pipe_down() {
  local pid
  [ -n "${PIPE:-}" ] || return 0
  # The newest first; the namespace's holder is the last one.
  while read -r pid; do
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || :
  done < <(tac "$PIPE/pids")
  while read -r pid; do
    [ -z "$pid" ] || wait_for 20 gone "$pid" || kill -9 "$pid" 2>/dev/null || :
  done <"$PIPE/pids"
  if [ -n "${BATS_TEST_COMPLETED:-}" ] || [ -z "${BATS_TEST_NAME:-}" ]; then return 0; fi
  tail -n 20 "$PIPE"/*.log >&2
}

# start_broker [--override KEY=VALUE]...
start_broker() {
  start broker env KAFKA_LIBS="$CACHE/kafka/libs" "$PIPELINE/kafka/run" "$PIPE/kafka" "$@"
  BROKER=$STARTED
  wait_for 60 inside nc -z 127.0.0.1 19092
}

# start_engine [FLAG]...
start_engine() {
  start engine env -u XTCP2_CLICKHOUSE_PASSWORD "$(bin xtcp2-clickhouse)" -data "${ENGINE_DATA:-$PIPE/clickhouse}" -verbose "$@"
  ENGINE=$STARTED
  wait_for 60 ping_engine
  PASSWORD_FILE=${ENGINE_DATA:-$PIPE/clickhouse}/password
  # The variables that the tools read.
  XTCP2_CLICKHOUSE_PASSWORD=$(inside cat "$PASSWORD_FILE")
  export XTCP2_CLICKHOUSE_PASSWORD PASSWORD_FILE
}

ping_engine() { [ "$(inside curl -sS "$URL/ping" 2>/dev/null)" = Ok. ]; }

# http [CURL ARGUMENT]...: prints the body. As the owner, unless a later -u says somebody else.
http() { inside curl -sS -u "default:${XTCP2_CLICKHOUSE_PASSWORD:-}" "$@"; }

# The answer to a query sent as a body; fails with the exception.
sql() { http --fail-with-body "$URL/" --data-binary "$1"; }

# The same as the user who may only read.
reader_sql() {
  inside curl -sS --fail-with-body -u "reader:$(inside cat "${PASSWORD_FILE%/*}/reader-password")" "$URL/" --data-binary "$1"
}

rows() { sql "SELECT count() FROM xtcp.${1:-xtcp_flat_records}"; }

# rows_are N [TABLE]
rows_are() { [ "$(rows "${2:-xtcp_flat_records}")" = "$1" ]; }

rows_beyond() { [ "$(rows)" -gt "$1" ]; }

# produce [FLAG]...: kafka_to_clickhouse in the namespace.
produce() { inside "$(bin kafka_to_clickhouse)" -broker 127.0.0.1:19092 "$@"; }

# The value of NAME=value in a line.
value_of() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p" <<<"$2"; }

# The records that are there, without those that came twice.
distinct_rows() { sql 'SELECT uniqExact(sipHash64(*)) FROM xtcp.xtcp_flat_records'; }

distinct_are() { [ "$(distinct_rows)" = "$1" ]; }

# start_daemon [FLAG]...: polls each second; metrics on :9088.
start_daemon() {
  start daemon "$(bin xtcp2)" -frequency 1s -timeout 800ms -promListen 127.0.0.1:9088 "$@"
  DAEMON=$STARTED
  wait_for 30 inside curl -sf -o /dev/null http://127.0.0.1:9088/metrics
}

# metric NAME: the sum of its samples at the daemon.
metric() { http http://127.0.0.1:9088/metrics | awk -v name="$1" '$1 ~ "^" name "([{]|$)" { sum += $2 } END { printf "%d\n", sum }'; }

metric_beyond() { [ "$(metric "$1")" -gt "$2" ]; }

# start_traffic N: N pairs of sockets that talk all the time.
start_traffic() {
  start server "$(bin tcp_server)" -count "$1" -bind 127.0.0.1
  start client "$(bin tcp_client)" -count "$1" -connect 127.0.0.1 -sleep 100ms -pads 1024
}

rows_reach() { [ "$(rows)" -ge "$1" ]; }
