#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031  # each test is a subshell of its own
# Messages: a mistake is named with what was meant, a failure with its cause and what to do.

bats_require_minimum_version 1.5.0
load lib

setup() {
  client_setup
  # Nothing else is said.
  export XTCP_USER=root
}

# says PATTERN COMMAND...: the command fails with one line that matches the pattern.
says() {
  local pattern=$1
  shift
  run timeout 20 "$@"
  [ "$status" -ne 0 ] || { echo "status 0 of $*"; return 1; }
  # shellcheck disable=SC2053 # a pattern on purpose
  [[ $output == $pattern ]] || { printf 'of %s\nwanted %s\ngot    %s\n' "$*" "$pattern" "$output"; return 1; }
  [[ $output != *$'\n'* ]] || { printf 'of %s\nmore than a line: %s\n' "$*" "$output"; return 1; }
}

# alone COMMAND...: it sees no process of this machine, whose namespaces may have any number of sockets.
alone() { unshare -n -p -f --mount-proc -- "$@"; }

# once ARGUMENTS...: one poll without ports.
once() { "$XTCP2" -maxLoops 1 -promListen= -grpcPort 0 -dest null "$@"; }

@test "a near name is suggested: options, values, columns, states, subcommands" {
  says '*no such flag; did you mean -frequency? (see -help)' "$XTCP2" -frequancy 1s
  says 'xtcp2: tpo: not a subcommand; did you mean top?' "$XTCP2" tpo
  says '*-marshal: unknown format "json"; possible: * msgpack*; did you mean jsonl?' "$XTCP2" -marshal json
  says '*unknown field "rrt"; *; did you mean rtt?' "$XTCP2" -marshal csv -columns netns,rrt
  says '*-deserializers: unknown name "inof"; * did you mean info?' "$XTCP2" -deserializers inof
  says '*-owners of: must be on, auto or off; did you mean off?' "$XTCP2" -owners of
  says '*-kafkaCompression zsdt: must be auto, zstd, lz4, snappy or none; did you mean zstd?' "$XTCP2" -kafkaCompression zsdt
  says '*-d debg: must be error, warning, notice, info or debug, or a number *; did you mean debug?' "$XTCP2" -d debg
  says 'xtcp2 ss: unknown argument "-formt"; possible: * did you mean -format?' "$XTCP2" ss -formt json
  says 'xtcp2 ss: -format must be auto, table or json, not "jsn"; did you mean json?' "$XTCP2" ss -format jsn
  says 'xtcp2 ss: -sort RTT_US: is not a column; *; did you mean rtt?' "$XTCP2" ss -sort RTT_US
  says 'xtcp2 ss: -group remot: must be remote, container, process or netns; did you mean remote?' "$XTCP2" ss -group remot
  says 'xtcp2 ss: filter: at 7, "estb": is not a state*; did you mean estab?' "$XTCP2" ss state estb
  says 'xtcp2 ss: filter: at 1, "dprot": is not a field; *; did you mean dport?' "$XTCP2" ss dprot = :443
  says 'xtcp2client: -format must be *, not "tpo"; did you mean top?' "$CLIENT" -format tpo
  says 'xtcp2ctl: no command "gett"; possible: *; did you mean get?' "$CTL" gett
  says "xtcp2-vmrun: unknown command 'rnu'; see xtcp2-vmrun help; did you mean run?" "$(bin xtcp2-vmrun)" rnu
  says "xtcp2-report: unknown command 'newst'; see xtcp2-report -help*" "$(bin xtcp2-report)" newst
  says "xtcp2-vmrun: unknown flavor 'lifecycl'; *; did you mean lifecycle?" "$(bin xtcp2-vmrun)" run --flavors "$BATS_TEST_DIRNAME/../../nix/microvms/flavors.json" --flavor lifecycl --image .
}

