#!/usr/bin/env bats
# bats file_tags=machine
# shellcheck disable=SC2030,SC2031  # each test is a subshell of its own
# The host runner against a guest that misbehaves on command (tests/tools/chaos_init.c).
# The machines are booted once, two at a time, before the tests look at them.

load lib

# Everything the guest is told to do. The sets of extra options stand in chaos_options.
MODES=(pass fail lie disagree oops forge artifact flood records panic panic_nodriver exit hang off reset reset_nodriver no_bye badcrc gap stay)

# A guest that hangs must not be waited for longer than a boot can take.
chaos_options() {
  case $1 in
  hang) echo --timeout 60s ;;
  fail) echo --fail-fast ;;
  esac
}

# Boots one machine; leaves its report, output and exit status in $CHAOS/MODE*.
# MODE_nodriver is the same in an image without the driver of pvpanic.
chaos_run() {
  local status=0 image=$CHAOS/image
  [[ $1 != *_nodriver ]] || image=$CHAOS/image-nodriver
  # shellcheck disable=SC2046  # options are words
  "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --image "$image" --accel tcg --ports auto \
    --report "$CHAOS/$1" --append "chaos=${1%_nodriver}" $(chaos_options "$1") >"$CHAOS/$1.out" 2>&1 || status=$?
  echo "$status" >"$CHAOS/$1.status"
}

make_image() {
  local src=$BATS_TEST_DIRNAME/../..
  "$src/tests/tools/test-kernel" "$CHAOS/kernel"
  mkdir -p "$CHAOS/image" "$CHAOS/root"
  gcc -static -Os -std=gnu11 -D_GNU_SOURCE -I"$src/src" -I"$src/src/lib" "$src/tests/tools/chaos_init.c" \
    "$src"/src/vmrun/{result_line,crc32c}.c -o "$CHAOS/root/init"
  (cd "$CHAOS/root" && echo init | cpio --quiet -H newc -o) >"$CHAOS/init.cpio"
  cat "$CHAOS/kernel/modules.cpio" "$CHAOS/init.cpio" >"$CHAOS/image/initrd.img"
  (mkdir "$CHAOS/nodriver" && cd "$CHAOS/nodriver" && cpio --quiet -id <"$CHAOS/kernel/modules.cpio" &&
    sed -i /pvpanic/d modules && rm m/pvpanic* && find . | cpio --quiet -H newc -o) >"$CHAOS/nodriver.cpio"
  mv "$CHAOS/kernel/vmlinuz" "$CHAOS/image/vmlinuz"
  head -c 4096 /dev/zero >"$CHAOS/image/root.erofs"
  echo '{}' >"$CHAOS/image/manifest.json"
  cp -r "$CHAOS/image" "$CHAOS/image-nodriver"
  cat "$CHAOS/nodriver.cpio" "$CHAOS/init.cpio" >"$CHAOS/image-nodriver/initrd.img"
}

setup_file() {
  export CHAOS=$BATS_FILE_TMPDIR/chaos VMRUN
  VMRUN=$(bin xtcp2-vmrun)
  mkdir -p "$CHAOS"
  cat >"$CHAOS/flavors.json" <<'JSON'
{"flavors": [
  {"name": "chaos", "memory_mib": 256, "vcpus": 1, "checks": ["ONE", "TWO"], "timeout_s": 180,
   "forwards": [{"name": "metrics", "host": 19088, "guest": 9088}]},
  {"name": "open", "memory_mib": 256, "vcpus": 1, "checks": [], "timeout_s": 180,
   "forwards": [{"name": "metrics", "host": 19088, "guest": 9088}]},
  {"name": "stays", "stays": true, "try": "curl 127.0.0.1:{metrics}/{other}", "memory_mib": 256, "vcpus": 1,
   "checks": ["ONE", "TWO"], "timeout_s": 180,
   "forwards": [{"name": "metrics", "host": 19088, "guest": 9088}, {"name": "grafana", "host": 13000, "guest": 3000, "only": "nix"}]}
]}
JSON
  make_image
  # Of an earlier run into the same report.
  mkdir -p "$CHAOS/artifact/artifacts"
  echo old | tee "$CHAOS/artifact/artifacts/old.txt" >"$CHAOS/artifact/autopsy.txt"
  # The canary first, so that its answer is there for all.
  "$VMRUN" doctor --image "$CHAOS/image" --accel tcg >"$CHAOS/doctor.out"
  export -f chaos_run chaos_options
  printf '%s\n' "${MODES[@]}" | xargs -P 2 -I{} bash -c 'chaos_run {}'
}

