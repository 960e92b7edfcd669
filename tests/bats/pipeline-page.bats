#!/usr/bin/env bats
# The daemon's live page in a real browser: no complaint of the browser, and figures that are those of the records.
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
  export HOME=$BATS_TEST_TMPDIR
}

# Three connections that talk, a namespace with two listeners and a connection that talks now and then, and a daemon with these flags that is ready.
lab() {
  sandbox < <(
    declare -f ready start_all other_listens
    printf 'start_all %s\n' "${*@Q}"
    cat
  )
}
start_all() {
  "$SERVER" -bind 127.0.0.1 -port 7001 -count 3 >/run/server 2>&1 &
  ip netns add other
  ip -n other link set lo up
  ip netns exec other "$SERVER" -bind 127.0.0.1 -port 7100 -count 2 >/run/other 2>&1 &
  wait_for 20 test_listeners 3
  wait_for 20 other_listens
  "$CLIENT" -connect 127.0.0.1 -port 7001 -count 3 -sleep 50ms >/run/client 2>&1 &
  ip netns exec other "$CLIENT" -connect 127.0.0.1 -port 7100 -count 1 -sleep 700ms >/run/client2 2>&1 &
  "$XTCP2" -frequency 1s -timeout 900ms -grpcSocket= "$@" 2>/run/log &
  wait_for 20 ready
}
other_listens() { [ "$(ip netns exec other ss -Htln | wc -l)" -eq 2 ]; }
ready() { curl -sf -o /dev/null http://127.0.0.1:9088/readyz; }

@test "the chart library in the tree is what npm has" {
  cmp "$CACHE/browser/node_modules/uplot/dist/uPlot.iife.min.js" "$VENDOR/uplot.js"
  cmp "$CACHE/browser/node_modules/uplot/dist/uPlot.min.css" "$VENDOR/uplot.css"
  cmp "$CACHE/browser/node_modules/uplot/LICENSE" "$VENDOR/LICENSE"
}

@test "the live page shows the daemon's records; light, dark, on a phone, by keyboard" {
  lab -marshal jsonl -dest file:/run/records -owners on <<'E'
    timeout 240 node "$BROWSER/live.mjs" http://127.0.0.1:9088/ /run/records
E
}

@test "a daemon that wants a token gets it from the reader of the page" {
  echo "read 0123456789abcdef0123456789abcdef" >"$BATS_TEST_TMPDIR/tokens"
  chmod 600 "$BATS_TEST_TMPDIR/tokens"
  lab -dest null -grpcTokenFile "$BATS_TEST_TMPDIR/tokens" <<'E'
    timeout 240 node "$BROWSER/token.mjs" http://127.0.0.1:9088/ 0123456789abcdef0123456789abcdef
E
}
