#!/usr/bin/env bats
# The families of sockets in the metrics (xtcp2_tcp_...): what they say of sockets whose figures are known.
# bats file_tags=machine

bats_require_minimum_version 1.5.0
load lib

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  CLIENT=$(bin tcp_client)
  CHECK=$BATS_TEST_DIRNAME/../clients/openmetrics_check.py
  # That of Debian's package, where another comes first on PATH.
  for PYTHON in python3 /usr/bin/python3; do ! "$PYTHON" -c 'import prometheus_client' 2>/dev/null || break; done
  RULES=$BATS_TEST_DIRNAME/../../pipeline/prometheus/xtcp2.rules.yml
  TASKS=$BATS_TEST_DIRNAME/../../docs/tasks.md
  export XTCP2 SERVER CLIENT CHECK PYTHON RULES TASKS
}

# The sandbox with these verbs.
inside() {
  sandbox < <(
    declare -f start get value moved far_start client_start busy
    cat
  )
}

# far_start [N]: beyond a veth pair the namespace far, 10.9.0.2, with a server on N ports from 443.
far_start() {
  ip netns add far
  ip link add near type veth peer name far netns far
  ip address add 10.9.0.1/24 dev near && ip link set near up
  ip -n far address add 10.9.0.2/24 dev far && ip -n far link set far up && ip -n far link set lo up
  ip netns exec far "$SERVER" -bind 10.9.0.2 -port 443 -count "${1:-1}" >/run/server &
  wait_for 20 grep -q READY /run/server
}

# client_start NAME [N]: N connections to it, each of which sends and gets a message of 2048 bytes every 50 ms.
client_start() {
  "$CLIENT" -connect 10.9.0.2 -port 443 -count "${2:-1}" -sleep 50ms -wto 1h -rto 1h >"/run/client$1" &
  # shellcheck disable=SC2034  # read by the tests
  CLIENT_PID=$!
  wait_for 20 grep -q READY "/run/client$1"
}

# start FLAGS: a daemon whose polls have time on a busy machine.
start() {
  "$XTCP2" -dest null -frequency 1s -timeout 990ms -grpcPort 0 -user root "$@" 2>/run/log &
  # shellcheck disable=SC2034  # read by the tests
  DAEMON=$!
  wait_for 20 get
}

