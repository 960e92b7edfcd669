#!/usr/bin/env bats
# Every panel of the dashboards asks the real engine or the real Prometheus, over
# real records and samples: none fails, none is empty.
# bats file_tags=machine

load lib
load pipeline

DASHBOARDS=$PIPELINE/grafana/dashboards
PROMETHEUS=http://127.0.0.1:9090

setup_file() {
  pipe_up "$BATS_FILE_TMPDIR"
  start_broker
  start_engine -kafka 127.0.0.1:19092
  start_traffic 20
  start_daemon -marshal protobufList -dest kafka:127.0.0.1:19092
  sed "s/scrape_interval: .*/scrape_interval: 1s/" "$PIPELINE/prometheus/prometheus.yml" >"$PIPE/prometheus.yml"
  start prometheus prometheus --config.file="$PIPE/prometheus.yml" --storage.tsdb.path="$PIPE/tsdb" \
    --web.listen-address=127.0.0.1:9090
  wait_for 60 rows_beyond 500
  wait_for 60 has_samples
  export PIPE HOLDER
}

teardown_file() { pipe_down; }

has_samples() { [ "$(promql 'rate(xtcp2_kafka_acknowledged_records_total[5s]) > 0' | jq '.data.result | length')" = 1 ]; }

promql() { http -G "$PROMETHEUS/api/v1/query" --data-urlencode "query=$1"; }

# The values that Grafana substitutes for its variables and macros.
sql_of() {
  local hosts=$1
  # shellcheck disable=SC2016
  sed -E -e 's/\$__timeFilter\(([a-z_.]+)\)/\1 >= now() - INTERVAL 1 HOUR AND \1 <= now() + INTERVAL 1 MINUTE/g' \
    -e 's/\$__timeInterval\(([a-z_.]+)\)/toStartOfInterval(toDateTime(\1), INTERVAL 5 SECOND)/g' \
    -e "s/\\$\\{host:singlequote\\}/$hosts/g" -e 's/\$\{(namespace|container):regex\}/.*/g' -e 's/\$\{port\}//g'
}

promql_of() {
  # shellcheck disable=SC2016
  sed -e 's/\$__rate_interval/10s/g' -e 's/\$\(instance\|namespace\|container\)/.*/g'
}

# The targets of a dashboard: title, tab, query, one per line.
targets() { jq -r --arg key "$2" '.panels[] | .title as $t | .targets[] | [$t, .[$key]] | @tsv' "$DASHBOARDS/$1"; }

@test "the dashboards are sound: own titles and ids, known datasources, nothing overlaps" {
  local file
  for file in "$DASHBOARDS"/*.json; do
    jq -e '[.panels[].title] | length == (unique | length)' "$file"
    jq -e '[.panels[].id] | length == (unique | length)' "$file"
    jq -e '[.. | .datasource? // empty | .uid] | unique - ["xtcp2-clickhouse", "xtcp2-prometheus"] == []' "$file"
    jq -e '[.panels[].gridPos | select(.x + .w > 24)] == []' "$file"
    jq -e '[.panels[].gridPos | range(.x; .x + .w) as $x | range(.y; .y + .h) as $y | "\($x),\($y)"] | length == (unique | length)' "$file"
    grep -q "uid: $(jq -r '.panels[0].datasource.uid' "$file")" "$PIPELINE/grafana/datasources.yaml"
  done
}

@test "a port, a namespace and a container that are chosen are those of the rows" {
  local query some none
  query=$(jq -r '.panels[] | select(.title == "Sockets") | .targets[0].rawSql' "$DASHBOARDS/tcp-health.json" |
    sed -E 's/\$__timeFilter\(([a-z_.]+)\)/1/; s/hostname IN \(\$\{host:singlequote\}\)/1/')
  # chosen NAMESPACE CONTAINER PORT: the sockets that the panel counts.
  chosen() { reader_sql "$(sed -e "s/\${namespace:regex}/$1/" -e "s/\${container:regex}/$2/" -e "s/\${port}/$3/g" <<<"$query")"; }
  some=$(chosen '.*' '.*' '')
  none=$(chosen '.*' '.*' 1)
  [ "$some" -gt 0 ]
  [ "$none" -eq 0 ]
  [ "$(chosen no-such '.*' '')" -eq 0 ]
  [ "$(chosen '.*' no-such '')" -eq 0 ]
}

@test "every SQL panel has rows, for the user who may only read" {
  local title query answer hosts bad=0 seen=0
  hosts=$(reader_sql "$(jq -r '.templating.list[] | select(.name == "host").query' "$DASHBOARDS/tcp-health.json") FORMAT TSV" | sed "s/.*/'&'/" | paste -sd,)
  [ -n "$hosts" ]
  while IFS=$'\t' read -r title query; do
    seen=$((seen + 1))
    query=$(sql_of "$hosts" <<<"$query")
    if ! answer=$(reader_sql "$query FORMAT JSON"); then
      echo "$title fails: $answer"
      bad=1
    # Rows, and something in them: a panel of nothing but zero dates or NaN says nothing.
    elif ! jq -e '.rows > 0 and ([.data[][] | select(. != null)] | length > 0)' <<<"$answer" >/dev/null; then
      echo "$title is empty: $query"
      bad=1
    fi
  done < <(targets tcp-health.json rawSql)
  [ "$seen" -ge 15 ]
  [ "$bad" -eq 0 ]
}

