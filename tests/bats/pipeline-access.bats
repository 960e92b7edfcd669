#!/usr/bin/env bats
# xtcp2-clickhouse: access by user, by origin, and its time limits.
# bats file_tags=machine

load lib
load pipeline

setup_file() {
  pipe_up "$BATS_FILE_TMPDIR"
  start_engine -maxQuerySeconds 20
  sql 'CREATE TABLE t (a Int64, b String) ENGINE = MergeTree ORDER BY a'
  export PIPE HOLDER ENGINE PASSWORD_FILE
  # A secret that the engine's user could not even list, and one that everybody may read.
  mkdir -m 700 "$PIPE/private"
  echo TOPSECRET >"$PIPE/private/secret"
  echo READABLE >"$PIPE/open"
  chmod 666 "$PIPE/open"
}

# A test that needs an engine of its own has a place of its own.
own_engine() {
  OWN=1
  pipe_up "$BATS_TEST_TMPDIR/own"
}

teardown() { [ -z "${OWN:-}" ] || pipe_down; }

teardown_file() { pipe_down; }

status_of() { http -o /dev/null -w '%{http_code}' "$@"; }

# Whatever local user there is.
as_nobody() { inside setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

reader() { inside curl -sS -u "reader:$(cat "${PASSWORD_FILE%/*}/reader-password")" "$@"; }

# refused STATEMENT: whoever asks, and nothing of the files is in the answer.
refused() {
  local who answer
  for who in http reader; do
    answer=$("$who" -w '\n%{http_code}' "$URL/" --data-binary "$1")
    [[ $answer == *'DB::Exception'* ]] && [[ $answer != *$'\n200' ]] || { echo "$who: $1: $answer" >&2; return 1; }
    [[ $answer != *TOPSECRET* && $answer != *READABLE* ]] || { echo "$who: $1: $answer" >&2; return 1; }
  done
}

@test "without a password every request is refused; only its owner can read the generated one" {
  [ "$(as_nobody curl -sS -o /dev/null -w '%{http_code}' "$URL/?query=SELECT+1")" = 401 ]
  [ "$(status_of -u default:wrong "$URL/?query=SELECT+1")" = 403 ]
  [ "$(status_of -u reader:"$XTCP2_CLICKHOUSE_PASSWORD" "$URL/?query=SELECT+1")" = 403 ]
  [ "$(stat -c %a "$PASSWORD_FILE" "${PASSWORD_FILE%/*}/reader-password" | uniq)" = 600 ]
  [ "$(wc -c <"$PASSWORD_FILE")" = 26 ]
  # The path of the password was logged, the password was not.
  grep -qF "$PASSWORD_FILE" "$PIPE/engine.log"
  [ "$(grep -cF "$XTCP2_CLICKHOUSE_PASSWORD" "$PIPE/engine.log")" = 0 ]
}

@test "given passwords: every way to configure and to send them" {
  own_engine
  printf 'from a file\nsecond line\n' >"$PIPE/pass"
  start engine env XTCP2_CLICKHOUSE_PASSWORD='p:w"x' "$(bin xtcp2-clickhouse)" -data "$PIPE/clickhouse" \
    -readerPasswordFile "$PIPE/pass"
  wait_for 60 ping_engine
  [ "$(inside curl -sS -o /dev/null -w '%{http_code}' "$URL/?query=SELECT+1")" = 401 ]
  [ "$(http -u default:'p:w"x' "$URL/?query=SELECT+1")" = 1 ]
  [ "$(inside curl -sS "$URL/?query=SELECT+1&user=default&password=p:w%22x")" = 1 ]
  [ "$(inside curl -sS -H 'X-ClickHouse-User: default' -H 'X-ClickHouse-Key: p:w"x' "$URL/?query=SELECT+1")" = 1 ]
  [ "$(http -u 'reader:from a file' "$URL/?query=SELECT+1")" = 1 ]
  [ "$(status_of -u somebody:'p:w"x' "$URL/?query=SELECT+1")" = 403 ]
  [ ! -e "$PIPE/clickhouse/password" ]
}

@test "files, URLs, executables and other hosts are inaccessible by every statement" {
  local file=$PIPE/private/secret open=$PIPE/open
  refused "SELECT * FROM file('$file', LineAsString)"
  refused "SELECT * FROM '$open'"
  refused "SELECT file('$open')"
  refused "SELECT \`fi\\x6ce\`('$open')"
  refused "SELECT * APPLY(file) FROM (SELECT '$open')"
  refused "SELECT /* it's */ file('$open')"
  refused "SELECT 1 INTO OUTFILE '$open' TRUNCATE"
  refused "INSERT INTO FUNCTION file('$open', LineAsString) SELECT 'x'"
  refused "INSERT INTO t (b) FROM INFILE '$open' FORMAT LineAsString"
  refused "INSERT INTO t VALUES (1, file('$open'))"
  refused "CREATE TABLE f (a String) ENGINE = File(LineAsString, '$open')"
  refused "CREATE DATABASE f ENGINE = Filesystem('$PIPE')"
  refused "SELECT * FROM icebergLocal('$PIPE')"
  refused "SELECT * FROM executable('id', TSV, 'a String')"
  refused "SELECT * FROM url('http://127.0.0.1:18123/ping', LineAsString)"
  refused "SELECT * FROM remote('127.0.0.1:1', 'system.one')"
  refused "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')"
  refused "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')"
  refused "SELECT * FROM sqlite('$open', 't')"
  refused "SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x Int8')"
  refused "CREATE TABLE k (a String) ENGINE = Kafka('127.0.0.1:1', 't', 'g', 'CSV')"
  refused "SET ROLE kafka; SELECT 1"
  refused "BACKUP DATABASE xtcp TO File('$PIPE/backup')"
  refused "SELECT * FROM numbers(1) FORMAT Template SETTINGS format_template_row = '$open'"
  [ "$(http "$URL/?param_f=file" --data-binary "SELECT * APPLY({f:Identifier}) FROM (SELECT '$open')" | grep -c READABLE)" = 0 ]
  [ "$(cat "$open")" = READABLE ]
  [ ! -e "$PIPE/backup" ]
  # The words are free in literals.
  [ "$(sql "SELECT 'file outfile'")" = 'file outfile' ]
}

@test "the reader can only read: no writing, no dropping, no bypass by settings" {
  [ "$(reader "$URL/" -d 'SELECT count() FROM xtcp.sockets')" = 0 ]
  local statement
  for statement in 'DROP DATABASE xtcp' "INSERT INTO t VALUES (1, 'x')" 'TRUNCATE TABLE t' 'CREATE TABLE r (a Int8) ENGINE = Memory' \
    'OPTIMIZE TABLE t' 'ALTER TABLE t ADD COLUMN c Int8' 'KILL QUERY WHERE 1' 'SET readonly = 0; DROP DATABASE xtcp'; do
    [ "$(reader -o /dev/null -w '%{http_code}' "$URL/" -d "$statement")" = 403 ] || { echo "$statement" >&2; return 1; }
    [ "$(reader -o /dev/null -w '%{http_code}' "$URL/?readonly=0" -d "$statement")" = 403 ]
  done
  [ "$(sql 'EXISTS DATABASE xtcp')" = 1 ]
  [ "$(reader "$URL/?max_threads=1" -d 'SELECT 1')" = 1 ]
  # And a GET of the owner does not write either.
  [ "$(status_of -G "$URL/?readonly=0" --data-urlencode 'query=CREATE TABLE g (a Int8) ENGINE = Memory')" != 200 ]
}

@test "a web page gets nothing: foreign names, origins and sites are refused" {
  [ "$(status_of -H 'Host: evil.example:18123' "$URL/ping")" = 403 ]
  [ "$(status_of -H 'Origin: http://evil.example' "$URL/" -d 'SELECT 1')" = 403 ]
  [ "$(status_of -H 'Origin: null' "$URL/" -d 'SELECT 1')" = 403 ]
  [ "$(status_of -H 'Sec-Fetch-Site: cross-site' "$URL/?query=SELECT+1")" = 403 ]
  [ "$(status_of -H 'Host: localhost:18123' -H 'Origin: http://localhost:18123' "$URL/" -d 'SELECT 1')" = 200 ]
  [ "$(status_of -H "Host: $(uname -n)" "$URL/?query=SELECT+1")" = 200 ]
}

@test "root is dropped, no privilege can be gained, no core is written" {
  local status
  status=$(cat "/proc/$ENGINE/status")
  grep -qE '^Uid:\s65534\s65534\s65534\s65534' <<<"$status"
  grep -qE '^CapPrm:\s0+$' <<<"$status"
  grep -qE '^NoNewPrivs:\s1' <<<"$status"
  grep -qE '^Max core file size +0 +0' "/proc/$ENGINE/limits"
  mkdir "$BATS_TEST_TMPDIR/roots"
  run inside "$(bin xtcp2-clickhouse)" -data "$BATS_TEST_TMPDIR/roots" -listen 127.0.0.1:18125
  [ "$status" -eq 1 ]
  grep -q 'belongs to root.*-runAs root' <<<"$output"
}

@test "-insecure stays on loopback, and says what it is" {
  local listen
  for listen in 0.0.0.0:18126 :18126 '[::]:18126'; do
    run inside env -u XTCP2_CLICKHOUSE_PASSWORD "$(bin xtcp2-clickhouse)" -data "$BATS_TEST_TMPDIR/d" -insecure -listen "$listen"
    [ "$status" -eq 2 ]
    grep -q 'loopback' <<<"$output"
  done
  own_engine
  start engine env -u XTCP2_CLICKHOUSE_PASSWORD "$(bin xtcp2-clickhouse)" -data "$PIPE/clickhouse" -insecure
  wait_for 60 ping_engine
  [ "$(inside curl -sS "$URL/?query=SELECT+1")" = 1 ]
  grep -q 'insecure' "$PIPE/engine.log"
  [[ $(inside curl -sS "$URL/" -d "SELECT file('/etc/hostname')") == *ACCESS_DENIED* ]]
  [ "$(inside curl -sS -o /dev/null -w '%{http_code}' -H 'Origin: http://evil.example' "$URL/" -d 'SELECT 1')" = 403 ]
}

running() { sql "SELECT count() FROM system.processes WHERE query LIKE '%$1%' AND query NOT LIKE '%system.processes%'"; }
runs() { [ "$(running "$1")" = 1 ]; }
over() { [ "$(running "$1")" = 0 ]; }

@test "a statement ends with its client" {
  local client
  http "$URL/" -d 'SELECT count() FROM numbers(98765432109876)' >/dev/null &
  client=$!
  wait_for 20 runs 98765432109876
  # The child of the shell's function: curl, by way of nsenter.
  kill "$(pgrep -P "$client" || echo "$client")"
  wait_for 20 over 98765432109876
}

@test "a statement ends at -maxQuerySeconds, which it cannot raise" {
  own_engine
  start_engine -maxQuerySeconds 2
  [ "$(status_of -m 20 "$URL/" -d 'SELECT count() FROM numbers(98765432109876)')" = 408 ]
  [ "$(status_of "$URL/?max_execution_time=100" -d 'SELECT 1')" != 200 ]
  [ "$(status_of "$URL/?max_execution_time=0" -d 'SELECT 1')" != 200 ]
  [ "$(http "$URL/?max_execution_time=1" -d 'SELECT 1')" = 1 ]
}

# recording FILE: two envelopes, of three records each.
recording() { "$(bin clickhouse_protobuflist)" -rows 3 -loops 2 >"$1"; }

@test "a recording of many envelopes goes in, by curl and by the tool" {
  recording "$PIPE/two.pb"
  http --fail-with-body "$URL/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList" --data-binary "@$PIPE/two.pb"
  rows_are 6
  inside "$(bin clickhouse_http_insert_protobuflist)" -filename "$PIPE/two.pb"
  rows_are 12
  # Streamed, in pieces that are cut anywhere; and as one of a daemon.
  seq 300 | xargs -I{} cat "$PIPE/two.pb" | http --fail-with-body -H 'Expect:' -T - -X POST --limit-rate 4M \
    "$URL/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList"
  rows_are 1812
  # A cut one is refused.
  head -c -7 "$PIPE/two.pb" >"$PIPE/cut.pb"
  [ "$(status_of "$URL/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList" --data-binary "@$PIPE/cut.pb")" != 200 ]
  run inside "$(bin clickhouse_http_insert_protobuflist)" -filename "$PIPE/cut.pb"
  [ "$status" -ne 0 ]
}

refuses_recording() { [[ $(http -m 20 "$URL/" -d "$1") == *'(PROTOBUF_BAD_CAST). '*'query -insert'* ]] || { echo "$1: $(http -m 20 "$URL/" -d "$1")"; return 1; }; }

@test "-allowFiles: that directory and no other; of a recording it is said at once that it cannot be read" {
  local call what
  own_engine
  mkdir -m 777 "$PIPE/shared"
  recording "$PIPE/shared/b.pb"
  echo READABLE >"$PIPE/open"
  start_engine -allowFiles "$PIPE/shared" -maxQuerySeconds 60
  [ "$(sql "SELECT count() > 0 FROM file('$PIPE/shared/b.pb', LineAsString)")" = 1 ]
  sql "INSERT INTO FUNCTION file('$PIPE/shared/out.csv', CSV, 'a Int8') SELECT 7"
  [ "$(cat "$PIPE/shared/out.csv")" = 7 ]
  [[ $(http "$URL/" -d "SELECT * FROM file('$PIPE/open', LineAsString)") != *READABLE* ]]
  [[ $(http "$URL/" -d "SELECT * FROM file('$PIPE/shared/../open', LineAsString)") != *READABLE* ]]
  [[ $(http "$URL/" -d "SELECT file('$PASSWORD_FILE')") != *"$XTCP2_CLICKHOUSE_PASSWORD"* ]]
  [[ $(reader "$URL/" -d "SELECT * FROM file('$PIPE/shared/out.csv', LineAsString)") == *ACCESS_DENIED* ]]
  # Of many envelopes the engine reads one, and by itself it would count rows forever. However the format is spelt.
  "$(bin clickhouse_protobuflist)" -rows 3 >"$PIPE/shared/one.pb"
  for call in ProtobufList "'Protobuf' || 'List'" "'Protobuf\\x4cist', 'hostname String'"; do
    [ "$(sql "SELECT count() FROM file('$PIPE/shared/one.pb', $call)")" = 3 ]
    for what in 'count()' 1 hostname; do
      refuses_recording "SELECT $what FROM file('$PIPE/shared/b.pb', $call)"
    done
  done
  refuses_recording "INSERT INTO xtcp.xtcp_flat_records_in FROM INFILE '$PIPE/shared/b.pb' FORMAT ProtobufList"
  [[ $(http "$URL/" -d "SELECT count() FROM file('$PIPE/shared/b.pb', ProtobufList) SETTINGS optimize_count_from_files = 1") == *'optimize_count_from_files should not be changed'* ]]
}

@test "connections that say nothing make room for those that do" {
  # From inside, by one process: 140 connections that have sent half a request line.
  start holder bash -c 'for i in $(seq 140); do exec {fd}<>/dev/tcp/127.0.0.1/18123 && printf "GET / HT" >&"$fd"; done; echo open; sleep 120'
  wait_for 20 grep -q open "$PIPE/holder.log"
  # None younger than 100 ms makes room.
  wait_for 2 answers_ping
  [ "$(inside curl -sS -m 2 -u "default:$XTCP2_CLICKHOUSE_PASSWORD" "$URL/?query=SELECT+1")" = 1 ]
  # And after a few seconds they are gone.
  wait_for 15 no_connections
}

answers_ping() { [ "$(inside curl -sS -m 2 "$URL/ping")" = Ok. ]; }
no_connections() { [ "$(inside ss -Htn state established '( sport = :18123 )' | wc -l)" -le 1 ]; }

@test "the pages need no password and hold nothing; what they ask does, and pages of other sites get nothing" {
  local path
  for path in /dashboard /play /page/dashboard.js /page/play.js /page/sql.js /page/page.js /page/page.css /page/uplot.js /page/access; do
    inside curl -sS -D "$BATS_TEST_TMPDIR/headers" -o "$BATS_TEST_TMPDIR/body" "$URL$path"
    grep '^HTTP/1.1 200' "$BATS_TEST_TMPDIR/headers"
    grep -i "^content-security-policy: default-src 'none'; script-src 'self'" "$BATS_TEST_TMPDIR/headers"
    not grep -nE '(src|href)="[^/#]|<script>|<style|style="| on[a-z]+="' "$BATS_TEST_TMPDIR/body"
    [ "$(status_of -H 'Host: evil.example' "$URL$path")" = 403 ]
    # A link on another site leads here.
    [ "$(status_of -H 'Sec-Fetch-Site: cross-site' "$URL$path")" = 200 ]
  done
  [ "$(inside curl -sS "$URL/page/access")" = '{"password":true}' ]
  [ "$(status_of -H 'Sec-Fetch-Site: cross-site' "$URL/" -d 'SELECT 1')" = 403 ]
  [ "$(inside curl -sS "$URL/")" = Ok. ]
}
