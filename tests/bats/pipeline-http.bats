#!/usr/bin/env bats
# xtcp2-clickhouse: ClickHouse's HTTP interface as curl and the official client use it.
# bats file_tags=machine

bats_require_minimum_version 1.5.0
load lib
load pipeline

setup_file() {
  pipe_up "$BATS_FILE_TMPDIR"
  start_engine
  sql 'CREATE TABLE t (a Int32, b String) ENGINE = MergeTree ORDER BY a'
  export PIPE HOLDER ENGINE PASSWORD_FILE
}

teardown_file() { pipe_down; }

status_of() { http -o /dev/null -w '%{http_code}' "$@"; }

header_of() { # NAME [CURL ARGUMENT]...
  local name=$1
  shift
  http -D - -o /dev/null "$@" | tr -d '\r' | sed -n "s/^$name: //ip"
}

@test "ping, the status of consumers and the greeting" {
  [ "$(http "$URL/ping")" = Ok. ]
  [ "$(http "$URL/replicas_status")" = Ok. ]
  [ "$(http "$URL/")" = Ok. ]
  [ "$(status_of "$URL/nothing-here")" = 404 ]
}

@test "a query by GET, by POST, and in both parts" {
  [ "$(http "$URL/?query=SELECT%201")" = 1 ]
  [ "$(http "$URL" -d 'SELECT 2')" = 2 ]
  [ "$(http "$URL/?query=SELECT" -d '3')" = 3 ]
}

@test "formats: in the statement, as default_format, and their headers" {
  [ "$(http "$URL/" -d 'SELECT 1 AS a FORMAT JSONEachRow')" = '{"a":1}' ]
  [ "$(http "$URL/?default_format=CSV" -d "SELECT 'x'")" = '"x"' ]
  [ "$(http -H 'X-ClickHouse-Format: CSV' "$URL/" -d "SELECT 'x'")" = '"x"' ]
  [ "$(header_of X-ClickHouse-Format "$URL/?query=SELECT+1+FORMAT+JSON")" = JSON ]
  [ "$(header_of Content-Type "$URL/?query=SELECT+1+FORMAT+JSON")" = 'application/json; charset=UTF-8' ]
  [ "$(header_of X-ClickHouse-Query-Id "$URL/?query=SELECT+1&query_id=mine")" = mine ]
  header_of X-ClickHouse-Summary "$URL/?query=SELECT+1" | jq -e '.read_rows'
}

@test "parameters, settings, database" {
  [ "$(http "$URL/?param_n=3&param_s=it%27s" -d 'SELECT {n:UInt8} + 1, {s:String} FORMAT TSVRaw')" = $'4\tit\'s' ]
  [ "$(http "$URL/?max_threads=1" -d "SELECT getSetting('max_threads')")" = 1 ]
  [ "$(http "$URL/?database=xtcp" -d 'SELECT currentDatabase()')" = xtcp ]
  [ "$(http -H 'X-ClickHouse-Database: xtcp' "$URL/" -d 'SELECT currentDatabase()')" = xtcp ]
  # The next request knows nothing of it.
  [ "$(http "$URL/" -d 'SELECT currentDatabase()')" = default ]
}

@test "errors have ClickHouse's status, code and text" {
  local query expected
  while read -r expected code query; do
    [ "$(status_of "$URL/" -d "$query")" = "$expected" ]
    [ "$(header_of X-ClickHouse-Exception-Code "$URL/" -d "$query")" = "$code" ]
    http "$URL/" -d "$query" | grep "^Code: $code. DB::Exception: " >/dev/null
  done <<'CASES'
404 60 SELECT * FROM no_such_table
404 47 SELECT no_such_column
404 46 SELECT no_such_function()
404 81 SELECT * FROM no_such_database.t
400 62 SELECT FROM WHERE
400 62 SELECT 1; SELECT 2
404 73 SELECT 1 FORMAT NoSuchFormat
500 395 SELECT throwIf(number = 1) FROM numbers(2)
CASES
  [ "$(status_of "$URL/?database=no_such" -d 'SELECT 1')" = 404 ]
  [ "$(status_of "$URL/?no_such_setting=1" -d 'SELECT 1')" = 404 ]
  [ "$(header_of X-ClickHouse-Exception-Code "$URL/?no_such_setting=1" -d 'SELECT 1')" = 115 ]
  [ "$(status_of "$URL/" -d '')" = 400 ]
}

