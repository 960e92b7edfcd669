#!/usr/bin/env bats
# file: that makes whole files: a crash, a full disk, the end of the daemon, limits.

# shellcheck disable=SC2154 # stderr is set by bats
bats_require_minimum_version 1.5.0
load lib

setup() {
  client_setup
  mkdir -m 777 out
}

# run_daemon SHELLTEXT: in fresh namespaces of network, mounts and processes; start FLAG... begins a daemon whose own two listeners are records.
run_daemon() {
  unshare -n -m -p -f --mount-proc -- bash -euo pipefail -c "
    mount --make-rprivate / && ip link set lo up
    . '$BATS_TEST_DIRNAME/lib.bash'; export XTCP_GRPC_SOCKET=grpc.sock
    trap '[ ! -e log ] || cat log >&2' EXIT
    start() {
      : >log
      \"\$XTCP2\" -frequency 100ms -timeout 99ms \"\$@\" 2>log & daemon=\$!
      wait_for 20 grep -q ', source .* workers' log
    }
    metric() { curl -s 127.0.0.1:9088/metrics | awk -v name=\"\$1\" '\$1 == name { print \$2 }'; }
    at_least() { local n; n=\$(metric \"\$1\") && [ -n \"\$n\" ] && [ \"\$n\" -ge \"\$2\" ]; }
    sent() { sed -n 's/.* records, \([0-9]*\) sent to file:.*/\1/p' log | tail -n 1; }
    lost() { sed -n 's/.*, \([0-9]*\) lost.*/\1/p' log | tail -n 1; }
    parts() { find out -name '.*' -type f | wc -l; }
    $1" 3>&-
}

# whole_parquet FILE: the magic at both ends, and a footer that fits.
whole_parquet() {
  [ "$(head -c 4 "$1")" = PAR1 ] && [ "$(tail -c 4 "$1")" = PAR1 ] &&
    [ "$(od -An -v -tu4 -j $(($(stat -c %s "$1") - 8)) -N 4 "$1")" -lt "$(stat -c %s "$1")" ]
}

@test "a daemon that is killed leaves one unfinished file, and the next one completes it" {
  local suffix
  for suffix in jsonl jsonl.gz jsonl.zst; do
    run_daemon "
      start -dest file:out/a-%Y.$suffix
      wait_for 20 at_least xtcp2_destination_sent_records_total 10
      confirmed=\$(metric xtcp2_destination_sent_records_total)
      kill -KILL \$daemon
      wait \$daemon || :
      [ \"\$(parts)\" -eq 2 ] && [ -z \"\$(ls out)\" ] # the file and its mark
      start -dest file:out/a-%Y.$suffix
      wait_for 20 at_least xtcp2_destination_sent_records_total 1
      kill \$daemon
      wait \$daemon
      grep -q 'was left unfinished: completed as a-....\\.$suffix' log
      [ \"\$(parts)\" -eq 0 ] && [ \"\$(lost)\" = 0 ]
      case $suffix in *.gz) cat='gzip -dc' ;; *.zst) cat='zstd -dcq' ;; *) cat=cat ;; esac
      first=\$(\$cat out/a-????.$suffix | jq -c .record_counter | wc -l)
      second=\$(\$cat out/a-????-1.$suffix | jq -c .record_counter | wc -l)
      [ \"\$first\" -ge \"\$confirmed\" ] && [ \"\$second\" -eq \"\$(sent)\" ]
    "
    rm -f out/*
  done
}

@test "Parquet: killed between two row groups, the file has those before" {
  run_daemon "
    start -dest file:out/a.parquet -marshal parquet -parquetGroupEvery 300ms
    wait_for 20 at_least xtcp2_parquet_row_groups_total 2
    kill -KILL \$daemon
    wait \$daemon || :
    start -dest file:out/a.parquet -marshal parquet
    wait_for 20 at_least xtcp2_records_total 1
    kill \$daemon
    wait \$daemon
    grep -q 'was left unfinished: completed as a.parquet' log
    [ \"\$(parts)\" -eq 0 ]
  "
  whole_parquet out/a.parquet
  whole_parquet out/a-1.parquet
}

@test "Parquet: SIGTERM writes what is gathered, and the file is whole" {
  run_daemon "
    start -dest file:out/a.parquet -marshal parquet
    wait_for 20 at_least xtcp2_polls_total 5
    [ \"\$(metric xtcp2_destination_sent_records_total)\" -eq 0 ] && [ \"\$(metric xtcp2_destination_up)\" -eq 1 ]
    wait_for 20 curl -sfo /dev/null 127.0.0.1:9088/readyz
    kill \$daemon
    wait \$daemon
    [ \"\$(sent)\" -ge 10 ] && [ \"\$(lost)\" = 0 ] && [ \"\$(parts)\" -eq 0 ]
  "
  whole_parquet out/a.parquet
}

@test "a full disk: the destination is down, whole envelopes are kept, and nothing is lost once there is space" {
  local kind
  for kind in 'a.jsonl.zst' 'a.parquet -marshal parquet -parquetGroupEvery 200ms'; do
    unshare -m -- bash -euo pipefail -c "
      mount -t tmpfs -o size=1m,mode=777 disk out
      $(declare -f run_daemon)
      run_daemon '
        start -dest file:out/$kind
        wait_for 20 at_least xtcp2_destination_sent_records_total 10
        head -c 2000000 /dev/zero >out/ballast 2>/dev/null || :
        wait_for 20 at_least xtcp2_file_errors_total 2
        [ \"\$(metric xtcp2_destination_up)\" -eq 0 ]
        grep -q \"No space left on device; trying again\" log
        rm out/ballast
        sent=\$(metric xtcp2_destination_sent_records_total)
        wait_for 30 at_least xtcp2_destination_sent_records_total \$((sent + 10))
        kill \$daemon
        wait \$daemon
        [ \"\$(lost)\" = 0 ] && [ \"\$(parts)\" -eq 0 ]
        sent >sent
      '
      cp out/a* kept
    "
    case $kind in
    *.parquet*) whole_parquet kept ;;
    *) [ "$(zstd -dcq <kept | jq -c .record_counter | wc -l)" -eq "$(cat sent)" ] ;;
    esac
    rm -f kept
  done
}

@test "SIGHUP ends a file; -fileKeepBytes deletes the oldest; strangers' files stay" {
  echo mine >out/other-1.csv
  echo mine >out/a.csv.bak
  ln -s other-1.csv out/a-7777.csv
  run_daemon "
    start -dest file:out/a.csv -marshal csv -fileRotateEvery 1h -fileKeepBytes 20000
    for i in 1 2 3 4 5 6; do
      before=\$(metric xtcp2_destination_sent_records_total)
      wait_for 20 at_least xtcp2_destination_sent_records_total \$((before + 10))
      kill -HUP \$daemon
      wait_for 20 at_least xtcp2_files_finished_total \$i
    done
    [ \"\$(metric xtcp2_files_deleted_total)\" -gt 0 ] && [ \"\$(metric xtcp2_file_errors_total)\" -eq 0 ]
    kill \$daemon
    wait \$daemon
  "
  # Those that are left fit, or one is left.
  find out -name 'a*.csv' -type f -printf '%s\n' | awk '{ n += $1 } END { exit !(NR == 1 || (NR > 1 && n <= 20000)) }'
  [ -f out/other-1.csv ] && [ -f out/a.csv.bak ] && [ -L out/a-7777.csv ]
  # Each file has the header, and once.
  local f
  for f in out/a*.csv; do
    [ ! -L "$f" ] || continue
    [ "$(grep -c '^schema_version,' "$f")" -eq 1 ] && [ "$(head -c 15 "$f")" = schema_version, ]
  done
}

@test "bad options of files end the start with one line" {
  while IFS='|' read -r flags says; do
    # shellcheck disable=SC2086
    run -2 --separate-stderr "$XTCP2" -check $flags
    [[ "$stderr" == *"$says"* ]] || { echo "$flags: $stderr"; return 1; }
    [ "$(grep -vc "stays root" <<<"$stderr")" -eq 1 ] || { echo "$flags: $stderr"; return 1; }
  done <<'ROWS'
-dest null -fileRotateBytes 5000|-fileRotateBytes: is for -dest file:PATH
-dest file:a -fileKeepAge 1h|-fileKeepAge: needs files that end
-dest file:a -fileRotateBytes 5|must be 0 or at least 4096 and 1s
-dest file:a-%Q|has %Q in its path
-dest file:a -fileSync often|-fileSync
-dest stdout -marshal parquet|-marshal parquet makes files
-dest file:a.parquet.zst -marshal parquet|Parquet compresses its own pages
-dest file:a -marshal parquet -destQueueBytes 20000000|must hold two row groups
-dest file:a -marshal parquet -destWriteFiles 1|cannot copy envelopes
ROWS
}
