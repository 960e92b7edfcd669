#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tests of the guest and ci/vm that neither build nor boot a machine.
# bats file_tags=machine
load lib
bats_require_minimum_version 1.5.0

setup() {
  TOP=$BATS_TEST_DIRNAME/../..
  cd "$TOP" || return 1
}

# ci/vm with another table of flavors.
vm_with() {
  XTCP2_FLAVORS=$1 run -3 ci/vm "${@:2}"
  [ "${#lines[@]}" -eq 1 ] || { echo "$output"; false; }
}

@test "flavors.json follows its schema and names existing checks" {
  ci/check-flavors
}

@test "an unknown flavor is refused in one line that names the possible ones" {
  vm_with nix/microvms/flavors.json no-such-flavor
  [[ $output == *"unknown flavor 'no-such-flavor'"*lifecycle* ]]
}

@test "what workflows and documents ask of ci/vm is there: flavors and options" {
  local word line flavors options
  flavors=$(ci/vm --list)
  options=$({ ci/vm --help; "$(bin xtcp2-vmrun)" run --help; } 2>&1 | grep -oE '(^|[ [])--?[a-z][a-z-]+' | sed -E 's/^[^-]*-+/--/')
  grep -rhoE '(ci/vm|microvm-x86_64-[a-z-]+ --) [^`"'"'"'|;,)#]*' .github/workflows docs/*.md README.md | while read -r line; do
    for word in ${line#ci/vm}; do
      case $word in
      --list | --help | --) ;;
      --*) grep -qxe "$word" <<<"$options" || { echo "$word of: $line"; exit 1; } ;;
      esac
    done
    word=${line#ci/vm }
    word=${word%% *}
    [[ ! $line =~ ^ci/vm\ [a-z] ]] || grep -qx "$word" <<<"$flavors" || { echo "no flavor $word: $line"; exit 1; }
  done
}

@test "a broken flavors.json is refused in one line" {
  echo '{"flavors": [' >"$BATS_TEST_TMPDIR/f.json"
  vm_with "$BATS_TEST_TMPDIR/f.json" lifecycle
  [[ $output == *"f.json is broken"* ]]
}

# Fills and asks for a cache entry with the image builder's own function.
cached_entry() {
  bash -euc 'top=$PWD; . guest/debian/lib.bash
    fill() { echo content >"$1/file"; jq -n --argjson files "$(files_json "$1" file)" "{files: \$files}" >"$1/manifest.json"; }
    cached "$1" fill "$2"' sh "$@"
}

@test "a damaged cached image ends the run with 3 and is gone; the next run builds it anew" {
  cache=$BATS_TEST_TMPDIR/cache/entry
  run -0 cached_entry "$cache" 1
  [ "$output" = "$cache" ]
  echo damage >>"$cache/file"
  run -3 cached_entry "$cache" 1
  [[ ${#lines[@]} -eq 1 && $output == *"$cache was damaged"* ]]
  [ ! -e "$cache" ]
  run -0 cached_entry "$cache" 1
}

@test "no disk space ends the run with 3 and leaves nothing half-built" {
  run -3 cached_entry "$BATS_TEST_TMPDIR/cache/entry" 999999999
  [[ ${#lines[@]} -eq 1 && $output == *"MiB free"* ]]
  [ -z "$(ls "$BATS_TEST_TMPDIR/cache")" ]
}

@test "missing packages are named in one line when none may be installed" {
  run -3 bash -euc 'top=$PWD; . guest/debian/lib.bash; install=false; need_packages bash no-such-package'
  [[ ${#lines[@]} -eq 1 && $output == *"no-such-package" ]]
}

@test "an unknown release is refused in one line" {
  vm_with nix/microvms/flavors.json lifecycle --release potato
  [[ $output == *"unknown release 'potato'"* ]]
}

# kernels DATE: a cache with an index of kernels as of that date, and an archive that does not answer.
kernels() {
  export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache XTCP2_DEBIAN_MIRROR=http://127.0.0.1:9/debian
  mkdir -p "$XDG_CACHE_HOME/xtcp2/kernels"
  printf '%s\n' '5.10 5.10.223-1 linux-image-5.10.0-32-cloud-amd64 bullseye' '7.3 7.3.4-1 linux-image-7.3.4-cloud-amd64 sid' \
    >"$XDG_CACHE_HOME/xtcp2/kernels/index"
  touch -d "$1" "$XDG_CACHE_HOME/xtcp2/kernels/index"
}

@test "an unknown kernel series is refused in one line with those that there are; newest is the last one" {
  kernels today
  vm_with nix/microvms/flavors.json lifecycle --kernel 4.4
  [[ $output == *"no kernel series '4.4': there are 5.10 7.3, newest" ]]
  run -0 guest/debian/kernel --resolve newest
  [ "$output" = '7.3 7.3.4-1 linux-image-7.3.4-cloud-amd64 sid' ]
}

@test "kernels of a former day serve where the archive does not answer, which is said; without any the status is 4" {
  kernels '3 days ago'
  run -0 --separate-stderr guest/debian/kernel --list
  [ "$output" = $'5.10\n7.3' ]
  # shellcheck disable=SC2154
  [[ $stderr == *"no suite could be asked, kernels as of $(date -d '3 days ago' +%F)"* ]]
  rm "$XDG_CACHE_HOME/xtcp2/kernels/index"
  run -4 --separate-stderr guest/debian/kernel --list
  [[ $stderr == *"no suite could be asked for kernels: "* ]]
}

# A kernel's tree of modules, as its package has it: this one has virtio_pci built in and no pvpanic-pci.
@test "modules that are built in or missing are no failure, but for those that the guest boots from" {
  dir=$BATS_TEST_TMPDIR/work
  mkdir -p "$dir/kernel/usr/lib/modules/7.9/kernel" "$dir/root"
  for module in nls_ascii virtio_blk; do
    echo 'static int x;' | gcc -xc -c -o "$dir/kernel/usr/lib/modules/7.9/kernel/$module.ko" -
  done
  echo kernel/drivers/virtio/virtio_pci.ko >"$dir/kernel/usr/lib/modules/7.9/modules.builtin"
  : >"$dir/kernel/usr/lib/modules/7.9/modules.order"
  printf '%s\n' 'boot virtio_pci' 'debian pvpanic-pci' 'boot virtio_blk' 'root nls_ascii' >"$dir/list"
  pick() { bash -euo pipefail -c '. guest/debian/modules.bash; pick_modules "$@"' sh "$dir" "$dir/list" "$dir/root"; }
  pick
  [ "$(<"$dir/missing")" = pvpanic-pci ]
  [ "$(<"$dir/modules/order")" = virtio_blk.ko ]
  [ "$(cd "$dir/root/usr/lib/modules/7.9/kernel" && echo *)" = 'nls_ascii.ko virtio_blk.ko' ]
  echo 'boot erofs' >>"$dir/list"
  run pick
  [[ $status -ne 0 && $output == *"FATAL: kernel 7.9 lacks the module erofs"* ]]
}

# kernels_with ARGUMENT...: ci/kernels beside an archive that serves 5.10 and 7.3, but not 6.1 just now, and machines of
# which that of 6.6 fails and that of 7.3 knows more than the daemon.
kernels_with() {
  local top=$BATS_TEST_TMPDIR/tree
  mkdir -p "$top/ci" "$top/guest/debian"
  cp ci/kernels ci/packages ci/usage.bash "$top/ci/" && cp guest/debian/{lib.bash,host-packages} "$top/guest/debian/"
  printf '#!/bin/sh\n' >"$top/ci/deps"
  cat >"$top/guest/debian/kernel" <<'E'
#!/bin/sh
case $1 in
--list) printf '%s\n' 5.10 6.1 6.6 7.3 ;;
6.1) echo "kernel: linux-image-6.1 of bookworm could not be fetched: E: no route" >&2; exit 4 ;;
esac
E
  cat >"$top/ci/vm" <<'E'
#!/bin/sh
for word; do case $last in --kernel) series=$word ;; --report) report=$word ;; esac; last=$word; done
verdict=pass reason='2 of 2 checks passed' more='tcp_info=232 unknown=none'
[ "$series" != 6.6 ] || verdict=fail reason='1 of 2 checks failed'
[ "$series" != 7.3 ] || more='tcp_info=288 unknown=24,25 tail=0102030405060708'
printf '<testsuites>\n<testsuite name="vm.lifecycle"/>\n</testsuites>\n' >"$report/junit.xml"
cat >"$report/results.json" <<J
{"verdict": "$verdict", "reason": "$reason", "accel": "tcg", "boot_ms": 3500, "launch_to_verdict_ms": 12345, "checks": [
  {"name": "SYSTEMD", "verdict": "$verdict", "ms": 1, "reason": "said why"},
  {"name": "EQUALS_KERNEL", "verdict": "pass", "ms": 2, "reason": "sources=netlink kernel=${series:-6.1}.9-cloud $more records=92 values=10"}]}
J
echo PASS
E
  chmod +x "$top"/ci/* "$top/guest/debian/kernel"
  run --separate-stderr "$top/ci/kernels" --jobs 1 "$@"
}

@test "ci/kernels: a line for each check and a table; what is not served is skipped, what is not known is a warning" {
  kernels_with 5.10 own 6.1 newest
  [ "$status" -eq 0 ]
  [[ $output == *"ok 1 - kernel 5.10: SYSTEMD"* && $output == *" - kernel 6.1 # SKIP kernel: linux-image-6.1 of bookworm could not be fetched: E: no route"* ]]
  [ "$(grep -c '^ok' <<<"$output")" -eq 10 ] # three lines for each of three machines, and the skipped one
  [[ $output == *"# warning: kernel 7.3.9-cloud sends more than this version knows: tcp_info of 288 bytes, beyond the fields 0102030405060708, unknown attributes 24,25"* ]]
  [ "$(grep -c '^# warning' <<<"$output")" -eq 1 ]
  [[ $(<"$BATS_TEST_TMPDIR/tree/build/kernels/warnings") == "kernel 7.3.9-cloud sends more"*"fields 0102030405060708, unknown attributes 24,25" ]]
  grep -qE '^# 5.10 +5.10.9-cloud +3.5 s +2/2 +232 +none +netlink +12.3$' <<<"$output"
  grep -qE '^# 6.1 .* skipped ' <<<"$output"
  grep -q '"kernel.7.3"' "$BATS_TEST_TMPDIR/tree/build/kernels/junit.xml"
}

@test "ci/kernels: a check that fails on one kernel fails the whole; an unknown series is refused with those that there are" {
  kernels_with
  [ "$status" -eq 1 ]
  grep -qE '^not ok [0-9]+ - kernel 6.6: SYSTEMD$' <<<"$output"
  [[ $output == *"# said why"* && $output == *"ok "*" - kernel 7.3: SYSTEMD"* ]]
  kernels_with 9.9
  [ "$status" -eq 3 ]
  # shellcheck disable=SC2154
  [[ $stderr == *"no kernel series '9.9': there are 5.10 6.1 6.6 7.3, oldest, newest, own"* ]]
}

@test "the unit's exposure is at most 2.1, its user is ordinary and its capabilities are the documented two" {
  unit=$(find "$BUILD/data" -name xtcp2.service)
  SYSTEMD_LOG_LEVEL=err systemd-analyze security --offline=true --threshold=21 --no-pager "$unit"
  for line in User=xtcp2 Group=xtcp2 {CapabilityBoundingSet,AmbientCapabilities}='CAP_SYS_ADMIN CAP_SYS_PTRACE'; do
    grep -qx "$line" "$unit"
  done
  grep -q '^u xtcp2 ' data/xtcp2.sysusers
}

# members SET: the system calls of a set of systemd's, sets within it resolved.
members() {
  local name
  systemd-analyze syscall-filter --no-pager "$1" | while read -r name _; do
    case $name in
    "$1" | '#') ;;
    @*) members "$name" ;;
    *) echo "$name" ;;
    esac
  done
}

@test "the unit lets through what the daemon's own list of system calls has, but for what only other uses need" {
  unit=$(find "$BUILD/data" -name xtcp2.service)
  {
    comm -23 <(members @system-service | sort -u) <({ members @privileged; members @resources; } | sort -u)
    sed -n 's/^SystemCallFilter=\([a-z].*\)/\1/p' "$unit" | tr ' ' '\n'
  } | sort -u >"$BATS_TEST_TMPDIR/let"
  sed -nE 's/^SYSCALL(_IF|_URING)?\(([a-z0-9_]+),.*/\2/p' src/xtcp2/run/syscalls.def | sort -u >"$BATS_TEST_TMPDIR/list"
  # capset and pidfd_getfd: with a drop-in (docs/permissions.md). setrlimit: old C libraries. The rest is newer than some systemd that knows no name for it.
  missing=$(comm -23 "$BATS_TEST_TMPDIR/list" "$BATS_TEST_TMPDIR/let" | grep -vxE 'capset|pidfd_getfd|setrlimit|futex_(wait|wake|requeue)|map_shadow_stack|mseal' || :)
  [ -z "$missing" ] || { echo "$missing" >&2; false; }
}

