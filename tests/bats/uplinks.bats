#!/usr/bin/env bats
# -enrichNic and -enrichLldp: how the host is connected. A cable (veth) leads to a namespace that plays the switch, with a
# real lldpd at each end.
# bats file_tags=machine

load lib

setup() {
  XTCP2=$(bin xtcp2)
  SERVER=$(bin tcp_server)
  export XTCP2 SERVER
  cd "$BATS_TEST_TMPDIR" || return 1
}

# shellcheck source=tests/bats/drive.bash
. "$BATS_TEST_DIRNAME/drive.bash"

# inside: a sandbox with these verbs, a sysfs of its own, and one listener.
inside() {
  sandbox < <(
    declare -f cable lldpd_start on_switch daemon_start daemon_stop described heard now metric tell
    echo 'set -E; trap "echo \"failed: line \$LINENO of the sandbox: \$BASH_COMMAND\" >&2; tell >&2" ERR'
    # lldpd asks for its host's name by the resolver, which would wait for servers that are not there.
    printf '%s\n' 'for name in localhost host leaf7; do echo "127.0.0.1 $name"; done >/run/hosts; mount --bind /run/hosts /etc/hosts'
    echo 'mount -t sysfs sys /sys; "$SERVER" -count 1 >/run/ready & wait_for 20 grep -q READY /run/ready'
    cat
  )
}

# cable NAME: an interface of that name with a default route, whose other end, sw0, is in the switch's namespace.
cable() {
  unshare -n -- sleep 1000 &
  SWITCH=$!
  wait_for 20 eval '[ "$(readlink /proc/$SWITCH/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
  ip link add "$1" type veth peer name sw0 netns "$SWITCH"
  ip addr add 192.0.2.2/24 dev "$1"
  ip link set "$1" up
  on_switch ip link set sw0 up
  ip route add default via 192.0.2.1 dev "$1"
}
on_switch() { nsenter -t "$SWITCH" -n -- "$@"; }

# lldpd_start SOCKET HOSTNAME MANAGEMENT-ADDRESS: with a host name and a directory of its own, and the sysfs of its namespace. In LLDPD its pid.
lldpd_start() {
  mkdir -p /run/lldpd
  unshare -m -u -- sh -c 'hostname "$2" && mount -t tmpfs none /run/lldpd && { mount -t sysfs none /sys 2>/dev/null || :; } && exec lldpd -d -u "$1" -m "$3"' - "$@" >"$1.log" 2>&1 &
  # shellcheck disable=SC2034  # read by the tests
  LLDPD=$!
  wait_for 20 test -S "$1"
  wait_for 20 lldpcli -u "$1" show configuration >/dev/null 2>&1
}

