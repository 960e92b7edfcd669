#!/usr/bin/env bats
# Every program of the tree answers the same questions in the same way.

bats_require_minimum_version 1.5.0
load lib

# programs: those that are installed, one path per line.
programs() { find "$BUILD" -maxdepth 1 -type f -perm -u+x ! -name '*.so*'; }

# each COMMAND...: the command holds for every program, whose path is its last argument.
each() {
  local program count=0
  while read -r program; do
    "$@" "$program" || { echo "not true of ${program##*/}: $*" >&2; return 1; }
    count=$((count + 1))
  done < <(programs)
  [ "$count" -ge 18 ]
}

version_is() { [ "$("$2" "$1" 2>&1)" = "${2##*/} $version" ]; }
helps() { [ -n "$("$2" "$1" 2>/dev/null)" ] && [ -z "$("$2" "$1" 2>&1 >/dev/null)" ]; }
refuses() {
  run --separate-stderr "$2" "$1" </dev/null
  # shellcheck disable=SC2154
  [ "$status" -eq 2 ] && [ -z "$output" ] && [ "${#stderr_lines[@]}" -eq 1 ] && [[ $stderr == *"${1#-}"* ]]
}

@test "-version, --version and -v print name and version" {
  version=$(sed -n "s/^  version: '\(.*\)',/\1/p" "$BATS_TEST_DIRNAME/../../meson.build")
  each version_is -version
  each version_is --version
  each version_is -v
}

@test "-help, --help and -h print to stdout alone" {
  each helps -help
  each helps --help
  each helps -h
}

@test "an unknown flag is one line that names it, with status 2" {
  each refuses --no-such-flag
}

full_disk() {
  run -1 --separate-stderr bash -c '"$0" "$1" >/dev/full' "$2" "$1"
  [ "$stderr" = "${2##*/}: stdout: No space left on device" ]
}

@test "help and version that cannot be written are one line and status 1" {
  each full_disk --help
  each full_disk --version
}

@test "an engine that does not close is left behind: a line, and status 1" {
  local program engine log=$BATS_TEST_TMPDIR/log ended=0
  program=$(bin xtcp2-clickhouse)
  unshare -n bash -c 'ip link set lo up && exec "$@"' bash "$program" -data "$BATS_TEST_TMPDIR/data" -listen 127.0.0.1:18123 \
    -lib "$BUILD/tests/tools/libstuck_engine.so" -runAs root 2>"$log" 3>&- &
  engine=$!
  wait_for 30 grep -q ready "$log"
  kill $engine
  wait_for 30 grep -q 'engine: does not close' "$log"
  # The minute is over.
  kill -ALRM $engine
  wait $engine || ended=$?
  [ "$ended" -eq 1 ]
  [ "$(grep -c 'the engine does not close within a minute' "$log")" -eq 1 ]
}
