#!/usr/bin/env bats
# Formats as other programs read them: a capture replayed into each -marshal.

# shellcheck disable=SC2154 # stderr is set by bats
bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  ROOT=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  CAPTURE=$ROOT/tests/data/linux-6.18-ipv4.pcap
  SCHEMA=(-I "$ROOT/proto" xtcp_flat_record/v1/xtcp_flat_record.proto)
  RECORDS=18
  export XTCP2 ROOT CAPTURE BUILD BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
}

# replay FORMAT [FLAG]...: the capture's records in that format.
replay() {
  "$XTCP2" -replay "$CAPTURE" -dest stdout -marshal "$@" 2>log
}

# The message behind the varint that starts standard input; fails when the varint is not its length.
unframe() {
  local byte size=0 shift=0 n=0
  cat >framed
  while read -r byte; do
    size=$((size | (byte & 127) << shift)) shift=$((shift + 7)) n=$((n + 1))
    [ "$byte" -ge 128 ] || break
  done < <(od -An -v -tu1 -w1 -N5 framed)
  [ "$(stat -c %s framed)" -eq $((n + size)) ]
  tail -c "+$((n + 1))" framed
}

@test "protobufList: protoc decodes every row and knows every field" {
  replay protobufList | unframe | protoc --decode=xtcp_flat_record.v1.Envelope "${SCHEMA[@]}" >decoded
  [ "$(grep -c '^row {$' decoded)" -eq "$RECORDS" ]
  # a field that the schema does not know is shown by its number
  run grep -E '^ *[0-9]+[:{ ]' decoded
  [ "$status" -eq 1 ]
}

@test "protoText is what protoc prints of protobufList, and protoc makes the same bytes of it" {
  replay protobufList | unframe >message
  protoc --decode=xtcp_flat_record.v1.Envelope "${SCHEMA[@]}" <message >decoded
  replay protoText >text
  diff decoded text
  protoc --encode=xtcp_flat_record.v1.Envelope "${SCHEMA[@]}" <text | cmp - message
}

@test "protoJson: one Envelope per line, with the names and types of proto3 JSON" {
  replay protoJson >json
  [ "$(wc -l <json)" -eq 1 ]
  [ "$(jq '.row | length' json)" -eq "$RECORDS" ]
  [ "$(jq '[.row[].inetDiagMsgSocketCookie | type] | unique == ["string"]' json)" = true ]
  [ "$(jq -r '.row[0].inetDiagMsgSocketSource | @base64d | explode | join(".")' json)" = 127.0.0.1 ]
  [ "$(jq '[.. | select(. == 0 or . == "" or . == "0")] | length' json)" -eq 0 ]
}

@test "jsonl: an object per line, absent fields are omitted" {
  replay jsonl >lines
  [ "$(wc -l <lines)" -eq "$RECORDS" ]
  [ "$(jq -s 'length' lines)" -eq "$RECORDS" ]
  # minisocks have neither tcp_info nor an owner, and that is not an uid of 0
  [ "$(jq -s 'map(select(has("tcp_info_len") | not) | .inet_diag_msg_state) | sort | join(" ")' lines)" = '"FIN_WAIT2 SYN_RECV TIME_WAIT"' ]
  [ "$(jq -s 'map(select(has("tcp_info_len") | not) | has("inet_diag_msg_uid")) | any' lines)" = false ]
  [ "$(jq -s 'map(select(.inet_diag_msg_state == "LISTEN")) | map(has("inet_diag_msg_uid")) | all' lines)" = true ]
}

@test "csv and tsv: a header, a column for every field of the schema, the same in each line" {
  local fields
  fields=$(sed -n '/^message XtcpFlatRecord {/,/^}/s/^  [a-zA-Z0-9]* \([a-z0-9_]*\) = [0-9]*;.*/\1/p' "$ROOT/proto/xtcp_flat_record/v1/xtcp_flat_record.proto")
  replay tsv >table
  [ "$(head -n 1 table | tr '\t' '\n')" = "$fields" ]
  [ "$(wc -l <table)" -eq $((RECORDS + 1)) ]
  [ "$(awk -F '\t' '{ print NF }' table | sort -u | wc -l)" -eq 1 ]
  replay csv >table.csv
  diff <(tr '\t' ',' <table) table.csv
}

