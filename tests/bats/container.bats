#!/usr/bin/env bats
# -resolveContainerId and -enrichContainer: whose container a socket is in.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  BUILD=$(readlink -f "$BUILD")
  # A cgroup of this test's own below the root of version 2, and two containers in it.
  HIERARCHY=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  OWN=$HIERARCHY/xtcp2-test-$$-$BATS_TEST_NUMBER
  FIRST=$(printf 'a%.0s' {1..64})
  SECOND=$(printf 'b%.0s' {1..64})
  export XTCP2 SERVER BUILD HIERARCHY OWN FIRST SECOND
  [ -n "$HIERARCHY" ]
  mkdir -p "$OWN/docker-$FIRST.scope" "$OWN/kubepods.slice/cri-containerd-$SECOND.scope"
}

teardown() {
  # The kernel needs a moment to see that the last process has gone.
  wait_for 20 removed
}
removed() { [ ! -d "$OWN" ] || { find "$OWN" -depth -type d -exec rmdir {} + 2>/dev/null && [ ! -d "$OWN" ]; }; }

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# The sandbox with these verbs.
inside() {
  sandbox < <(
    declare -f container_start api_start daemon_start daemon_stop described
    cat
  )
}

# container_start CGROUP: a process in that cgroup and in a namespace of its own, with one listener. Its pid is in CONTAINER_PID.
container_start() {
  local ready
  ready=/run/ready-$(basename "$1")
  bash -c 'echo $BASHPID >"$1/cgroup.procs" && exec unshare -n -- sh -c "ip link set lo up && exec \"$SERVER\" -count 1 >$2"' - "$1" "$ready" &
  # shellcheck disable=SC2034  # read by the tests
  CONTAINER_PID=$!
  wait_for 20 grep -q READY "$ready"
}

# api_start: a Docker API that knows the first container. Requests are kept in /run/requests.
api_start() {
  cat >/run/api <<'A'
#!/bin/bash
read -r method path _
while read -r line && [ "$line" != $'\r' ]; do :; done
echo "$method $path" >>/run/requests
body='{"message":"no such container"}' status='404 Not Found'
if [ "$path" = "/containers/$FIRST/json" ]; then
  body='{"Id":"'$FIRST'","Name":"/web","Config":{"Image":"registry/web:1.2"}}' status='200 OK'
fi
printf 'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$status" ${#body} "$body"
A
  chmod +x /run/api
  socat UNIX-LISTEN:/run/docker.sock,fork,mode=660,group=nogroup EXEC:/run/api &
  wait_for 20 test -S /run/docker.sock
}

daemon_start() {
  "$XTCP2" -dest file:/run/out -marshal jsonl -promListen= -grpcPort 0 -frequency 100ms -timeout 90ms "$@" 2>/run/log &
  DAEMON=$!
}
daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

# described FILTER: some record matches.
described() { jq -n -e "first(inputs | select($1)) | true" /run/out >/dev/null 2>&1; }

@test "container_id and container_runtime come from the cgroup; the host's own sockets have none" {
  inside <<'E'
    container_start "$OWN/docker-$FIRST.scope"
    container_start "$OWN/kubepods.slice/cri-containerd-$SECOND.scope"
    "$SERVER" -count 1 >/run/own &
    wait_for 20 grep -q READY /run/own
    "$XTCP2" -resolveContainerId -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    jq -s -e --arg first "$FIRST" --arg second "$SECOND" 'length == 3
      and (map([.container_runtime, .container_id, .container_name]) | sort
        == ([[null, null, null], ["docker", $first, null], ["containerd", $second, null]] | sort))' /run/out
    # Not asked for, not filled.
    "$XTCP2" -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    jq -s -e 'length == 3 and all(.container_id == null)' /run/out
E
}

@test "-enrichContainer asks the Docker API once per container, and final records have the answer as well" {
  inside <<'E'
    api_start
    container_start "$OWN/docker-$FIRST.scope"
    first=$CONTAINER_PID
    container_start "$OWN/kubepods.slice/cri-containerd-$SECOND.scope"
    daemon_start -enrichContainer -closeEvents
    wait_for 20 described '.container_name == "web" and .container_image == "registry/web:1.2" and .container_runtime == "docker"'
    kill "$first"
    wait_for 20 described '.event == 1 and .container_name == "web"'
    # The other runtime's is not Docker's to know.
    wait_for 20 described '.container_runtime == "containerd" and .container_name == null'
    daemon_stop
    [ "$(cat /run/requests)" = "GET /containers/$FIRST/json" ]
E
}

@test "a container in the host's network namespace has a name as well, after one request" {
  inside <<'E'
    api_start
    bash -c 'echo $BASHPID >"$OWN/docker-$FIRST.scope/cgroup.procs" && exec "$SERVER" -count 1' >/run/shared &
    wait_for 20 grep -q READY /run/shared
    daemon_start -enrichContainer
    wait_for 20 described '.netns == "self" and .container_name == "web" and .container_image == "registry/web:1.2"'
    daemon_stop
    [ "$(cat /run/requests)" = "GET /containers/$FIRST/json" ]
E
}

@test "an API that hangs or is missing costs names, never a poll" {
  inside <<'E'
    container_start "$OWN/docker-$FIRST.scope"
    socat UNIX-LISTEN:/run/docker.sock,fork,mode=660,group=nogroup EXEC:cat &
    wait_for 20 test -S /run/docker.sock
    "$XTCP2" -enrichContainer -maxLoops 3 -frequency 1s -timeout 900ms -promListen= -grpcPort 0 -d 7 >/run/out 2>/run/log
    jq -s -e 'length == 3 and all(.container_runtime == "docker" and .container_name == null)' /run/out
    [ "$(grep -c '^poll: ' /run/log)" -eq 3 ]
    "$XTCP2" -enrichContainer -dockerSocket /run/nowhere -maxLoops 2 -frequency 500ms -timeout 490ms -promListen= -grpcPort 0 \
      >/run/out 2>/run/log
    jq -s -e 'length == 2 and all(.container_id != null)' /run/out
    grep -q '^docker: /run/nowhere: no description of container aaaaaaaaaaaa: ' /run/log
E
}