@test "the self-test refuses an unknown check with status 2" {
  run -2 guest/self-test/self-test NO_SUCH_CHECK
  [[ $output == *"no check 'NO_SUCH_CHECK'"*SYSTEMD* ]]
}

# A stand-in for the daemon's programs: checks must fail where there is no daemon.
@test "a check fails in its own time and with its reason when the daemon is not there" {
  mkdir "$BATS_TEST_TMPDIR/bin" && printf '#!/bin/sh\necho "$@"\n' >"$BATS_TEST_TMPDIR/bin/xtcp2-report"
  chmod +x "$BATS_TEST_TMPDIR/bin/xtcp2-report"
  : >"$BATS_TEST_TMPDIR/binaries"
  cp -r guest/self-test "$BATS_TEST_TMPDIR/st"
  sed -i 's/^# timeout: .*/# timeout: 1/' "$BATS_TEST_TMPDIR/st/checks.d/METRICS"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH XTCP2_METRICS=127.0.0.1:$(free_port) XTCP2_BINARIES=$BATS_TEST_TMPDIR/binaries \
    run -1 "$BATS_TEST_TMPDIR/st/self-test" METRICS NSTEST
  [[ ${lines[0]} == "plan METRICS,NSTEST" ]]
  [[ $output == *"end METRICS FAIL "*"no end after 1 s: waiting for xtcp_counts"* ]]
  [[ $output == *"end NSTEST FAIL "*"nsTest is not installed"* ]]
  [[ ${lines[-1]} == "overall FAIL" ]]
}

