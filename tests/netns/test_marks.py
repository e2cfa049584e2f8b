# SPDX-License-Identifier: GPL-2.0-or-later
"""Others at the same packets: rules that use the packet mark work as without us. A packet that lost its client is said,
and so is a program that lets none come to us.
"""

import ctypes
import os
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.edge.bpf import syscall
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns import tricks
from tests.netns.limits import CLIENTS, passes, quotas
from tests.netns.router import Router, bytes_of

EXACT, ORED, IF_ZERO, LIKE_MWAN3, LIKE_TAILSCALE, UNMARKED, PLAIN = range(7)
"""Servers by what happens to the mark of packets for them."""

MARKS = """table inet owner {{
    counter touched {{ }}
    chain pre {{
        type filter hook prerouting priority mangle
        ip daddr {0} meta mark set 0x1
        ip6 daddr {6} meta mark set 0x1
        ip daddr {1} meta mark set meta mark or 0x2
        ip daddr {2} meta mark 0x0 meta mark set 0x4
        ip daddr {3} meta mark & 0x3f00 == 0x0 meta mark set meta mark & 0xffffc0ff or 0x100
        ip daddr {4} meta mark set meta mark & 0xff00ffff or 0x80000
    }}
    chain passing {{
        type filter hook forward priority mangle
        ip daddr {5} meta mark != 0x0 counter name touched
        ct mark set meta mark
    }}
    chain leaving {{
        type filter hook postrouting priority mangle
        meta mark != 0x0 ct mark != 0x0 meta mark set ct mark
    }}
}}
"""
RULES = ("0x1", "0x2", "0x4", "0x100/0x3f00", "0x80000/0xff0000")


def others_use_the_mark(lab: Lab) -> None:
    """Some servers are reached only by a table that rules choose by the mark."""
    servers = lab.servers4
    lab.router.run(["nft", "-f", "-"], text_in=MARKS.format(*servers[:5], servers[PLAIN], lab.servers6[0]))
    for family, gateway, far in (("-4", lab.internet.ipv4, servers[:6]), ("-6", lab.internet.ipv6, lab.servers6[:1])):
        lab.router.run(["ip", family, "route", "add", "default", "via", gateway, "table", "100"])
        for server in far:
            lab.router.run(["ip", family, "route", "add", "unreachable", server])
        for number, rule in enumerate(RULES, 100):
            lab.router.run(["ip", family, "rule", "add", "fwmark", rule, "lookup", "100", "priority", str(number)])
    unmarked = ["to", servers[UNMARKED], "fwmark", "0x0/0xffffffff", "lookup", "100", "priority", "90"]
    lab.router.run(["ip", "rule", "add", *unmarked])


