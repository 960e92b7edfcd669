#!/usr/bin/env bats
# -asnFile: the autonomous system of the remote address, by a file in MaxMind's format.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  export XTCP2
  cd "$BATS_TEST_TMPDIR" || return 1
  chmod 777 . # for the user that the daemon becomes
  reachable
  MAKE_MMDB=$(bin make_mmdb)
  export MAKE_MMDB
  "$MAKE_MMDB" 127.1.0.0/16 64500 'First' 127.2.0.0/16 64501 'Second' >asn.mmdb
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# inside: a sandbox with these verbs, and connections from 127.0.0.1 to 127.1.0.1 and 127.2.0.1.
inside() {
  sandbox < <(
    declare -f connect established now has daemon_start daemon_stop said
    echo connect
    cat
  )
}
connect() {
  socat TCP-LISTEN:7001,fork,reuseaddr EXEC:'sleep 1000' &
  wait_for 20 test_listeners 1
  socat -u TCP:127.1.0.1:7001,bind=127.0.0.1 OPEN:/dev/null &
  socat -u TCP:127.2.0.1:7001,bind=127.0.0.1 OPEN:/dev/null &
  wait_for 20 established
}
established() { [ "$(ss -Htn state established | wc -l)" -eq 4 ]; }

# now FILTER: it is true of the last poll, five sockets. has ADDRESS NUMBER: one of them has that remote address.
now() { tail -n 5 out 2>/dev/null | jq -s -e "$1" >/dev/null; }
has() { now "any(.inet_diag_msg_socket_destination == \"$1\" and .inet_diag_msg_socket_dest_asn == $2)"; }
said() { [ "$(grep -c "$1" log)" -eq "$2" ]; }

daemon_start() {
  "$XTCP2" -dest file:out -marshal jsonl -promListen= -grpcPort 0 -frequency 200ms -timeout 190ms -asnFile "$PWD/asn.mmdb" "$@" 2>log &
  DAEMON=$!
}
daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

@test "the test's own file is one for mmdblookup as well" {
  [ "$(mmdblookup --file asn.mmdb --ip 127.2.3.4 autonomous_system_number | tr -d ' \n')" = '64501<uint32>' ]
  [[ $(mmdblookup --file asn.mmdb --ip 127.1.2.3 autonomous_system_organization) == *'"First"'* ]]
  run mmdblookup --file asn.mmdb --ip 127.9.2.3
  [ "$status" -ne 0 ]
}

@test "records have the number of the remote address; a file that is replaced is read, one that is damaged is told once" {
  inside <<'E'
    daemon_start
    wait_for 20 has 127.1.0.1 64500
    wait_for 20 has 127.2.0.1 64501
    wait_for 20 has 127.0.0.1 null
    grep -qx "asn: -asnFile $PWD/asn.mmdb: xtcp2-test-ASN of 2026-01-01" log
    "$MAKE_MMDB" 127.1.0.0/16 64700 Other >new
    mv new asn.mmdb
    wait_for 20 has 127.1.0.1 64700
    wait_for 20 has 127.2.0.1 null
    head -c 300 asn.mmdb >new
    mv new asn.mmdb
    wait_for 20 said '^asn: .*; the one before it stays in use' 1
    # In place, which a mapped file would not survive.
    : >asn.mmdb
    wait_for 20 said '^asn: .*; the one before it stays in use' 2
    before=$(wc -l <out)
    wait_for 20 eval '[ "$(wc -l <out)" -ge $((before + 20)) ]'
    wait_for 20 has 127.1.0.1 64700
    daemon_stop
    said '^asn: .*; the one before it stays in use' 2
E
}

@test "filters know the number; a file that is missing is told and waited for; -replay has it as well" {
  inside <<'E'
    mv asn.mmdb later
    daemon_start -filter 'asn = 64501'
    wait_for 20 grep -qx "asn: -asnFile $PWD/asn.mmdb: No such file or directory; records have no autonomous system while this is so" log
    mv later asn.mmdb
    wait_for 20 test -s out
    daemon_stop
    jq -s -e 'all(.inet_diag_msg_socket_destination == "127.2.0.1" and .inet_diag_msg_socket_dest_asn == 64501)' out
    "$XTCP2" -user root -maxLoops 1 -writeFiles 1 -capturePath "$PWD" -dest null -grpcPort 0 -promListen=
    "$XTCP2" -user root -asnFile "$PWD/asn.mmdb" -replay ./*.pcap | jq -s -e 'any(.inet_diag_msg_socket_dest_asn == 64500)'
E
}
