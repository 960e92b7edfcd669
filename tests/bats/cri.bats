#!/usr/bin/env bats
# -criSocket: names of pods and containers by the container runtime. containerd of the distribution, with
# all its files in the test's own directory, makes the pods; grpcio asks it to.
# bats file_tags=machine

load lib

setup_file() {
  "$BATS_TEST_DIRNAME/../../ci/clients" >"$BATS_FILE_TMPDIR/clients.log" 2>&1 || { cat "$BATS_FILE_TMPDIR/clients.log"; return 1; }
}

setup() {
  XTCP2=$(bin xtcp2)
  SOURCE=$(readlink -f "$BATS_TEST_DIRNAME/../..")
  PYTHON=$SOURCE/build/clients/python/bin/python
  HIERARCHY=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  OWN=/xtcp2-test-$$-$BATS_TEST_NUMBER
  UID_=0b1c2d3e-1111-2222-3333-444455556666
  export XTCP2 SOURCE PYTHON HIERARCHY OWN UID_
  [ -n "$HIERARCHY" ]
  cd "$BATS_TEST_TMPDIR" || return 1
  cat >listen.c <<'C'
#include <sys/socket.h>
#include <unistd.h>
int main(void) { return listen(socket(AF_INET, SOCK_STREAM, 0), 1) || pause(); }
C
  cat >config.toml <<'T'
version = 2
root = "/run/root"
state = "/run/state"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "xtcp2.test/listen:1"
  disable_tcp_service = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
T
}

