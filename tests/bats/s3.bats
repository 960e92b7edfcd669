#!/usr/bin/env bats
# -dest s3:// against a store that checks signatures and fails on demand (tests/tools/s3_store.py).
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  CTL=$(bin xtcp2ctl)
  SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  SERVER=$(bin tcp_server)
  export XTCP2 CTL SERVER SOURCE BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
  reachable
  chmod 777 .
  printf 'secret\n' >secret
  chmod 400 secret
}

# Runs the shell text of standard input with network and processes of its own, so that no other's namespaces are read, and
# with these verbs.
inside() {
  unshare -n -m -p -f --mount-proc -- timeout -k 5 180 bash -euo pipefail -c "ip link set lo up; . '$BATS_TEST_DIRNAME/lib.bash'; . '$BATS_TEST_DIRNAME/dest.bash'
    trap 'kill -9 \$(jobs -p) 2>/dev/null || :; [ ! -e log ] || cat log >&2' EXIT
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_SHARED_CREDENTIALS_FILE
    export HOME=\$PWD/nobody AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1
    $(declare -f store daemon_start objects records)
    $(cat)" 3>&-
}

# store [CERTIFICATE KEY]: at port 5000. Its pid is in STORE.
store() {
  python3 "$SOURCE/tests/tools/s3_store.py" 5000 "$PWD" "$@" &
  # shellcheck disable=SC2034 # read by the tests
  STORE=$!
  wait_for 20 test_listeners 1
}
daemon_start() {
  dest_daemon s3://bucket/pre/fix -s3Endpoint http://127.0.0.1:5000 -s3PathStyle -s3AccessKey key -s3SecretKeyFile "$PWD/secret" \
    -s3Spool "$PWD/spool" -s3MaxAge 1s -hostname web.1 "$@"
}
# objects N: the store has at least so many.
objects() { [ "$(find objects -type f 2>/dev/null | wc -l)" -ge "$1" ]; }
# Records in the store and in the spool, unfinished files included.
records() { find objects spool -type f ! -name '*.end' -exec cat {} + 2>/dev/null | wc -l; }

@test "objects of the signed kind arrive, named by date, hour and host; every record is in one of them" {
  inside <<'E'
    store
    daemon_start -s3Encryption AES256
    wait_for 20 objects 3
    wait_for 20 ready
    daemon_stop
    sent=$(sed -n 's/.* polls, [0-9]* records, \([0-9]*\) sent to .*, 0 lost.*/\1/p' log)
    [ "$sent" -gt 0 ] && [ "$(records)" -eq "$sent" ]
    [ -z "$(find spool -type f)" ]
    find objects -type f | grep -vxE 'objects/bucket/pre/fix/date=[0-9]{4}-[0-9]{2}-[0-9]{2}/hour=[0-9]{2}/host=web\.1/web\.1_[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}\.jsonl' >strange || :
    [ ! -s strange ]
    find objects -type f -exec cat {} + | jq -es 'length > 0 and all(.hostname == "web.1")' >/dev/null
    not grep -v ' 200 .* AES256 \| 200 .*/bucket - ' requests
E
}

@test "the store is down and comes back: not ready, the reason in a line, nothing lost" {
  inside <<'E'
    daemon_start
    wait_for 20 metric xtcp2_s3_spool_bytes 1
    not ready
    wait_for 20 why 'does not deliver: .*Failed to connect.*; objects wait in'
    # The times in libcurl's sentences differ; the line is one.
    wait_for 30 metric xtcp2_s3_errors_total 4
    [ "$(grep -c 'destination: s3://bucket/pre/fix: .*Failed to connect.*trying again' log)" -eq 1 ]
    store
    wait_for 60 objects 1
    wait_for 20 ready
    kill "$STORE" && wait "$STORE" || :
    wait_for 20 not ready
    wait_for 20 metric xtcp2_s3_spool_bytes 1
    daemon_stop || :
    grep -q 's3: [0-9]* bytes stay in .*/spool: the next start sends them' log
    sent=$(sed -n 's/.* polls, [0-9]* records, \([0-9]*\) sent to .*, 0 lost.*/\1/p' log)
    [ "$(records)" -eq "$sent" ]
    # The next start sends them.
    store
    daemon_start
    wait_for 60 metric xtcp2_s3_objects_total 1
    daemon_stop
    [ -z "$(find spool -type f)" ]
E
}