@test "every PromQL panel has samples" {
  local title query answer bad=0 seen=0
  # A share of what was sent in the last seconds has no value when polls of a busy machine brought nothing.
  answered() {
    answer=$(promql "$1")
    jq -e '.status == "success" and (.data.result | length > 0) and ([.data.result[].value[1] | select(. == "NaN")] == [])' <<<"$answer" >/dev/null
  }
  while IFS=$'\t' read -r title query; do
    seen=$((seen + 1))
    query=$(promql_of <<<"$query")
    if ! wait_for 20 answered "$query"; then
      echo "$title: $query: $answer"
      bad=1
    fi
  done < <(targets daemon.json expr; targets tcp-prometheus.json expr)
  [ "$seen" -ge 48 ]
  [ "$bad" -eq 0 ]
  [ "$(http -G "$PROMETHEUS/api/v1/label/instance/values" --data-urlencode 'match[]=xtcp2_build_info' | jq -r '.data[0]')" = 127.0.0.1:9088 ]
}

@test "Prometheus takes the configuration and the daemon's metrics as they are" {
  promtool check config "$PIPELINE/prometheus/prometheus.yml"
  http http://127.0.0.1:9088/metrics | promtool check metrics
  [ "$(promql 'up' | jq '[.data.result[] | select(.value[1] == "1")] | length')" = 2 ]
}

@test "the alerts fire on a daemon in trouble and on no other; the page of metrics shows their expressions" {
  promtool check rules "$PIPELINE/prometheus/xtcp2.rules.yml"
  promtool test rules "$PIPELINE/prometheus/xtcp2.rules.test.yml"
  # What Prometheus knows of this daemon, which delivers, must not fire; what it knows of the machine's connections may, where
  # a busy one sends again. Each metric of a rule is one that it has.
  local expr metric
  while read -r expr; do
    [[ $expr == *xtcp2_tcp_* ]] || [ "$(promql "$expr" | jq '.data.result | length')" -eq 0 ] || { echo "fires: $expr"; return 1; }
    metric=$(grep -oE 'xtcp2_[a-z0-9_]+|up\b' <<<"$expr" | head -n 1)
    [ "$(promql "$metric" | jq '.data.result | length')" -ge 1 ] || { echo "no such metric: $metric"; return 1; }
  done < <(sed -n 's/^ *expr: //p' "$PIPELINE/prometheus/xtcp2.rules.yml")
  local shown=0
  while read -r expr; do
    grep -qF "expr: $expr" "$PIPELINE/prometheus/xtcp2.rules.yml" || { echo "not in the rules: $expr"; return 1; }
    shown=$((shown + 1))
  done < <(awk '/Alerts/ { begun = 1 } begun && /^```$/ { n++; next } n == 1 { sub(/ *#.*/, ""); print } n == 2 { exit }' \
    "$BATS_TEST_DIRNAME/../../docs/metrics.md")
  [ "$shown" -ge 4 ]
}
