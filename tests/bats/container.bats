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
