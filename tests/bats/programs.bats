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
