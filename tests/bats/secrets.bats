#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154  # shell text in quotes, for a namespace; each test is a subshell of its own
# TLS towards destinations, secrets from files, and what is said of them.

bats_require_minimum_version 1.5.0
load lib

setup() {
  XTCP2=$(bin xtcp2)
  export XTCP2 BUILD BATS_TEST_DIRNAME
  cd "$BATS_TEST_TMPDIR" || return 1
  reachable
  chmod 755 .
}

# An authority, a server for localhost and a client, as NAME.pem and NAME.key.
make_certificates() {
  local name
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority 2>/dev/null
  for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out $name.pem \
      -extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) 2>/dev/null
  done
  chmod 600 ./*.key
}

# A server that answers each POST with 200; with a second argument it wants a certificate of the authority.
cat_server() {
  cat <<'E2'
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *a):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
if len(sys.argv) > 2:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations("ca.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
E2
}

# inside TEXT: in a fresh network namespace, with both servers: 8443 wants no certificate, 8444 does.
inside() {
  cat_server >server.py
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'
    trap 'kill -KILL \$(jobs -p) 2>/dev/null || :' EXIT
    python3 server.py 8443 & python3 server.py 8444 yes &
    wait_for 20 test_listeners 2
    # Only the own namespace: others may hold more sockets than these servers take in time.
    own=(); [ \"\$(id -u)\" -ne 0 ] || own=(setpriv --bounding-set -sys_admin --)
    send() { timeout 60 \"\${own[@]}\" \"\$XTCP2\" -dest \"https://localhost:\$1/\" -maxLoops 1 -promListen= -grpcPort 0 -flushTimeout \"\$2\" \"\${@:3}\" 2>log; }
    all_sent() { send \"\$1\" 30s \"\${@:2}\" && grep -E '[1-9][0-9]* records, ([0-9]+) sent .* 0 lost' log || { cat log; return 1; }; }
    none_sent() { send \"\$1\" 300ms \"\${@:2}\" || :; grep ' 0 sent to' log || { cat log; return 1; }; }
    $1" 3>&-
}

@test "https: trusts -tlsCa or SSL_CERT_FILE, and shows -tlsCert" {
  make_certificates
  [ "$(id -u)" -ne 0 ] || export XTCP_USER=root
  inside '
    none_sent 8443
    all_sent 8443 -tlsCa ca.pem
    SSL_CERT_FILE=ca.pem all_sent 8443
    XTCP_TLS_CA=ca.pem all_sent 8443
    CREDENTIALS_DIRECTORY=. all_sent 8443 -tlsCa ca.pem
    # -tlsCa alone is trusted, whatever the environment says.
    SSL_CERT_FILE=ca.pem none_sent 8443 -tlsCa client.pem
    none_sent 8444 -tlsCa ca.pem
    all_sent 8444 -tlsCa ca.pem -tlsCert client.pem -tlsKey client.key'
}

@test "files of TLS that cannot be used end the start" {
  make_certificates
  refused() {
    run -2 --separate-stderr "$XTCP2" -dest https://localhost:8443/ -maxLoops 1 -promListen= -grpcPort 0 "$@"
    echo "$stderr"
  }
  [[ "$(refused -tlsCa nowhere.pem)" == *'-tlsCa nowhere.pem: No such file'* ]]
  [[ "$(refused -tlsCa server.csr)" != '' ]]
  echo text >text.pem
  [[ "$(refused -tlsCa text.pem)" == *'text.pem: it is not PEM'* ]]
  [[ "$(refused -tlsCert client.pem)" == *'give both or none'* ]]
  chmod 644 client.key
  [[ "$(refused -tlsCert client.pem -tlsKey client.key)" == *'others may read'* ]]
  [[ "$(refused -dest kafka:b:1 -tlsCa ca.pem)" == *'security.protocol=SSL'* ]]
}

@test "no line shows a part of a password, whatever is wrong with it" {
  local c dest='kafka:127.0.0.1:19092'
  echo 'sasl.password=s3cr3t' >good.properties
  printf 'sasl.username=u\ns3cr3t\n' >bad.properties
  echo 's3cr3t' >password
  echo '{"kafkaConfig": s3cr3t}' >bad.json
  while read -r c; do
    run timeout 20 bash -c "\"\$XTCP2\" -dest $dest -maxLoops 1 -flushTimeout 0 -promListen= -grpcPort 0 $c; \"\$XTCP2\" -conf $c"
    [[ $output != *s3cr3t* ]] || { echo "$c"; echo "$output"; return 1; }
  done <<'E2'
-kafkaConfig 'sasl.password=abc;s3cr3t'
-kafkaConfig 'sasl.password=abc;s3cr3t=1'
-kafkaConfig 'sasl.password=abc;Key=s3cr3t'
-kafkaConfig sasl.password=abc s3cr3t
-kafkaConfig 'security.protocol=SASL_PLAINTEXT;sasl.mechanism=PLAIN;sasl.username=u;sasl.password=abc\;s3cr3t,s3cr3t'
-kafkaConfigFile good.properties
-kafkaConfigFile bad.properties
-kafkaPasswordFile password -kafkaConfig sasl.password=s3cr3t
-config bad.json
E2
}

@test "-healthcheck understands every address to listen on" {
  fresh_netns bash -euo pipefail -c ". '$BATS_TEST_DIRNAME/lib.bash'
    for address in '*:9088' :9088 '[::]:9088' 0.0.0.0:9088 localhost:9088 '[::1]:9088'; do
      \"\$XTCP2\" -dest null -promListen \"\$address\" -grpcPort 0 2>log & daemon=\$!
      wait_for 20 \"\$XTCP2\" -healthcheck -promListen \"\$address\" || { cat log; exit 1; }
      kill \$daemon
      wait \$daemon
    done" 3>&-
}