@test "503 SlowDown, a bucket that is gone, a clock that is wrong, a cut connection: told, tried again, no half object" {
  inside <<'E'
    store
    daemon_start
    wait_for 20 objects 1
    while read -r fault reason; do
      echo "$fault" >fault
      wait_for 30 grep "destination: s3://bucket/pre/fix: .*$reason.*trying again" log
      wait_for 20 not ready
      rm fault
      before=$(find objects -type f | wc -l)
      wait_for 60 objects $((before + 1))
      wait_for 20 ready
    done < <(printf '%s\n' '503 HTTP status 503: SlowDown: Please reduce' '404 HTTP status 404: NoSuchBucket' \
      'skew RequestTimeTooSkewed.*set this host.s clock right' 'cut objects wait in')
    daemon_stop
    sent=$(sed -n 's/.* polls, [0-9]* records, \([0-9]*\) sent to .*, 0 lost.*/\1/p' log)
    [ "$(records)" -eq "$sent" ]
    [ -z "$(find spool -type f)" ]
    find objects -type f -exec cat {} + | jq -es 'length > 0' >/dev/null
E
}

@test "objects that are refused, and a file that cannot be read, hold up no others; they arrive when the cause is mended" {
  inside <<'E'
    # old NAME RECORDS: a file that waits in the spool since long.
    old() {
      mkdir -p spool/date=2026-01-01/hour=00
      for i in $(seq "$2"); do printf '{"record_counter":%d}\n' "$i"; done >"spool/date=2026-01-01/hour=00/web.1_20260101T000000Z-$1.jsonl+$2"
    }
    aside() { [ "$(find spool -name '*.refused' | wc -l)" -eq "$1" ]; }
    for n in 1 2 3 4; do old "refused$n" 5; done
    old unreadable 7
    chmod -R go+rwX spool
    chmod 000 spool/*/*/*unreadable*
    store
    echo 'deny refused' >fault
    daemon_start
    wait_for 60 aside 5
    wait_for 20 metric xtcp2_s3_refused_objects 5
    before=$(find objects -type f | wc -l)
    wait_for 20 objects $((before + 2))
    wait_for 20 ready
    daemon_stop
    for n in 1 2 3 4; do
      [ "$(grep -c "s3: .*refused$n.jsonl+5 cannot be sent while other objects arrive: HTTP status 403: AccessDenied: .*mend the cause: .*+5.refused is tried again" log)" -eq 1 ]
    done
    [ "$(grep -c 's3: .*unreadable.jsonl+7 cannot be sent .*: Permission denied; mend' log)" -eq 1 ]
    grep -q 'bytes stay in .*: the next start sends them' log
    sent=$(sed -n 's/.* polls, [0-9]* records, \([0-9]*\) sent to .*, 0 lost$/\1/p' log)
    [ "$(records)" -eq $((sent + 27)) ]
    aside 5
    # The next start tries them at once.
    echo 'bad refused4' >fault
    chmod 644 spool/*/*/*unreadable*
    daemon_start
    wait_for 30 aside 1
    rm fault
    daemon_stop
    daemon_start
    wait_for 30 aside 0
    daemon_stop
    grep -q 's3: .*refused4.jsonl+5.refused has arrived' log
    [ "$(find objects -name 'web.1_20260101T000000Z-*.jsonl' | wc -l)" -eq 5 ]
    [ -z "$(find spool -type f)" ]
E
}