# ended STATUS MODE TEXT: the machine was judged so, and the output says why.
ended() {
  local status
  status=$(<"$CHAOS/$2.status")
  # As printed, and as one line: long reasons are broken.
  [ "$status" = "$1" ] && grep -qE -- "$3" "$CHAOS/$2.out" <(tr -s ' \n' ' ' <"$CHAOS/$2.out") && return
  echo "$2: exit status $status, wanted $1 and '$3':"
  cat "$CHAOS/$2.out"
  return 1
}

# refused TEXT COMMAND...: exit status 3 and exactly one line, which has the text.
refused() {
  run "${@:2}"
  echo "$output"
  [ "$status" -eq 3 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == *"$1"* ]]
}

run_image() {
  "$VMRUN" run --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg --report "$BATS_TEST_TMPDIR/report" "$@"
}

@test "vmrun: a good guest passes, and every report says so" {
  ended 0 pass '^PASS: 2 of 2 checks passed'
  [ "$(jq -r .verdict "$CHAOS/pass/results.json")" = pass ]
  [ "$(jq '.checks | length' "$CHAOS/pass/results.json")" -eq 2 ]
  [ "$(jq '.boot_ms > 0 and .launch_to_verdict_ms >= .boot_ms and .image.vmlinuz > 0' "$CHAOS/pass/results.json")" = true ]
  grep -q '^1\.\.3$' "$CHAOS/pass/results.tap"
  grep -q '<testsuite name="vm.chaos" tests="3" failures="0"' "$CHAOS/pass/junit.xml"
  grep -q 'chaos: acknowledged' "$CHAOS/pass/console.log"
  grep -q 'accel     tcg' "$CHAOS/doctor.out"
}

