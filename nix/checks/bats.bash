#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The part of tests/bats that `nix flake check` runs: all tests without the tag "machine", which needs /sys,
# control groups, a second user, QEMU, or programs that only ci/deps brings. A Nix build has no
# /run and may not make one, so the tests get a root of their own, in namespaces of their own.
# Environment: BUILD, the build directory.
set -euo pipefail
if [ -z "${own_root:-}" ]; then
  BUILD=$(realpath "$BUILD") own_root=$(mktemp -d) exec unshare --user --map-root-user --mount bash "$0"
fi
mount -t tmpfs root "$own_root"
for dir in /*; do
  [ -d "$dir" ] || continue
  mkdir "$own_root$dir"
  mount --rbind "$dir" "$own_root$dir"
done
mkdir -p "$own_root/run"
exec chroot "$own_root" bash -c 'cd "$0" && exec bats --filter-tags "!machine" tests/bats' "$PWD"
