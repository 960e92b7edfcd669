#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031  # each test is a subshell of its own
# The daemon's options as a user meets them: help, values, precedence, refusals.

bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  cd "$BATS_TEST_TMPDIR" || return 1
  local name
  for name in "${!XTCP_@}"; do unset "$name"; done
  # Root that cannot become an ordinary user says so, which is not what these tests are about.
  export XTCP_USER=root
}

# refused LINE ARGUMENTS...: exit status 2, nothing on stdout, LINE and nothing else on stderr.
refused() {
  local line=$1
  shift
  run --separate-stderr timeout 10 "$XTCP2" "$@"
  [ "$status" -eq 2 ] || { echo "status $status of $*"; return 1; }
  [ -z "$output" ] || { echo "stdout of $*: $output"; return 1; }
  # shellcheck disable=SC2053 # a pattern on purpose
  [[ $stderr == $line ]] || { printf 'of %s\nwanted %s\ngot    %s\n' "$*" "$line" "$stderr"; return 1; }
  [[ $stderr != *$'\n'* ]] || { printf 'of %s\nmore than a line: %s\n' "$*" "$stderr"; return 1; }
}

# The value of an option in the resulting configuration.
effective() {
  local option=$1
  shift
  "$XTCP2" "$@" -conf | jq -r --arg o "$option" '.[$o]'
}

@test "-help names every option, destination and format, with exit status 0" {
  run --separate-stderr "$XTCP2" -help
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
  help=$output
  while read -r option; do
    grep -qE "^  -$option( |\$)" <<<"$help" || { echo "no -$option"; return 1; }
  done < <("$XTCP2" -conf | jq -r 'keys[]')
  for text in '  -frequency duration (default 10s)' XTCP_FREQUENCY XTCP_IO_URING_CQE_BATCH -healthcheck '  file:PATH' '  protobufList'; do
    grep -qF -- "$text" <<<"$help" || { echo "no $text"; return 1; }
  done
  [ "$(awk 'length > 80' <<<"$help" | wc -l)" -eq 0 ]
  for flag in --help -h; do
    [ "$("$XTCP2" "$flag")" = "$help" ]
  done
}

@test "-v prints the version" {
  [[ "$("$XTCP2" -v)" =~ ^xtcp2\ [0-9]+\.[0-9]+\.[0-9]+ ]]
}

@test "-conf prints JSON that -config reads back to the same" {
  "$XTCP2" -conf -frequency 90s -ioUring -label 'a "b" \ c' -maxLoops 18446744073709551615 >first.json
  [ "$(jq -r .frequency first.json)" = 1m30s ]
  [ "$(jq -r .ioUring first.json)" = true ]
  [ "$(jq -r .maxLoops first.json)" = 18446744073709551615 ]
  "$XTCP2" -conf -config first.json >second.json
  cmp first.json second.json
  XTCP_CONFIG=first.json "$XTCP2" --conf >third.json
  cmp first.json third.json
}

@test "flags win over the environment, which wins over the file" {
  echo '{"tag": "file", "label": "file", "location": "file"}' >c.json
  export XTCP_TAG=environment XTCP_LABEL=environment
  [ "$(effective tag -config c.json -tag flag)" = flag ]
  [ "$(effective label -config c.json -tag flag)" = environment ]
  [ "$(effective location -config c.json)" = file ]
  [ "$(effective topic -config c.json)" = xtcp ]
}

@test "spellings: one dash, two dashes, a blank, an equals sign, switches, large log levels" {
  [ "$(effective frequency --frequency=20s)" = 20s ]
  [ "$(effective frequency -frequency 20s)" = 20s ]
  [ "$(effective reconcileBeforePoll -reconcileBeforePoll=false)" = false ]
  [ "$(effective ioUring --ioUring)" = true ]
  [ "$(effective d -d 111)" = 111 ]
  [ "$(effective tag -tag a -tag b)" = b ]
}

@test "bad flags and values end it with one line and status 2" {
  refused 'xtcp2: -frequency 0s: must be between 1ms and 168h' -frequency 0s
  refused 'xtcp2: -frequency 10: must be a duration such as 10s, *' -frequency 10
  refused 'xtcp2: -frequency 5s: must be longer than -timeout, which is 5s' -frequency 5s
  refused 'xtcp2: -netlinkers 99999999999999999999: must be between 1 and 64' -netlinkers 99999999999999999999
  refused 'xtcp2: -netlinkers 4x: must be a whole number between 1 and 64' -netlinkers 4x
  refused 'xtcp2: -netlinkers -1: must be a whole number between 1 and 64' -netlinkers -1
  refused 'xtcp2: -ioUring yes: must be true or false' -ioUring=yes
  refused 'xtcp2: -frequancy: no such flag; did you mean -frequency? (see -help)' -frequancy 1s
  refused 'xtcp2: -dest: needs a value (text)' -dest
  refused 'xtcp2: stdout: not a flag; *' stdout
  refused 'xtcp2: -config nowhere.json: No such file or directory' -config nowhere.json
}