@test "GET does not write" {
  [ "$(header_of X-ClickHouse-Exception-Code -G "$URL/" --data-urlencode 'query=CREATE TABLE x (a Int8) ENGINE = Memory')" = 164 ]
  [ "$(header_of X-ClickHouse-Exception-Code -G "$URL/" --data-urlencode "query=INSERT INTO t VALUES (1, 'x')")" = 164 ]
}

@test "data of an insert: in the body, behind the statement, from a select" {
  sql 'TRUNCATE TABLE t'
  http "$URL/?query=INSERT+INTO+t+FORMAT+CSV" --data-binary $'1,"x"\n2,"y"\n'
  sql "INSERT INTO t VALUES (3, 'z'), (4, ';')"
  sql $'INSERT INTO t (b, a) FORMAT JSONEachRow\n{"a":5,"b":"q"}\n{"a":6,"b":"r"}'
  sql 'INSERT INTO t SELECT number + 7, toString(number) FROM numbers(2)'
  [ "$(sql 'SELECT count(), sum(a) FROM t')" = $'8\t36' ]
  [ "$(header_of X-ClickHouse-Summary "$URL/?query=INSERT+INTO+t+FORMAT+TSV" --data-binary $'9\tx' | jq -r .written_rows)" = 1 ]
  [ "$(status_of "$URL/?query=INSERT+INTO+t+FORMAT+CSV" --data-binary 'no number,x')" = 400 ]
  [ "$(status_of "$URL/?query=INSERT+INTO+no_such+FORMAT+CSV" --data-binary '1')" = 404 ]
}

@test "a large insert streams through and is all there" {
  sql 'CREATE TABLE IF NOT EXISTS big (a UInt64) ENGINE = MergeTree ORDER BY a'
  seq 2000000 | http "$URL/?query=INSERT+INTO+big+FORMAT+TSV" -H 'Expect:' -T - -X POST
  [ "$(sql 'SELECT count(), sum(a) FROM big')" = $'2000000\t2000001000000' ]
  # And out again.
  [ "$(http "$URL/" -d 'SELECT a FROM big ORDER BY a' | tail -n 1)" = 2000000 ]
}

@test "a result streams: the first rows are there before the last ones are made" {
  local first
  first=$(http -N "$URL/?max_block_size=1" -d 'SELECT number, sleepEachRow(0.5) FROM numbers(8)' --max-time 2 2>/dev/null | head -n 1) || :
  [ "$first" = $'0\t0' ]
}

@test "an exception in the middle of a result is in the body, and the transfer is cut" {
  run http "$URL/?max_block_size=1000" -d 'SELECT throwIf(number = 100000) FROM numbers(1000000)'
  [ "$status" -ne 0 ]
  grep -q 'Code: 395' <<<"$output"
  # In gzip, and in blocks, which hold it in clear, behind pieces of the result that are larger than what is sent at a time.
  local late="SELECT repeat('x', 10000), throwIf(number = 2000) FROM numbers(1000000)" way
  for way in enable_http_compression=1 compress=1; do
    run -18 http -o "$BATS_TEST_TMPDIR/cut" -H 'Accept-Encoding: gzip' "$URL/?max_block_size=100&$way" -d "$late"
    if [ "$way" = compress=1 ]; then cat "$BATS_TEST_TMPDIR/cut"; else gzip -dc "$BATS_TEST_TMPDIR/cut" 2>/dev/null || :; fi >"$BATS_TEST_TMPDIR/text"
    [ "$(wc -c <"$BATS_TEST_TMPDIR/text")" -gt 5000000 ]
    tail -c 1000 "$BATS_TEST_TMPDIR/text" | grep -a 'Code: 395.*DB::Exception.*(version '
  done
  # With wait_end_of_query the client gets the status, and without an error the whole result.
  [ "$(http "$URL/?wait_end_of_query=1" -d 'SELECT number FROM numbers(300000)' | tail -n 1)" = 299999 ]
  [ "$(status_of "$URL/?max_block_size=1000&wait_end_of_query=1" -d 'SELECT throwIf(number = 100000) FROM numbers(1000000)')" = 500 ]
}