get() { curl -sSf --max-time 5 --noproxy '*' http://127.0.0.1:9088/metrics >/run/metrics 2>/run/err; }

# value SERIES: of the last answer. NAME{LABELS}, as it stands there; nothing when it is not there.
value() { awk -v name="$1" 'index($0, name " ") == 1 { print $NF }' /run/metrics; }

# moved SERIES BEYOND: an answer has more than that.
moved() { get && [ "$(value "$1" | cut -d. -f1 | grep . || echo 0)" -gt "$2" ]; }

busy() { moved 'xtcp2_tcp_sent_bytes_total{netns="self"}' 20000; }

@test "OpenMetrics and text: prometheus_client reads both and finds the same samples; promtool has nothing to say" {
  inside <<'E2'
    far_start
    client_start 1
    start
    wait_for 20 busy
    # No poll in between: the figures of both are the same, but for those of the process and of HTTP.
    kill -STOP "$CLIENT_PID"
    url=http://127.0.0.1:9088/metrics
    get
    ask() { curl -sS --max-time 5 --noproxy '*' -D /run/headers "$@" $url; }
    ask -H 'Accept: application/openmetrics-text; version=1.0.0, text/plain;q=0.5' >/run/openmetrics
    grep -i '^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8' /run/headers
    [ "$(tail -n 1 /run/openmetrics)" = '# EOF' ]
    ask >/run/text
    grep -i '^content-type: text/plain; version=0.0.4; charset=utf-8' /run/headers
    "$PYTHON" "$CHECK" /run/openmetrics /run/text >/run/samples
    grep -F 'xtcp2_tcp_sockets{netns="far",state="LISTEN"} 1' /run/samples
    promtool check metrics </run/text >/run/complaints 2>&1 || { cat /run/complaints; exit 1; }
    [ ! -s /run/complaints ]
E2
}

@test "states, queues and round-trip times by namespace; counters go on when sockets close" {
  inside <<'E2'
    far_start
    client_start 1
    start
    wait_for 20 busy
    seen() {
      get && [ "$(value 'xtcp2_tcp_sockets{netns="self",state="ESTABLISHED"}')" -ge 1 ] &&
        [ "$(value 'xtcp2_tcp_sockets{netns="far",state="ESTABLISHED"}')" -eq 1 ] &&
        [ "$(value 'xtcp2_tcp_sockets{netns="far",state="LISTEN"}')" -eq 1 ] &&
        [ "$(value 'xtcp2_tcp_sockets{netns="other",state="LISTEN"}')" -eq 0 ]
    }
    wait_for 20 seen
    # What one side sends, the other gets.
    wait_for 20 moved 'xtcp2_tcp_received_bytes_total{netns="far"}' 20000
    wait_for 20 moved 'xtcp2_tcp_rtt_seconds_count{netns="far"}' 0
    [ "$(value 'xtcp2_tcp_rtt_seconds_bucket{netns="far",le="+Inf"}')" -eq "$(value 'xtcp2_tcp_rtt_seconds_count{netns="far"}')" ]
    # A socket closes, its bytes stay; a new one adds its own.
    sent=$(value 'xtcp2_tcp_sent_bytes_total{netns="self"}')
    kill "$CLIENT_PID"
    closed() { get && [ "$(value 'xtcp2_tcp_sockets{netns="far",state="ESTABLISHED"}')" -eq 0 ]; }
    wait_for 20 closed
    [ "$(value 'xtcp2_tcp_sent_bytes_total{netns="self"}')" -ge "$sent" ]
    client_start 2
    wait_for 20 moved 'xtcp2_tcp_sent_bytes_total{netns="self"}' $((sent + 20000))
    # A namespace that ends takes its series along.
    kill "$CLIENT_PID" %1
    ip netns delete far
    gone() { get && [ -z "$(value 'xtcp2_tcp_sockets{netns="far",state="LISTEN"}')" ]; }
    wait_for 20 gone
E2
}

@test "retransmissions count" {
  inside <<'E2'
    far_start
    client_start 1
    start
    wait_for 20 busy
    [ "$(value 'xtcp2_tcp_retransmitted_bytes_total{netns="self"}')" -eq 0 ]
    # Packets still go there, and nobody is at home. A client that waits for an answer sends nothing; this one writes.
    exec 8<>/dev/tcp/10.9.0.2/443
    ip -n far address del 10.9.0.2/24 dev far
    again() {
      printf . >&8
      moved 'xtcp2_tcp_retransmitted_bytes_total{netns="self"}' 0 &&
        [ "$(value 'xtcp2_tcp_retransmitted_segments_total{netns="self"}')" -gt 0 ]
    }
    wait_for 20 again || { ss -tino; grep -E 'tcp_(sent|retransmitted|sockets)|polls' /run/metrics; cat /run/log; false; } >&2
E2
}

@test "docs/tasks.md: Prometheus fires above 2 % of retransmission" {
  inside <<'E2'
    far_start 20
    client_start 1 20
    start
    # The rule as it is, but for the time that it waits.
    sed -E 's/\[5m\]/[30s]/g; s/for: 10m/for: 0s/' "$RULES" >/run/rules.yml
    cat >/run/prometheus.yml <<'YML'
global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}
rule_files: [/run/rules.yml]
scrape_configs: [{job_name: xtcp2, static_configs: [{targets: ["127.0.0.1:9088"]}]}]
YML
    prometheus --config.file=/run/prometheus.yml --storage.tsdb.path=/run/tsdb --web.listen-address=127.0.0.1:9090 --log.level=error &
    wait_for 20 moved 'xtcp2_tcp_sent_bytes_total{netns="self"}' 150000
    command=$(awk '/^With a daemon and Prometheus/ { on = 1 } on && /^curl/ { print; exit }' "$TASKS")
    fires() { eval "$command" >/run/alerts 2>/dev/null && grep 'of the bytes of self are sent again' /run/alerts; }
    scraped() { curl -s 'http://127.0.0.1:9090/api/v1/query?query=increase(xtcp2_tcp_sent_bytes_total%7Bnetns=%22self%22%7D%5B30s%5D)%3E1e5' | jq -e '.data.result | length == 1' >/dev/null; }
    wait_for 30 scraped
    not fires
    ip -n far address del 10.9.0.2/24 dev far
    # At the latest when most of what was sent before has left the 30 s.
    wait_for 90 fires
E2
}

