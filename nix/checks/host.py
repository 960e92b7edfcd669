# SPDX-License-Identifier: MIT
# Checks a NixOS host with services.xtcp2; the test driver of nixpkgs runs it.
RECORDS = "/var/lib/xtcp2/records.jsonl"
GUEST = "/etc/xtcp2-guest/lib/xtcp2"
CHECKS = "SYSTEMD METRICS NETLINK BINARIES_HELP GRPC_ROUNDTRIP GRPC_ACCESS CTL_HOT CTL_TRIGGER NS_INSPECT NSTEST NS_LIFECYCLE NS_TRAFFIC NS_ANONYMOUS"

host.wait_for_unit("xtcp2.service")

with subtest("sockets of a namespace come into the file"):
    host.succeed("ip netns add blue && ip -n blue link set lo up")
    host.succeed("systemd-run --unit=blue ip netns exec blue tcp_server -count 3")
    host.wait_until_succeeds(f"grep -E '\"netns\": *\"blue\"' {RECORDS}", timeout=60)
    host.succeed(f"tail -n 1 {RECORDS} | jq -e '.timestamp_ns > 0'")

with subtest("the checks that the test machines run"):
    host.succeed(f"XTCP2_UNIT=xtcp2.service XTCP2_BINARIES={GUEST}/binaries {GUEST}/self-test/self-test {CHECKS}", timeout=600)

with subtest("the unit is the package's, with an ordinary user and two capabilities"):
    host.succeed("systemctl show -p User xtcp2 | grep -qx User=xtcp2")
    host.succeed("systemctl show -p CapabilityBoundingSet xtcp2 | grep -qx 'CapabilityBoundingSet=cap_sys_ptrace cap_sys_admin'")
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "MemoryDenyWriteExecute=yes"):
        name = line.split("=")[0]
        host.succeed(f"systemctl show -p {name} xtcp2 | grep -qx {line}")

with subtest("stopped, it has lost nothing"):
    host.succeed("systemctl stop xtcp2")
    host.succeed("systemctl show -p Result xtcp2 | grep -qx Result=success")
