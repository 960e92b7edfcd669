#!/usr/bin/env bats
# Parquet as three readers that nobody here wrote have it: pyarrow, DuckDB, ClickHouse.
# bats file_tags=machine

load lib
load pipeline

setup_file() {
  "$BATS_TEST_DIRNAME/../../ci/readers" || return 1
  pipe_up "$BATS_FILE_TMPDIR"
  mkdir "$PIPE/shared"
  chmod 777 "$PIPE/shared"
  start_engine -allowFiles "$PIPE/shared"
  export PIPE HOLDER ENGINE PASSWORD_FILE
}

teardown_file() { pipe_down; }

setup() {
  READERS=$BATS_TEST_DIRNAME/../../build/readers
  CHECK=("$READERS/bin/python" "$BATS_TEST_DIRNAME/../clients/parquet_check.py")
  BYTES=(inet_diag_msg_socket_source inet_diag_msg_socket_destination tcp_info_tail)
  XTCP2=$(bin xtcp2)
  cd "$PIPE/shared" || return 1
}

# both NAME FLAG...: NAME.parquet and NAME.jsonl of the same records.
both() {
  local name=$1
  shift
  "$XTCP2" "$@" -dest "file:$PIPE/shared/$name.parquet" -marshal parquet 2>log
  "$XTCP2" "$@" -dest "file:$PIPE/shared/$name.jsonl" -marshal jsonl 2>>log
}