# A copy of the self-test without checks, which reports to its standard output.
copy_self_test() {
  mkdir -p "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/ran" && printf '#!/bin/sh\necho "$@"\n' >"$BATS_TEST_TMPDIR/bin/xtcp2-report"
  chmod +x "$BATS_TEST_TMPDIR/bin/xtcp2-report"
  cp -r guest/self-test "$BATS_TEST_TMPDIR/st" && rm "$BATS_TEST_TMPDIR"/st/checks.d/*
}

# check NAME HEADER BODY: a check of the copy; it fails when its body does. Files in $ran tell which have begun and ended.
check() {
  local ran=$BATS_TEST_TMPDIR/ran
  printf '#!/bin/bash\n# timeout: 20\nran=%q\n%s\n: >"$ran/%s.began"\n%s\nstatus=$?\n: >"$ran/%s.ended"\nexit $status\n' "$ran" "$2" "$1" "$3" "$1" >"$BATS_TEST_TMPDIR/st/checks.d/$1"
  chmod +x "$BATS_TEST_TMPDIR/st/checks.d/$1"
}

@test "checks run side by side, but for what their headers say they must have alone" {
  copy_self_test
  # Each waits for the other: one after the other would end neither.
  check A '# alone: namespaces' 'until [ -e $ran/C.began ]; do :; done'
  check B '# alone: polls namespaces' '[ -e $ran/A.ended ] && [ ! -e $ran/D.began ]'
  check C '# alone: nothing' 'until [ -e $ran/A.began ]; do :; done'
  check D '' '[ -e $ran/A.ended ] && [ -e $ran/B.ended ] && [ -e $ran/C.ended ] && [ ! -e $ran/E.began ]'
  check E '# alone: nothing' '[ -e $ran/D.ended ]; false'
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run -1 "$BATS_TEST_TMPDIR/st/self-test" A B C D E
  [[ ${lines[0]} == "plan A,B,C,D,E" && ${lines[-1]} == "overall FAIL" ]]
  [ "$(grep -cE '^end [ABCD] PASS ' <<<"$output")" -eq 4 ]
  grep -qE '^end E FAIL ' <<<"$output"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$BATS_TEST_TMPDIR/st/self-test" C
  [[ ${lines[-1]} == "overall PASS" ]]
}

@test "checks that need a word run side by side, beside none that has it alone or takes it" {
  copy_self_test
  check A $'# alone: nothing\n# needs: daemon' 'until [ -e $ran/B.began ]; do :; done'
  check B $'# alone: polls\n# needs: daemon timer' 'until [ -e $ran/A.ended ] && [ -e $ran/D.began ]; do :; done'
  check C '# alone: timer daemon' '[ -e $ran/A.ended ] && [ -e $ran/B.ended ]'
  check D '# alone: nothing' '[ ! -e $ran/C.began ]'
  # One takes what the other has from its begin.
  check E '# alone: nothing' '. $XTCP2_SELF_TEST/lib.bash; until [ -e $ran/F.began ]; do :; done; take namespaces; [ -e $ran/F.ended ]'
  check F '# alone: namespaces' 'read -rt 0.3 <> <(:); [ ! -e $ran/E.ended ]'
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$BATS_TEST_TMPDIR/st/self-test" A B C D
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$BATS_TEST_TMPDIR/st/self-test" E F
}

@test "a check that leaves a process behind fails, and the process is ended" {
  mkdir -p "$BATS_TEST_TMPDIR/bin" && printf '#!/bin/sh\necho "$@"\n' >"$BATS_TEST_TMPDIR/bin/xtcp2-report"
  chmod +x "$BATS_TEST_TMPDIR/bin/xtcp2-report"
  cp -r guest/self-test "$BATS_TEST_TMPDIR/st" && rm "$BATS_TEST_TMPDIR"/st/checks.d/*
  printf '%s\n' '#!/bin/bash' '# timeout: 20' 'sleep 300 >/dev/null 2>&1 & echo $! >'"$BATS_TEST_TMPDIR/pid" 'echo done' >"$BATS_TEST_TMPDIR/st/checks.d/LEAVES"
  # A function in the background is a subshell, whose end leaves the program: the way in which it happens.
  printf '%s\n' '#!/bin/bash' '# timeout: 20' 'sleep 300 >/dev/null 2>&1 & kill $!; echo done' >"$BATS_TEST_TMPDIR/st/checks.d/ENDS"
  chmod +x "$BATS_TEST_TMPDIR"/st/checks.d/*
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run -1 "$BATS_TEST_TMPDIR/st/self-test" LEAVES
  grep -qE "^end LEAVES FAIL [0-9]+ leaves processes behind: sleep \(pid $(<"$BATS_TEST_TMPDIR/pid")\) ; it said: done$" <<<"$output"
  wait_for 20 not kill -0 "$(<"$BATS_TEST_TMPDIR/pid")"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 "$BATS_TEST_TMPDIR/st/self-test" ENDS
}

@test "what a check must have alone, or needs, is one of the words that the self-test knows" {
  words='(daemon|namespaces|polls|sockets|timer)'
  strange=$(grep -rhE '^# (alone|needs): ' guest/self-test/checks.d | grep -vxE "# alone: nothing|# (alone|needs): $words( $words)*" || :)
  [ -z "$strange" ] || { echo "$strange"; false; }
}

@test "guest: the chapter of tunables has each of flavors.json with its value" {
  diff <(jq -r '.flavors[] | .tunables | to_entries[] | "\(.key) \(.value)"' nix/microvms/flavors.json | sort -u) \
    <(sed -n '/^## Tunables/,/^Memory is/s/^|[^|]*| `\([a-z0-9_]*\)` | \([^|]*\) |.*/\1 \2/p' docs/integration-testing.md | sort -u)
}