@test "vmrun: lines fit 80 columns, the verdict is there once, figures are a table" {
  local out
  for out in "$CHAOS"/*.out; do
    [ "$out" = "$CHAOS/doctor.out" ] || awk -v f="$out" '
      length > 80 && !/^(xtcp2-vmrun|report): / { word = 0; for (i = 1; i <= NF; i++) if (length($i) > word) word = length($i) }
      length > 80 && !/^(xtcp2-vmrun|report): / && word < 60 { print f ": " $0; bad = 1 }
      END { exit bad }' "$out"
  done
  [ "$(grep -c 'checks passed' "$CHAOS/pass.out")" -eq 1 ]
  grep -qE '^  chaos on tcg: boot [0-9.]+ s, checks [0-9.]+ s, launch to verdict [0-9.]+ s$' "$CHAOS/pass.out"
}

@test "vmrun: a failed check fails the run, at once with --fail-fast" {
  ended 1 fail 'FAIL TWO'
  [ "$(grep -c 'FAIL TWO' "$CHAOS/fail.out")" -eq 1 ]
  grep -q '"reason":"fail-fast"' "$CHAOS/fail/events.jsonl"
  grep -q '^not ok 3 - TWO' "$CHAOS/fail/results.tap"
  grep -q 'failures="1"' "$CHAOS/fail/junit.xml"
}

@test "vmrun: OVERALL PASS with a check missing is a lie" {
  ended 1 lie 'claims OVERALL PASS'
}

@test "vmrun: console and records must say the same" {
  ended 1 disagree 'harness.channel_agreement'
}

@test "vmrun: an oops on the console fails a run whose checks passed" {
  ended 1 oops 'harness.console .*soft lockup'
}

@test "vmrun: a record with a foreign nonce is ignored and told of" {
  ended 0 forge 'foreign nonce'
}

@test "vmrun: an artifact arrives whole" {
  ended 0 artifact '^PASS'
  [ "$(stat -c %s "$CHAOS/artifact/artifacts/blob.bin")" -eq 1048576 ]
  [ "$(tr -d x <"$CHAOS/artifact/artifacts/blob.bin" | wc -c)" -eq 0 ]
  # Nothing of an earlier run stands beside it.
  [ ! -e "$CHAOS/artifact/artifacts/old.txt" ]
  [ ! -e "$CHAOS/artifact/autopsy.txt" ]
}

@test "vmrun: a flood on the console loses nothing and harms nothing" {
  ended 0 flood '^PASS'
  [ "$(stat -c %s "$CHAOS/flood/console.log")" -gt 1048576 ]
}

@test "vmrun: a kernel panic is no verdict and has an autopsy" {
  ended 2 panic 'NO VERDICT: kernel panic'
  grep -q GUEST_PANICKED "$CHAOS/panic/events.jsonl"
  grep -q '== registers' "$CHAOS/panic/autopsy.txt"
  grep -q '<failure message="kernel panic' "$CHAOS/panic/junit.xml"
  ended 2 exit 'Attempted to kill init'
}

@test "vmrun: without a pvpanic driver the console tells a panic from a reset" {
  # As the kernel of nixpkgs is: the device is there, and nobody drives it.
  ended 2 panic_nodriver 'NO VERDICT: kernel panic: .*Kernel panic - not syncing'
  [ "$(grep -c GUEST_PANICKED "$CHAOS/panic_nodriver/events.jsonl")" -eq 0 ]
  grep -q '"event":"SHUTDOWN".*"guest-reset"' "$CHAOS/panic_nodriver/events.jsonl"
  grep -q '<failure message="kernel panic' "$CHAOS/panic_nodriver/junit.xml"
  ended 2 reset_nodriver 'NO VERDICT: the guest powered off or reset in the middle of its self-test'
  grep -q '"event":"SHUTDOWN".*"guest-reset"' "$CHAOS/reset_nodriver/events.jsonl"
}

@test "vmrun: a guest that hangs is no verdict and has an autopsy with backtraces" {
  ended 2 hang 'NO VERDICT: time-out'
  grep -q '== SysRq' "$CHAOS/hang/autopsy.txt"
  grep -q 'vCPU 0: ' "$CHAOS/hang.out"
}

@test "vmrun: a guest that goes down too early is no verdict" {
  ended 2 off 'in the middle of its self-test'
  ended 2 reset 'in the middle of its self-test'
  ended 2 no_bye 'before it had sent all its results'
}

@test "vmrun: damaged or missing records cannot be trusted" {
  ended 2 badcrc 'wrong check sum'
  ended 2 gap 'cannot be trusted'
}

@test "vmrun: a flood of records is bounded, has no verdict and says how much was left out" {
  ended 2 records 'NO VERDICT: the guest sent more events than the 64 MiB that are kept'
  ended 2 records 'events.jsonl: [0-9]+ events of the guest beyond 64 MiB were omitted'
  [ "$(stat -c %s "$CHAOS/records/events.jsonl")" -ge $((64 << 20)) ]
  [ "$(stat -c %s "$CHAOS/records/events.jsonl")" -lt $((65 << 20)) ]
}

@test "vmrun: a guest that does not power off is ended after its verdict" {
  ended 0 stay 'did not power off'
}

@test "vmrun: replay comes to the verdict of the run" {
  local mode
  for mode in "${MODES[@]}"; do
    run "$VMRUN" replay "$CHAOS/$mode"
    echo "$mode: $output"
    [ "$status" -eq "$(<"$CHAOS/$mode.status")" ]
  done
}

@test "vmrun: killed with SIGKILL it leaves no QEMU behind" {
  local report=$BATS_TEST_TMPDIR/report runner qemu
  "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg --ports auto \
    --report "$report" --append chaos=silent >/dev/null 2>&1 3>&- &
  runner=$!
  wait_for 180 grep -qs '"ev":"started"' "$report/events.jsonl"
  qemu=$(jq -r 'select(.ev == "spawn") | .pid' "$report/events.jsonl")
  [ "$(readlink "/proc/$qemu/exe")" != "" ]
  kill -KILL "$runner"
  wait_for 20 test ! -e "/proc/$qemu/exe"
}

@test "vmrun: a flavor without a self-test stays up until it is stopped" {
  local report=$BATS_TEST_TMPDIR/report runner status=0
  "$VMRUN" run --flavor open --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg --ports auto \
    --report "$report" --append chaos=silent >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  runner=$!
  wait_for 180 grep -q 'metrics  *127.0.0.1:[1-9][0-9]* -> guest port 9088' "$BATS_TEST_TMPDIR/out"
  kill -TERM "$runner"
  wait "$runner" || status=$?
  [ "$status" -eq 0 ]
}

@test "vmrun: a flavor that stays is there to be used, says how, and with a duration tests itself" {
  local out=$BATS_TEST_TMPDIR/out runner status=0
  "$VMRUN" run --flavor stays --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg --ports auto \
    --report "$BATS_TEST_TMPDIR/report" --append chaos=silent >"$out" 2>&1 3>&- &
  runner=$!
  wait_for 180 grep -qE '^try: curl 127.0.0.1:[1-9][0-9]*/\{other\}$' "$out"
  grep -q 'this flavor has no self-test' "$out"
  # Nothing would listen there in this guest.
  not grep -q grafana "$out"
  grep -qx xtcp2.no_checks=1 "$BATS_TEST_TMPDIR/report/run.env"
  kill -TERM "$runner"
  wait "$runner" || status=$?
  [ "$status" -eq 0 ]
  run "$VMRUN" run --flavor stays --duration 1s --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg \
    --ports auto --report "$BATS_TEST_TMPDIR/report" --append chaos=pass
  [ "$status" -eq 0 ]
  [[ $output == *"2 of 2 checks passed"* ]]
}