@test "containers that share the host's network namespace, or another container's, are told apart by their sockets" {
  inside <<'E'
    # In the namespace of the daemon.
    bash -c 'echo $BASHPID >"$OWN/docker-$FIRST.scope/cgroup.procs" && exec "$SERVER" -count 1 -port 4001' >/run/shared &
    wait_for 20 grep -q READY /run/shared
    # In that of another container.
    container_start "$OWN/docker-$FIRST.scope"
    mkdir -p "$OWN/ecs/0123456789abcdef0123456789abcdef/$SECOND"
    nsenter --net="/proc/$CONTAINER_PID/ns/net" bash -c \
      'echo $BASHPID >"$OWN/ecs/0123456789abcdef0123456789abcdef/$SECOND/cgroup.procs" && exec "$SERVER" -count 1 -port 4001' >/run/guest &
    wait_for 20 grep -q READY /run/guest
    "$SERVER" -count 1 >/run/own &
    wait_for 20 grep -q READY /run/own
    "$XTCP2" -resolveContainerId -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    jq -s -e --arg first "$FIRST" --arg second "$SECOND" 'map([.netns == "self", .container_id]) | sort
      == ([[true, null], [true, $first], [false, $first], [false, $second]] | sort)' /run/out
E
}

@test "a socket in a pod has the pod's uid, namespace and name, and a service its unit" {
  inside <<'E'
    mount -t tmpfs log /var/log
    uid=0b1c2d3e-1111-2222-3333-444455556666
    pod=$OWN/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid//-/_}.slice/cri-containerd-$SECOND.scope
    mkdir -p "$pod" "$OWN/web.service" /var/log/containers
    container_start "$pod"
    bash -c 'echo $BASHPID >"$OWN/web.service/cgroup.procs" && exec "$SERVER" -count 1' >/run/service &
    wait_for 20 grep -q READY /run/service
    daemon_start -resolveContainerId -closeEvents
    # The names come when the kubelet's files do.
    wait_for 20 described ".pod_uid == \"$uid\" and .container_id == \"$SECOND\" and .pod_name == null"
    mkdir -p "/var/log/pods/shop_cart-0_$uid"
    ln -s /nowhere "/var/log/containers/cart-0_shop_app-$SECOND.log"
    wait_for 20 described '.pod_namespace == "shop" and .pod_name == "cart-0" and .container_name == "app"'
    wait_for 20 described '.unit == "web.service" and .netns == "self" and .container_id == null and .pod_uid == null'
    kill "$CONTAINER_PID"
    wait_for 20 described '.event == 1 and .pod_name == "cart-0" and .container_name == "app"'
    daemon_stop
E
}

@test "-owners finds unit and container of a process whose socket was made elsewhere" {
  inside <<'E'
    "$SERVER" -count 1 -bind 127.0.0.1 >/run/own &
    wait_for 20 grep -q READY /run/own
    port=$(ss -Htnl | awk '{ sub(/.*:/, "", $4); print $4; exit }')
    mkfifo /run/hold
    bash -c 'exec 9<>"/dev/tcp/127.0.0.1/$1"; echo $BASHPID >"$OWN/docker-$FIRST.scope/cgroup.procs"; echo >/run/moved; read -r <>/run/hold' - "$port" & holder=$!
    wait_for 20 test -s /run/moved
    "$XTCP2" -owners on -maxLoops 1 -promListen= -grpcPort 0 >/run/out
        jq -s -e --arg first "$FIRST" --argjson port "$port" --argjson pid "$holder" 'map(select(.inet_diag_msg_socket_destination_port == $port))
      | length == 1 and all(.pid == $pid and .container_id == $first and .container_runtime == "docker")' /run/out
E
}

@test "ss and top show the container's name; one look asks once, and an API that hangs costs half a second" {
  inside <<'E'
    api_start
    container_start "$OWN/docker-$FIRST.scope"
    bash -c 'echo $BASHPID >"$OWN/docker-$FIRST.scope/cgroup.procs" && exec "$SERVER" -count 1 -port 4001' >/run/shared &
    wait_for 20 grep -q READY /run/shared
    # On a busy machine the API of this test may take longer than a look waits: then another look is right.
    look() {
      : >/run/requests
      "$XTCP2" ss -l -format table -columns container,local >/run/table && [ "$(grep -c '^web  *' /run/table)" -eq 2 ] &&
        [ "$(cat /run/requests)" = "GET /containers/$FIRST/json" ]
    }
    in_json() { "$XTCP2" ss -l | jq -es 'length == 2 and all(.[]; .container_name == "web" and .container_image == "registry/web:1.2")'; }
    in_top() { "$XTCP2" top -count 1 -format table -group container 'state listening' | grep -E '^web +2 '; }
    wait_for 20 look
    wait_for 20 in_json
    wait_for 20 in_top
    "$XTCP2" ss -l -dockerSocket= -columns container | jq -es --arg id "${FIRST:0:12}" 'length == 2 and all(.[]; .container == $id)'
    rm /run/docker.sock
    socat UNIX-LISTEN:/run/docker.sock,fork,mode=660,group=nogroup EXEC:cat &
    wait_for 20 test -S /run/docker.sock
    "$XTCP2" ss -l -columns container | jq -es --arg id "${FIRST:0:12}" 'length == 2 and all(.[]; .container == $id)'
E
}