@test "-columns chooses and orders; an unknown name is refused" {
  replay csv -columns inet_diag_msg_socket_source_port,inet_diag_msg_state,tcp_info_rtt >table
  [ "$(head -n 1 table)" = inet_diag_msg_socket_source_port,inet_diag_msg_state,tcp_info_rtt ]
  grep -qx '40007,TIME_WAIT,' table
  run --separate-stderr "$XTCP2" -replay "$CAPTURE" -dest stdout -marshal csv -columns rrt
  [ "$status" -eq 2 ]
  [[ "$stderr" == *'unknown field "rrt"'* ]]
  [ -z "$output" ]
}

@test "an unknown format is refused with the list of those that exist" {
  run --separate-stderr "$XTCP2" -replay "$CAPTURE" -dest stdout -marshal xml
  [ "$status" -eq 2 ]
  [[ "$stderr" == *xml*protobufList*protoJson*protoText*jsonl*csv*tsv*text*msgpack* ]]
}

@test "a cut capture gives the records before the cut and a clear count" {
  head -c 6000 "$CAPTURE" >cut.pcap
  run --separate-stderr "$XTCP2" -replay cut.pcap -dest stdout -marshal jsonl
  [ "$status" -eq 1 ]
  [ "$(wc -l <<<"$output")" -gt 5 ]
  [ "$(wc -l <<<"$output")" -lt "$RECORDS" ]
  [[ "$stderr" == *"cut.pcap is damaged: 1 packets or messages cut short"* ]]
}

@test "a file that is no capture is refused with the reason" {
  printf '\x0a\x0d\x0d\x0a%40s' '' >ng
  run --separate-stderr "$XTCP2" -replay ng
  [ "$status" -ne 0 ]
  [[ "$stderr" == *"ng: this is pcapng, only pcap can be read"* ]]
  run --separate-stderr "$XTCP2" -replay "$ROOT/README.md"
  [ "$status" -ne 0 ]
  [[ "$stderr" == *"not a pcap file"* ]]
}

# bats test_tags=live
@test "-writeFiles keeps dumps that replay to the records that were shipped" {
  # With processes of its own: other namespaces of the machine may have more dumps than are kept.
  unshare -n -m -p -f --mount-proc --propagation private bash -euo pipefail -c '
    . "$BATS_TEST_DIRNAME/lib.bash"
    ip link set lo up && mount -t tmpfs run /run
    "$(bin tcp_server)" -count 3 -bind 127.0.0.1 >/dev/null & server=$!
    wait_for 20 test_listeners 3
    "$XTCP2" -maxLoops 1 -promListen= -grpcPort 0 -writeFiles 1000 -capturePath kept >live 2>log
    kill $server'
  [ -z "$(find kept -name '.*' -type f)" ]
  kernel='with_entries(select(.key | test("^(inet_diag|tcp_info|congestion|sk_mem|type_of|shutdown|class|sock_opt|c_group|skv6)")))'
  jq -c "select(.inet_diag_msg_state == \"LISTEN\") | $kernel" live | sort -u >live.kernel
  for file in kept/*.pcap; do
    "$XTCP2" -replay "$file" -dest stdout -marshal jsonl 2>log
  done | jq -c "select(.inet_diag_msg_state == \"LISTEN\") | $kernel" | sort -u >kept.kernel
  [ "$(grep -c '"inet_diag_msg_socket_source_port":400[0-2],' live.kernel)" -ge 3 ]
  diff live.kernel kept.kernel
}

# Vector drops a batch whole when one value is not of its column's type, and a field without a column.
@test "jsonl: the Parquet schema for Vector has a column for every field, of the value's type" {
  replay jsonl >lines
  sed -nE 's/^  optional ([a-z0-9]+) ([a-z0-9_]+) .*/{"\2": "\1"}/p' "$ROOT/pipeline/vector/records.schema" | jq -s add >columns
  jq -s --slurpfile columns columns '[.[] | to_entries[] | . + {column: $columns[0][.key]}
    | select((.value | type) != {binary: "string", int32: "number", int64: "number"}[.column // ""]
      or (.column == "int32" and .value > 4294967295))] | unique' lines >wrong
  [ "$(wc -l <lines)" -eq "$RECORDS" ]
  jq -e '. == []' wrong
}
