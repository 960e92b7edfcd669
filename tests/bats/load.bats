#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What can be said about soak and tcp-stress without a VM.
load lib
bats_require_minimum_version 1.5.0

setup() {
  TOP=$BATS_TEST_DIRNAME/../..
  cd "$TOP" || return 1
}

trend() { awk -f guest/soak/trend.awk; }

@test "trend: a line's slope is found whatever peaks stand out of it" {
  run -0 trend < <(awk 'BEGIN { for (x = 1; x <= 300; x++) print x, 100 + 0.5 * x + (x % 50 ? 0 : 1000) }')
  read -r first peak last _ slope noise _ <<<"$output"
  [ "$first" = 100.5 ] && [ "$peak" = 1250 ] && [ "$last" = 1250 ] && [ "$slope" = 0.5 ] && [ "$noise" = 0 ]
}

@test "trend: what moves to and fro has no slope but noise" {
  run -0 trend < <(awk 'BEGIN { for (x = 1; x <= 90; x++) print x, x % 3 }')
  read -r _ peak _ median slope noise p99 <<<"$output"
  [ "$peak" = 2 ] && [ "$median" = 1 ] && [ "$slope" = 0 ] && [ "$noise" = 1 ] && [ "$p99" = 2 ]
}

@test "trend: two points are too few, and said so" {
  run -1 trend <<<$'1 1\n2 2'
  [[ $output == *"2 points are too few"* ]]
}

# judged SAMPLES: the leak check over given samples, as after a soak of 400 s.
judged() {
  local to=$BATS_TEST_TMPDIR/$1
  mkdir -p "$to" && cp -r guest/self-test guest/soak "$to/"
  printf '#!/bin/sh\n' >"$to/xtcp2-report" && chmod +x "$to/xtcp2-report"
  sed -i "s,^run=.*,run=$to," "$to/soak/lib.bash"
  cat >"$to/samples"
  PATH=$to:$PATH XTCP2_SELF_TEST=$to/self-test XTCP2_DURATION=400 "$to/self-test/checks.d/SOAK_LEAK"
}

samples() {
  awk -v leak="$1" 'BEGIN { for (s = 0; s <= 400; s += 2) print s, 10000 + (s % 7) * 40 + leak * s, 6, 60 + s % 9 }'
}

@test "a soak whose memory breathes passes the leak check, one that leaks 4 KiB a second fails" {
  run -0 judged breathes < <(samples 0)
  [[ $output == "first/peak/last: resident"*"threads 6/6/6"* ]]
  run -1 judged leaks < <(samples 4)
  [[ $output == "resident grow:"*"+14400"* ]]
}

@test "the tcp-stress image is the same bytes twice, under 3 MiB, and names what it holds" {
  ci/oci "$BATS_TEST_TMPDIR/a.tar"
  ci/oci "$BATS_TEST_TMPDIR/b.tar"
  cmp "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/b.tar"
  [ "$(stat -c %s "$BATS_TEST_TMPDIR/a.tar")" -le $((3 << 20)) ]
  tar -C "$BATS_TEST_TMPDIR" -xf "$BATS_TEST_TMPDIR/a.tar"
  run -0 jq -er '.[0] | .RepoTags[0], .Config, .Layers[0]' "$BATS_TEST_TMPDIR/manifest.json"
  [ "${lines[0]}" = xtcp2-tcp-stress:latest ]
  [ "$(sha256sum <"$BATS_TEST_TMPDIR/${lines[1]}")" = "${lines[1]%.json}  -" ]
  jq -e --arg layer "sha256:$(sha256sum <"$BATS_TEST_TMPDIR/${lines[2]}" | cut -d' ' -f1)" '.rootfs.diff_ids == [$layer]' "$BATS_TEST_TMPDIR/${lines[1]}"
  [ "$(tar -tf "$BATS_TEST_TMPDIR/${lines[2]}" | paste -sd' ')" = "bin/ bin/entrypoint bin/tcp_client bin/tcp_server" ]
}

@test "the image's entry point runs a population, and refuses another mode in one line" {
  ci/oci "$BATS_TEST_TMPDIR/image.tar"
  tar -C "$BATS_TEST_TMPDIR" -xf "$BATS_TEST_TMPDIR/image.tar" layer.tar
  mkdir "$BATS_TEST_TMPDIR/root" && tar -C "$BATS_TEST_TMPDIR/root" -xf "$BATS_TEST_TMPDIR/layer.tar"
  TCP_MODE=chaos run -2 unshare -n chroot "$BATS_TEST_TMPDIR/root" /bin/entrypoint
  [ "$output" = "entrypoint: TCP_MODE 'chaos': possible are both, server and client" ]
  # shellcheck disable=SC2016 # the inner shell's
  TCP_COUNT=5 TCP_SLEEP=50ms run -0 timeout 60 unshare -n bash -c 'ip link set lo up
    chroot "$1" /bin/entrypoint >"$2" & pid=$!
    until grep -q "READY 5 connections" "$2"; do sleep 0.05; done
    # Both ends of each; the far ones follow within moments.
    until [ "$(ss -Htn state established | wc -l)" -eq 10 ]; do sleep 0.05; done
    kill $pid && wait $pid' - "$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR/out"
}

@test "every set of guest packages has its part in the image, and a flavor that wants it" {
  for list in ci/guest/packages.*; do
    set=${list#ci/guest/packages.} && set=${set%.trixie}
    case $set in bookworm | trixie) continue ;; esac
    grep -q "^layer_$set() {" ci/guest/image
    jq -e --arg set "$set" '[.flavors[].contents[]] | index($set)' nix/microvms/flavors.json
  done
}
