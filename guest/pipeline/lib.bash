# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # variables for those who read this file, and now of self-test/lib.bash
# Shared by the monitor of the data path and the checks that judge it; after self-test/lib.bash.
#
# A sample of the monitor is one line of $samples, with the columns
#   1 seconds since boot   2 rows stored   3 network namespaces in them   4 messages that could not be read
#   5 exceptions of the Kafka consumers   6 messages they read   7 percent of the disk that is used
#   8 and what follows: the newest exception, if there is one
run=/run/xtcp2-pipeline
samples=$run/samples
# When the first row was there, in seconds since boot.
first_row=$run/first_row
pipeline=$XTCP2_SELF_TEST/../pipeline
# The directories of broker and engine.
data=/var/lib
mkdir -p $run

# sql FILE: the answer to the statement in a file; fails with the engine's exception.
sql() {
  local fd statement
  statement=$(<"$1")
  { exec {fd}<>/dev/tcp/127.0.0.1/18123; } 2>/dev/null || return 1
  printf 'POST / HTTP/1.0\r\nX-ClickHouse-User: default\r\nX-ClickHouse-Key: %s\r\nContent-Length: %d\r\n\r\n%s' \
    "$XTCP2_TUNE_CLICKHOUSE_PASSWORD" "${#statement}" "$statement" >&"$fd"
  http_answer "$fd"
}

# measure: a sample into the variables sample (a line) and rows, namespaces, errors, exceptions, messages, disk, exception.
measure() {
  local answer
  answer=$(sql "$pipeline/monitor.sql") || return 1
  read -r rows namespaces errors exceptions messages exception <<<"$answer"
  disk=$(df --output=pcent $data | tail -n 1)
  disk=${disk//[ %]/}
  now
  sample="$now $rows $namespaces $errors $exceptions $messages $disk $exception"
}

# last_sample: the monitor's newest one, in the same variables; fails when there is none.
last_sample() {
  sample=$(tail -n 1 "$samples" 2>/dev/null)
  [ -n "$sample" ] && read -r at rows namespaces errors exceptions messages disk exception <<<"$sample"
}

# sampled_after SECONDS: whether the newest sample is later than that.
sampled_after() { last_sample && [ "$at" -gt "$1" ]; }

# healthy: fails the check when a thing that must hold at any time does not.
healthy() {
  [ "$errors" = 0 ] || fail "$errors messages could not be read"
  [ "$exceptions" = 0 ] || fail "$exceptions exceptions of the Kafka consumers: $exception"
  [ "$disk" -lt "$XTCP2_TUNE_DISK_PERCENT_MAX" ] || fail "the disk is $disk % full"
}