@test "a far name is not: no suggestion is better than a wrong one" {
  run "$XTCP2" -marshal xml
  [[ $output != *'did you mean'* ]]
  run "$XTCP2" -xyzzy
  [[ $output != *'did you mean'* ]]
  run "$CLIENT" -format q
  [[ $output != *'did you mean'* ]]
}

@test "-dest: a path, an address and a misspelt scheme are completed" {
  says '*unknown scheme; possible are null, *; did you mean file:/tmp/x.jsonl?' "$XTCP2" -dest /tmp/x.jsonl
  says '*did you mean file:./x?' "$XTCP2" -dest ./x
  says '*did you mean file:x.pb?' "$XTCP2" -dest x.pb
  says '*did you mean tcp:broker:9092?' "$XTCP2" -dest broker:9092
  says '*did you mean file:/x?' "$XTCP2" -dest fiel:/x
  says '*did you mean stdout?' "$XTCP2" -dest -
  # Whose password it holds.
  run "$XTCP2" -dest htp://me:secret@h/x
  [[ $output == *'did you mean http://'* && $output != *secret* ]]
}

@test "states have the names of ss, too, and all are listed" {
  local name
  for name in ESTAB LISTEN listening UNCONN fin-wait-1 FIN_WAIT2 time-wait connected synchronized bucket big; do
    run alone "$XTCP2" -maxLoops 1 -promListen= -grpcPort 0 -dest null -states "$name" -d error
    [ "$status" -eq 0 ] || { echo "$name: $output"; return 1; }
    run alone "$XTCP2" ss -format json state "$name"
    [ "$status" -eq 0 ] || { echo "ss state $name: $output"; return 1; }
  done
  says '*-states: unknown state "LISTN"; possible: a mask such as 0x1ffe, or a list of established syn_sent * bound_inactive *; did you mean listen?' \
    "$XTCP2" -states LISTN
}

@test "headings of tables are names of columns" {
  "$XTCP2" ss -a -sort RTT_MS -columns STATE,Local,rtt_ms -format table >out
  grep -Eq '^STATE +LOCAL +RTT_MS$' out
}

@test "-d takes names" {
  local row
  for row in error=3 warning=4 notice=5 Info=6 debug=7 5=5; do
    [ "$("$XTCP2" -d "${row%=*}" -conf | jq .d)" = "${row#*=}" ]
  done
  XTCP_D=debug "$XTCP2" -conf | jq -e '.d == 7'
}

@test "log lines have a time, unless they go to the journal or the user says no" {
  unset XTCP_LOG_TIME
  local before after
  before=$(date -u +%FT%T)
  once 2>log
  after=$(date -u +%FT%T)
  grep -Eqx '[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z xtcp2: version .*, every 10s, .*' log
  not grep -Evq '^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z [a-z0-9]+: ' log
  [[ ! $(head -n 1 log) < $before && ! $(tail -n 1 log | cut -c 1-19) > $after ]]

  : >log # the same file
  JOURNAL_STREAM=$(stat -c %d:%i log) bash -c '"$XTCP2" -maxLoops 1 -promListen= -grpcPort 0 -dest null 2>>log'
  grep -q '^<6>xtcp2: version ' log
  not grep -q '^<6>2' log
  # Inherited from somebody whose stderr went to the journal.
  JOURNAL_STREAM=1:2 once 2>log
  grep -Eq '^[0-9-]{10}T.* xtcp2: version ' log

  once -logTime off 2>log
  grep -q '^xtcp2: version ' log
  : >log
  JOURNAL_STREAM=$(stat -c %d:%i log) bash -c '"$XTCP2" -logTime on -maxLoops 1 -promListen= -grpcPort 0 -dest null 2>>log'
  grep -q '^<6>20.*Z xtcp2: version ' log
  # Who starts it wrongly sees the answer alone.
  says 'xtcp2: -dest: destination "x:": unknown scheme*' "$XTCP2" -dest x:
}

