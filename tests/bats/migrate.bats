#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154  # each test is a subshell of its own
# -migrate: the command line and the environment of the earlier xtcp2 become a configuration file.

bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  cd "$BATS_TEST_TMPDIR" || return 1
  local name
  for name in "${!XTCP_@}"; do unset "$name"; done
}

# earlier FLAGS...: the file, in file.json, and what is said, in said. The file is one that the daemon takes.
earlier() {
  "$XTCP2" -migrate "$@" >file.json 2>said
  "$XTCP2" -config file.json -conf >whole.json
}

value() { jq -r --arg o "$1" '.[$o]' whole.json; }

# Its flags and their defaults, from its source.
FLAGS='nltimeout=1000 frequency=10s timeout=5s maxLoops=0 netlinkers=4 nlmsgSeq=666 packetSize=0 packetSizeMply=8 writeFiles=0 capturePath=./
modulus=1 marshal=protobufList columns= envelopeFlushBytes=0 envelopeFlushRows=0 kafkaCompression= s3Endpoint=http://m:9000 s3Bucket=b s3Prefix=p
s3AccessKey=k s3SecretKey=s3cr3t s3Region=r s3SkipBucketProbe=true s3ParquetFlushBytes=1 pollJitterPct=20 s3FlushInterval=1s s3FlushJitterPct=1
s3FlushThresholdJitterPct=1 s3UploadMaxAttempts=1 s3UploadBackoffCap=1s reconcileFrequency=6h reconcileBeforePoll=true
dest=kafka:redpanda-0:9092 destWriteFiles=10 topic=xtcp xtcpProtoFile=/xtcp_flat_record.proto kafkaSchemaUrl=http://localhost:18081
produceTimeout=0s label=l tag=t location=x hostname=h resolveContainerId=true ipv4Ttl=1 ipv6HopLimit=1 grpcPort=8889 deserializers=default
promListen=:9088 promPath=/metrics healthcheck=true goMaxProcs=4 maxThreads=2000 profile.mode=cpu pyroscopeUrl=http://p pyroscopeAppName=a
pyroscopeSampleHz=1 pyroscopeUploadSec=1 v=true conf=true d=111 ioUring=true ioUringRecvBatch=64 ioUringCqeBatch=128 enrichContainer=true
dockerSocket=/run/docker.sock enrichLldp=true lldpdSocket=/s lldpdVersionHint=1 enrichNic=true uplinkCount=2 uplinkInterfaces=e populateNsid=true'

VARIABLES='POLL_FREQUENCY=30s POLL_TIMEOUT=3s POLL_JITTER_PCT=7 MAX_LOOPS=1 MODULUS=2 NETLINKERS=3 NETLINKERS_DONE_CHAN_SIZE=9 NLTIMEOUTMS=900
NLMSQSEQ=5 PACKET_SIZE=8192 PACKETSIZEMPLY=2 WRITEFILES=1 CAPTUREPATH=/c MARSHAL=csv ENVELOPE_FLUSH_BYTES=1000 ENVELOPE_FLUSH_ROWS=10
KAFKA_COMPRESSION=lz4 S3_ENDPOINT=e S3_BUCKET=b S3_PREFIX=p S3_ACCESS_KEY=k S3_SECRET_KEY=s3cr3t S3_ACCESS_KEY_FILE=/f S3_SECRET_KEY_FILE=/f
S3_REGION=r S3_SKIP_BUCKET_PROBE=true S3_PARQUET_FLUSH_BYTES=1 S3_FLUSH_INTERVAL=1s S3_FLUSH_JITTER_PCT=1 S3_FLUSH_THRESHOLD_JITTER_PCT=1
S3_UPLOAD_MAX_ATTEMPTS=1 S3_UPLOAD_BACKOFF_CAP=1s RECONCILE_FREQUENCY=1h RECONCILE_BEFORE_POLL=false DEST=tcp:collector:1 DEST_WRITE_FILES=4
TOPIC=other XTCP_PROTO_FILE=/p KAFKA_SCHEMA_URL=http://r KAFKA_PRODUCE_TIMEOUT=9s LABEL=l2 TAG=t2 LOCATION=x2 XTCP_HOSTNAME=h2
CONTAINER_ID_RESOLVE=true ENRICH_CONTAINER=true DOCKER_SOCKET=/d ENRICH_LLDP=true LLDPD_SOCKET=/s LLDPD_VERSION_HINT=1 ENRICH_NIC=true
UPLINK_COUNT=2 UPLINK_INTERFACES=e POPULATE_NSID=true IPV4_TTL=1 IPV6_HOP_LIMIT=1 GRPC_PORT=8890 DESERIALIZERS=info PROM_LISTEN=:9089
PROM_PATH=/m DEBUG_LEVEL=1111 GOMAXPROCS=4'

