# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Roots of other Debian releases, for ci/fresh and ci/newest. Sourced after guest/debian/lib.bash.

# make_root RELEASE DIR PACKAGE,...: apt and the packages, nothing else. It trusts the certificates that this machine
# was told to trust and reaches archives as this one does. Fails with mmdebstrap's last lines.
make_root() {
  local conf status=0
  conf=$(mktemp)
  apt_settings >"$conf"
  mmdebstrap --mode=root --variant=apt --format=directory --include="$3" --aptopt='APT::Install-Recommends "false"' \
    --aptopt="$conf" "$1" "$2" >"$2.log" 2>&1 || status=$?
  rm "$conf"
  [ $status -eq 0 ] || { tail -n 10 "$2.log" >&2; return 1; }
  # A normal machine also has its own name and a name server.
  printf '127.0.0.1 localhost\n127.0.0.1 %s\n' "$(uname -n)" >"$2/etc/hosts"
  cp -L /etc/resolv.conf "$2/etc/resolv.conf"
  [ ! -d /usr/local/share/ca-certificates ] || cp -rT /usr/local/share/ca-certificates "$2/usr/local/share/ca-certificates"
}
