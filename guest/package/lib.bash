# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Shared by the checks of the package, which follow each other.

# shellcheck disable=SC2034 # for the checks
packages=/usr/lib/xtcp2/packages kept=/run/xtcp2-package settings=/etc/default/xtcp2 records=/var/lib/xtcp2/records.pb

# files: all of the system's but those that dpkg keeps about itself, and logs.
files() {
  find /etc /usr /var -xdev \( -path /var/lib/dpkg -o -path /var/log -o -path '/etc/*-' -o -path '/etc/.*lock' \) -prune -o -print | LC_ALL=C sort
}

installed_version() { dpkg-query -W -f '${Version}' xtcp2; }

# state WORD: what systemctl says of the service, such as is-active.
state() { systemctl "$1" xtcp2.service 2>/dev/null; }

# recorded SIZE: the file of records is longer than that.
recorded() { [ "$(stat -c %s "$records" 2>/dev/null || echo 0)" -gt "$1" ]; }
