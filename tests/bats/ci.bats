#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The scripts of ci/, where that takes no machine and no archive.
# bats file_tags=machine
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return 1
  mkdir "$BATS_TEST_TMPDIR/bin"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# A program of that name, before all others on PATH, from standard input.
fake() {
  cat >"$BATS_TEST_TMPDIR/bin/$1"
  chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# A list with a package that is nowhere.
package_list() {
  echo no-such-package-anywhere >"$BATS_TEST_TMPDIR/list"
  echo "$BATS_TEST_TMPDIR/list"
}

@test "every command answers --help and ends, and refuses an unknown option in one line" {
  local command n=0
  for command in ci/*; do
    [ -f "$command" ] && [ -x "$command" ] || continue
    n=$((n + 1))
    run --separate-stderr timeout 20 "$command" --help
    [ "$status" -eq 0 ] && [ -z "$stderr" ] && [ "${#lines[@]}" -ge 2 ] || { echo "$command --help: $status $output $stderr"; return 1; }
    [[ $output != *SPDX* && $output != *shellcheck* ]]
    run timeout 20 "$command" --bogus
    [ "$status" -eq 3 ] && [ "${#lines[@]}" -eq 1 ] && [[ $output == *"--bogus"*"(see $command --help)" ]] ||
      { echo "$command --bogus: $status $output"; return 1; }
  done
  [ "$n" -ge 20 ]
  run timeout 20 ci/lint nonsense
  [[ $status -eq 3 && $output == "lint: no check 'nonsense'; there are: "*" layers "*" (see ci/lint --help)" ]]
  run timeout 20 ci/fuzz 1 nonsense
  [[ $status -eq 3 && $output == "fuzz: no harness 'nonsense'; there are: "*" (see ci/fuzz --help)" ]]
  run timeout 20 ci/self-test nonsense
  [[ $status -eq 3 && $output == "self-test: no check 'nonsense'; there are: ALIVE "*" (see ci/self-test --help)" ]]
  run timeout 20 ci/pipeline nonsense.bats
  [[ $status -eq 3 && $output == "pipeline: no file nonsense.bats (see ci/pipeline --help)" ]]
  run timeout 20 ci/pipeline --bench long
  [[ $status -eq 3 && $output == "pipeline: SECONDS and RATE are numbers, not 'long' (see ci/pipeline --help)" ]]
  run timeout 20 ci/test nonsense
  [[ $status -eq 3 && $output == "test: no ring 'nonsense'; there are: unit "* ]]
  run timeout 60 ci/vm lifecycle --bogus
  [[ $status -eq 3 && $output == "vm: unknown option '--bogus'; those of xtcp2-vmrun are --flavor "*" --fail-fast (see ci/vm --help)" ]]
  for word in '--duration long' '--duration=long' --timeout; do
    # shellcheck disable=SC2086 # two words
    run timeout 60 ci/vm lifecycle $word
    [[ $status -eq 3 && $output == "vm: --"*" wants a duration such as 90s or 5m, not '"*"' (see ci/vm --help)" ]]
  done
}

@test "ci/fresh refuses an unknown release in one line that names the possible ones" {
  run -3 ci/fresh potato
  [ "$output" = "fresh: unknown release 'potato': possible are bookworm trixie forky sid, and of Ubuntu noble jammy" ]
  run -3 ci/fresh trixie two words
  [ "$output" = "fresh: one COMMAND, in quotes" ]
}

@test "ci/vm and ci/appliance refuse an unknown release in one line" {
  run -3 ci/vm lifecycle --release potato
  [[ $output == "vm: unknown release 'potato': "* && ${#lines[@]} -eq 1 ]]
  run -3 ci/appliance --release potato
  [[ $output == "appliance: unknown release 'potato': "* && ${#lines[@]} -eq 1 ]]
}

@test "ci/vm refuses a flavor that only Nix has, and does not list it" {
  run -3 ci/vm clickhouse-pipeline-redpanda --no-install
  [[ $output == *"is for Nix only: nix run .#microvm-x86_64-clickhouse-pipeline-redpanda"* ]]
  run -0 ci/vm --list
  [[ $output != *redpanda* && $output == *clickhouse-pipeline* ]]
}

@test "ci/integration-all runs every machine, each for its duration, and sums up" {
  local table=$BATS_TEST_TMPDIR/flavors.json
  echo '{"flavors": [{"name": "good"}, {"name": "bad"}, {"name": "stays", "stays": true}, {"name": "nix", "only": "nix"}, {"name": "deb", "only": "debian"}]}' >"$table"
  mkdir "$BATS_TEST_TMPDIR/vms"
  for name in good bad stays nix; do
    printf '#!/bin/sh\necho "%s: $*"\n[ %s != bad ] || exit 2\n' $name $name >"$BATS_TEST_TMPDIR/vms/$name"
  done
  chmod +x "$BATS_TEST_TMPDIR"/vms/*
  XTCP2_FLAVORS=$table XTCP2_VMS=$BATS_TEST_TMPDIR/vms run -1 ci/integration-all --report "$BATS_TEST_TMPDIR/out" --accel tcg
  [ "${lines[0]}" = 1..5 ]
  [[ $output == *"good: --accel tcg --report $BATS_TEST_TMPDIR/out/good"* ]]
  [[ $output == *"stays: --duration 5m --accel tcg --report $BATS_TEST_TMPDIR/out/stays"* ]]
  [[ $output == *"not ok 2 - vm: bad ("*"): no verdict"* && $output == *"ok 4 - vm: nix ("*"ok 5 - vm: deb # SKIP"* ]]
  [ "${lines[-1]}" = "# 3 passed, 1 failed, 1 skipped" ]
  # Without such programs it is ci/vm, which has none of Nix's.
  fake jq <<<"#!/bin/sh
echo 'nix false nix'"
  run -0 ci/integration-all
  [[ $output == *"ok 1 - vm: nix # SKIP"*"# 0 passed, 0 failed, 1 skipped" ]]
}

@test "ci/deps waits for apt's locks and says so once" {
  fake sleep <<<'#!/bin/sh'
  fake apt-get <<E
#!/bin/bash
echo "\$*" >>"$BATS_TEST_TMPDIR/calls"
[ "\$(grep -c update "$BATS_TEST_TMPDIR/calls")" -ge 3 ] || {
  echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 17 (unattended-upgr)" >&2
  exit 100
}
E
  run -0 ci/deps "$(package_list)"
  [ "$(grep -c 'update$' "$BATS_TEST_TMPDIR/calls")" -eq 3 ]
  [ "$(grep -c 'install .*no-such-package-anywhere' "$BATS_TEST_TMPDIR/calls")" -eq 1 ]
  [ "$(grep -c 'waiting for it' <<<"$output")" -eq 1 ]
  [[ $output == *"held by process 17 (unattended-upgr)"* ]]
}

@test "ci/deps shows what else apt fails with, and does not wait" {
  fake apt-get <<<$'#!/bin/sh\necho "E: Unable to locate package" >&2\nexit 100'
  run -3 ci/deps "$(package_list)"
  [[ $output == *"E: Unable to locate package"*"ci/deps: apt-get update failed" ]]
}

@test "a ring whose packages cannot be installed says that, and shows no log of a step that never ran" {
  local ring
  # Everything is built and installed but for the last package of the ring's own list.
  fake meson <<<'#!/bin/true'
  fake ninja <<<'#!/bin/true'
  fake apt-get <<<$'#!/bin/sh\necho "E: no archive" >&2\nexit 100'
  for ring in nix appliance; do
    fake dpkg-query <<E
#!/bin/bash
missing=$(grep -v '^#' "ci/packages-$ring" | grep -vxFf ci/packages -f guest/debian/host-packages | tail -n 1)
for name; do case \$name in -* | '\${'* | "\$missing") ;; *) echo "\$name installed" ;; esac; done
E
    TEST_OUT=$BATS_TEST_TMPDIR/out run ci/test $ring
    [ "$status" -eq 1 ]
    [[ $output == *"not ok - the packages of ring $ring could not be installed"*"# E: no archive"*"0 passed, 1 failed, 0 skipped" ]]
    [[ $output != *"No such file"* ]] || { echo "$output"; false; }
  done
}
