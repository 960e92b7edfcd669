#!/usr/bin/env bats
# ConfigService.Set: a configuration that does not start is refused, and the daemon goes on.

bats_require_minimum_version 1.5.0
load lib

setup() { client_setup; }

# Runs the shell text of standard input in a fresh network namespace, with a daemon (its pid is in daemon) that
# polls each 100 ms into the file `out`. `set_to JSON` sends the configuration with these keys changed.
inside() {
  client_netns "
    start() { \"\$XTCP2\" -dest file:out -frequency 100ms -timeout 50ms \"\$@\" 2>>log & daemon=\$!; wait_for 20 test -s out; }
    set_to() { echo \"\$1\" >new.json; \"\$CTL\" reconfigure -file new.json >answer 2>&1; }
    # The answer names the field and holds the text; the same process polls on with the same configuration.
    refused() {
      local field=\$1 text=\$2 size
      \"\$CTL\" get >before.json
      if set_to \"\$3\"; then return 1; fi
      cat answer
      grep -qF \"\$field: \" answer
      grep -qF -- \"\$text\" answer
      \"\$CTL\" get | diff before.json -
      size=\$(wc -c <out)
      wait_for 20 grown \"\$size\"
      if grep 'polls, ' log; then return 1; fi
    }
    grown() { [ \"\$(wc -c <out)\" -gt \"\$1\" ]; }
    starts() { [ \"\$(grep -c 'version .* workers' log)\" -ge \"\$1\" ]; }
    stop() { local status=0; kill -TERM \$daemon; wait \$daemon || status=\$?; return \$status; }
    start
    $(cat)
    stop"
}

@test "what the next start would refuse is refused, with the field's name" {
  inside <<'E2'
    refused dest 'bogus:x' '{"dest": "bogus:x"}'
    refused dest 'tcp:' '{"dest": "tcp:nowhere"}'
    refused marshal_to 'nope' '{"marshal": "nope"}'
    refused csv_columns 'nosuch' '{"marshal": "csv", "columns": "nosuch"}'
    refused csv_columns 'only csv' '{"columns": "netns"}'
    refused capture_path 'No such file' '{"writeFiles": 1, "capturePath": "/nonexistent/deep"}'
    refused capture_path 'cannot write there' '{"writeFiles": 1, "capturePath": "out"}'
    refused netlinkers 'between 1 and 64' '{"netlinkers": 65}'
    refused poll_frequency 'longer' '{"frequency": "10ms"}'
E2
}

@test "a port that is taken is refused, by whomever it is taken" {
  inside <<'E2'
    refused grpc_port 'Address already in use' '{"grpcPort": 9088}'
    socat TCP-LISTEN:8000,bind=127.0.0.1 STDIO </dev/null >/dev/null & other=$!
    wait_for 20 test_listeners 3
    refused grpc_port 'Address already in use' '{"grpcPort": 8000}'
    kill $other
E2
}

@test "what would end the daemon or lock its clients out is refused" {
  inside <<'E2'
    refused max_loops 'would end the daemon' '{"maxLoops": 1}'
    refused grpc_port 'would close the port' '{"grpcPort": 0}'
E2
}

# bats test_tags=machine
@test "a capture directory of somebody else is refused" {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  inside <<'E2'
    stop
    rm -f out grpc.sock && mkdir theirs
    setpriv --reuid=65534 --regid=65534 --clear-groups -- "$XTCP2" -dest file:out -frequency 100ms -timeout 50ms 2>log & daemon=$!
    wait_for 20 test -s out
    refused capture_path 'cannot write there' '{"writeFiles": 1, "capturePath": "theirs"}'
E2
}

@test "a destination that is not there is taken: it may come" {
  inside <<'E2'
    set_to '{"dest": "tcp:127.0.0.1:8000", "marshal": "protobufList"}'
    wait_for 20 starts 2
    socat -u TCP-LISTEN:8000,bind=127.0.0.1,reuseaddr CREATE:received & receiver=$!
    wait_for 20 test -s received
    [ "$("$CTL" get | jq -r .dest)" = tcp:127.0.0.1:8000 ]
    kill -0 $daemon
E2
}

@test "another port is taken over, the others stay" {
  inside <<'E2'
    set_to '{"grpcPort": 8001}'
    wait_for 20 starts 2
    [ "$("$CTL" get -port 8001 | jq -r .grpc_port)" = 8001 ]
    [ "$(ss -Htnl | awk '{ print $4 }' | sort | xargs)" = '127.0.0.1:8001 127.0.0.1:9088' ]
E2
}

@test "no client is refused while it starts over" {
  inside <<'E2'
    # 7 is what curl ends with when nothing listens.
    knock() { local rc; while [ ! -e done ]; do rc=0; curl -s -o /dev/null -m 5 http://127.0.0.1:9088/healthz || rc=$?; [ "$rc" -ne 7 ] || echo refused; done >knocks; }
    knock & knocker=$!
    for i in 1 2 3; do
      set_to "{\"tag\": \"round $i\"}"
      wait_for 20 starts $((i + 1))
    done
    touch done; wait $knocker
    [ ! -s knocks ]
E2
}

@test "Set twice at once: one is taken or both, one after the other; the last one taken holds" {
  inside <<'E2'
    for i in 1 2; do
      echo "{\"tag\": \"number $i\"}" >new.$i.json
      { "$CTL" reconfigure -file new.$i.json >answer.$i 2>&1 && echo "number $i" >>taken || :; } & setter[i]=$!
    done
    wait "${setter[@]}"
    cat answer.* >&2
    [ -s taken ]
    wait_for 20 starts $(($(wc -l <taken) + 1))
    tag=$("$CTL" get | jq -r .tag)
    grep -qx "$tag" taken
    # The one that was not taken says why.
    [ "$(wc -l <taken)" -eq 2 ] || grep -lE 'ABORTED|UNAVAILABLE|lost|refused' answer.*
E2
}

@test "Set during a poll waits for it: its records are in the ledger" {
  inside <<'E2'
    "$CTL" poll-burst -count 20 -interval 60ms
    set_to '{"tag": "after"}'
    wait_for 20 starts 2
    made=$(sed -n 's/.* polls, \([0-9]*\) records, .* 0 lost$/\1/p' log)
    # The file ends with whole records once nobody writes to it.
    stop
    [ "$(grep -vc '"tag":"after"' out)" -eq "$made" ]
    rm out
    start
E2
}

@test "a start over that fails nevertheless goes back to the configuration before" {
  inside <<'E2'
    stop
    rm out
    "$XTCP2" -dest file:out -frequency 100ms -timeout 50ms -conf >good.json
    XTCP2_HANDOVER='5 fallback' "$XTCP2" -dest bogus: 5<good.json 2>log & daemon=$!
    wait_for 20 test -s out
    grep -q 'dest: .*bogus' log
    grep -q 'back to the one before' log
    [ "$("$CTL" get | jq -r .dest)" = file:out ]
E2
}

@test "-check: the status that the start would have, one line, nobody told" {
  cd "$BATS_TEST_TMPDIR"
  export XTCP_USER=root
  run fresh_netns "$XTCP2" -check -dest file:out -marshal csv
  [ "$status" -eq 0 ] && [ ! -e out ]
  run fresh_netns "$XTCP2" -check -d 5 -dest bogus:x
  [ "$status" -eq 2 ] && [[ "$output" == "xtcp2: -dest: destination "*bogus* ]]
}

@test "a second burst is refused while the first runs, and takes nothing from it" {
  inside <<'E2'
    "$CTL" poll-burst -count 1000 -interval 1h
    if "$CTL" poll-burst -count 1 -interval 60ms 2>answer; then return 1; fi
    grep -q RESOURCE_EXHAUSTED answer
E2
}

@test "the container options are in Get and can be set" {
  inside <<'E2'
    "$CTL" get | jq -e '.enrich_container_enable == false and .docker_socket_path == "/run/docker.sock"'
    refused docker_socket_path 'must name a socket' '{"enrichContainer": true, "dockerSocket": ""}'
    set_to '{"enrichContainer": true, "dockerSocket": "/run/podman/podman.sock"}'
    wait_for 10 starts 2
    "$CTL" get | jq -e '.enrich_container_enable and .docker_socket_path == "/run/podman/podman.sock"'
E2
}

@test "-maxLoops waits for no jitter" {
  XTCP_POLL_JITTER_PCT=100 fresh_netns timeout 20 "$XTCP2" -dest null -maxLoops 1 -frequency 168h
}

@test "files, Parquet, -changed, uplinks and metrics are settable: the process has what Get says" {
  inside <<'E2'
    set_to '{"dest": "file:%F/records.jsonl", "fileRotateEvery": "1h", "fileKeepBytes": 1000000, "fileSync": "none", "changed": true, "fullEvery": "1s",
      "filter": "state = listen", "names": "json", "uplinkInterfaces": ["lo", "none"], "parquetGroupBytes": 100000, "promLabels": "off", "netnsDirs": "/run/netns"}' || { cat answer; false; }
    jq -e '.file_rotate_every == "1h" and .file_keep_bytes == 1000000 and .file_sync == "none" and .changed and .full_every == "1s" and .names == "json"
      and .filter == "state = listen" and .uplink_interfaces == ["lo", "none"] and .parquet_group_bytes == 100000 and .netns_dirs == "/run/netns"' answer >/dev/null
    wait_for 20 starts 2
    arrived() { [ -n "$(find . -path './2*' -type f -size +0)" ]; }
    wait_for 20 arrived
    # A request of JSON that names none of them changes none of them.
    "$CTL" get | jq 'del(.tag)' >before
    set_to '{"tag": "new"}'
    jq 'del(.tag)' answer | diff before -
    wait_for 20 starts 3
    not set_to '{"fileRotateBytes": 1}'
    grep -q 'file_rotate_bytes: .*at least 4096' answer
    not set_to '{"fullEvery": "0"}'
    grep -q 'full_every: .*between 1ms and 1h' answer
    not set_to '{"uplinkInterfaces": [1]}'
    grep -q 'uplink_interfaces: must be a list of texts' answer
E2
}

@test "the options that gRPC does not have are in the table of docs/running.md, with the reason" {
  local docs
  docs=$(sed -n '/^| Options | Why a client cannot/,/^$/p' "$BATS_TEST_DIRNAME/../../docs/running.md" | cut -d '|' -f 2 | grep -o '`-[a-zA-Z0-9]*`' | tr -d '`-' | sort)
  diff <(echo "$docs") <(sed -nE 's/^OPTION\("([^"]*)", [^,]*, [A-Z_0-9]*, "[^"]*", "[^"]*", "[^"]*", 0, .*/\1/p' "$BATS_TEST_DIRNAME/../../src/lib/control/options.def" | sort)
}

@test "fields of the configuration keep their numbers, names and types" {
  local proto=$BATS_TEST_DIRNAME/../../proto/xtcp_config/v1/xtcp_config.proto kept=$BATS_TEST_DIRNAME/../data/config_fields
  sed -nE '/^message XtcpConfig/,/^}/s/^ *(oneof [a-z0-9_]+ \{ )?((repeated )?[A-Za-z0-9_.]+) ([a-z0-9_]+) = ([0-9]+);.*/\5 \4 \2/p' "$proto" | LC_ALL=C sort >"$BATS_TEST_TMPDIR/fields"
  # A new field is a new line there, with a number that no line has.
  diff "$kept" "$BATS_TEST_TMPDIR/fields"
  [ -z "$(cut -d ' ' -f 1 "$kept" | uniq -d)" ]
}