@test "gzip both ways" {
  [ "$(header_of Content-Encoding -H 'Accept-Encoding: gzip' "$URL/?query=SELECT+1&enable_http_compression=1")" = gzip ]
  [ -z "$(header_of Content-Encoding -H 'Accept-Encoding: gzip' "$URL/?query=SELECT+1")" ]
  [ "$(http --compressed "$URL/?enable_http_compression=1" -d 'SELECT count() FROM (SELECT * FROM numbers(100000))')" = 100000 ]
  [ "$(http --compressed "$URL/?enable_http_compression=1" -d 'SELECT number FROM numbers(300000)' | tail -n 1)" = 299999 ]
  sql 'TRUNCATE TABLE t'
  printf '1\tx\n2\ty\n' | gzip | http -H 'Content-Encoding: gzip' --data-binary @- "$URL/?query=INSERT+INTO+t+FORMAT+TSV"
  [ "$(rows_of_t)" = 2 ]
  [ "$(echo nonsense | status_of -H 'Content-Encoding: gzip' --data-binary @- "$URL/?query=INSERT+INTO+t+FORMAT+TSV")" = 500 ]
  [ "$(status_of -H 'Content-Encoding: br' -d 'SELECT 1' "$URL/")" = 501 ]
}

rows_of_t() { sql 'SELECT count() FROM t'; }

@test "compressed blocks both ways: compress and decompress" {
  # 1000 rows as a driver compresses them, in one block of LZ4.
  http --data-binary @"$BATS_TEST_DIRNAME/../data/rows.lz4block" "$URL/?query=INSERT+INTO+t+FORMAT+TSV&decompress=1"
  [ "$(sql "SELECT count(), sum(a) FROM t WHERE b = 'row'")" = $'1000\t499500' ]
  # What comes out goes in again, in more than one block.
  http "$URL/?compress=1" -d 'SELECT number::Int32, repeat(toString(number), 10) FROM numbers(100000) FORMAT TSV' >"$BATS_TEST_TMPDIR/blocks"
  http --data-binary @"$BATS_TEST_TMPDIR/blocks" "$URL/?query=INSERT+INTO+t+FORMAT+TSV&decompress=1"
  [ "$(sql "SELECT count(), sum(a) FROM t WHERE b = repeat(toString(a), 10)")" = $'100000\t4999950000' ]
  sql 'TRUNCATE TABLE t'
  # Damaged, cut, and no blocks at all.
  local file
  for file in damaged cut; do cp "$BATS_TEST_TMPDIR/blocks" "$BATS_TEST_TMPDIR/$file"; done
  printf x | dd of="$BATS_TEST_TMPDIR/damaged" bs=1 seek=100 conv=notrunc status=none
  truncate -s -1 "$BATS_TEST_TMPDIR/cut"
  echo 'SELECT 1' >"$BATS_TEST_TMPDIR/plain"
  for file in damaged cut plain; do
    [ "$(header_of X-ClickHouse-Exception-Code --data-binary @"$BATS_TEST_TMPDIR/$file" "$URL/?query=INSERT+INTO+t+FORMAT+TSV&decompress=1")" = 271 ]
  done
  [ "$(sql 'SELECT count() FROM t')" = 0 ]
}