@test "refused objects fill half of the spool at most: the oldest are dropped, and counted with their records" {
  inside <<'E'
    store
    echo 'deny old' >fault
    mkdir -p spool/date=2026-01-01/hour=00
    for n in 1 2 3; do head -c 300000 /dev/zero >"spool/date=2026-01-01/hour=00/web.1_20260101T00000${n}Z-old.jsonl+10$n.refused"; done
    chmod -R go+rwX spool
    daemon_start -s3SpoolBytes 1048576
    wait_for 30 metric xtcp2_s3_dropped_objects_total 2
    wait_for 20 objects 2
    kill "$DAEMON"; wait "$DAEMON" || status=$?
    [ "$status" -eq 3 ]
    grep -q '20260101T000001Z-old.jsonl+101.refused is dropped with 101 records: refused objects hold more than 524288 bytes, half of -s3SpoolBytes' log
    grep -q ' 0 lost, 203 dropped from the spool; exit status 3: objects that the store refused were dropped' log
    [ "$(find spool -type f -printf '%f\n')" = web.1_20260101T000003Z-old.jsonl+103.refused ]
E
}

@test "a daemon that is killed: the next one finishes and sends what is in the spool, each record once" {
  inside <<'E'
    daemon_start -s3MaxAge 1h
    wait_for 20 metric xtcp2_destination_sent_records_total 20
    kill -KILL "$DAEMON"
    wait "$DAEMON" || :
    left=$(find spool -type f -name '.*.part' -exec cat {} + | wc -l)
    [ "$left" -ge 20 ]
    store
    daemon_start -s3MaxAge 1h -modulus 1000000
    wait_for 30 objects 1
    [ "$(find objects -type f -exec cat {} + | wc -l)" -eq "$left" ]
    daemon_stop
E
}

@test "a full spool: records wait in the queue, which drops the oldest and counts them" {
  inside <<'E'
    "$SERVER" -count 200 >server & wait_for 20 grep -q READY server
    daemon_start -s3SpoolBytes 1048576 -destQueueBytes 1048576 -envelopeFlushBytes 131072 -label "$(printf 'x%.0s' {1..4000})"
    wait_for 60 grep -q 'the spool .*/spool is full (-s3SpoolBytes)' log
    wait_for 60 metric 'xtcp2_records_dropped_total{reason="queue_full"}' 1
    not ready
    kill "$DAEMON"; wait "$DAEMON" || status=$?
    [ "${status:-0}" -ne 0 ]
    [ "$(find spool -type f -printf '%s\n' | awk '{ s += $1 } END { print s }')" -lt 1310720 ] # 1 MiB and an envelope
    [ "$(grep -c 'bytes stay in .*: the next start sends them' log)" -eq 1 ]
E
}

