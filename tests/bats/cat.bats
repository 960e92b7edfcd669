#!/usr/bin/env bats
# xtcp2 cat: recordings in each format come out as they went in; damaged and foreign files are told, with the place.

# shellcheck disable=SC2154 # stderr is set by bats
bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  DATA=$(readlink -f "$BATS_TEST_DIRNAME/../data")
  export XTCP2 BUILD BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
}

# record FORMAT [FLAG]...: the records of two captures in that format.
record() {
  local capture
  for capture in linux-6.18-ipv4 linux-6.18-ipv6; do
    "$XTCP2" -replay "$DATA/$capture.pcap" -hostname 'a "quoted", odd\name' -tag $'tab\tand é' -dest stdout -marshal "$@" 2>/dev/null
  done
}

# Without fields that are zero: protobuf has none.
nonzero() { jq -Sc 'with_entries(select(.value != 0 and .value != ""))'; }

@test "every format comes out as it went in, and as every other" {
  local format
  record jsonl >expected
  nonzero <expected >expected.nonzero
  [ "$(wc -l <expected)" -gt 20 ]
  for format in jsonl csv tsv text msgpack; do
    record "$format" >"recorded.$format"
    "$XTCP2" cat "recorded.$format" | cmp - expected
  done
  for format in protobufList protoJson protoText; do
    record "$format" >"recorded.$format"
    "$XTCP2" cat "recorded.$format" | nonzero | cmp - expected.nonzero
  done
  # Both envelopes of a protobufList are one now; the rest is byte for byte the same.
  for format in csv tsv text msgpack protoText; do
    "$XTCP2" cat -marshal "$format" recorded.jsonl >again
    # The daemon begins each of the two replays with a header.
    if [ "$format" = csv ] || [ "$format" = tsv ]; then
      awk 'NR == 1 { head = $0 } NR == 1 || $0 != head' "recorded.$format" | cmp - again
    else
      cmp again "recorded.$format"
    fi
  done
  "$XTCP2" cat -marshal protobufList recorded.csv | "$XTCP2" cat -marshal protoJson | "$XTCP2" cat | nonzero | cmp - expected.nonzero
}

@test "names, columns, filters, several files, standard input" {
  record jsonl >all
  record jsonl -names json >camel
  "$XTCP2" cat camel | cmp - all
  "$XTCP2" cat -names json all | cmp - camel
  [ "$("$XTCP2" cat -marshal csv -columns state,sport all | head -n 1)" = inet_diag_msg_state,inet_diag_msg_socket_source_port ]
  "$XTCP2" cat -filter 'state listen' all | jq -e -s 'length > 0 and all(.[]; .inet_diag_msg_state == "LISTEN")'
  cat all all >twice
  cp all again
  "$XTCP2" cat all - <again | cmp - twice
  # A reader that has enough is a normal end.
  "$XTCP2" cat all all all | head -n 1 >first
  [ "${PIPESTATUS[0]}" -eq 0 ]
}

@test "gzip and zstd, in members and frames" {
  record jsonl >all
  { head -n 5 all | gzip; tail -n +6 all | gzip; } >all.gz
  "$XTCP2" cat all.gz | cmp - all
  head -c -9 all.gz >cut.gz
  run -1 --separate-stderr "$XTCP2" cat cut.gz
  [ "${#lines[@]}" -gt 5 ]
  [[ $stderr =~ ^xtcp2\ cat:\ cut.gz:\ the\ compressed\ bytes\ are\ damaged\ or\ cut\ at\ byte\ [0-9]+\ of\ the\ bytes\ in\ the\ gzip\ file$ ]]
  { head -n 5 all | zstd -q; tail -n +6 all | zstd -q; } >all.zst
  "$XTCP2" cat all.zst | cmp - all
  head -c -9 all.zst >cut.zst
  run -1 --separate-stderr "$XTCP2" cat cut.zst
  [[ $stderr == *'damaged or cut'*'zstd file' ]]
  # As soon as it begins.
  gzip <all | head -c 40 >cut.gz
  run -1 --separate-stderr "$XTCP2" cat cut.gz
  [[ $stderr =~ ^xtcp2\ cat:\ cut.gz:\ the\ compressed\ bytes\ are\ damaged\ or\ cut\ at\ byte\ [0-9]+\ of\ the\ bytes\ in\ the\ gzip\ file$ ]]
}