@test "every flag of the earlier xtcp2 is read, and is in the file or is said" {
  local flag
  # shellcheck disable=SC2086
  set -- $FLAGS
  [ $# -eq 72 ]
  earlier "${@/#/-}"
  for flag in "$@"; do
    flag=${flag%%=*}
    jq -e --arg o "$flag" 'has($o)' whole.json >/dev/null || grep -q -- "-$flag: " said || { echo "$flag"; return 1; }
  done
  [ "$(value dest)" = kafka:redpanda-0:9092 ]
  [ "$(value location)" = x ]
  not grep s3cr3t file.json said
}

@test "every variable is read, and wins over the flag" {
  local variable
  # shellcheck disable=SC2086
  set -- $VARIABLES
  [ $# -eq 62 ]
  env "$@" "$XTCP2" -migrate -dest null -frequency 1s >file.json 2>said
  "$XTCP2" -config file.json -conf >whole.json
  [ "$(value frequency) $(value dest) $(value marshal) $(value names)" = '30s tcp:collector:1 csv json' ]
  [ "$(value hostname) $(value nltimeout) $(value grpcPort) $(value produceTimeout)" = 'h2 900 8890 9s' ]
  [ "$(value dockerSocket) $(value reconcileBeforePoll) $(value deserializers) $(value d)" = '/d false info 7' ]
  [ "$(value enrichNic) $(value enrichLldp) $(value lldpdSocket) $(value uplinkCount) $(value uplinkInterfaces)" = 'true true /s 2 e' ]
  for variable in S3_SKIP_BUCKET_PROBE LLDPD_VERSION_HINT IPV4_TTL NETLINKERS_DONE_CHAN_SIZE KAFKA_SCHEMA_URL GOMAXPROCS; do
    grep -q "^xtcp2: $variable: no counterpart: " said
  done
  not grep s3cr3t file.json said
}

@test "what it did without being told is in the file; what cannot be is said" {
  earlier
  [ "$(value dest) $(value marshal) $(value promListen) $(value reconcileFrequency)" = 'kafka:redpanda-0:9092 protobufList :9088 6h' ]
  earlier -dest nats:nats:4222 -topic t.x
  [ "$(value dest) $(value topic)" = 'nats:nats:4222 t.x' ]
  grep -q -- '-dest: the subject -topic needs a stream of JetStream' said
  earlier -dest nsq:nsqd:4150 -topic t
  [ "$(value dest)" = 'http://nsqd:4151/pub?topic=t' ]
  earlier -dest valkey:valkey:6379
  [ "$(value dest) $(value valkeyCommand)" = 'valkey:valkey:6379 publish' ]
  earlier -dest amqp:rabbit:5672 -marshal humanize -nltimeout 0 -netlinkers 100 -deserializers= -kafkaCompression gzip
  [ "$(value dest) $(value marshal) $(value nltimeout) $(value netlinkers) $(value deserializers)" = 'null text 1000 64 none' ]
  grep -q -- '-dest: no counterpart: there is no destination amqp:' said
  grep -q -- '-netlinkers: 100 is taken as 64' said
  grep -q -- '-kafkaCompression: gzip is not offered' said
  earlier --columns=hostname,tcpInfoRtt -marshal csv -ioUring -dest=null
  "$XTCP2" -config file.json -maxLoops 1 -promListen= -grpcPort 0 -ioUring=false
}

@test "a flag that it did not have ends with status 2, without a value in the line" {
  run -2 --separate-stderr "$XTCP2" -migrate -sasl=s3cr3t
  [[ $stderr == *'not a flag of the earlier xtcp2: -sasl' ]]
  run -2 --separate-stderr "$XTCP2" -migrate -dest null s3cr3t
  [[ $stderr != *s3cr3t* ]]
  run -2 --separate-stderr "$XTCP2" -dest null -migrate
  [[ $stderr == *'must be the first flag'* ]]
}

@test "variables of the earlier xtcp2 are not ignored without a word" {
  DEST=null POLL_FREQUENCY=30s fresh_netns "$XTCP2" -dest null -maxLoops 1 2>log
  grep -q 'POLL_FREQUENCY DEST: variables of the earlier xtcp2, ignored; xtcp2 -migrate' log
}

@test "-names json" {
  fresh_netns bash -c 'sleep 60 3>&- & "$0" -names json -maxLoops 1 -deserializers none >out 2>log; kill $!' "$XTCP2"
  "$XTCP2" -names json -conf | jq -e '.names == "json"'
  run -2 --separate-stderr "$XTCP2" -names camel -maxLoops 1
  [[ $stderr == *'-names camel: must be snake or json'* ]]
}

@test "s3parquet: becomes s3:// with its bucket and prefix, in Parquet" {
  "$XTCP2" -migrate -dest s3parquet: -marshal protobufList -s3Endpoint http://m:9000 -s3Bucket b -s3Prefix p/q -s3AccessKey k -s3SecretKey s3cr3t \
    -s3ParquetFlushBytes 1000000 -s3FlushInterval 30s >file.json 2>said
  "$XTCP2" -config file.json -conf >whole.json
  [ "$(value dest) $(value marshal) $(value s3Endpoint) $(value s3PathStyle)" = 's3://b/p/q parquet http://m:9000 true' ]
  [ "$(value s3MaxBytes) $(value s3MaxAge) $(value s3AccessKey)" = '1000000 30s k' ]
  grep -q '^xtcp2: -s3SecretKey: not taken over: .*-s3SecretKeyFile' said
  not grep s3cr3t file.json said
}
