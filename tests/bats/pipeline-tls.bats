#!/usr/bin/env bats
# Kafka over TLS: a real broker with client certificates, and with a password over TLS as Azure Event Hubs has it.
# bats file_tags=machine

load lib
load pipeline

SSL=127.0.0.1:19094
SASL_SSL=127.0.0.1:19095

setup() {
  pipe_up "$BATS_TEST_TMPDIR/pipe"
  authority ca
  authority stranger
  certificate broker
  certificate daemon
  cat "$PIPE"/broker.{key,pem} >"$PIPE/keystore.pem"
  printf '%s' "$PASSWORD" >"$PIPE/password"
  chmod 600 "$PIPE"/*.key "$PIPE/password"
}

teardown() { pipe_down; }

# One that semicolons and an equals sign must not end.
PASSWORD='Endpoint=sb://ns/;SharedAccessKey=a\b=='

key_and() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$PIPE/$1.key" -subj "/CN=$1" "${@:2}" 2>/dev/null; }

authority() { key_and "$1" -x509 -days 2 -out "$PIPE/$1.pem"; }

# certificate NAME: of ca, for the address that clients connect to.
certificate() {
  key_and "$1" -out "$PIPE/$1.csr"
  openssl x509 -req -in "$PIPE/$1.csr" -CA "$PIPE/ca.pem" -CAkey "$PIPE/ca.key" -CAcreateserial -days 2 -out "$PIPE/$1.pem" \
    -extfile <(echo 'subjectAltName=IP:127.0.0.1') 2>/dev/null
}

# A broker that serves plain Kafka to the engine, TLS to clients with a certificate of ca, and passwords over TLS.
start_tls_broker() {
  local jaas='org.apache.kafka.common.security.plain.PlainLoginModule required' escaped=${PASSWORD//\\/\\\\}
  set -- listeners="PLAINTEXT://127.0.0.1:19092,SSL://$SSL,SASL_SSL://$SASL_SSL,CONTROLLER://127.0.0.1:19093" \
    advertised.listeners="PLAINTEXT://127.0.0.1:19092,SSL://$SSL,SASL_SSL://$SASL_SSL" \
    listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL \
    ssl.keystore.type=PEM ssl.keystore.location="$PIPE/keystore.pem" ssl.truststore.type=PEM ssl.truststore.location="$PIPE/ca.pem" \
    listener.name.ssl.ssl.client.auth=required sasl.enabled.mechanisms=PLAIN \
    listener.name.sasl_ssl.plain.sasl.jaas.config="$jaas user_daemon=\"$escaped\";"
  start_broker "${@/#/--override=}"
}

# delivers FLAG...: the daemon's records are in the engine, each of them.
delivers() {
  start_tls_broker
  start_engine -kafka 127.0.0.1:19092
  start_traffic 5
  start_daemon -marshal protobufList "$@"
  wait_for 60 rows_beyond 20
  [ "$(inside curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9088/readyz)" = 200 ]
  stop "$DAEMON"
  wait_for 60 all_stored
  grep -q ', 0 lost' "$PIPE/daemon.log"
  [ "$(grep -cF "$PASSWORD" "$PIPE/daemon.log")" = 0 ]
}

all_stored() { grep -q ", $(rows) sent to kafka:" "$PIPE/daemon.log"; }

# refused TEXT FLAG...: not ready, because TEXT, which the log says too; nothing is sent.
refused() {
  local text=$1
  shift
  rm -f "$PIPE/daemon.log"
  start_daemon -marshal protobufList -produceTimeout 3s -flushTimeout 1s "$@"
  wait_for 60 says "nothing is confirmed within -produceTimeout: $text"
  stop "$DAEMON"
  # One line when it could not connect, one when records had waited for too long.
  [ "$(grep -cF -- "$text" "$PIPE/daemon.log")" -le 2 ]
  not grep -E 'FAIL|SSL routines' "$PIPE/daemon.log"
  grep -q ' 0 sent to kafka:' "$PIPE/daemon.log"
  grep -q 'exit status 3' "$PIPE/daemon.log"
}

says() { [ "$(inside curl -s -o "$PIPE/body" -w '%{http_code}' http://127.0.0.1:9088/readyz)" = 503 ] && grep -qF "$1" "$PIPE/body"; }

@test "TLS with a client's certificate: every record sent is stored" {
  delivers -dest "kafka:$SSL" -kafkaConfig security.protocol=SSL -tlsCa "$PIPE/ca.pem" -tlsCert "$PIPE/daemon.pem" -tlsKey "$PIPE/daemon.key"
}

@test "a password of semicolons over TLS, from files: every record sent is stored" {
  printf '%s\n' security.protocol=SASL_SSL sasl.mechanism=PLAIN sasl.username=daemon >"$PIPE/kafka.properties"
  delivers -dest "kafka:$SASL_SSL" -kafkaConfigFile "$PIPE/kafka.properties" -kafkaPasswordFile "$PIPE/password" -tlsCa "$PIPE/ca.pem"
}

@test "another authority, no client's certificate, a wrong password, no TLS: not ready, and one line says which" {
  local tls=(-kafkaConfig security.protocol=SSL -tlsCa "$PIPE/ca.pem")
  start_tls_broker
  refused "broker $SSL has a certificate for another name, or by no authority of -tlsCa" \
    -dest "kafka:$SSL" -kafkaConfig security.protocol=SSL -tlsCa "$PIPE/stranger.pem"
  refused "broker $SSL asks for a certificate that it trusts: -tlsCert and -tlsKey" -dest "kafka:$SSL" "${tls[@]}"
  refused "broker $SASL_SSL refuses sasl.username with this password (-kafkaPasswordFile)" -dest "kafka:$SASL_SSL" \
    -tlsCa "$PIPE/ca.pem" -kafkaConfig 'security.protocol=SASL_SSL;sasl.mechanism=PLAIN;sasl.username=daemon;sasl.password=wrong'
  refused "broker 127.0.0.1:19092 ends the TLS handshake: name its port for TLS" -dest kafka:127.0.0.1:19092 "${tls[@]}"
  refused 'no broker can be used (1/1 brokers are down): compare its address and security.protocol' -dest "kafka:$SSL"
}