# The runtime makes its cgroups in each hierarchy.
teardown() {
  wait_for 20 removed /sys/fs/cgroup"$OWN" /sys/fs/cgroup/*"$OWN" "$HIERARCHY$OWN"
}
removed() {
  local path
  for path; do
    [ ! -d "$path" ] || { find "$path" -depth -type d -exec rmdir {} + 2>/dev/null && [ ! -d "$path" ]; } || return 1
  done
}

# inside: a sandbox with these verbs; /run is its own.
inside() {
  sandbox < <(
    declare -f containerd_start blob image_make pod daemon_start daemon_stop described
    cat
  )
}
# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# blob FILE: puts it into the image; prints its digest.
blob() {
  local sum
  sum=$(sha256sum "$1" | cut -d ' ' -f 1)
  cp "$1" "/run/image/blobs/sha256/$sum"
  echo "sha256:$sum"
}

# image_make: an archive with an image of one program, which listens, in OCI's layout.
image_make() {
  mkdir -p /run/layer /run/image/blobs/sha256
  gcc -static -O1 -o /run/layer/listen listen.c
  tar -C /run/layer -cf /run/layer.tar listen
  local layer config manifest
  layer=$(blob /run/layer.tar)
  jq -n --arg layer "$layer" --arg arch "$(dpkg --print-architecture)" '{architecture: $arch, os: "linux", config: {Entrypoint: ["/listen"]}, rootfs: {type: "layers", diff_ids: [$layer]}}' >/run/config
  config=$(blob /run/config)
  jq -n --arg layer "$layer" --arg config "$config" --argjson size "$(stat -c %s /run/layer.tar)" --argjson own "$(stat -c %s /run/config)" '
    {schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
     config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $own},
     layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $layer, size: $size}]}' >/run/manifest
  manifest=$(blob /run/manifest)
  jq -n --arg manifest "$manifest" --argjson size "$(stat -c %s /run/manifest)" '
    {schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $manifest, size: $size,
     annotations: {"io.containerd.image.name": "xtcp2.test/listen:1"}}]}' >/run/image/index.json
  echo '{"imageLayoutVersion":"1.0.0"}' >/run/image/oci-layout
  tar -C /run/image -cf /run/image.tar .
}

# containerd_start: at its usual socket, which is root's alone; it has the image. Its pid is in CONTAINERD.
containerd_start() {
  mkdir -p /run/containerd
  containerd -c config.toml >/run/containerd.log 2>&1 &
  # shellcheck disable=SC2034 # read by the tests
  CONTAINERD=$!
  wait_for 60 test -S /run/containerd/containerd.sock
  if [ ! -e /run/image.tar ]; then
    image_make
    wait_for 60 ctr -n k8s.io images import /run/image.tar
  fi
  [ "$(stat -c '%U %a' /run/containerd/containerd.sock)" = "root 660" ]
}

# pod NAMESPACE NAME UID CGROUP CONTAINER: prints the ids of pod and container.
pod() {
  protoc -I "$SOURCE/tests/clients" --descriptor_set_out=/run/protoset cri_pods.proto
  timeout 120 "$PYTHON" "$SOURCE/tests/clients/cri_pods.py" /run/containerd/containerd.sock /run/protoset run "$1" "$2" "$3" "$4" xtcp2.test/listen:1 "$5" /listen ||
    { tail -n 5 /run/containerd.log >&2; return 1; }
}

daemon_start() {
  "$XTCP2" -dest file:/run/out -marshal jsonl -grpcPort 0 -grpcSocket= -frequency 100ms -timeout 90ms -resolveContainerId -criSocket auto "$@" 2>/run/log &
  DAEMON=$!
}
daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

# described FILTER: some record matches.
described() { jq -n -e "first(inputs | select($1)) | true" /run/out >/dev/null 2>&1; }

@test "containerd tells names and image of a container, and those of its pod; the daemon is not root by then" {
  inside <<'E'
    containerd_start
    read -r sandbox first < <(pod shop cart-0 "$UID_" "$OWN/kubepods/pod$UID_" app)
    daemon_start
    wait_for 20 described ".container_id == \"$first\" and .container_name == \"app\" and .container_image == \"xtcp2.test/listen:1\"
      and .pod_uid == \"$UID_\" and .pod_namespace == \"shop\" and .pod_name == \"cart-0\""
    wait_for 20 described ".container_id == \"$sandbox\" and .container_name == null and .pod_name == \"cart-0\""
    not grep -q '^Uid:.0' "/proc/$DAEMON/status"
    # One that comes later, in a cgroup that does not say that it is a pod's.
    read -r _ second < <(pod shop cart-1 11111111-1111-2222-3333-444455556666 "$OWN/other" side)
    wait_for 40 described ".container_id == \"$second\" and .container_name == \"side\" and .pod_name == \"cart-1\"
      and .pod_uid == \"11111111-1111-2222-3333-444455556666\""
    curl -s http://127.0.0.1:9088/metrics >/run/metrics
    grep -q '^xtcp2_cri_lists_total{result="ok"} [1-9]' /run/metrics
    grep -q '^xtcp2_cri_lists_total{result="error"} 0' /run/metrics
    daemon_stop
    not grep '^cri:' /run/log
E
}

@test "without a name for the socket nothing is asked; a socket of another kind costs a line, not a poll" {
  inside <<'E'
    containerd_start
    read -r _ first < <(pod shop cart-0 "$UID_" "$OWN/kubepods/pod$UID_" app)
    "$XTCP2" -resolveContainerId -maxLoops 3 -frequency 300ms -timeout 290ms -promListen= -grpcPort 0 -grpcSocket= >/run/out
    described ".container_id == \"$first\" and .pod_uid == \"$UID_\" and .pod_name == null"
    not described '.pod_name != null'
    # Accepts and says nothing; repeats what it hears; is not there.
    socat UNIX-LISTEN:/run/mute.sock,fork,mode=666 'EXEC:sleep 100' &
    socat UNIX-LISTEN:/run/echo.sock,fork,mode=666 PIPE &
    wait_for 20 test -S /run/mute.sock && wait_for 20 test -S /run/echo.sock
    while read -r socket reason; do
      rm -f /run/out
      daemon_start -criSocket "$socket" -frequency 1s -timeout 900ms
      wait_for 20 grep "^cri: $socket: pods and containers are not listed: $reason" /run/log
      curl -s http://127.0.0.1:9088/metrics >/run/metrics
      grep -q '^xtcp2_cri_lists_total{result="error"} [1-9]' /run/metrics
      grep -q '^xtcp2_polls_cut_total 0' /run/metrics
      wait_for 20 described ".container_id == \"$first\" and .container_name == null"
      daemon_stop
    done < <(printf '%s\n' '/run/mute.sock DEADLINE_EXCEEDED: no answer in time' \
      '/run/echo.sock UNAVAILABLE: what listens on /run/echo.sock does not speak gRPC' '/run/nowhere No such file or directory')
E
}

@test "a runtime that starts again: names stay, and the line says that the socket is root's" {
  inside <<'E'
    containerd_start
    read -r _ first < <(pod shop cart-0 "$UID_" "$OWN/kubepods/pod$UID_" app)
    daemon_start
    wait_for 20 described ".container_id == \"$first\" and .pod_name == \"cart-0\""
    kill "$CONTAINERD"
    wait "$CONTAINERD" || :
    containerd_start
    other=11111111-1111-2222-3333-444455556666
    read -r _ second < <(pod shop cart-1 "$other" "$OWN/kubepods/pod$other" side)
    wait_for 40 described ".container_id == \"$second\" and .pod_name == null"
    wait_for 40 grep -q '^cri: /run/containerd/containerd.sock: pods and containers are not listed: Permission denied; the daemon connects as root' /run/log
    rm /run/out
    kill -USR1 "$DAEMON"
    wait_for 20 described ".container_id == \"$first\" and .pod_name == \"cart-0\""
    # With the right to use it, it asks again.
    chmod 666 /run/containerd/containerd.sock
    chmod 755 /run/containerd
    wait_for 60 described ".container_id == \"$second\" and .container_name == \"side\" and .pod_name == \"cart-1\""
    daemon_stop
E
}
