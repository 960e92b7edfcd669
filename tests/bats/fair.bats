#!/usr/bin/env bats
# Namespaces take turns when one poll cannot read them all: for want of time or of descriptors.

load lib

setup() {
  XTCP2=$(bin xtcp2)
  NSTEST=$(bin nsTest)
  POPULATE=$(bin populate)
  export XTCP2 NSTEST POPULATE BATS_TEST_DIRNAME BUILD
  cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the shell text of standard input with network, mounts, names and processes of its own.
inside() {
  unshare -n -m -p -f --mount-proc -- bash -euo pipefail -c "mount --make-rprivate / && mkdir -p /run/netns && mount -t tmpfs names /run/netns
    ip link set lo up; . '$BATS_TEST_DIRNAME/lib.bash'
    get() { curl -sS --max-time 5 --noproxy '*' \"http://127.0.0.1:9088/\$1\"; }
    metric() { get metrics | awk -v name=\"\$1\" '\$1 == name { printf \"%d\\n\", \$2 }'; }
    # seen N: the file out has a listener of each of N named namespaces.
    seen() { [ \"\$(awk -F, '\$1 ~ /^ns/ && \$2 == \"LISTEN\" { print \$1 }' out | sort -u | wc -l)\" -eq \"\$1\" ]; }
    $(cat)"
}

@test "polls that are cut take turns: every namespace is read, and the log and /readyz name the unread ones" {
  inside <<'E2'
    "$NSTEST" -initial 40 -traffic -conns 1 -loops 0 >made 2>&1 &
    wait_for 20 grep -q READY made
    # Thousands of sockets in the first namespace make every dump slow.
    mkfifo hold
    "$POPULATE" 4000 <hold >populated & exec 8>hold
    wait_for 20 grep -q READY populated
    "$XTCP2" -dest file:out -marshal csv -columns netns,inet_diag_msg_state -frequency 45ms -timeout 40ms -netlinkers 1 \
      -grpcPort 0 2>log & daemon=$!
    wait_for 60 seen 40
    cut_off() { get readyz >ready; grep -qx 'not ok' ready; }
    wait_for 20 cut_off
    grep -Eq '^the last poll left [0-9]+ of 41 namespaces unread, cut at -timeout 40 ms: raise it, or -netlinkers \(now 1\); the next poll begins with them$' ready
    [ "$(metric xtcp2_polls_cut_total)" -gt 0 ]
    grep -Eq '^poll: the last poll left [0-9]+ of 41 namespaces unread, cut at -timeout 40 ms: raise it, ' log
    # Once a minute at most.
    [ "$(grep -c 'namespaces unread' log)" -le $((SECONDS / 60 + 1)) ]
    [ "$(metric xtcp2_namespaces_unread)" -le 41 ]
    # With time enough it is ready again.
    kill $daemon; wait $daemon
    "$XTCP2" -dest null -frequency 31s -timeout 30s -grpcPort 0 2>log & daemon=$!
    well() { get readyz >ready 2>/dev/null && [ "$(cat ready)" = ok ]; }
    wait_for 30 well
    [ "$(metric xtcp2_namespaces_unread)" -eq 0 ]
    kill $daemon; wait $daemon
E2
}

@test "with fewer descriptors than namespaces every poll reads all of them" {
  inside <<'E2'
    "$NSTEST" -initial 200 -traffic -conns 1 -loops 0 >made 2>&1 &
    wait_for 20 grep -q READY made
    (ulimit -n 64; exec "$XTCP2" -dest file:out -marshal csv -columns netns,inet_diag_msg_state -frequency 31s -timeout 30s -maxLoops 1 \
      -grpcPort 0) 2>log
    seen 200
    grep -q '^poll: 201 namespaces, and descriptors to keep [0-9]* open: .* raise the limit of open files' log
    not grep -q 'Too many open files' log
    # A probe is told as well.
    (ulimit -n 64; exec "$XTCP2" -dest null -frequency 31s -timeout 30s -grpcPort 0) 2>log & daemon=$!
    well() { get readyz >ready 2>/dev/null && grep -qx ok ready; }
    wait_for 20 well
    grep -q '^201 namespaces, .* raise the limit of open files' ready
    [ "$(metric 'xtcp2_namespace_errors_total{kind="limit"}')" -eq 0 ]
    kill $daemon; wait $daemon
E2
}

@test "descriptors that run out later cost one poll, not the same namespaces for ever" {
  inside <<'E2'
    "$NSTEST" -initial 60 -traffic -conns 1 -loops 0 >made 2>&1 &
    wait_for 20 grep -q READY made
    "$XTCP2" -dest file:out -marshal csv -columns netns,inet_diag_msg_state -frequency 5s -timeout 4900ms -grpcPort 0 -user root 2>log & daemon=$!
    wait_for 60 seen 60
    # The new limit is below its open descriptors: it can open no more. Only its own user may set the limit.
    prlimit --pid $daemon --nofile=50:50
    "$NSTEST" -initial 20 -traffic -conns 1 -loops 0 >more 2>&1 &
    wait_for 20 grep -q READY more
    wait_for 60 seen 80
    whole() { [ "$(metric xtcp2_namespaces_unread)" -eq 0 ]; }
    wait_for 60 whole
    [ "$(metric 'xtcp2_namespace_errors_total{kind="limit"}')" -gt 0 ]
    kill $daemon; wait $daemon
E2
}