@test "a cut file gives its whole records, one line and status 1, in every format" {
  local format whole
  for format in protobufList protoJson protoText jsonl csv tsv text msgpack; do
    record "$format" >whole
    whole=$("$XTCP2" cat whole | wc -l)
    head -c -7 whole >cut.file
    run -1 --separate-stderr "$XTCP2" cat cut.file
    [ "${#lines[@]}" -eq $((whole - 1)) ] || [ "$format" = protoJson ]
    [[ $stderr =~ ^xtcp2\ cat:\ cut.file:\ (cut\ short:\ the\ last\ record\ begins,\ and\ does\ not\ end,|no\ record\ of\ $format)\ at\ byte\ [0-9]+$ ]] ||
      { echo "$format: $stderr" >&2; return 1; }
  done
  # The place is that of the record.
  record jsonl | head -n 3 >three
  { cat three; printf '{"hostname":"h","pid":-1}\n'; cat three; } >wrong
  run -1 --separate-stderr "$XTCP2" cat wrong
  [ "${#lines[@]}" -eq 3 ]
  [ "$stderr" = "xtcp2 cat: wrong: no record of jsonl at byte $(stat -c %s three)" ]
}

@test "foreign, missing and empty files; wrong flags" {
  echo 'This is no recording.' >foreign
  run -1 --separate-stderr "$XTCP2" cat foreign
  [ "$stderr" = 'xtcp2 cat: foreign is in no format that xtcp2 writes; -from names one of a file without a header' ]
  run -1 --separate-stderr "$XTCP2" cat "$DATA/linux-6.18-ipv4.pcap"
  [[ $stderr == *'is a capture, which `xtcp2 -replay` reads' ]]
  printf 'PAR1 and more' >some.parquet
  run -1 --separate-stderr "$XTCP2" cat some.parquet
  [[ $stderr == *'is Parquet, which this program only writes: read it with DuckDB, pyarrow or ClickHouse' ]]
  record jsonl >good
  run -1 --separate-stderr "$XTCP2" cat missing good
  [ "$stderr" = 'xtcp2 cat: missing: No such file or directory' ]
  [ "${#lines[@]}" -gt 20 ]
  : >empty
  run -0 "$XTCP2" cat empty
  [ -z "$output" ]
  run -2 "$XTCP2" cat -from nothing good
  [[ $output == *'possible: auto protobufList protoJson protoText jsonl csv tsv text msgpack' ]]
  mkdir folder
  run -1 "$XTCP2" cat folder
  [ "$output" = 'xtcp2 cat: folder: Is a directory' ]
  run -2 "$XTCP2" cat -marshal json good
  [[ $output == 'xtcp2 cat: -marshal: unknown format "json"; '*'did you mean jsonl?' ]]
  run -2 "$XTCP2" cat -columns pid good
  [ "$output" = 'xtcp2 cat: -columns: only csv, tsv, text and parquet have columns, jsonl does not' ]
  run -2 "$XTCP2" cat -filter 'rtt >' good
}

@test "Parquet: a file of its own, also without records; a full disk is told" {
  # What readers make of it: pipeline-parquet.bats.
  record jsonl >good
  : >none
  for input in good none; do
    "$XTCP2" cat -marshal parquet $input >out.parquet
    [ "$(head -c 4 out.parquet)$(tail -c 4 out.parquet)" = PAR1PAR1 ]
  done
  run -1 bash -c '"$1" cat -marshal parquet good >/dev/full' bash "$XTCP2"
  [ "$output" = 'xtcp2 cat: stdout: No space left on device' ]
  # What was read before the damage is in the file.
  head -n 3 good >damaged
  printf '{"hostname"' >>damaged
  run -1 bash -c '"$1" cat -marshal parquet damaged >out.parquet' bash "$XTCP2"
  [ "$(tail -c 4 out.parquet)" = PAR1 ]
}

@test "memory does not grow with the recording" {
  record protobufList >one
  for _ in $(seq 200); do cat one; done >many
  for _ in $(seq 30); do cat many; done >large
  [ "$(stat -c %s large)" -gt 20000000 ]
  /usr/bin/env bash -c 'ulimit -v 100000; exec "$0" cat -marshal msgpack large' "$XTCP2" | wc -c >size
  [ "$(cat size)" -gt 50000000 ]
}