@test "values that later stages refuse: one line that lists the valid ones" {
  refused 'xtcp2: *gopher:x*unknown scheme; possible are *stdout*file:PATH*' -dest gopher:x
  refused 'xtcp2: *unknown format "xml"; possible: *protobufList*jsonl*' -marshal xml
  refused 'xtcp2: -states: unknown state "open"; possible: *' -states open
  refused 'xtcp2: -deserializers: unknown name "magic"; possible: *info*' -deserializers magic
  refused 'xtcp2: -promListen 9088: must be HOST:PORT, *' -promListen 9088
}

@test "bad environment and files end it with one line and status 2" {
  XTCP_TIMEOUT=soon refused 'xtcp2: XTCP_TIMEOUT=soon: must be a duration such as *'
  echo '{"frequancy": "1s"}' >c.json
  refused 'xtcp2: -config c.json: "frequancy": no such option; did you mean "frequency"[?]' -config c.json
  echo '{"netlinkers": 65}' >c.json
  refused 'xtcp2: -config c.json: "netlinkers": 65: must be between 1 and 64' -config c.json
  echo '{"netlinkers": "4' >c.json
  refused 'xtcp2: -config c.json: line 1, column *' -config c.json
  echo '{"help": true}' >c.json
  refused 'xtcp2: -config c.json: "help": is for the command line only' -config c.json
  head -c 2000000 /dev/zero >c.json
  refused 'xtcp2: -config c.json: larger than 1048576 bytes' -config c.json
}

@test "unknown variables and options without effect are warned of" {
  run --separate-stderr env XTCP_FREQUENCYY=1s "$XTCP2" -conf
  [ "$status" -eq 0 ]
  [ "$stderr" = 'config: XTCP_FREQUENCYY: no option has this variable, ignored; did you mean XTCP_FREQUENCY?' ]
  run --separate-stderr "$XTCP2" -conf -goMaxProcs 4
  [ "$status" -eq 0 ]
  [[ "$stderr" == 'config: -goMaxProcs 4: accepted but without effect: '* ]]
}

@test "logs and health show no credentials" {
  run --separate-stderr unshare -n "$XTCP2" -dest file://user:sesame@nowhere/x -maxLoops 1 -flushTimeout 0 -promListen= -grpcPort 0
  # 3 when the host had a socket whose record could not be written, 0 when it had none.
  [ "$status" -eq 3 ] || [ "$status" -eq 0 ]
  [[ "$stderr" == *"file://user:@nowhere/x"* ]]
  [[ "$stderr" != *sesame* ]]
}

@test "-conf shows no credentials" {
  run --separate-stderr "$XTCP2" -conf -dest 'http://user:pa@ss@host/x?token=sesame' -kafkaConfig 'sasl.username=u;sasl.password=sesame'
  [ "$status" -eq 0 ]
  [ "$(jq -r .dest <<<"$output")" = 'http://user:@host/x?token=' ]
  [ "$(jq -r .kafkaConfig <<<"$output")" = 'sasl.username=u;sasl.password=' ]
}

@test "the man page has no formatting mistake and names every option" {
  groff -man -ww -z "$BUILD/data/xtcp2.8" 2>complaints
  [ ! -s complaints ] || { cat complaints; false; }
  groff -man -Tascii "$BUILD/data/xtcp2.8" | sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g' >page
  while read -r option; do
    grep -qE "^ +-$option( |\$)" page || { echo "no -$option"; return 1; }
  done < <("$XTCP2" -conf | jq -r 'keys[]')
}

# at_once TEXT COMMAND...: it fails within 10 s, with one line that has the text.
at_once() {
  run timeout 10 "${@:2}"
  echo "$output"
  [ "$status" -ne 0 ] && [ "$status" -ne 124 ]
  [ "${#lines[@]}" -eq 1 ]
  [[ $output == *"$1"* ]]
}

@test "a FIFO without a writer is refused at once, by every option that reads a file" {
  cd "$BATS_TEST_TMPDIR"
  mkfifo pipe events.jsonl
  at_once "-config pipe: a FIFO without a writer" "$XTCP2" -config pipe
  at_once "pipe: a FIFO without a writer" "$XTCP2" -replay pipe -dest null -d 5
  at_once "-file pipe: a FIFO without a writer" "$(bin xtcp2ctl)" reconfigure -file pipe
  at_once "pipe: a FIFO without a writer" "$(bin clickhouse_protobuflist)" -filename pipe
  at_once "pipe: a FIFO without a writer" "$(bin register_schema)" -register -filename pipe
  at_once "pipe: a FIFO without a writer" "$(bin xtcp2-vmrun)" run --flavor any --flavors pipe --image .
  at_once "a FIFO without a writer" "$(bin xtcp2-vmrun)" replay .
  at_once "pipe: Is a directory" "$XTCP2" -config "$(mkdir -p pipe.d/pipe; echo pipe.d/pipe)"
}

@test "a FIFO with a writer is read like a file, also while it is empty" {
  # The pause lets the reader come first; the other order is right as well.
  run timeout 10 "$XTCP2" -conf -config <(read -rt 0.3 <> <(:) || :; echo '{"label": "substituted"}')
  [ "$(jq -r .label <<<"$output")" = substituted ]
}