def test_rules_of_others_that_use_the_mark_do_what_they_do_without_us(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        others_use_the_mark(lab)
        alice = lab.clients[0]
        far = (*lab.servers4[: PLAIN + 1], lab.servers6[0])
        bridge = Path("/proc/sys/net/bridge").exists()  # then rules may see packets before the hook of the bridge

        def reached(see_bridge: int) -> list[str]:
            if bridge:
                tables = ("iptables", "ip6tables")
                lab.router.sysctl(**{f"bridge__bridge-nf-call-{each}": see_bridge for each in tables})
            return [server for server in far if passes(alice, server)]

        assert [reached(0), reached(1)] == [list(far)] * 2, "the rules work without us"
        router = make_router(lab, CLIENTS).start()
        before = router.measure()
        assert [reached(0), reached(1)] == [list(far)] * 2
        for server in far:
            alice.call(traffic.tcp_up, server, 100_000)
            alice.call(traffic.udp_down, server, 50_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(*far))
        assert moved.totals["unattributed"] == Counters()
        assert "packets 0 bytes 0" in lab.router.run(["nft", "list", "counter", "inet", "owner", "touched"])
        doctor = router.run("doctor", "--config", str(router.config)).stdout
        assert "esimshaper leaves the packet mark alone" in doctor
        assert "packet mark, where the number" not in doctor


SQM = """ip link add ifb4wan0 type ifb
ip link set ifb4wan0 up
tc qdisc del dev wan0 root
tc qdisc del dev wan0 ingress
tc qdisc add dev wan0 root handle 1: htb default 12
tc class add dev wan0 parent 1: classid 1:1 htb rate 9mbit ceil 9mbit
tc class add dev wan0 parent 1:1 classid 1:12 htb rate 9mbit ceil 9mbit
tc filter add dev wan0 parent 1:0 protocol all prio 999 u32 match ip protocol 0 0x00 flowid 1:12
tc qdisc add dev wan0 handle ffff: ingress
tc filter add dev wan0 parent ffff: protocol all prio 10 u32 match u32 0 0 action mirred egress redirect dev ifb4wan0
tc filter add dev wan0 parent ffff: protocol ip prio 50 u32 match ip src 0.0.0.0/0 flowid :1
"""
"""What simple.qos of sqm-scripts does, and the download half of wondershaper; both go on where a command fails."""


def test_sqm_beside_us_changes_no_count_and_doctor_says_what_does_its_work(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, CLIENTS).start()
        alice, server = lab.clients[0], lab.servers4[0]
        run = lab.router.command(["sh", "-x"])
        done = subprocess.run(run, input=SQM, text=True, capture_output=True, check=False)
        assert "Exclusivity flag on" in done.stderr
        assert "htb 1: root" in lab.router.run(["tc", "qdisc", "show", "dev", "wan0"])
        before = router.measure()
        alice.call(traffic.tcp_up, server, 500_000)
        alice.call(traffic.tcp_down, server, 500_000)
        moved = router.measure() - before
        assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.total)
        assert router.get("/v1/status")["wan"]["attached"]
        said = router.run("doctor", "--config", str(router.config)).stdout
        assert "set up to shape wan0 (ifb4wan0; SQM?)" in said
        assert "write its rates under wan, for example `download: 40mbit`" in said

        assert router.stop() == 0
        assert router.run("unload").returncode == 0
        subprocess.run(run, input=SQM, text=True, capture_output=True, check=False)
        router.start(attached=False)
        status = router.get("/v1/status")["wan"]
        assert not status["attached"]
        command = "tc qdisc del dev wan0 ingress"
        assert any(command in problem for problem in status["problems"])
        assert (
            f"{command}; then write its rates under wan" in router.run("doctor", "--config", str(router.config)).stdout
        )
        lab.router.run(command.split())
        wait_until("the meter", lambda: router.get("/v1/status")["wan"]["attached"], timeout=20)


BEHIND_OURS = "filter add dev br0 ingress prio 20 protocol all u32 match u32 0 0 flowid 1:1"
"""It ends with `ok`, which sets tc_index to 1."""
FOREIGN_BITS = """table inet owner {
    chain post { type filter hook postrouting priority mangle; oifname wan0 meta mark set meta mark or 0x40000000; }
}
"""
MOST_RESETS = 8 * (20 + 32)
"""Bytes of the resets that one flow may send in spite of a block (bpf/reset.h)."""
EACH_1MB = quotas("name: daily, for: each-client, limit: 1MB, period: day, then: block")