@test "credentials: environment, file, metadata service, and none" {
  inside <<'E'
    store
    run_once() { "$XTCP2" -dest s3://bucket -s3Endpoint http://127.0.0.1:5000 -s3PathStyle -s3Spool "$PWD/spool" -maxLoops 1 \
      -source netlink -promListen= -grpcPort 0 -grpcSocket= 2>>log; }
    AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret AWS_SESSION_TOKEN=a-token run_once
    objects 1
    grep -q '^PUT 200 .* a-token ' requests
    printf '[default]\naws_access_key_id=no\naws_secret_access_key=no\n[other]\n aws_access_key_id = key\n aws_secret_access_key = secret\n' >credentials
    AWS_SHARED_CREDENTIALS_FILE=$PWD/credentials AWS_PROFILE=other run_once
    objects 2
    # The metadata service of version 2: a token first.
    cat >metadata.py <<'P'
from http.server import BaseHTTPRequestHandler, HTTPServer
class Metadata(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def answer(self, text, good):
        self.send_response(200 if good else 401); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text.encode())
    def do_PUT(self): self.answer("session", self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"))
    def do_GET(self):
        role = self.path.endswith("/a-role")
        self.answer('{"AccessKeyId":"key","SecretAccessKey":"secret","Token":"of-role","Expiration":"2099-01-01T00:00:00Z"}' if role else "a-role",
                    self.headers.get("X-aws-ec2-metadata-token") == "session")
HTTPServer(("127.0.0.1", 5001), Metadata).serve_forever()
P
    python3 metadata.py & metadata=$!
    wait_for 20 test_listeners 2
    AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:5001 run_once
    objects 3
    grep -q '^PUT 200 .* of-role ' requests
    run_once || :
    grep -q 'no credentials: give -s3AccessKey' log
    chmod 644 secret
    "$XTCP2" -dest s3://bucket -s3AccessKey key -s3SecretKeyFile "$PWD/secret" -check 2>said && exit 1
    grep -q 's3SecretKeyFile .*secret' said
E
}

@test "xtcp2ctl set-s3 changes size and age of objects" {
  inside <<'E'
    store
    # The keys are where the restarted daemon, which is not root, has them, too.
    export AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret
    daemon_start -s3MaxAge 1h -s3AccessKey= -s3SecretKeyFile=
    "$CTL" set-s3 -socket "$PWD/grpc.sock" -flushInterval 1s -thresholdBytes 131072 >answer
    wait_for 30 objects 2
    not "$CTL" set-s3 -socket "$PWD/grpc.sock" -thresholdBytes 1 2>said
    grep -q 's3MaxBytes.*between 65536 and' said
    daemon_stop
E
}

@test "Parquet: each object is a file of its own" {
  inside <<'E'
    store
    daemon_start -marshal parquet
    wait_for 40 objects 2
    daemon_stop
    [ -z "$(find spool -type f)" ]
    while read -r object; do
      [ "$(head -c 4 "$object")" = PAR1 ] && [ "$(tail -c 4 "$object")" = PAR1 ]
    done < <(find objects -type f)
E
}

@test "the suffix is the format's, and the compression's" {
  inside <<'E'
    store
    run_once() { "$XTCP2" -dest s3://bucket -s3Endpoint http://127.0.0.1:5000 -s3PathStyle -s3AccessKey key -s3SecretKeyFile "$PWD/secret" \
      -s3Spool "$PWD/spool" -maxLoops 1 -source netlink -promListen= -grpcPort 0 -grpcSocket= "$@" 2>>log; }
    while read -r format suffix type; do
      run_once -marshal "$format"
      [ "$(find objects -type f -name "*Z-*.$suffix" | wc -l)" -ge 1 ]
      grep -q "^PUT 200 .*\\.$suffix .* $type" requests
    done < <(printf '%s\n' 'protobufList pb application/x-protobuf' 'protoJson json application/json' 'protoText txtpb text/plain' \
      'jsonl jsonl application/x-ndjson' 'csv csv text/csv' 'tsv tsv text/tab' 'text txt text/plain' 'msgpack msgpack application/vnd.msgpack' \
      'parquet parquet application/vnd.apache.parquet')
    run_once -marshal jsonl -s3Compression gzip
    find objects -name '*.jsonl.gz' -exec gzip -dc {} + | jq -es 'length > 0' >/dev/null
    grep -q '^PUT 200 .*\.jsonl\.gz .* application/gzip' requests
    run_once -marshal csv -s3Compression zstd
    find objects -name '*.csv.zst' -exec zstd -dcq {} + | grep '^schema_version,' >/dev/null
    not run_once -marshal parquet -s3Compression zstd -check
    grep -q 'cannot have -s3Compression: Parquet compresses its own pages' log
E
}

@test "the bucket in the host's name: signed, sent and stored below it" {
  inside <<'E'
    store
    daemon_start -s3PathStyle=false -s3Endpoint http://localhost:5000/
    wait_for 20 objects 2
    wait_for 20 ready
    daemon_stop
    find objects -type f | grep -vx 'objects/bucket/pre/fix/date=.*/host=web\.1/web\.1_.*\.jsonl' >strange || :
    [ ! -s strange ]
    grep -q '^HEAD 200 / - - bucket.localhost:5000 ' requests
    not grep -v ' bucket.localhost:5000 ' requests
E
}

@test "TLS: the authority of -tlsCa, and no other" {
  authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null; }
  authority ca
  authority other
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=store -keyout store.key -out store.csr 2>/dev/null
  openssl x509 -req -in store.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out store.pem \
    -extfile <(echo subjectAltName=DNS:bucket.localhost,IP:127.0.0.1) 2>/dev/null
  chmod 644 ./*.pem
  inside <<'E'
    store store.pem store.key
    daemon_start -s3Endpoint https://127.0.0.1:5000 -tlsCa "$PWD/ca.pem"
    wait_for 20 objects 1
    wait_for 20 ready
    daemon_stop
    daemon_start -s3PathStyle=false -s3Endpoint https://localhost:5000 -tlsCa "$PWD/ca.pem"
    wait_for 20 grep '^PUT 200 .* bucket.localhost:5000 ' requests
    daemon_stop
    # Another authority, and none: the records wait in the spool.
    before=$(find objects -type f | wc -l)
    for ca in "$PWD/other.pem" ""; do
      : >log
      daemon_start -s3Endpoint https://127.0.0.1:5000 -tlsCa "$ca"
      wait_for 30 metric xtcp2_s3_errors_total 3
      not ready
      wait_for 20 why 'certificate.*; trusted is the authority of -tlsCa'
      [ "$(grep -c 'destination: s3://bucket/pre/fix: .*certificate.*-tlsCa.*objects wait in .*/spool; trying again' log)" -eq 1 ]
      daemon_stop || :
      grep -q '0 lost' log
    done
    [ "$(find objects -type f | wc -l)" -eq "$before" ]
E
}

