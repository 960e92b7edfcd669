#!/usr/bin/env bats
# -dest s3:// against stores that nobody here wrote: MinIO, SeaweedFS, moto. The rows that DuckDB counts in their objects are
# the records of the ledger.
# bats file_tags=machine

load lib

setup_file() {
  "$BATS_TEST_DIRNAME/../../ci/stores"
}

setup() {
  XTCP2=$(bin xtcp2)
  SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  STORES=${XDG_CACHE_HOME:-$HOME/.cache}/xtcp2
  export XTCP2 SOURCE STORES BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
  reachable
  chmod 777 .
}

# Where each keeps its objects is its own affair: they are read as a client reads them.
store_minio() {
  mkdir -p data/xtcp2
  HOME=$PWD exec "$STORES/minio/minio" server --quiet --address 127.0.0.1:9000 data
}
store_seaweedfs() {
  mkdir -p data
  HOME=$PWD exec "$STORES/seaweedfs/weed" mini -dir=data -bucket=xtcp2 -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3.port=9000 \
    -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false -admin.ui=false
}
# It keeps them in memory.
store_moto() { exec "$SOURCE/build/stores/bin/moto_server" -H 127.0.0.1 -p 9000; }

# with STORE: runs the shell text of standard input beside that store, whose bucket is there.
with() {
  unshare -n -m -p -f --mount-proc -- timeout -k 5 240 bash -euo pipefail -c "ip link set lo up; . '$BATS_TEST_DIRNAME/lib.bash'; . '$BATS_TEST_DIRNAME/dest.bash'
    undo=() XTCP2_SELF_TEST=\$SOURCE/guest/self-test
    set -a; . \"\$XTCP2_SELF_TEST/store.bash\"; set +a
    PATH=\$STORES/duckdb:\$PATH HOME=\$PWD
    trap 'kill -9 \$(jobs -p) 2>/dev/null || :; [ ! -e log ] || cat log >&2; tail -n 20 store.log >&2; rm -rf \"\$work\"' EXIT
    $(declare -f store_minio store_seaweedfs store_moto daemon_start bucket_there)
    store_$1 >store.log 2>&1 &
    wait_for 60 bucket_there
    $(cat)" 3>&-
}
# MinIO and SeaweedFS begin with it, moto is given one.
bucket_there() { s3 '?list-type=2' >/dev/null 2>&1 || { s3 '' -X PUT >/dev/null 2>&1 && s3 '?list-type=2' >/dev/null 2>&1; }; }
daemon_start() {
  dest_daemon s3://xtcp2/records -s3Endpoint http://127.0.0.1:9000 -s3PathStyle -s3Spool "$PWD/spool" -s3MaxAge 1s -hostname web.1 \
    -marshal parquet "$@"
}

objects_counted() {
  with "$1" <<'E'
    daemon_start
    wait_for 60 metric xtcp2_s3_objects_total 3
    daemon_stop
    sent=$(sed -n 's/.* polls, [0-9]* records, \([0-9]*\) sent to .*, 0 lost.*/\1/p' log)
    [ "$sent" -gt 0 ]
    [ -z "$(find spool -type f)" ]
    fetch
    [ "$(objects)" -ge 3 ]
    [ "$(query "count(*), count(DISTINCT (run_id, netlinker_id, record_counter)), min(host), max(hostname)")" = "$sent,$sent,web.1,web.1" ]
E
}

parts_joined() {
  with "$1" <<'E'
    directory=spool/date=2026-01-01/hour=00 name=web.1_20260101T000000Z-0.parquet
    mkdir -p "$directory"
    head -c 140000000 /dev/urandom >large
    cp large "$directory/$name"
    chmod -R go+rwX spool
    daemon_start -s3MaxAge 1h
    wait_for 120 metric xtcp2_s3_objects_total 1
    daemon_stop
    s3 "/records/date%3D2026-01-01/hour%3D00/host%3Dweb.1/$name" -o got
    cmp large got
    # No upload is left unfinished.
    [ "$(s3 '?uploads=' | grep -c '<UploadId>')" -eq 0 ]
E
}

@test "MinIO: DuckDB counts the records of the ledger" { objects_counted minio; }
@test "MinIO: a large object is joined of its parts" { parts_joined minio; }
@test "SeaweedFS: DuckDB counts the records of the ledger" { objects_counted seaweedfs; }
@test "SeaweedFS: a large object is joined of its parts" { parts_joined seaweedfs; }
@test "moto: DuckDB counts the records of the ledger" { objects_counted moto; }
@test "moto: a large object is joined of its parts" { parts_joined moto; }

@test "MinIO: another secret key is refused, and the records wait" {
  with minio <<'E'
    export AWS_SECRET_ACCESS_KEY=another
    daemon_start
    wait_for 30 grep 'destination: s3://xtcp2/records: .*trying again' log
    wait_for 30 metric xtcp2_s3_spool_bytes 1
    kill "$DAEMON"
    wait "$DAEMON" || :
    grep -q ' 0 lost' log
    [ -n "$(find spool -type f)" ]
E
}
