# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # most variables are for those who read this file; top, base, release and sysroot are theirs
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

# The architectures that a guest can have: Debian's name, the compiler's prefix, Linux's name, the kernel's package, and
# rows of the list modules that its kernel cannot have.
architectures() {
  cat <<'ROWS'
amd64 x86_64-linux-gnu x86_64 linux-image-cloud-amd64
arm64 aarch64-linux-gnu aarch64 linux-image-cloud-arm64
s390x s390x-linux-gnu s390x linux-image-s390x qemu_fw_cfg|pvpanic-pci|virtio_pci
ROWS
}

# choose_arch [ARCH]: sets arch, triple, machine, kernel_image, without_modules, and native: whether it is this machine's, the default.
choose_arch() {
  local host names
  host=$(dpkg --print-architecture)
  arch=${1:-$host} native=false
  names=$(architectures | awk '{ print $1 }' | paste -sd' ')
  [[ " $names " == *" $arch "* ]] || die "unknown architecture '$arch': possible are $names"
  read -r _ triple machine kernel_image without_modules < <(architectures | awk -v arch="$arch" '$1 == arch')
  [ "$arch" != "$host" ] || native=true
}

# The releases that a guest can be made of, each with its list packages.RELEASE of libraries.
releases=(bookworm trixie forky sid)

check_release() {
  [[ " ${releases[*]} " == *" $1 "* ]] || die "unknown release '$1': possible are ${releases[*]}"
}

# The host's own release, whose libraries the programs are linked with; where the host is no Debian, the current one.
host_release() {
  local name
  # shellcheck source=/dev/null
  name=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # sid calls itself by the name of the release to come.
  ! grep -rqsE '^(deb .*|Suites:.*) (sid|unstable)( |$)' /etc/apt/sources.list /etc/apt/sources.list.d || name=sid
  [[ " ${releases[*]} " == *" ${name:-none} "* ]] && echo "$name" || echo trixie
}

# is_own_release RELEASE: the guest has the libraries of this machine.
is_own_release() {
  # shellcheck source=/dev/null
  [ "$(. /etc/os-release && echo "${ID:-}")" = debian ] && [ "$(host_release)" = "$1" ]
}

# runs_in_guest PROGRAM: with the C library that it was linked with or a later one, and with libraries that are
# there; found here and not by a check that fails in the VM.
runs_in_guest() {
  local has wants library
  has=$(jq -r '.packages[] | select(startswith("libc6=")) | ltrimstr("libc6=")' "$base/manifest.json")
  wants=$({ "$triple-objdump" -T "$1" 2>/dev/null || :; } | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -V | tail -n1)
  dpkg --compare-versions "${wants:-0}" le "$has" ||
    die "${1##*/} was linked with glibc $wants, the $release guest has ${has%%-*}: choose a later --release"
  { "$triple-objdump" -p "$1" 2>/dev/null || :; } | awk '$1 == "NEEDED" { print $2 }' | while read -r library; do
    jq -e --arg l "$library" '.libraries | index($l)' "$base/manifest.json" >/dev/null ||
      die "${1##*/} needs $library, which the $release guest lacks: another --release, or its package in guest/debian/packages.$release"
  done
}

# Of apt's settings those that decide whether and how archives are reached.
apt_settings() { apt-config dump | grep -E '^Acquire::(Check-|Retries|ForceIPv|[a-z]+::(Proxy|CaInfo|Verify|Timeout))' || :; }

# need_packages NAME...: installs the Debian packages that are missing, or with install=false
# ends with one line naming the command.
need_packages() {
  local check=()
  command -v dpkg-query >/dev/null || die "this is no Debian or Ubuntu machine: use nix run .#microvm-x86_64-FLAVOR"
  [ "${install:-true}" = true ] || check=(--check)
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

# initramfs DIR: makes DIR/initrd.base of the guest's first program and DIR/modules, which goes. The compiler is that of
# $triple, with the libraries below $sysroot.
initramfs() {
  local out=$1 tree=$1/initramfs
  mkdir -p "$tree"/{base,dev,layer,lib,proc,root,rw,sys}
  "$triple-gcc" ${sysroot:+"--sysroot=$sysroot"} -static -Os -D_GNU_SOURCE -s -o "$tree/init" "$top/guest/init.c"
  sed 's,^,/lib/,' "$out/modules/order" >"$tree/modules"
  find "$out/modules" -name '*.ko' -exec mv -t "$tree/lib/" {} +
  archive "$tree" >"$out/initrd.base"
  rm -rf "$tree" "$out/modules"
}

# archive DIR: the tree as the kernel unpacks it, the same bytes every time.
archive() {
  find "$1" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -H newc -o)
}

# reason LOG: the first line that tells why, before mmdebstrap's own that only tells that.
reason() {
  awk '/^(Get:|[IW]: )|[Ww]arning|policy-rc.d/ { next } /FATAL|No space|denied|rror|ailed|^E: / { print; found = 1; exit }
    END { if (!found) print "it said nothing" }' "$1"
}

# files_json DIR FILE...: their sizes and hashes, as a manifest has them.
files_json() {
  (cd "$1" && stat -c %s -- "${@:2}" | paste -d' ' - <(sha256sum -- "${@:2}")) |
    jq -Rn '[inputs | capture("^(?<size>[0-9]+) (?<sha256>[0-9a-f]+)  (?<name>.*)$") | {(.name): {size: (.size | tonumber), sha256}}] | add'
}

# The packages that compiling the tree needs, out of the one list.
build_packages() {
  rows "$top/ci/packages" | grep -E -- '-dev$|^(gcc|meson|ninja-build|pkg-config|protobuf-.*compiler)$' | grep -vE 'libcmocka|libclang'
}