@test "vmrun: interrupted it ends QEMU and still reports" {
  local report=$BATS_TEST_TMPDIR/report runner qemu status=0
  "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg --ports auto \
    --report "$report" --append chaos=silent >/dev/null 2>&1 3>&- &
  runner=$!
  wait_for 180 grep -qs '"ev":"started"' "$report/events.jsonl"
  qemu=$(jq -r 'select(.ev == "spawn") | .pid' "$report/events.jsonl")
  refused "is in use by another run" run_image --flavor chaos --ports auto
  kill -TERM "$runner"
  wait "$runner" || status=$?
  [ "$status" -eq 2 ]
  [ ! -e "/proc/$qemu/exe" ]
  [ "$(jq -r .reason "$report/results.json")" = interrupted ]
}

@test "vmrun: --keep-alive leaves the machine up after its verdict" {
  local report=$BATS_TEST_TMPDIR/report runner status=0
  "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg --ports auto \
    --report "$report" --append chaos=stay --keep-alive >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
  runner=$!
  wait_for 180 grep -qs 'nc 127.0.0.1' "$BATS_TEST_TMPDIR/out"
  wait_for 20 jq -e '.verdict == "pass"' "$report/results.json" >/dev/null || { cat "$BATS_TEST_TMPDIR/out" "$report/results.json"; false; }
  # The port listens.
  exec 9<>"/dev/tcp/127.0.0.1/$(awk '/nc 127.0.0.1/ { print $4 }' "$BATS_TEST_TMPDIR/out")"
  exec 9>&-
  kill -INT "$runner" 2>/dev/null
  kill -TERM "$runner"
  wait "$runner" || status=$?
  [ "$status" -eq 0 ]
}

@test "vmrun: a launcher gets its arguments and the descriptors" {
  cat >"$BATS_TEST_TMPDIR/launcher" <<SH
#!/bin/sh
exec qemu-system-x86_64 -M q35 -accel "\$XTCP2_VMRUN_ACCEL" -cpu "\$XTCP2_VMRUN_CPU" -m 256 -nodefaults \\
  -kernel $CHAOS/image/vmlinuz -initrd $CHAOS/launched.img -append "console=ttyS0 panic=-1 no_timer_check chaos=pass" \\
  \$XTCP2_VMRUN_QEMU_ARGS
SH
  chmod +x "$BATS_TEST_TMPDIR/launcher"
  # The guest finds the nonce in fw_cfg only when it loads that module; here the kernel command line lacks it,
  # so the records are foreign and the run must not pass.
  cp "$CHAOS/image/initrd.img" "$CHAOS/launched.img"
  run "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --launcher "$BATS_TEST_TMPDIR/launcher" --accel tcg \
    --ports auto --report "$BATS_TEST_TMPDIR/report" --timeout 180s
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"foreign nonce"* ]]
  grep -q 'chaos: ready' "$BATS_TEST_TMPDIR/report/console.log"
}

