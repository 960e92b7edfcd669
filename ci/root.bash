# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # releases is guest/debian/lib.bash's
# Roots of other releases, for ci/fresh and ci/newest. Sourced after guest/debian/lib.bash.

# The long-term releases of Ubuntu in their standard support: 24.04 and 22.04.
ubuntu_releases=(noble jammy)

is_ubuntu() { [[ " ${ubuntu_releases[*]} " == *" $1 "* ]]; }

# check_root_release RELEASE: of those that there can be a root of.
check_root_release() {
  [[ " ${releases[*]} ${ubuntu_releases[*]} " == *" $1 "* ]] || die "unknown release '$1': possible are ${releases[*]}, and of Ubuntu ${ubuntu_releases[*]}"
}

# ubuntu_keyring DIR APT.CONF: prints the file of Ubuntu's keys: this machine's, or that of Debian's package, unpacked into DIR.
ubuntu_keyring() {
  local keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg
  if [ ! -f $keys ]; then
    mmdebstrap --mode=root --variant=extract --format=directory --include=ubuntu-archive-keyring --aptopt="$2" \
      trixie "$1" >"$1.log" 2>&1 || { tail -n 10 "$1.log" >&2; return 1; }
    keys=$1$keys
  fi
  echo "$keys"
}

# make_root RELEASE DIR PACKAGE,...: apt and the packages, nothing else. It trusts the certificates that this machine
# was told to trust and reaches archives as this one does. Fails with mmdebstrap's last lines.
make_root() {
  local conf keys suite status=0 from=()
  conf=$(mktemp)
  apt_settings >"$conf"
  if is_ubuntu "$1"; then
    keys=$(ubuntu_keyring "$2.keys" "$conf") || return
    for suite in "$1" "$1-updates" "$1-security"; do
      from+=("deb http://archive.ubuntu.com/ubuntu $suite main universe")
    done
  fi
  mmdebstrap --mode=root --variant=apt --format=directory --include="$3" --aptopt='APT::Install-Recommends "false"' \
    --aptopt="$conf" ${keys:+--keyring="$keys"} "$1" "$2" ${from[@]+"${from[@]}"} >"$2.log" 2>&1 || status=$?
  rm "$conf"
  [ $status -eq 0 ] || { tail -n 10 "$2.log" >&2; return 1; }
  # A normal machine also has its own name and a name server.
  printf '127.0.0.1 localhost\n127.0.0.1 %s\n' "$(uname -n)" >"$2/etc/hosts"
  cp -L /etc/resolv.conf "$2/etc/resolv.conf"
  [ ! -d /usr/local/share/ca-certificates ] || cp -rT /usr/local/share/ca-certificates "$2/usr/local/share/ca-certificates"
}