# unpacks DEPENDS: unpack_kernel beside an archive whose index says this of linux-image-7.9; prints what is downloaded by which way.
unpacks() {
  DEPENDS=$1 LOG=$BATS_TEST_TMPDIR/log bash -euo pipefail -c '
    . guest/debian/modules.bash
    apt-cache() { printf "%s\n" linux-image-7.9 "$DEPENDS"; }
    apt-get() { echo "index ${*: -1}" >>"$LOG"; : >"${*: -1}_1_amd64.deb"; }
    unindexed() { echo "pinned $1" >>"$LOG"; : >"$1_1_amd64.deb"; }
    dpkg-deb() { if [ "$1" = -x ]; then mkdir -p "$3/boot" && : >"$3/boot/vmlinuz-7.9"; fi; }
    unpack_kernel linux-image-7.9 "$1"' sh "$BATS_TEST_TMPDIR"
  cat "$BATS_TEST_TMPDIR/log"
}

@test "a kernel's packages that the index does not name come by their pins" {
  run -0 unpacks '  Depends: linux-binary-7.9
  Depends: <linux-modules-7.9>'
  [ "$output" = "index linux-binary-7.9
pinned linux-modules-7.9
index linux-image-7.9" ]
  grep -v '^#' guest/debian/kernel-pins | while read -r package version sum rest; do
    [[ $package == linux-*-"${version%%-*}"+* && $sum =~ ^[0-9a-f]{64}$ && -z $rest ]] || { echo "$package"; exit 1; }
  done
}

@test "ci/vm: an unknown architecture is refused with those that there are, and another kernel than the release's is this machine's" {
  run -3 ci/vm lifecycle --arch riscv64
  [[ $output == *"unknown architecture 'riscv64': possible are amd64 arm64 s390x"* ]]
  run -3 ci/vm lifecycle --arch s390x --kernel 5.10
  [[ $output == *"--kernel is for this machine's architecture"* ]]
}
