# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034 # some variables are for those who read this file
# Shared by the checks of tcp-stress; after self-test/lib.bash.
image=xtcp2-tcp-stress
archive=$XTCP2_SELF_TEST/../tcp-stress/$image.tar
containers=$XTCP2_TUNE_CONTAINERS
# Of a container: a listener each, and both ends of each connection.
sockets=$((3 * XTCP2_TUNE_SOCKETS_PER_CONTAINER))
run=/run/xtcp2-stress
mkdir -p $run

running() { docker ps --quiet --filter "name=^stress-" --filter status=running | wc -l; }

# The names under which dockerd mounted the containers' namespaces, sorted.
sandboxes() {
  docker ps --quiet --filter "name=^stress-" | xargs -r docker inspect --format '{{.NetworkSettings.SandboxKey}}' | sed 's,.*/,,' | LC_ALL=C sort
}

# complete FILE: how many namespaces of lines "namespace,cookie" have exactly the sockets they should.
complete() {
  LC_ALL=C sort -u "$1" | awk -F, -v want="$sockets" '{ n[$1]++ } END { for (i in n) if (n[i] == want) c++; print c + 0 }'
}