def test_upload_that_lost_its_client_is_said_and_held_and_the_mark_brings_it_back(
    make_router: Callable[..., Router],
) -> None:
    with Lab(WanKind.TUN) as lab:
        lab.router.run(["tc", *BEHIND_OURS.replace("filter", "qdisc", 1).split()[:4], "clsact"])
        lab.router.run(["tc", *BEHIND_OURS.split()])
        router = make_router(lab, EACH_1MB).start()
        (alice, bob), server = lab.clients, lab.servers4[0]
        before = router.measure()
        alice.call(traffic.udp_up, server, 100_000)
        with pytest.raises(OSError):
            alice.call(traffic.tcp_down, server, 10_000_000, timeout=5)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert moved.totals["others"].up_bytes >= 100_000
        assert moved.totals["alice"].down_bytes >= 1_000_000, "the LAN sees who gets it"
        assert moved.totals["unattributed"].up_bytes == 0
        bob.call(tricks.send_udp, bob.ipv4, lab.servers4[1], 3000)
        # The server may still repeat what alice does not get any more, and her kernel's reset leaves beyond the limit.
        assert 900_000 <= (router.measure() - before).totals["others"].up_bytes <= 1_000_000 + MOST_RESETS
        assert "lost their device inside this box" in router.run("status").stdout
        said = router.run("doctor", "--config", str(router.config)).stdout
        assert "to the tc filter u32 (priority 20) at br0" in said
        assert "write `mark_mask: 0xff000000` under lan" in said

        router.stop()
        router.config.write_text(router.config.read_text().replace("[br0]", "[br0], mark_mask: 0xff000000"))
        router.start()
        before = router.measure()
        bob.call(traffic.udp_up, server, 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert moved.totals["bob"].up_bytes >= 100_000
        assert moved.totals["others"].up_bytes == moved.totals["unattributed"].up_bytes == 0

        lab.router.run(["nft", "-f", "-"], text_in=FOREIGN_BITS)
        before = router.measure()
        bob.call(tricks.send_udp, bob.ipv4, lab.servers4[2], 3000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert moved.totals["bob"].up_bytes == moved.totals["unattributed"].up_bytes == 0
        assert moved.totals["others"].up_bytes <= 100_000, "it had used up almost all"
        assert "mark_foreign" in {event["reason"] for event in router.get("/v1/status")["events"]}
        assert "another program wrote into the bits" in router.run("doctor", "--config", str(router.config)).stdout


PROG_LOAD, LINK_CREATE, SCHED_CLS = 5, 28, 3  # include/uapi/linux/bpf.h


def lets_all_by(device: str, name: str) -> int:
    """A program on the tcx hook for what leaves, as that of NetworkManager: a descriptor, with which it ends."""
    code = ctypes.create_string_buffer(bytes.fromhex("b700000000000000 9500000000000000"), 16)  # return TC_ACT_OK
    licence = ctypes.create_string_buffer(b"GPL")
    head = struct.pack("=IIQQ", SCHED_CLS, 2, ctypes.addressof(code), ctypes.addressof(licence)).ljust(48, b"\0")
    program = syscall.bpf(PROG_LOAD, bytearray(head + name.encode().ljust(16, b"\0")))
    target = struct.pack("=IIII", program, socket.if_nametoindex(device), syscall.TCX_EGRESS, 0)
    try:
        return syscall.bpf(LINK_CREATE, bytearray(target.ljust(48, b"\0")))
    except OSError:
        pytest.skip("this kernel has no tcx (6.6)")
    finally:
        os.close(program)


def test_program_that_lets_packets_by_before_us_is_said_for_as_long_as_it_is_there(
    make_router: Callable[..., Router],
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        there = lab.router.call(lets_all_by, "wan0", "clat_egress")
        wait_until("the word", lambda: bool(router.get("/v1/status")["wan"]["problems"]), timeout=30)
        before = router.measure()
        lab.clients[0].call(traffic.udp_up, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert moved.bill.total.up_bytes > 100_000 > moved.sum.up_bytes, "as long as this is so, it must be said"
        page = " ".join(router.run("status").stdout.split())
        assert "WAN wan0: metering what another program leaves" in page
        assert "a program of somebody else (tcx) sees the packets of wan0 before ours" in page
        said = router.run("doctor", "--config", str(router.config)).stdout
        assert "NetworkManager itself translates there (464XLAT, clat_egress)" in said
        os.close(there)
        wait_until("its end", lambda: not router.get("/v1/status")["wan"]["problems"], timeout=30)
        before = router.measure()
        lab.clients[0].call(traffic.udp_up, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