@test "the accept queue: waiting, limit, full, and what was dropped" {
  inside <<'E2'
    start
    # A listener that never accepts: one connection may wait, and a second that the kernel lets in beside it.
    python3 -c 'import socket, signal
s = socket.socket(); s.bind(("127.0.0.1", 7001)); s.listen(1)
print("READY", flush=True); signal.pause()' >/run/python &
    wait_for 20 grep -q READY /run/python
    exec 4<>/dev/tcp/127.0.0.1/7001 5<>/dev/tcp/127.0.0.1/7001
    full() { get && [ "$(value 'xtcp2_tcp_accept_queues_full{netns="self"}')" = 1 ]; }
    wait_for 20 full
    [ "$(value 'xtcp2_tcp_accept_queue_connections{netns="self"}')" -eq 2 ]
    [ "$(value 'xtcp2_tcp_accept_queue_fill_ratio{netns="self"}')" = 1.000000000 ]
    [ "$(value 'xtcp2_tcp_accept_queue_limit_connections{netns="self"}')" -ge 1 ]
    # One more is dropped, again and again.
    (exec 6<>/dev/tcp/127.0.0.1/7001) &
    wait_for 20 moved 'xtcp2_tcp_listen_drops_total{netns="self"}' 0
    kill %2 %3 2>/dev/null || :
E2
}

@test "-promTop: the largest namespaces have series of their own, the others are one" {
  inside <<'E2'
    # Many, so that the sockets that curl leaves behind never are among the largest.
    for n in 1 2 300 400; do
      ip netns add "n$n"
      ip -n "n$n" link set lo up
      ip netns exec "n$n" "$SERVER" -count "$n" >"/run/server$n" &
      wait_for 20 grep -q READY "/run/server$n"
    done
    start -promTop 2
    # With the others: n1, n2, and the port of the metrics.
    folded() {
      get &&
        [ "$(value 'xtcp2_tcp_sockets{netns="n400",state="LISTEN"}')" = 400 ] &&
        [ "$(value 'xtcp2_tcp_sockets{netns="n300",state="LISTEN"}')" = 300 ] &&
        [ "$(value 'xtcp2_tcp_sockets{netns="other",state="LISTEN"}')" = 4 ] &&
        [ "$(value xtcp2_tcp_groups_folded)" = 3 ]
    }
    wait_for 30 folded
    [ "$(grep -c '^xtcp2_tcp_send_queue_bytes{' /run/metrics)" -eq 3 ]
E2
}

@test "-promLabels: none, process, off, and what they need" {
  inside <<'E2'
    far_start
    client_start 1
    start -promLabels none
    wait_for 20 moved xtcp2_tcp_sent_bytes_total 20000
    [ "$(value 'xtcp2_tcp_sockets{state="LISTEN"}')" -eq 2 ]
    kill "$DAEMON" && wait "$DAEMON"

    start -promLabels netns,process -owners on
    wait_for 20 moved 'xtcp2_tcp_sent_bytes_total{netns="self",process="tcp_client"}' 20000
    [ "$(value 'xtcp2_tcp_sockets{netns="far",process="tcp_server",state="LISTEN"}')" -eq 1 ]
    kill "$DAEMON" && wait "$DAEMON"

    start -promLabels off
    not grep '^xtcp2_tcp_sent' /run/metrics
    kill "$DAEMON" && wait "$DAEMON"

    # refused LABELS TEXT: the start ends with one line that has the text.
    refused() {
      status=0
      "$XTCP2" -dest null -grpcPort 0 -maxLoops 1 -d 3 -promLabels "$1" 2>/run/err || status=$?
      [ "$status" -eq 2 ]
      [ "$(grep -c . /run/err)" -eq 1 ]
      grep -F -- "$2" /run/err
    }
    refused host 'must be off, none, or a list of netns, container'
    refused process 'needs -owners on'
    refused container 'needs -resolveContainerId or -enrichContainer'
    refused unit 'needs -resolveContainerId or -owners on'
E2
}

@test "what the filter leaves out is in no family; a connection that no poll sees is in its final record" {
  inside <<'E2'
    far_start
    start -filter 'dport = :443 or sport = :443' -closeEvents -promLabels none
    wait_for 20 moved xtcp2_polls_total 0
    # Shorter than a poll: the server sends back what it gets.
    exec 4<>/dev/tcp/10.9.0.2/443
    echo hello >&4
    read -r -t 20 answer <&4
    [ "$answer" = hello ]
    exec 4>&-
    wait_for 20 moved xtcp2_tcp_sent_bytes_total 11
    [ "$(value xtcp2_tcp_sent_bytes_total)" -eq 12 ]
    # The port of the metrics is not 443.
    [ "$(value 'xtcp2_tcp_sockets{state="LISTEN"}')" -eq 1 ]
E2
}