@test "the table of messages that could not be read is there without Kafka" {
  [ "$(sql 'SELECT count() FROM xtcp.xtcp_flat_records_errors')" = 0 ]
}

@test "many at once" {
  local i pids=()
  for i in $(seq 24); do
    http "$URL/" -d "SELECT sum(number) + $i FROM numbers(3000000)" >"$BATS_TEST_TMPDIR/$i" &
    pids+=($!)
  done
  wait "${pids[@]}"
  for i in $(seq 24); do [ "$(cat "$BATS_TEST_TMPDIR/$i")" = $((4499998500000 + i)) ]; done
}

@test "records go in by HTTP and come out readable" {
  inside "$(bin clickhouse_protobuflist_db)" -rows 100 -loops 2
  inside "$(bin clickhouse_http_insert_protobuflist)" -values 7,8,9
  [ "$(sql 'SELECT count() FROM xtcp.xtcp_flat_records WHERE record_counter IN (7, 8, 9)')" -ge 3 ]
  sql "SELECT DISTINCT state FROM xtcp.sockets ORDER BY state" | grep -x ESTABLISHED >/dev/null
  sql "SELECT source, destination FROM xtcp.sockets WHERE inet_diag_msg_family = 2 LIMIT 1" |
    grep -qE $'^192\\.0\\.2\\.1\t198\\.51\\.100\\.[0-9]+$'
  sql "SELECT source FROM xtcp.sockets WHERE inet_diag_msg_family = 10 LIMIT 1" | grep '^2001:db8:' >/dev/null
  [ "$(sql "SELECT count() FROM xtcp.xtcp_flat_records WHERE timestamp_ns > now() - INTERVAL 5 MINUTE")" -ge 203 ]
  # Other bytes than envelopes are refused with a status, and none of them is stored.
  [ "$(status_of "$URL/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList" --data-binary 'garbage')" != 200 ]
}

@test "the official client" {
  cp "$BATS_TEST_DIRNAME/../pipeline/client.mjs" "$CACHE/clients/client.mjs"
  run inside node "$CACHE/clients/client.mjs" "http://default:$XTCP2_CLICKHOUSE_PASSWORD@127.0.0.1:18123"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "a directory has one owner; a restart keeps what is in it" {
  run inside "$(bin xtcp2-clickhouse)" -data "$PIPE/clickhouse" -listen 127.0.0.1:18124
  [ "$status" -eq 1 ]
  grep -q 'another xtcp2-clickhouse has it open' <<<"$output"
  pipe_up "$BATS_TEST_TMPDIR/own"
  start_engine
  sql 'CREATE TABLE kept (a Int8) ENGINE = MergeTree ORDER BY a'
  sql 'INSERT INTO kept VALUES (1)'
  stop "$ENGINE"
  start_engine
  [ "$(sql 'SELECT a FROM kept')" = 1 ]
  pipe_down
}

@test "a missing library, option or directory is named" {
  run inside env XTCP2_CHDB_LIB=/nonexistent/libchdb.so "$(bin xtcp2-clickhouse)" -data "$BATS_TEST_TMPDIR/d"
  [ "$status" -eq 1 ]
  grep -q '/nonexistent/libchdb.so' <<<"$output"
  run inside env HOME=/nonexistent XDG_CACHE_HOME= "$(bin xtcp2-clickhouse)" -data "$BATS_TEST_TMPDIR/d"
  [ "$status" -eq 1 ]
  grep -q 'ci/pipeline --deps' <<<"$output"
  run "$(bin xtcp2-clickhouse)"
  [ "$status" -eq 2 ]
  grep -q -- '-data DIR is needed' <<<"$output"
  run inside "$(bin xtcp2-clickhouse)" -data /proc/nothing
  [ "$status" -eq 1 ]
}
