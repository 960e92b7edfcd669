#!/usr/bin/env bats
# xtcp2-clickhouse and drivers that nobody here wrote: that of Grafana's data source, and the one for Python (ci/clients).
# bats file_tags=machine

load lib
load pipeline

setup_file() {
  "$BATS_TEST_DIRNAME/../../ci/clients" >"$BATS_FILE_TMPDIR/clients.log" 2>&1 || :
  pipe_up "$BATS_FILE_TMPDIR"
  start_engine
  sql 'CREATE TABLE t (a Int32, b String) ENGINE = MergeTree ORDER BY a'
  CLIENTS=$(readlink -f "$BATS_TEST_DIRNAME/../../build/clients")
  export PIPE HOLDER ENGINE PASSWORD_FILE CLIENTS
}

teardown_file() { pipe_down; }

@test "clickhouse-go over HTTP: without compression, with LZ4, with gzip" {
  [ -x "$CLIENTS/clickhouse_go" ] || skip "clickhouse-go could not be built: $(tail -n 1 "$CLIENTS/clickhouse-go.log" 2>/dev/null || echo 'go is not installed')"
  inside timeout 120 "$CLIENTS/clickhouse_go" 127.0.0.1:18123 default "$XTCP2_CLICKHOUSE_PASSWORD"
}

@test "clickhouse-connect" {
  "$CLIENTS/python/bin/python" -c 'import clickhouse_connect' || skip "clickhouse-connect is not installed"
  inside timeout 120 "$CLIENTS/python/bin/python" "$BATS_TEST_DIRNAME/../clients/clickhouse_connect_check.py" 18123 "$XTCP2_CLICKHOUSE_PASSWORD"
}