@test "a port in use: by whom, and what to do" {
  client_netns '
    "$XTCP2" -dest null -promListen 127.0.0.1:9088 -grpcPort 8889 2>log & first=$!
    wait_for 20 test_listeners 2
    "$XTCP2" -dest null -grpcPort 0 2>err && exit 1
    [ "$(cat err)" = "xtcp2: -promListen 127.0.0.1:9088: Address already in use by xtcp2 (pid $first); choose another, or none: -promListen=" ]
    "$XTCP2" -dest null -promListen= 2>err && exit 1
    [ "$(cat err)" = "xtcp2: -grpcPort 127.0.0.1:8889: Address already in use by xtcp2 (pid $first); choose another, or none: -grpcPort 0" ]
    # All addresses, too.
    "$XTCP2" -dest null -grpcPort 0 -promListen :9088 2>err && exit 1
    grep -q "in use by xtcp2 (pid $first)" err
    # The address is there once.
    [ "$(grep -c 9088 log)" -eq 1 ]; grep -qx "http: /metrics, /healthz and /readyz on 127.0.0.1:9088" log
    kill "$first"; wait "$first"'
}

@test "TLS to a port without it: the destination and the clients say that" {
  client_netns '
    "$XTCP2" -dest null 2>log &
    wait_for 20 grep -q "xtcp2: version" log
    # A machine without ca-certificates is told about that first.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out ca -days 2 -subj /CN=ca 2>openssl || { cat openssl; exit 1; }
    status=0
    timeout 20 "$XTCP2" -dest https://127.0.0.1:9088/ -tlsCa ca -maxLoops 1 -flushTimeout 3s -promListen= -grpcPort 0 -grpcSocket= 2>https || status=$?
    [ $status -eq 3 ]
    grep -q "^destination: https://127.0.0.1:9088/: .*; does it speak TLS? http: is without; trying again" https
    for client in "$CLIENT -count 1" "$CTL get"; do
      status=0
      timeout 20 $client -target 127.0.0.1 -port 8889 -tls 2>tls || status=$?
      [ $status -eq 1 ]
      grep -qx "xtcp2[a-z]*: no TLS with 127.0.0.1 port 8889: the other side does not speak TLS; .*, and the daemon needs -grpcTls" tls
    done'
}

@test "a missing Docker socket or directory is said once; the usual directories may be missing" {
  once -enrichContainer -dockerSocket /nowhere/docker.sock 2>log
  grep -qx 'docker: -dockerSocket /nowhere/docker.sock: No such file or directory; containers have no name while this is so' log
  once -netnsDirs /nowhere,/run/netns 2>log
  grep -qx 'netns: -netnsDirs /nowhere: No such file or directory; it is looked for again before each poll' log
  [ "$(grep -c netnsDirs log)" -eq 1 ]
  once 2>log
  not grep -q netnsDirs log
}

@test "numbers of one are singular, ports and levels say what they take" {
  says 'xtcp2client: -port must be a port from 0 to 65535, not "abc"' "$CLIENT" -port abc
  says 'xtcp2client: -port must be a port from 0 to 65535, not "65536"' "$CLIENT" -port 65536
  says 'xtcp2client: -d must be error, warning, notice, info or debug, or a number, not "loud"' "$CLIENT" -d loud
}

@test "YAML where JSON is expected is called that" {
  echo 'frequency: 10s' >c.yaml
  says "xtcp2: -config c.yaml: line 1, column *: not JSON: *" "$XTCP2" -config c.yaml
}

@test "-help of the tools: no doubled names, no trailing blanks" {
  local tool
  for tool in ns tcp_server xtcp2_kafka_client kafka_topic_reader register_schema xtcp2client xtcp2-clickhouse; do
    run "$(bin "$tool")" -help
    [ "$status" -eq 0 ]
    not grep -q ' $' <<<"$output" || { grep -n ' $' <<<"$output"; return 1; }
    [[ ${lines[0]} != *": $tool "* ]]
  done
}