@test "the captures of all kernels: three readers agree with jsonl, value for value" {
  local capture name values b hex=
  for b in "${BYTES[@]}"; do hex+=", lower(hex($b)) AS $b"; done
  for capture in "$BATS_TEST_DIRNAME"/../data/*.pcap; do
    name=$(basename "$capture" .pcap)
    both "$name" -replay "$capture"
    values=$("${CHECK[@]}" pyarrow "$name.parquet" "$name.jsonl")
    [ "$values" -gt 900 ]
    [ "$("${CHECK[@]}" duckdb "$name.parquet" "$name.jsonl")" = "$values" ]
    sql "SELECT * REPLACE (toUnixTimestamp64Nano(timestamp_ns) AS timestamp_ns$hex) FROM file('$PIPE/shared/$name.parquet', Parquet)
      SETTINGS output_format_json_quote_64bit_integers = 0 FORMAT JSONEachRow" >answer
    [ "$("${CHECK[@]}" clickhouse answer "$name.jsonl")" = "$values" ]
    "${CHECK[@]}" statistics "$name.parquet" "$name.jsonl"
  done
}

@test "parquet-tools inspects the file" {
  both inspected -replay "$BATS_TEST_DIRNAME/../data/equals-kernel-6.1.pcap"
  "$READERS/bin/parquet-tools" inspect inspected.parquet >inspected
  grep -q 'num_rows: 52' inspected
  grep -qx 'name: inet_diag_msg_socket_cookie' inspected
  [ "$("$READERS/bin/parquet-tools" csv inspected.parquet | wc -l)" -ge 53 ]
}

@test "-columns chooses, -names json names, as in csv" {
  "$XTCP2" -replay "$BATS_TEST_DIRNAME/../data/linux-6.18-ipv4.pcap" -dest "file:$PIPE/shared/few.parquet" -marshal parquet \
    -columns dport,src,rtt -names json 2>log
  sql "DESCRIBE file('$PIPE/shared/few.parquet', Parquet)" | cut -f 1 | xargs >names
  [ "$(cat names)" = 'inetDiagMsgSocketDestinationPort inetDiagMsgSocketSource inetDiagMsgSocketSourceText tcpInfoRtt' ]
}

@test "the columns have the types of the table: rows go from the file into it" {
  both into -replay "$BATS_TEST_DIRNAME/../data/equals-kernel-6.18.pcap"
  http --fail-with-body "$URL/?query=INSERT%20INTO%20xtcp.xtcp_flat_records%20FORMAT%20Parquet&input_format_skip_unknown_fields=1" \
    --data-binary "@$PIPE/shared/into.parquet"
  [ "$(rows)" -eq "$(wc -l <into.jsonl)" ]
  [ "$(sql 'SELECT sum(inet_diag_msg_socket_cookie), sum(toUnixTimestamp64Nano(timestamp_ns)) FROM xtcp.xtcp_flat_records')" = \
    "$(sql "SELECT sum(inet_diag_msg_socket_cookie), sum(toUnixTimestamp64Nano(timestamp_ns)) FROM file('$PIPE/shared/into.parquet', Parquet)")" ]
}

@test "several row groups and pages: sums, and one row found by its number, in all three" {
  # One capture again and again: its header, then its packets.
  capture=$BATS_TEST_DIRNAME/../data/equals-kernel-6.1.pcap
  { cat "$capture"; for _ in {1..1000}; do tail -c +25 "$capture"; done; } >many.pcap
  both many -replay many.pcap -parquetGroupBytes 8388608
  rm many.pcap
  n=$(wc -l <many.jsonl)
  [ "$n" -eq $((52 * 1001)) ]
  cat >query.py <<'PY'
import sys, duckdb, pyarrow.parquet as pq
f = pq.ParquetFile("many.parquet")
assert f.metadata.num_row_groups > 1 and max(f.metadata.row_group(i).num_rows for i in range(f.metadata.num_row_groups)) > 20000
t = pq.read_table("many.parquet", filters=[("record_counter", "==", 41234)])
s = duckdb.sql("SELECT inet_diag_msg_socket_cookie FROM 'many.parquet' WHERE record_counter = 41234").fetchall()
a = duckdb.sql("SELECT sum(record_counter)::BIGINT, count(tcp_info_rtt) FROM 'many.parquet'").fetchall()[0]
print(t["inet_diag_msg_socket_cookie"].to_pylist()[0], s[0][0], len(t), len(s), *a)
PY
  read -r one two rows_one rows_two sum rtts < <("$READERS/bin/python" query.py)
  [ "$rows_one $rows_two" = '1 1' ] && [ "$one" = "$two" ]
  [ "$one" = "$(jq 'select(.record_counter == 41234) | .inet_diag_msg_socket_cookie' many.jsonl)" ]
  [ "$one" = "$(sql "SELECT inet_diag_msg_socket_cookie FROM file('$PIPE/shared/many.parquet', Parquet) WHERE record_counter = 41234")" ]
  [ "$sum" -eq $((n * (n + 1) / 2)) ]
  [ "$rtts" -eq "$(grep -c '"tcp_info_rtt":' many.jsonl)" ]
  [ "$(sql "SELECT sum(record_counter), count(tcp_info_rtt) FROM file('$PIPE/shared/many.parquet', Parquet) FORMAT CSV")" = "$sum,$rtts" ]
  "${CHECK[@]}" statistics many.parquet many.jsonl
}

@test "xtcp2 cat writes it, too: the values of jsonl, in several row groups" {
  # Fields that are absent stay so on the way from jsonl.
  capture=$BATS_TEST_DIRNAME/../data/equals-kernel-6.18.pcap
  "$XTCP2" -replay "$capture" -dest "file:$PIPE/shared/one.jsonl" -marshal jsonl 2>log
  "$XTCP2" cat -marshal parquet one.jsonl >one.parquet
  values=$("${CHECK[@]}" pyarrow one.parquet one.jsonl)
  [ "$values" -gt 900 ]
  [ "$("${CHECK[@]}" duckdb one.parquet one.jsonl)" = "$values" ]
  "${CHECK[@]}" statistics one.parquet one.jsonl
  # More rows than a row group has.
  n=$(wc -l <one.jsonl)
  for _ in {1..1000}; do cat one.jsonl; done | "$XTCP2" cat -marshal parquet >cat.parquet
  "$READERS/bin/python" -c 'import duckdb, pyarrow.parquet as pq
print(pq.ParquetFile("cat.parquet").metadata.num_row_groups, duckdb.sql("SELECT count(*) FROM \"cat.parquet\"").fetchall()[0][0])' >counted
  [ "$(cat counted)" = "$(((n * 1000 + 39999) / 40000)) $((n * 1000))" ]
}
