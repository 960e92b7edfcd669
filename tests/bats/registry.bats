#!/usr/bin/env bats
# register_schema against a small schema registry over real HTTP.

load lib

setup() {
  REGISTER=$(bin register_schema)
  REGISTRY=$(bin schema_registry)
  PROTO=$BATS_TEST_DIRNAME/../../proto/xtcp_flat_record/v1/xtcp_flat_record.proto
  export REGISTER REGISTRY PROTO BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the shell text of standard input beside a registry on the port that is the tool's default.
with_registry() {
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'
    \"\$REGISTRY\" 18081 & registry=\$!
    wait_for 20 test_listeners 1
    $(cat)
    kill \$registry; wait \$registry"
}

@test "a registered schema comes back byte for byte, under the id it was given" {
  run with_registry <<'E2'
    "$REGISTER" -register -filename "$PROTO"
    "$REGISTER" -get >back 2>about
    cmp back "$PROTO"
    cat about
E2
  [ "$status" -eq 0 ]
  [[ "$output" == *"subject=xtcp-value id=1"*"subject=xtcp-value id=1 version=1"* ]]
}

@test "the same schema keeps its id, another topic has its own subject, a changed one a new version" {
  run with_registry <<'E2'
    "$REGISTER" -register -filename "$PROTO"
    "$REGISTER" -register -filename "$PROTO"
    { cat "$PROTO"; echo '// newer'; } >newer.proto
    "$REGISTER" -register -filename newer.proto
    "$REGISTER" -get 2>&1 >/dev/null
    "$REGISTER" -register -topic 'other topic' -filename "$PROTO"
E2
  [ "$status" -eq 0 ]
  [ "$(grep -c 'subject=xtcp-value id=1$' <<<"$output")" = 2 ]
  grep -q 'subject=xtcp-value id=2 version=2' <<<"$output"
  grep -q 'subject=other topic-value id=3' <<<"$output"
}

@test "errors name the object and the reason" {
  run "$REGISTER"
  [ "$status" -eq 2 ]
  run "$REGISTER" -register -get -filename "$PROTO"
  [ "$status" -eq 2 ]
  run with_registry <<'E2'
    not "$REGISTER" -get -topic unknown
    not "$REGISTER" -register -filename /nonexistent.proto
    echo nonsense >bad.proto
    not "$REGISTER" -register -filename bad.proto
    not "$REGISTER" -get -url http://127.0.0.1:1
E2
  [ "$status" -eq 0 ]
  [[ "$output" == *"HTTP status 404: Subject not found."* ]]
  [[ "$output" == *"/nonexistent.proto: No such file"* ]]
  [[ "$output" == *"HTTP status 422: Invalid schema"* ]]
  [[ "$output" == *"http://127.0.0.1:1/"*"onnect"* ]]
}
