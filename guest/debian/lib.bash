# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034 # most variables are for those who read this file
# Shared by the scripts that build and run guests: one line an error, exit 3 (could not run).

cache=${XDG_CACHE_HOME:-$HOME/.cache}/xtcp2
# Fixed time stamps make equal inputs give equal images.
export SOURCE_DATE_EPOCH=1700000000

die() {
  echo "${0##*/}: $*" >&2
  exit 3
}

# Rows of a list file, without comments.
rows() {
  sed 's/#.*//; /^ *$/d' "$@"
}

# need_packages NAME...: installs the Debian packages that are missing, or with install=false
# ends with one line naming the command.
need_packages() {
  local check=()
  command -v dpkg-query >/dev/null || die "this is no Debian or Ubuntu machine: use nix run .#microvm-x86_64-FLAVOR"
  [ "${install:-true}" = true ] || check=(--check)
  # shellcheck disable=SC2154 # top is the caller's
  "$top/ci/deps" ${check[@]+"${check[@]}"} <(printf '%s\n' "$@") >&2 || exit 3
}

# need_space DIR MIB
need_space() {
  local free
  free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$2" ] || die "$1 has $free MiB free, building a guest image needs $2"
}

# hash_files FILE...: one hash over names and contents.
hash_files() {
  sha256sum -- "$@" | sha256sum | cut -c1-16
}

# check_sums DIR: the files of a cached image against its manifest.
check_sums() {
  jq -er '.files | to_entries[] | "\(.value.sha256)  \(.key)"' "$1/manifest.json" 2>/dev/null |
    (cd "$1" && sha256sum --status -c -)
}

# cached DIR BUILD MIB: prints DIR, after the function BUILD filled it when it is not there;
# a damaged one ends the run. It is filled elsewhere and appears at once, or not at all; one builder at a time.
cached() {
  local dir=$1 temp
  mkdir -p "${dir%/*}" 2>/dev/null || die "cannot create ${dir%/*}"
  exec 9>"${dir%/*}/.lock-${dir##*/}"
  flock 9
  if [ -d "$dir" ] && ! check_sums "$dir"; then
    # A disk that damages files should be noticed, so this run ends; the next one builds anew.
    rm -rf "$dir"
    die "the cached image $dir was damaged and is removed: run again to build it anew"
  fi
  if [ ! -d "$dir" ]; then
    need_space "${dir%/*}" "$3"
    need_space "${TMPDIR:-/tmp}" "$3"
    temp=$(mktemp -d "${dir%/*}/.new-XXXXXX")
    # shellcheck disable=SC2064 # this very directory
    trap "rm -rf '$temp'" EXIT
    chmod 755 "$temp"
    "$2" "$temp"
    mv -T "$temp" "$dir"
  fi
  echo "$dir"
}

# files_json DIR FILE...: their sizes and hashes, as a manifest has them.
files_json() {
  (cd "$1" && stat -c %s -- "${@:2}" | paste -d' ' - <(sha256sum -- "${@:2}")) |
    jq -Rn '[inputs | capture("^(?<size>[0-9]+) (?<sha256>[0-9a-f]+)  (?<name>.*)$") | {(.name): {size: (.size | tonumber), sha256}}] | add'
}

# The packages that compiling the tree needs, out of the one list.
# shellcheck disable=SC2154 # top is the caller's
build_packages() {
  rows "$top/ci/packages" | grep -E -- '-dev$|^(gcc|meson|ninja-build|pkg-config|protobuf-.*compiler)$' | grep -vE 'libcmocka|libclang'
}
