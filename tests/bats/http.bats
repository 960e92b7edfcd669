#!/usr/bin/env bats
# Metrics and health of a running daemon over HTTP.

bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  export XTCP2 BATS_TEST_DIRNAME BUILD
  cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the shell text of standard input in a fresh network namespace with verbs about a daemon.
inside() {
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'
    daemon=
    trap '[ -z \"\$daemon\" ] || kill \"\$daemon\"' EXIT
    # start FLAGS: runs it in the background until it listens, its log in the file log.
    start() {
      \"\$XTCP2\" -dest null -frequency 500ms -timeout 490ms -grpcPort 0 \"\$@\" 2>log & daemon=\$!
      wait_for 20 test_listeners 1 || { cat log; return 1; }
    }
    get() { curl -sS --max-time 5 --noproxy '*' \"\$@\"; }
    status_of() { get -o body -w '%{http_code}' \"\$@\"; }
    ready() { [ \"\$(status_of http://127.0.0.1:9088/readyz)\" = 200 ]; }
    $(cat)"
}

# bats test_tags=machine
@test "promtool accepts the metrics of a running daemon" {
  command -v promtool
  inside <<'E2'
    start
    wait_for 20 ready
    get http://127.0.0.1:9088/metrics >metrics
    promtool check metrics <metrics >complaints 2>&1 || { cat complaints; exit 1; }
    [ ! -s complaints ]
E2
}

@test "counts are those of this run, in both families" {
  inside <<'E2'
    start -maxLoops 0
    wait_for 20 ready
    get http://127.0.0.1:9088/metrics >metrics
    value() { awk -v name="$1" '$1 == name { print $2 }' metrics; }
    messages=$(value xtcp2_netlink_messages_total)
    [ "$messages" -gt 0 ]
    [ "$(value 'xtcp_counts{function="Netlinker",variable="p",type="count"}')" -eq "$messages" ]
    [ "$(value xtcp2_polls_total)" -gt 0 ]
    [ "$(value process_threads)" -eq "$(ls "/proc/$daemon/task" | wc -l)" ]
    [ "$(value "xtcp2_build_info{version=\"$("$XTCP2" -v | cut -d' ' -f2)\"}")" -eq 1 ]
    # Resident memory in bytes, not in pages: as proc(5) has it, within a factor of two.
    rss=$(awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$daemon/status")
    [ "$(value process_resident_memory_bytes)" -gt $((rss / 2)) ]
    [ "$(value process_resident_memory_bytes)" -lt $((rss * 2)) ]
E2
}

@test "paths, methods and content types" {
  inside <<'E2'
    start -promPath /numbers
    url=http://127.0.0.1:9088
    [ "$(status_of $url/numbers)" = 200 ]
    [ "$(get -o /dev/null -w '%{content_type}' $url/numbers)" = 'text/plain; version=0.0.4; charset=utf-8' ]
    [ "$(status_of $url/metrics)" = 404 ]
    grep -qx 'not found; there is /numbers, /healthz, /readyz, and a page at /' body
    [ "$(status_of -X POST -d x $url/numbers)" = 405 ]
    [ "$(status_of -X DELETE $url/healthz)" = 405 ]
    get -I $url/numbers | grep '^HTTP/1.1 200 ' >/dev/null
    get -X PUT -D - -o /dev/null $url/numbers | grep -i '^allow: GET, HEAD' >/dev/null
    [ "$(status_of $url/healthz)" = 200 ]
E2
}

@test "ready after the first poll; not ready, with the reason, while the destination is away" {
  inside <<'E2'
    start
    wait_for 20 ready
    "$XTCP2" -healthcheck
    kill "$daemon"
    wait "$daemon"
    status=0
    "$XTCP2" -healthcheck 2>err || status=$?
    [ "$status" -eq 1 ]
    [ "$(wc -l <err)" -eq 1 ]

    start -dest file:nowhere/out
    away() { [ "$(status_of http://127.0.0.1:9088/readyz)" = 503 ] && grep -q 'file:nowhere/out does not deliver: open: No such file or directory' body; }
    wait_for 20 away
    [ "$(status_of http://127.0.0.1:9088/healthz)" = 200 ]
    status=0
    "$XTCP2" -healthcheck 2>err || status=$?
    [ "$status" -eq 1 ]
    [ "$(wc -l <err)" -eq 1 ]
    grep -qE 'status 503: not ok; .*file:nowhere/out[^;]*[^ ]$' err
E2
}

@test "addresses: all, IPv6, a name, none" {
  inside <<'E2'
    start -promListen :9099
    [ "$(status_of http://127.0.0.1:9099/healthz)" = 200 ]
    [ "$(status_of 'http://[::1]:9099/healthz')" = 200 ]
    wait_for 20 "$XTCP2" -healthcheck -promListen :9099
    kill "$daemon"; wait "$daemon"
    start -promListen '[::1]:9099'
    [ "$(status_of 'http://[::1]:9099/healthz')" = 200 ]
    wait_for 20 "$XTCP2" -healthcheck -promListen '[::1]:9099'
    kill "$daemon"; wait "$daemon"
    start -promListen localhost:9099
    [ "$(status_of http://localhost:9099/healthz)" = 200 ]
    kill "$daemon"; wait "$daemon"
    daemon=
    "$XTCP2" -dest null -promListen= -grpcPort 0 -maxLoops 1
E2
}

@test "a taken address ends the start with one line that names it" {
  inside <<'E2'
    start
    status=0
    "$XTCP2" -dest null -grpcPort 0 -d 3 2>err || status=$?
    [ "$status" -ne 0 ]
    grep -Eqx 'xtcp2: -promListen 127.0.0.1:9088: Address already in use by xtcp2 \(pid [0-9]+\); choose another, or none: -promListen=' err
E2
}

@test "connections that drip, idle or do not read do not keep others out" {
  inside <<'E2'
    start -frequency 2s -timeout 1900ms
    wait_for 20 ready
    # 64 connections that send their requests a byte a second, and 1,000 that say nothing; new ones for those that end.
    coproc SLOW { exec "$(bin slow_http)" 9088 64 1000 3>&-; }
    slow=$SLOW_PID
    read -r -t 20 line <&"${SLOW[0]}"
    [ "$line" = "64 dripping, 1000 idle" ]
    for path in metrics healthz readyz metrics healthz readyz; do
      # Within the 5 s that it is given.
      [ "$(status_of "http://127.0.0.1:9088/$path")" = 200 ]
    done
    closed() { get http://127.0.0.1:9088/metrics | awk '$1 == "xtcp2_http_connections_closed_total" { n = $2 } END { exit !(n > 500) }'; }
    wait_for 20 closed
    kill "$slow"
E2
}

@test "clients that connect and send nothing delay neither answers nor polls" {
  inside <<'E2'
    start
    wait_for 20 ready
    fds=()
    for _ in {1..40}; do
      exec {fd}<>/dev/tcp/127.0.0.1/9088
      fds+=("$fd")
      printf 'GET /met' >&"$fd"
    done
    polls() { get http://127.0.0.1:9088/metrics | awk '$1 == "xtcp2_polls_total" { print $2 }'; }
    before=$(polls)
    more() { [ "$(polls)" -gt $((before + 2)) ]; }
    wait_for 20 more
E2
}

# Members of the page's data that say whether sockets are shown.
refused() { get "$@" http://127.0.0.1:9088/page/data | jq -r '.refused'; }

@test "the page: its files, and the headers that keep other pages and scripts out" {
  inside <<'E2'
    start -grpcPort 8889
    wait_for 20 ready
    url=http://127.0.0.1:9088
    get $url/ >page
    # Nothing from elsewhere, nothing inline.
    not grep -nE '(src|href)="[^/#]|<script>|<style|style="| on[a-z]+="' page
    for path in $(grep -oE '(src|href)="/page/[^"]*"' page | cut -d'"' -f2) /page/data /; do
      get -D headers -o /dev/null $url$path
      grep '^HTTP/1.1 200' headers
      grep -i "^content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'" headers
      grep -i '^x-content-type-options: nosniff' headers
    done
    for path in / /page/data /page/page.js; do
      [ "$(status_of -H 'Host: evil.example' $url$path)" = 403 ]
      [ "$(status_of -H 'Host: localhost:9088' $url$path)" = 200 ]
      [ "$(status_of -H "Host: $(hostname)" $url$path)" = 200 ]
    done
    [ "$(status_of -H 'Sec-Fetch-Site: cross-site' $url/page/data)" = 403 ]
    [ "$(status_of -H 'Origin: http://evil.example' $url/page/data)" = 403 ]
    # A link on another site leads to the page; programs are not asked for their Host.
    [ "$(status_of -H 'Sec-Fetch-Site: cross-site' $url/)" = 200 ]
    [ "$(status_of -H 'Host: prometheus.example' $url/metrics)" = 200 ]
    [ "$(status_of -X POST -d x $url/page/data)" = 404 ]
E2
}

@test "the page's sockets are shown to who may read records over gRPC's port, and to this host only" {
  echo 'read 0123456789abcdef' >tokens
  chmod 600 tokens
  inside <<E2
    $(declare -f refused)
    restart() { [ -z "\$daemon" ] || { kill "\$daemon"; wait "\$daemon" || :; }; start "\$@"; wait_for 20 ready; }
    restart -grpcPort 8889
    [ "\$(refused)" = null ]
    for header in 'X-Forwarded-For: 192.0.2.1' 'Forwarded: for=192.0.2.1' 'X-Real-IP: 192.0.2.1' 'Via: 1.1 proxy'; do
      [[ "\$(refused -H "\$header")" == *'from this host only'* ]]
    done
    restart -grpcPort 0
    [[ "\$(refused)" == 'gRPC is off'* ]]
    restart -grpcPort 8889 -grpcListen= -grpcSocket "\$PWD/grpc.sock"
    [[ "\$(refused)" == 'to read, connect to the UNIX socket'* ]]
    restart -grpcPort 8889 -grpcReaders root
    [[ "\$(refused)" == 'to read, '* ]]
    restart -grpcPort 8889 -grpcTokenFile tokens
    [[ "\$(refused)" == 'to read, send a token '* ]]
    [[ "\$(refused -H 'Authorization: Bearer 0123456789abcdeX')" == 'the token is not '* ]]
    [ "\$(refused -H 'Authorization: Bearer 0123456789abcdef')" = null ]
    # The state of the daemon is what /metrics and /readyz tell everybody.
    get http://127.0.0.1:9088/page/data | jq -e '.daemon.ready and .daemon.lost == 0 and .labels == ["netns"] and (has("sockets") | not)'
    # From another address of this host, which is none of loopback's.
    ip address add 192.0.2.7/32 dev lo
    kill "\$daemon"; wait "\$daemon" || :
    start -grpcPort 8889 -promListen 192.0.2.7:9088
    [[ "\$(get http://192.0.2.7:9088/page/data | jq -r .refused)" == *'from this host only'* ]]
E2
}

@test "the page's sums are those of the metrics, and there are none with -promLabels off" {
  inside <<'E2'
    start -grpcPort 8889
    wait_for 20 ready
    get http://127.0.0.1:9088/page/data | jq -e '.groups | any(.[]; .name == "self" and .sockets > 0)'
    kill "$daemon"; wait "$daemon" || :
    start -grpcPort 8889 -promLabels off
    wait_for 20 ready
    get http://127.0.0.1:9088/page/data | jq -e '.labels == null and .groups == []'
E2
}

@test "a poll at which nobody looks gives the page nothing; the sockets come with the next poll after a look" {
  inside <<'E2'
    start -grpcPort 8889 -d 7
    wait_for 20 ready
    not grep '^page: ' log
    rows() { get http://127.0.0.1:9088/page/data | jq -e '.sockets.count >= 2'; }
    wait_for 20 rows
    [ "$(grep -c '^page: somebody looks' log)" -eq 1 ]
E2
}
