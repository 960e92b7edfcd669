#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Records against this machine's kernel, by the program that the guest's check EQUALS_KERNEL runs.
# bats file_tags=machine
load lib
bats_require_minimum_version 1.5.0

setup() {
  COMPARE=$(bin equals_kernel)
  DAEMON=$(bin xtcp2)
  export COMPARE DAEMON
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# compare [PROGRAM]: the comparison in two fresh namespaces, of records that the program (the daemon) writes.
compare() {
  COMPARED=${1:-$DAEMON} sandbox <<'E2'
    for ns in a b; do
      ip netns add $ns
      ip -n $ns link set lo up
    done
    mkdir /run/compare && chmod 711 /run/compare
    "$COMPARE" -netns a,b -xtcp2 "$COMPARED" -dir /run/compare -limit 120s
E2
}

# changed AWK: a program that is the daemon and then changes the table of records that it has written; at(NAME) is a column's number.
changed() {
  cat >"$BATS_TEST_TMPDIR/change.awk" <<E2
BEGIN { FS = OFS = "\t" }
function at(name) { return column[name] }
NR == 1 { for (i = 1; i <= NF; i++) column[\$i] = i }
$1
{ print }
E2
  cat >"$BATS_TEST_TMPDIR/changed" <<E2
#!/bin/bash
"$DAEMON" "\$@" || exit
for word; do
  case \$word in file:*)
    awk -f "$BATS_TEST_TMPDIR/change.awk" "\${word#file:}" >/run/changed && cp /run/changed "\${word#file:}"
    ;;
  esac
done
E2
  chmod +x "$BATS_TEST_TMPDIR/changed"
  echo "$BATS_TEST_TMPDIR/changed"
}

@test "every field of every record is what getsockopt and ss say" {
  run -0 compare
  [[ ${lines[-1]} =~ ^kernel=$(uname -r)\ tcp_info=[0-9]+\ unknown=[^\ ]+\ records=[0-9]+\ values=[0-9]{4,}: ]]
}

@test "two fields that changed places are a difference, named with the kernel and both values" {
  run -1 compare "$(changed 'NR == 1 { a = at("tcp_info_rtt"); b = at("tcp_info_rtt_var"); $a = "tcp_info_rtt_var"; $b = "tcp_info_rtt" }')"
  [[ $output =~ kernel\ $(uname -r):\ tcp_info_rtt\ of\ \".*\"\ is\ [0-9]+\ in\ the\ record,\ [0-9]+\ from\ getsockopt ]]
  [[ ${lines[-1]} == *" values differ" ]]
}

@test "a record that is missing is a difference, and one of a socket without an owner, too" {
  run -1 compare "$(changed '$at("inet_diag_msg_state") == "LAST_ACK" { next }')"
  [[ $output == *'no record of "last FIN" of a'* && $output == *'no record of "last FIN" of b'* ]]
  run -1 compare "$(changed '$at("inet_diag_msg_state") == "TIME_WAIT" { next }')"
  [[ $output == *"ss shows a socket of a that has no record: TIME-WAIT"* ]]
}

@test "attributes that the daemon does not know are named by number, and are no difference" {
  run -0 compare "$(changed 'NR > 1 { $at("inet_diag_attributes") += 2 ^ 24 + 2 ^ 26 }')"
  [[ ${lines[-1]} == *" unknown=24,26 "* ]]
}

@test "a tcp_info that is longer than the daemon knows is told with its bytes, and is no difference unless the record has others" {
  # As this kernel's, with eight more bytes than records have fields for; fields that this kernel lacks are 0.
  longer='NR > 1 && $at("tcp_info_len") != "" {
    $at("tcp_info_len") = 288; $at("tcp_info_tail") = "0123456789abcdef"
    n = split("rcv_wnd rehash total_rto total_rto_recoveries total_rto_time received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes received_e1_bytes received_e0_bytes received_ce_bytes ecn_mode accecn_opt_seen accecn_fail_mode options2", late, " ")
    for (i = 1; i <= n; i++) if ($at("tcp_info_" late[i]) == "") $at("tcp_info_" late[i]) = 0 }'
  LD_PRELOAD=$(bin liblonger_info.so) run -0 compare "$(changed "$longer")"
  [[ ${lines[-1]} == *" tcp_info=288 unknown=none tail=0123456789abcdef records="* ]]
  LD_PRELOAD=$(bin liblonger_info.so) run -1 compare "$(changed "${longer/0123456789abcdef/0123456789abcdee}")"
  [[ $output == *'tcp_info_tail of "'*'" is "0123456789abcdee" in the record, "0123456789abcdef" from getsockopt'* ]]
}
