#!/usr/bin/env bats
# The daemon's end while clients are attached to it.

bats_require_minimum_version 1.5.0
load lib

setup() { client_setup; }

# Runs the shell text of standard input in a fresh network namespace: `attach` starts a daemon with these
# flags and three clients, whose pids are in daemon, listening, polling and stalled.
inside() {
  client_netns "
    streams() { curl -s http://127.0.0.1:9088/metrics | grep \"^xtcp2_grpc_calls \$1\$\" >/dev/null; }
    attach() {
      \"\$XTCP2\" -dest file:out -frequency 100ms -timeout 99ms \"\$@\" 2>log & daemon=\$!
      wait_for 20 test -s out
      \"\$CLIENT\" -format json >listened & listening=\$!
      \"\$CLIENT\" -poll -pollFrequency 100ms -format json >polled & polling=\$!
      \"\$CLIENT\" -format null & stalled=\$!
      wait_for 20 streams 3
      kill -STOP \$stalled
      wait_for 20 test -s listened
      wait_for 20 test -s polled
    }
    ended() { wait \$daemon; }
    told() { sed -n 's/.* polls, \([0-9]*\) records, \([0-9]*\) sent to file:[a-z]*, \([0-9]*\) lost/\1 \2 \3/p' log; }
    # The ledger adds up, and the destination has what it says.
    accounted() {
      read -r made sent lost <<<\"\$(told)\"
      [ \"\$made\" -eq \"\$((sent + lost))\" ]
      [ \"\$(wc -l <out)\" -eq \"\$sent\" ]
    }
    $(cat)"
}

@test "SIGTERM with clients listening, polling and stalled: status 0, a ledger, nothing lost" {
  inside <<'E2'
    attach
    kill -TERM $daemon
    ended
    accounted
E2
}

@test "the end of -maxLoops with such clients, whose last records are those of the last poll" {
  inside <<'E2'
    attach -maxLoops 100
    ended
    accounted
    wait $listening || :
    # Workers deliver side by side: the order of their records is not the same for both.
    of_last_poll() { jq -c 'select(.poll == 100) | [.record_counter, .netlinker_id]' "$1" | sort; }
    of_last_poll out >shipped
    test -s shipped
    of_last_poll listened | diff shipped -
E2
}

@test "a new configuration with such clients: it starts over with it" {
  inside <<'E2'
    attach
    "$CTL" get | jq '.dest = "file:second"' >new.json
    "$CTL" reconfigure -file new.json
    wait_for 20 test -s second
    kill -TERM $daemon
    ended
    [ "$(told | wc -l)" -eq 2 ]
E2
}