@test "parts: a large object is joined of them; a failure, a kill, a refusal to join leave none behind" {
  inside <<'E'
    store
    name=web.1_20260101T000000Z-0.jsonl
    directory=spool/date=2026-01-01/hour=00
    object=objects/bucket/pre/fix/date=2026-01-01/hour=00/host=web.1/$name
    head -c 140000000 /dev/urandom >large
    # begin: the daemon finds the large file in its spool.
    begin() {
      rm -f "$object" requests log
      mkdir -p "$directory"
      cp large "$directory/$name"
      chmod -R go+rwX spool
      daemon_start -s3MaxAge 1h -s3Encryption AES256
    }
    # arrived: the object is whole, and nothing else is left of it.
    arrived() {
      wait_for 60 metric xtcp2_s3_objects_total 1
      cmp large "$object"
      [ -z "$(find uploads -mindepth 1)" ]
      [ -z "$(find spool -name "*$name*")" ]
      daemon_stop
    }
    begin
    arrived
    grep -q '^POST 200 .*?uploads= AES256 .* application/x-ndjson' requests
    [ "$(grep -c '^PUT 200 .*?partNumber=[12]&uploadId=[^ /]*%2F%2B%3D~ - ' requests)" -eq 2 ]
    # A part that fails once is sent again alone.
    echo once >fault
    begin
    arrived
    [ "$(grep -c '^PUT 200 .*?partNumber=1&' requests) $(grep -c '^PUT 503 .*?partNumber=2&' requests)" = '1 1' ]
    not grep SlowDown log
    # One that fails again and again costs all of them, and they are dropped.
    while read -r fault reason; do
      echo "$fault" >fault
      begin
      wait_for 60 grep "destination: s3://bucket/pre/fix: $reason.*trying again" log
      not ready
      grep -q '^DELETE 204 ' requests
      rm fault
      wait_for 60 ready
      arrived
    done < <(printf '%s\n' 'part HTTP status 503: SlowDown' 'join the store could not join the parts: InternalError')
    # What a daemon that died has left is dropped, whether the store still knows it or not.
    for id in left unknown; do
      mkdir -p uploads/left "$directory"
      echo part >uploads/left/1
      printf %s "$id" >"$directory/.$name.upload"
      [ "$id" = left ] || rm -r uploads/left
      begin
      arrived
      grep -q "^DELETE [24]04 .*?uploadId=$id " requests
    done
    # Keys that may not drop them: the object arrives all the same.
    mkdir -p uploads/left "$directory"
    printf left >"$directory/.$name.upload"
    echo drop >fault
    begin
    wait_for 60 metric xtcp2_s3_objects_total 1
    grep -q 's3: parts of pre/fix/.* stay in the store: the keys need s3:AbortMultipartUpload' log
    rm -r uploads/left
    arrived
E
}

@test "a name server that says nothing does not delay the end" {
  inside <<'E'
    echo 'nameserver 127.0.0.1' >resolv.conf
    mount --bind resolv.conf /etc/resolv.conf
    nc -lu 127.0.0.1 53 >questions &
    daemon_start -s3Endpoint http://store.example:5000 -flushTimeout 100ms
    wait_for 20 grep -aq example questions
    begin=$SECONDS
    daemon_stop
    # The resolver itself gives up after 10 s.
    [ $((SECONDS - begin)) -le 4 ]
E
}
