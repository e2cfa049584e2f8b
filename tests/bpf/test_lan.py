# SPDX-License-Identifier: GPL-2.0-or-later
"""Who sent it: the LAN hook writes the account into tc_index and, if asked, into the mark; the WAN hook finds it."""

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.packages import DEBIAN_PYTHON
from esimshaper.edge.bpf import layouts, libbpf
from tests.bpf import packets
from tests.bpf.conftest import LOOPBACK, MARK, NOBODY, Bench, skb
from tests.bpf.instructions import TC_INDEX, before, forgetting, writing
from tests.bpf.packets import CLIENT6, LAN_MAC, SERVER4, SERVER6, UDP, WAN4, ethernet, ipv4, ipv6, udp

ALICE, BOB = Account(2), Account(3)
IPV6 = 0x86DD
SENT, CROSSED, OTHERS = 0xA000, 0x4000, Account(63)
UPLOAD = ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53)))
RACES, RACE_SECONDS = 5, 20

RECEIVE = """
ip link add here type veth peer name there
ip link set here up
ip link set there up
tc qdisc add dev here clsact
tc filter add dev here ingress prio 1 bpf direct-action object-pinned "$1"
tc filter add dev here ingress prio 2 bpf direct-action object-pinned "$2"
exec "$3" -c '
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
    sender.bind(("there", 0))
    sender.send(bytes.fromhex(sys.argv[1]))
' "$4"
"""
"""A frame that arrives at two programs, one after the other, in a network namespace that ends with the shell."""


def up_with(bench: Bench, tc_index: int, mark: int = 0) -> None:
    with before(bench.meter.program("wan_egress_ethernet").fd, writing({TC_INDEX: tc_index})) as program:
        libbpf.dry_run(program, UPLOAD, skb(mark << 20, LOOPBACK))


def test_account_is_in_tc_index_where_somebody_took_the_mark_away(bench: Bench) -> None:
    up_with(bench, SENT | ALICE)
    assert bench.counters(ALICE).up_packets == 1


@pytest.mark.parametrize("tc_index", [ALICE, 0x8000 | ALICE, 0x5000 | ALICE, CROSSED | 64, CROSSED, SENT | 64])
def test_tc_index_of_somebody_else_is_no_account(bench: Bench, tc_index: int) -> None:
    up_with(bench, tc_index)
    assert bench.packets_of(Reason.WAN_OUT_UNMARKED) == 1


def test_what_comes_in_by_the_uplink_and_leaves_by_it_is_whose_it_was_on_its_way_in(bench: Bench) -> None:
    up_with(bench, CROSSED | ALICE)
    assert bench.counters(ALICE).up_packets == 1


def test_tc_index_goes_before_the_mark(bench: Bench) -> None:
    up_with(bench, SENT | ALICE, mark=BOB)
    assert (bench.counters(ALICE).up_packets, bench.counters(BOB).up_packets) == (1, 0)


def test_mark_stands_in_for_a_tc_index_that_somebody_took_away(bench: Bench) -> None:
    up_with(bench, 1, mark=ALICE)
    assert bench.counters(ALICE).up_packets == 1


def test_upload_from_the_lan_that_lost_its_account_is_that_of_its_flow_or_of_its_address(bench: Bench) -> None:
    bench.meter.note_lans([LOOPBACK])
    bench.up(UPLOAD, BOB)
    bench.up(UPLOAD)
    assert bench.counters(BOB) == Counters(up_bytes=2 * 28, up_packets=2)
    frame = ethernet(ipv6(CLIENT6, SERVER6, UDP, udp(1, 2)), IPV6)
    assert bench.lan(frame) == ALICE
    bench.up(frame)
    assert bench.counters(ALICE) == Counters(up_bytes=48, up_packets=1)
    assert not bench.read().events


@pytest.mark.parametrize(("mark", "reason"), [(0, Reason.ACCOUNT_LOST), (BOB, Reason.MARK_FOREIGN)])
def test_upload_from_the_lan_of_nobody_knows_whom_is_held_as_one(bench: Bench, mark: int, reason: Reason) -> None:
    bench.meter.note_lans([LOOPBACK])
    bench.meter._maps["owners"].update(layouts.NUMBER.pack(BOB), NOBODY)
    bench.meter.write_policies({OTHERS: Policy(block_at=Thresholds(both=2 * 28))})
    for _ in range(3):
        libbpf.dry_run(bench.meter.program("wan_egress_ethernet").fd, UPLOAD, skb(mark << 20, LOOPBACK))
    assert bench.counters(OTHERS) == Counters(up_bytes=2 * 28, up_packets=2)
    assert (bench.packets_of(reason), bench.packets_of(Reason.UPLOAD_BLOCKED)) == (3, 1)
    assert not bench.unattributed()
    assert not bench.counters(BOB)


def test_an_account_is_owned_once_a_client_has_it(bench: Bench) -> None:
    for account in (ALICE, BOB):
        bench.meter._maps["owners"].update(layouts.NUMBER.pack(account), NOBODY)
    bench.lan(ethernet(ipv4("10.0.0.1", SERVER4, UDP, udp(1, 2))))
    bench.meter.add_clients([ClientKey("02:00:00:00:00:99")])
    clients, owners = bench.meter._maps["clients"], bench.meter._maps["owners"]
    found = {clients.lookup(key): key for key in list(clients.keys())}
    assert len(found) == 2
    assert {number: owners.lookup(number) for number in found} == found


