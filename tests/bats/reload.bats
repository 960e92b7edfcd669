#!/usr/bin/env bats
# Signals: SIGHUP opens files anew and reads the configuration again; an ignored one stays ignored.

bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  CTL=$(bin xtcp2ctl)
  export XTCP2 CTL BUILD BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
  reachable
  chmod 777 . # for the user that the daemon becomes
}

# Runs the shell text of standard input in a fresh network namespace. `start` starts a daemon with c.json: its pid is in
# daemon, its records are in out; `configure JSON` writes c.json, over what polls each 100 ms into out.
inside() {
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'; export XTCP_GRPC_SOCKET=grpc.sock
    trap 'kill -KILL \$(jobs -p) 2>/dev/null || :; cat log >&2' EXIT
    configure() { jq -n --argjson more \"\$1\" '{dest: \"file:out\", frequency: \"100ms\", timeout: \"90ms\"} + \$more' >c.json; }
    start() { \"\$XTCP2\" -config c.json \"\$@\" 2>>log & daemon=\$!; wait_for 20 test -s out; }
    says() { wait_for 20 grep -qF -- \"\$1\" log; }
    written() { wait_for 20 grep -qF -- \"\$1\" out; }
    stop() { kill -TERM \$daemon; wait \$daemon; tail -n 1 log | grep ' 0 lost'; }
    $(cat)" 3>&-
}

@test "SIGHUP leaves a renamed file, whole, for a new one at its path" {
  inside <<'E2'
    configure '{"frequency": "168h", "timeout": "1m"}'
    start
    mv out out.1
    kill -HUP $daemon
    # No poll comes: the new file is there nevertheless.
    wait_for 20 test -e out
    says 'files are open anew; the configuration is the same'
    jq -es 'length > 0' out.1 >/dev/null
    rm out
    kill -USR1 $daemon
    wait_for 20 test -e out
    [ ! -s out ]
    stop
E2
}

@test "SIGHUP reads the file again, below the environment and the command line of the start" {
  inside <<'E2'
    configure '{"location": "old", "tag": "file", "label": "file"}'
    XTCP_TAG='of the environment' start -label 'of the flag'
    written '"location":"old"'
    for location in new newer; do
      configure "{\"location\": \"$location\", \"tag\": \"file\", \"label\": \"file\"}"
      kill -HUP $daemon
      written "\"location\":\"$location\""
      grep -F "\"location\":\"$location\"" out | sed -n 1p >line
      jq -e '.tag == "of the environment" and .label == "of the flag"' line
    done
    # What a client has set gives way to what the operator has written.
    echo '{"location": "a client"}' >set.json
    "$CTL" reconfigure -file set.json >/dev/null
    written '"location":"a client"'
    : >out
    kill -HUP $daemon
    written '"location":"newer"'
    stop
E2
}

@test "a configuration that cannot be read or does not start changes nothing" {
  inside <<'E2'
    configure '{"location": "old"}'
    start
    echo '{"dest":' >c.json
    kill -HUP $daemon
    says 'cannot be read again, the one before stays: -config c.json: line '
    configure '{"dest": "bogus:x"}'
    kill -HUP $daemon
    says 'does not start, the one before stays: -dest: '
    : >out
    written '"location":"old"'
    # Two at once: the second is not lost.
    configure '{"location": "first"}'
    kill -HUP $daemon
    configure '{"location": "second"}'
    kill -HUP $daemon
    written '"location":"second"'
    stop
E2
}

@test "a token that has changed is read by SIGHUP" {
  inside <<'E2'
    configure '{"grpcTokenFile": "tokens"}'
    (umask 077; echo 'read aaaaaaaaaaaaaaaa' >tokens)
    [ "$(id -u)" -ne 0 ] || export XTCP_USER=root
    start
    may() { XTCP2_TOKEN=$1 "$CTL" get -target 127.0.0.1; }
    wait_for 20 may aaaaaaaaaaaaaaaa
    echo 'read bbbbbbbbbbbbbbbb' >tokens
    kill -HUP $daemon
    wait_for 20 may bbbbbbbbbbbbbbbb
    not may aaaaaaaaaaaaaaaa
    stop
E2
}

@test "under nohup SIGHUP stays ignored; SIGUSR2 logs the ledger" {
  inside <<'E2'
    configure '{}'
    (trap '' HUP; exec "$XTCP2" -config c.json 2>>log) & daemon=$!
    wait_for 20 test -s out
    kill -HUP $daemon
    kill -USR2 $daemon
    # The signals come in the order of their numbers: the ledger is after whatever SIGHUP would have done.
    says ' records, '
    not grep 'anew\|Hangup' log
    kill -0 $daemon
    stop
E2
}
