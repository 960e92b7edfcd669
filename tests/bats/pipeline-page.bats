#!/usr/bin/env bats
# The pages of the daemon and of xtcp2-clickhouse in a real browser: no complaint of the browser, and figures that are those of the records.
# bats file_tags=machine

load lib
load pipeline
# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  CLIENT=$(bin tcp_client)
  BROWSER=$BATS_TEST_DIRNAME/../browser
  VENDOR=$BATS_TEST_DIRNAME/../../src/lib/page/vendor
  BROWSER_MODULES=$CACHE/browser
  export XTCP2 SERVER CLIENT BROWSER BROWSER_MODULES BUILD
}

teardown() { pipe_down; }

# Three connections that talk, a namespace with two listeners and a connection that talks now and then, and a daemon with these flags that is ready.
lab() {
  sandbox < <(
    declare -f ready start_all web_listens
    printf 'start_all %s\n' "${*@Q}"
    cat
  )
}
start_all() {
  "$SERVER" -bind 127.0.0.1 -port 7001 -count 3 >/run/server 2>&1 &
  ip netns add web
  ip -n web link set lo up
  ip netns exec web "$SERVER" -bind 127.0.0.1 -port 7100 -count 2 >/run/web 2>&1 &
  wait_for 20 test_listeners 3
  wait_for 20 web_listens
  "$CLIENT" -connect 127.0.0.1 -port 7001 -count 3 -sleep 50ms >/run/client 2>&1 &
  ip netns exec web "$CLIENT" -connect 127.0.0.1 -port 7100 -count 1 -sleep 700ms >/run/client2 2>&1 &
  "$XTCP2" -frequency 1s -timeout 900ms -grpcSocket= "$@" 2>/run/log &
  # shellcheck disable=SC2034 # read by the tests
  DAEMON_PID=$!
  wait_for 20 ready
}
web_listens() { [ "$(ip netns exec web ss -Htln | wc -l)" -eq 2 ]; }
ready() { curl -sf -o /dev/null http://127.0.0.1:9088/readyz; }

@test "the chart library in the tree is what npm has" {
  cmp "$CACHE/browser/node_modules/uplot/dist/uPlot.iife.min.js" "$VENDOR/uplot.js"
  cmp "$CACHE/browser/node_modules/uplot/dist/uPlot.min.css" "$VENDOR/uplot.css"
  cmp "$CACHE/browser/node_modules/uplot/LICENSE" "$VENDOR/LICENSE"
}

@test "the live page shows the daemon's records; light, dark, on a phone, by keyboard" {
  lab -marshal jsonl -dest file:/run/records -owners on <<'E'
    timeout 240 env HOME="$BATS_TEST_TMPDIR" node "$BROWSER/live.mjs" http://127.0.0.1:9088/ /run/records
E
}

@test "a daemon that wants a token gets it from the reader of the page" {
  echo "read 0123456789abcdef0123456789abcdef" >"$BATS_TEST_TMPDIR/tokens"
  chmod 600 "$BATS_TEST_TMPDIR/tokens"
  lab -dest null -grpcTokenFile "$BATS_TEST_TMPDIR/tokens" <<'E'
    timeout 240 env HOME="$BATS_TEST_TMPDIR" node "$BROWSER/token.mjs" http://127.0.0.1:9088/ 0123456789abcdef0123456789abcdef
E
}

# record FILE: the records of some polls, of two namespaces.
record() {
  lab -marshal protobufList -dest "file:$1" -owners on -maxLoops 15 <<'E'
    wait "$DAEMON_PID"
E
}

@test "the dashboard has the figures that the server says; queries, history, light, dark, phone, refusals" {
  local since until
  record "$BATS_TEST_TMPDIR/records"
  pipe_up "$BATS_TEST_TMPDIR/pipe"
  start_engine
  http --fail-with-body -T - -X POST "$URL/?query=INSERT+INTO+xtcp.xtcp_flat_records_in+FORMAT+ProtobufList" <"$BATS_TEST_TMPDIR/records"
  read -r since until < <(sql 'SELECT toUnixTimestamp(min(timestamp_ns)) - 1, toUnixTimestamp(max(timestamp_ns)) + 2 FROM xtcp.xtcp_flat_records')
  figures "$since" "$until" >"$PIPE/expected"
  inside timeout 240 env HOME="$BATS_TEST_TMPDIR" node "$BROWSER/clickhouse.mjs" "$URL" "$(inside cat "${PASSWORD_FILE%/*}/reader-password")" "$since" "$until" "$PIPE/expected"
}

SUMS='count() AS records, uniqExact(hostname) AS hosts, uniqExact(netns_cookie) AS namespaces, uniqExact(inet_diag_msg_socket_cookie) AS sockets,
  quantileIf(0.5)(tcp_info_rtt, tcp_info_rtt > 0) AS rtt_p50, quantileIf(0.99)(tcp_info_rtt, tcp_info_rtt > 0) AS rtt_p99'
STATES='SELECT state, count() FROM xtcp.sockets GROUP BY state ORDER BY state'

# The figures of the whole recording, by queries that are simpler than the dashboard's.
figures() {
  local all other port sent states
  all=$(sql "SELECT $SUMS, (SELECT sum(more) FROM (SELECT max(retransmits) - min(retransmits) AS more FROM xtcp.sockets
    WHERE tcp_info_len > 0 AND state != 'LISTEN' GROUP BY netns_cookie, inet_diag_msg_socket_cookie)) AS retransmits FROM xtcp.xtcp_flat_records FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0")
  other=$(sql "SELECT $SUMS FROM xtcp.sockets WHERE netns = 'web' FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0")
  port=$(sql "SELECT $SUMS FROM xtcp.sockets WHERE source_port = 7001 OR destination_port = 7001 FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0")
  sent=$(sql "SELECT netns, sum(more) AS sent FROM (SELECT netns, max(bytes_sent) - min(bytes_sent) AS more FROM xtcp.sockets
    WHERE tcp_info_len > 0 AND state != 'LISTEN' GROUP BY netns, inet_diag_msg_socket_cookie) GROUP BY netns FORMAT JSONCompactEachRow" | jq -s 'map({(.[0]): (.[1] | tonumber)}) | add')
  states=$(sql "$STATES FORMAT JSONCompactEachRow" | jq -s 'map(map(tostring))')
  jq -n --argjson all "$all" --argjson other "$other" --argjson port "$port" --argjson sent "$sent" --argjson states "$states" --arg query "$STATES" \
    '{all: $all, other: $other, port: $port, sent_by_netns: $sent, states: $states, states_query: $query}'
}