def test_lan_hook_leaves_the_account_in_tc_index_too(bench: Bench, bpffs: Path) -> None:
    frame = ethernet(ipv4("192.168.77.10", SERVER4, UDP, udp(1000, 53)), destination="ff:ff:ff:ff:ff:ff")
    pin = bpffs / "without_mark"
    with before(bench.meter.program("wan_egress_ethernet").fd, writing({MARK: 0})) as program:
        assert libbpf.library().bpf_obj_pin(program, str(pin).encode()) == 0
        programs = (bench.wanted.programs / "lan_ingress_ethernet", pin)
        command = ["unshare", "--net", "sh", "-e", "-c", RECEIVE, "sh", *programs, DEBIAN_PYTHON, frame.hex()]
        subprocess.run(command, check=True)
    number = next(account for account, client in bench.read().owners.items() if client == LAN_MAC)
    assert bench.counters(number) == Counters(up_bytes=28, up_packets=1)


def test_bits_of_somebody_else_stay_in_the_mark(bench: Bench) -> None:
    frame = ethernet(ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2)))
    after = libbpf.dry_run(bench.meter.program("lan_ingress_ethernet").fd, frame, skb(0x00012345)).context
    assert int.from_bytes(after[MARK : MARK + 4], "little") == ALICE << 20 | 0x12345


@pytest.mark.parametrize(
    ("packet", "client"),
    [
        (ipv4("192.168.77.10", SERVER4, UDP, udp(1, 2)), "192.168.77.10"),
        (ipv6(CLIENT6, SERVER6, UDP, udp(1, 2)), CLIENT6),
    ],
    ids=["IPv4", "IPv6"],
)
def test_client_of_a_link_without_macs_is_its_source_address(bench: Bench, packet: bytes, client: str) -> None:
    program = bench.meter.program("lan_ingress_raw").fd
    libbpf.dry_run(program, ethernet(packet, IPV6 if client == CLIENT6 else 0x0800), skb())
    assert bench.read().owners[ALICE] == ClientKey(client)


def test_unique_local_address_is_learned(bench: Bench) -> None:
    bench.lan(ethernet(ipv6("fd00::10", SERVER6, UDP, udp(1, 2)), IPV6))
    bench.down(ethernet(ipv6(SERVER6, "fd00::10", UDP, udp(2, 1)), IPV6))
    assert bench.counters(ALICE).down_bytes == 48


def test_address_that_another_client_takes_belongs_to_that_client(bench: Bench) -> None:
    frame = ipv6(CLIENT6, SERVER6, UDP, udp(1, 2))
    bench.lan(ethernet(frame, IPV6))
    assert bench.lan(ethernet(frame, IPV6, source="02:00:00:00:00:11")) == BOB
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(2, 1)), IPV6))
    assert bench.counters(BOB).down_bytes == 48


def test_flow_goes_before_the_address(bench: Bench) -> None:
    frame = ipv6(CLIENT6, SERVER6, UDP, udp(1, 2))
    bench.lan(ethernet(frame, IPV6))
    bench.up(ethernet(frame, IPV6), BOB)
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(2, 1)), IPV6))
    assert bench.counters(BOB).down_bytes == 48


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor only: nobody to be raced by")
def test_client_whose_first_packets_come_on_two_cpus_at_once_has_one_account(bench: Bench) -> None:
    """Both look for it, both take a number, and one insert is lost: its number is free again, behind all others."""
    deadline = time.monotonic() + RACE_SECONDS
    expected = sorted(range(ALICE, 63))
    hook, clients = bench.meter.program("lan_ingress_ethernet").fd, bench.meter._maps["clients"]
    free = libbpf.Map(bench.wanted.generation / "free_accounts", 0, layouts.NUMBER.size)
    races = 0
    with contextlib.closing(free), before(hook, forgetting(packets.mac(LAN_MAC), clients.fd, free.fd)) as first:
        while races < RACES and time.monotonic() < deadline:
            run_on_two_cpus(first, hook)
            (owned,) = (layouts.NUMBER.unpack(clients.lookup(key) or b"")[0] for key in list(clients.keys()))
            left = [layouts.NUMBER.unpack(number)[0] for number in iter(free.pop, None)]
            assert sorted((owned, *left)) == expected
            turned = left.index(min(left))
            races += left[turned:] + left[:turned] != sorted(left)
            for number in sorted(left):
                free.update(b"", layouts.NUMBER.pack(number))
    assert races, "no two packets met: this has proved nothing"
    # The client may be forgotten between a lost insert and the look-up after it, which is rarer by far.
    assert bench.packets_of(Reason.LAN_CLIENTS_FULL) < races / 2


def run_on_two_cpus(*programs: int) -> None:
    frame = ethernet(ipv4("10.0.0.1", SERVER4, UDP, udp(1, 2)))

    def send(program: int, cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})
        libbpf.dry_run(program, frame, skb(), repeat=100_000)

    cpus = sorted(os.sched_getaffinity(0))
    senders = [threading.Thread(target=send, args=pair) for pair in zip(programs, cpus, strict=False)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