daemon_start() {
  "$XTCP2" -dest file:/run/out -marshal jsonl -grpcPort 0 -frequency 200ms -timeout 190ms "$@" 2>/run/log &
  DAEMON=$!
}
# What is known when a test fails.
tell() {
  cat /run/log
  tail -n 1 /run/out | jq -c 'with_entries(select(.key | startswith("uplink")))'
  tail -n 5 /run/*.socket.log
  lldpcli -u /run/lldpd.socket show neighbors
}
daemon_stop() { kill "$DAEMON" && wait "$DAEMON"; }

# described FILTER: some record matches. now FILTER: the last one does.
described() { jq -n -e "first(inputs | select($1)) | true" /run/out >/dev/null 2>&1; }
# heard FILTER: as now, after another frame of the switch: what it sent before somebody listened is lost, and the next is due in 30 s.
heard() { lldpcli -u /run/switch.socket update >/dev/null 2>&1 && now "$1"; }
now() { tail -n 1 /run/out | jq -e "$1" >/dev/null 2>&1; }
metric() { [ "0$(curl -s http://127.0.0.1:9088/metrics | sed -n "s/^$1 //p")" -ge "$2" ]; }

@test "each record has the card and the neighbour, which are read anew" {
  inside <<'E'
    cable up0
    lldpd_start /run/lldpd.socket host 192.0.2.2
    on_switch bash -c "$(declare -f lldpd_start wait_for); lldpd_start /run/switch.socket leaf7 198.51.100.7"
    lldpcli -u /run/switch.socket configure ports sw0 lldp portdescription 'rack 3' >/dev/null
    daemon_start -enrichNic -enrichLldp -closeEvents
    wait_for 30 heard '.uplink1_ifname == "up0" and .uplink1_nic_driver == "veth" and .uplink1_nic_speed_mbps == 10000
      and .uplink1_lldp_chassis_name == "leaf7" and .uplink1_lldp_mgmt_ip == "198.51.100.7"
      and .uplink1_lldp_port_descr == "rack 3" and .uplink2_ifname == null'
    mac=$(on_switch cat /sys/class/net/sw0/address 2>/dev/null || on_switch ip -j link show sw0 | jq -r '.[0].address')
    wait_for 30 heard ".uplink1_lldp_chassis_id == \"$mac\" and .uplink1_lldp_port_id == \"$mac\""
    lldpcli -u /run/switch.socket configure ports sw0 lldp portdescription 'rack 4' >/dev/null
    wait_for 30 heard '.uplink1_lldp_port_descr == "rack 4"'
    # A final record has them as well, of a connection that ends while the switch is known.
    port=$(ss -Htnl | awk '{ sub(/.*:/, "", $4); print $4; exit }')
    closed() { heard '.uplink1_lldp_chassis_name == "leaf7"' && : <"/dev/tcp/127.0.0.1/$port" && described '.event == 1 and .uplink1_lldp_chassis_name == "leaf7"'; }
    wait_for 30 closed
    metric xtcp2_uplinks 1
    metric 'xtcp2_lldp_readings_total{result="ok"}' 2
    # The user is in the group of lldpd's socket, and the filter of system calls knows what a card is asked with.
    grep -q '^xtcp2: runs as' /run/log
    not grep -q -e '^lldp:' -e 'refused the system call' /run/log
    daemon_stop
E
}

@test "a lldpd that is missing, or mute, costs its fields, never a poll nor the end" {
  inside <<'E'
    cable up0
    daemon_start -enrichNic -enrichLldp
    wait_for 30 metric 'xtcp2_lldp_readings_total{result="error"}' 2
    wait_for 30 now '.uplink1_nic_driver == "veth" and .uplink1_lldp_chassis_name == null'
    daemon_stop
    [ "$(grep -c '^lldp:' /run/log)" -eq 1 ]
    grep -qx 'lldp: -lldpdSocket /run/lldpd.socket: neighbours cannot be read: No such file or directory' /run/log
    # One that takes the question and does not answer.
    socat UNIX-LISTEN:/run/lldpd.socket,fork,mode=666 EXEC:'sleep 1000' &
    wait_for 20 test -S /run/lldpd.socket
    rm /run/out
    daemon_start -enrichLldp
    wait_for 30 metric 'xtcp2_lldp_readings_total{result="error"}' 1
    grep -qx 'lldp: -lldpdSocket /run/lldpd.socket: neighbours cannot be read: no answer in time' /run/log
    # Polls while the next reading waits, and the end does not wait for it: its deadline is two seconds.
    wait_for 20 metric xtcp2_polls_total 10
    begin=$(date +%s%N)
    daemon_stop
    [ $((($(date +%s%N) - begin) / 1000000)) -lt 20000 ]
    now '.uplink1_ifname == "up0" and .uplink1_nic_driver == null'
E
}

@test "-uplinkInterfaces and -uplinkCount choose; without a default route and a card one line says that there is none" {
  inside <<'E'
    ip link add a0 type veth peer name b0
    ip link set a0 up; ip link set b0 up
    daemon_start -enrichNic
    wait_for 20 test -s /run/out
    daemon_stop
    now 'has("uplink1_ifname") | not'
    [ "$(grep -c '^uplinks: no default route and no physical interface that is up' /run/log)" -eq 1 ]
    "$XTCP2" -enrichNic -uplinkInterfaces 'b0, none,a0' -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    now '.uplink1_ifname == "b0" and .uplink2_ifname == "a0" and .uplink2_nic_driver == "veth"'
    "$XTCP2" -enrichNic -uplinkInterfaces b0,a0 -uplinkCount 1 -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    now '.uplink1_ifname == "b0" and .uplink2_ifname == null'
    # Both ways out, IPv4's before IPv6's.
    ip -6 addr add 2001:db8::2/64 dev a0 nodad
    ip -6 route add default via 2001:db8::1 dev a0
    ip addr add 192.0.2.2/24 dev b0
    ip route add default via 192.0.2.1 dev b0
    "$XTCP2" -enrichNic -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    now '.uplink1_ifname == "b0" and .uplink2_ifname == "a0"'
    # Two hops of one route.
    ip -6 route del default
    ip addr add 198.51.100.2/24 dev a0
    ip route replace default nexthop via 198.51.100.1 dev a0 nexthop via 192.0.2.1 dev b0
    "$XTCP2" -enrichNic -maxLoops 1 -promListen= -grpcPort 0 >/run/out
    now '.uplink1_ifname == "a0" and .uplink2_ifname == "b0"'
E
}