@test "vmrun: what cannot be run is refused in one line" {
  refused "unknown flavor 'nope'; known flavors: chaos open stays" run_image --flavor nope
  refused "cannot read flavors" run_image --flavor chaos --flavors "$BATS_TEST_TMPDIR/none.json"
  echo '{"flavors": [' >"$BATS_TEST_TMPDIR/broken.json"
  refused "broken.json:2:" run_image --flavor chaos --flavors "$BATS_TEST_TMPDIR/broken.json"
  refused "qemu-nowhere is missing" run_image --flavor chaos --qemu qemu-nowhere
  refused "vmlinuz: No such file" "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --image "$BATS_TEST_TMPDIR"
}

@test "vmrun: a damaged image is refused" {
  cp -r "$CHAOS/image" "$BATS_TEST_TMPDIR/image"
  echo '{"files": {"root.erofs": {"size": 9999}}}' >"$BATS_TEST_TMPDIR/image/manifest.json"
  refused "root.erofs is damaged: 4096 bytes instead of 9999" run_image --flavor chaos --image "$BATS_TEST_TMPDIR/image"
  : >"$BATS_TEST_TMPDIR/image/vmlinuz"
  refused "vmlinuz is damaged" run_image --flavor chaos --image "$BATS_TEST_TMPDIR/image"
}

@test "vmrun: a taken port is named with its holder" {
  fresh_netns bash -c '
    socat TCP-LISTEN:19088,bind=127.0.0.1,fork /dev/null 3>&- &
    until [ -n "$(ss -Htnl "sport = 19088")" ]; do :; done
    "$@" >"$0" 2>&1; echo "status $?" >>"$0"; kill $!' "$BATS_TEST_TMPDIR/out" \
    "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg \
    --report "$BATS_TEST_TMPDIR/report"
  cat "$BATS_TEST_TMPDIR/out"
  grep -q 'port 19088 (metrics) on 127.0.0.1 is in use by socat (pid [0-9]*); --ports auto' "$BATS_TEST_TMPDIR/out"
  grep -qx 'status 3' "$BATS_TEST_TMPDIR/out"
}

@test "vmrun: no space for the report is one line" {
  mkdir "$BATS_TEST_TMPDIR/full"
  unshare -m sh -c '
    mount -t tmpfs -o size=4k,nr_inodes=20 tmpfs "$1" && dd if=/dev/zero of="$1/fill" bs=4k count=1 status=none
    shift; "$@"; echo "status $?"' sh "$BATS_TEST_TMPDIR/full" \
    "$VMRUN" run --flavor chaos --flavors "$CHAOS/flavors.json" --image "$CHAOS/image" --accel tcg \
    --ports auto --report "$BATS_TEST_TMPDIR/full/report" >"$BATS_TEST_TMPDIR/out" 2>&1
  cat "$BATS_TEST_TMPDIR/out"
  grep -q 'No space left on device' "$BATS_TEST_TMPDIR/out"
  grep -qx 'status 3' "$BATS_TEST_TMPDIR/out"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 2 ]
}

@test "vmrun: bad usage is exit status 2" {
  local arguments
  for arguments in "" "frobnicate" "run" "run --flavor x" "run --accel warp" "run --timeout soon" "run --ports some" \
    "run --flavor x --image a extra" "replay"; do
    # shellcheck disable=SC2086  # words
    run "$VMRUN" $arguments
    echo "'$arguments': $status $output"
    [ "$status" -eq 2 ]
    [ -n "$output" ]
  done
}

@test "vmrun: the table of timings has each step that the guest has told, in seconds since the launch" {
  local out
  mkdir -p "$BATS_TEST_TMPDIR/run"
  cp "$BATS_TEST_DIRNAME/../data/vmrun/good.jsonl" "$BATS_TEST_TMPDIR/run/events.jsonl"
  out=$("$VMRUN" replay "$BATS_TEST_TMPDIR/run")
  sed -n '/^  timings /,$s/ \{2,\}/ /gp' <<<"$out" | diff - <(cat <<'TABLE'
 timings from to takes
 firmware 0.0 s 10.0 s 10.0 s
 plan 10.0 s 10.0 s 0.0 s
 ONE 10.0 s 10.0 s 0.0 s
 TWO 10.0 s 10.0 s 0.0 s
 power-off 10.0 s 10.0 s 0.0 s
TABLE
)
}
