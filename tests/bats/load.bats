#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tests of soak and tcp-stress without a VM.
load lib
bats_require_minimum_version 1.5.0

setup() {
  TOP=$BATS_TEST_DIRNAME/../..
  cd "$TOP" || return 1
}

trend() { awk -f guest/soak/trend.awk; }

@test "trend: the slope of a line is found in spite of peaks" {
  run -0 trend < <(awk 'BEGIN { for (x = 1; x <= 300; x++) print x, 100 + 0.5 * x + (x % 50 ? 0 : 1000) }')
  read -r first peak last _ slope noise _ <<<"$output"
  [ "$first" = 100.5 ] && [ "$peak" = 1250 ] && [ "$last" = 1250 ] && [ "$slope" = 0.5 ] && [ "$noise" = 0 ]
}

@test "trend: values that move to and fro have noise but no slope" {
  run -0 trend < <(awk 'BEGIN { for (x = 1; x <= 90; x++) print x, x % 3 }')
  read -r _ peak _ median slope noise p99 <<<"$output"
  [ "$peak" = 2 ] && [ "$median" = 1 ] && [ "$slope" = 0 ] && [ "$noise" = 1 ] && [ "$p99" = 2 ]
}

@test "trend: two points are too few, and the message says so" {
  run -1 trend <<<$'1 1\n2 2'
  [[ $output == *"2 points are too few"* ]]
}

@test "trend: p99 is what one point in a hundred exceeds, and one of fewer" {
  p99() { seq "$1" | awk '{ print NR, $1 }' | trend | awk '{ print $7 }'; }
  [ "$(p99 3)" = 2 ] && [ "$(p99 24)" = 23 ] && [ "$(p99 100)" = 99 ]
  [ "$(p99 199)" = 198 ] && [ "$(p99 200)" = 198 ] && [ "$(p99 1770)" = 1753 ]
}

# judged CHECK NAME: the check over given samples, as after a soak of 400 s.
judged() {
  local to=$BATS_TEST_TMPDIR/$2
  mkdir -p "$to" && cp -r guest/self-test guest/soak "$to/"
  printf '#!/bin/sh\n' >"$to/xtcp2-report" && chmod +x "$to/xtcp2-report"
  sed -i "s,^run=.*,run=$to," "$to/soak/lib.bash"
  cat >"$to/samples"
  PATH=$to:$PATH XTCP2_SELF_TEST=$to/self-test XTCP2_DURATION=400 XTCP2_TUNE_POLL_P99_OVER_P50_MAX=2 "$to/self-test/checks.d/$1"
}

samples() {
  awk -v leak="$1" 'BEGIN { for (s = 0; s <= 400; s += 2) print s, 10000 + (s % 7) * 40 + leak * s, 6, 60 + s % 9 }'
}

@test "a soak whose memory breathes passes the leak check, one that leaks 4 KiB per second fails" {
  run -0 judged SOAK_LEAK breathes < <(samples 0)
  [[ $output == "first/peak/last: resident"*"threads 6/6/6"* ]]
  run -1 judged SOAK_LEAK leaks < <(samples 4)
  [[ $output == "resident grow:"*"+14400"* ]]
}

# polled N [SLOW [REFERENCE]]: samples of N polls after the warm-up, one each 3 s, of 60 to 79 ms; the last SLOW ones
# take 150 ms and the reference beside them, else of 100 ms, REFERENCE. The machine never stood still.
polled() {
  awk -v n="$1" -v slow="${2:-0}" -v reference="${3:-100}" 'BEGIN {
    for (i = 0; i <= n; i++) {
      last = i > n - slow
      print 60 + 3 * i, 10000, 6, 60, 1000 + 3 * i, last ? 0.150 : 0.06 + (i % 20) / 1000, 320, i, 0, 0, 51, last ? reference : 100
    } }'
}

@test "polls: one slow one of forty proves nothing, two do, unless the machine was as uneven" {
  run -0 judged SOAK_POLLS even < <(polled 40)
  [[ $output == "40 of 40 polls, p50 69 ms, p99 79 ms (1.14 times), peak 79 ms;"* ]]
  run -0 judged SOAK_POLLS one < <(polled 40 1)
  [[ $output == *"peak 150 ms;"* && $output != *"slowed that work"* ]]
  run -1 judged SOAK_POLLS two < <(polled 40 2)
  [[ $output == *": more than 2.00 times, what the machine's own slowness explains" ]]
  run -0 judged SOAK_POLLS forgiven < <(polled 40 2 150)
  [[ $output == *"but the machine slowed that work as much" ]]
}

@test "polls: of three hundred, three may be slow, not four" {
  run -0 judged SOAK_POLLS three < <(polled 300 3)
  run -1 judged SOAK_POLLS four < <(polled 300 4)
}

@test "polls: one cut or skipped while the machine ran is a failure" {
  run -1 judged SOAK_POLLS cut < <(polled 40 | awk '$1 > 100 { $9 = 1 } 1')
  [[ $output == "1 polls cut, 0 skipped, and the machine stood still 0 times" ]]
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
  for list in guest/debian/packages.*; do
    set=${list#guest/debian/packages.} && set=${set%.*}
    case $set in bookworm | trixie | forky | sid) continue ;; esac
    grep -q "^layer_$set() {" guest/debian/image
    jq -e --arg set "$set" '[.flavors[].contents[]] | index($set)' nix/microvms/flavors.json
  done
}

# bats test_tags=machine
@test "the daemon's image reads sockets as the user xtcp2, and its health check follows readiness" {
  BUILD=$BUILD ci/oci --daemon "$BATS_TEST_TMPDIR/image.tar"
  tar -C "$BATS_TEST_TMPDIR" -xf "$BATS_TEST_TMPDIR/image.tar"
  mkdir "$BATS_TEST_TMPDIR/root" && tar -C "$BATS_TEST_TMPDIR/root" -xf "$BATS_TEST_TMPDIR/layer.tar"
  jq -r '.config | (.Entrypoint | join(" ")), (.Healthcheck.Test[1:] | join(" "))' "$BATS_TEST_TMPDIR"/[0-9a-f]*.json >"$BATS_TEST_TMPDIR/commands"
  { read -r entrypoint && read -r health; } <"$BATS_TEST_TMPDIR/commands"
  export BATS_TEST_DIRNAME
  run -0 timeout 60 unshare -n -m -p -f --mount-proc --propagation private bash -euo pipefail -s "$BATS_TEST_TMPDIR" "$entrypoint" "$health" <<'E2'
    . "$BATS_TEST_DIRNAME/lib.bash"
    ip link set lo up && cd "$1" && mount -t proc proc root/proc
    not chroot root $3
    chroot root $2 -dest stdout -marshal jsonl -frequency 1h -timeout 1s >records 2>log & pid=$!
    wait_for 20 chroot root $3
    wait_for 20 grep -q '"LISTEN"' records
    [ "$(awk '/^Uid:/ { print $2 }' /proc/$pid/status)" = 64978 ]
    kill $pid && wait $pid
E2
}
