# SPDX-License-Identifier: GPL-2.0-or-later
"""Each named reason of the kernel part goes up where it should, and only there: one provocation for each of them."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.packages import DEBIAN_PYTHON
from esimshaper.edge.bpf import compiler, layouts, libbpf
from tests.bpf.conftest import LOOPBACK, MARK_MASK, Bench, emptied, skb
from tests.bpf.packets import (
    CLIENT6,
    ICMP,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    WAN4,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
)
from tests.mounts import mounted_bpffs

ALICE = Account(2)
IPV6 = 0x86DD
BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_RINGBUF = 1, 27  # include/uapi/linux/bpf.h
PAGE = 4096
ROOM = 40
"""Clients that the narrow tables have room for; there are free accounts for more."""

UPLOAD = ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53)))
DOWNLOAD = ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000)))
ROUTER_MAC = "02:00:00:00:64:02"
DOWNLOAD_TO_ROUTER = ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000)), destination=ROUTER_MAC)
BLOCKED, POLICED = Policy(blocked=True), Policy(throttle_at=Thresholds(both=0), police_rate=1)

LOOP = """
ip link add here type veth peer name there
ip address add 10.0.0.1/24 dev here
ip link set here up
ip link set there up
tc qdisc add dev here clsact
tc filter add dev here ingress bpf direct-action object-pinned "$1"
exec "$2" -c '
import socket
group = socket.inet_aton("239.1.1.1") + socket.inet_aton("10.0.0.1")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.0.0.1"))
    sender.sendto(b"to all", ("239.1.1.1", 9))
'
"""
"""Multicast of the router to a group that it is in itself, in a network namespace that ends with the shell."""


TWICE = f"""
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link add here address {ROUTER_MAC} type veth peer name there
ip link set here up
ip link set there up
tc qdisc add dev here clsact
tc filter add dev here ingress prio 1 bpf direct-action object-pinned "$1"
tc filter add dev here ingress prio 2 bpf direct-action object-pinned "$1"
exec "$2" -c '
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
    sender.bind(("there", 0))
    sender.send(bytes.fromhex("{DOWNLOAD_TO_ROUTER.hex()}"))
'
"""
"""A download that meets the program again, as one that was unpacked at the same interface."""


@pytest.fixture(scope="module")
def narrow_build() -> Iterator[compiler.Build]:
    """Programs over tables that do refuse an entry: the loader takes what is pinned under a map's name.

    An LRU table makes room by forgetting, and refuses only where two CPUs hold its last entries.
    """

    with mounted_bpffs() as place:
        wanted = compiler.Build(str(place / "pins"), MARK_MASK, 4 * ROOM, 256)
        wanted.generation.mkdir(parents=True)
        for name, entries in (("flows", 1), ("translated", 1), ("fragments", 1), ("addresses", 1), ("clients", ROOM)):
            key, value = layouts.LAYOUTS[name]
            pin_map(wanted.generation / name, BPF_MAP_TYPE_HASH, key.size, value.size, entries)
        pin_map(wanted.generation / "announcements", BPF_MAP_TYPE_RINGBUF, 0, 0, PAGE)
        compiler.build(wanted)
        yield wanted


def pin_map(path: Path, type_: int, key: int, value: int, entries: int) -> None:
    fd = libbpf.library().bpf_map_create(type_, path.name.encode(), key, value, entries, None)
    assert fd >= 0
    assert libbpf.library().bpf_obj_pin(fd, str(path).encode()) == 0
    os.close(fd)


@pytest.fixture
def narrow(narrow_build: compiler.Build) -> Iterator[Bench]:
    with emptied(narrow_build) as bench:
        yield bench


def from_client(bench: Bench, number: int, payload: bytes = b"") -> int:
    source = f"02:00:00:00:01:{number:02x}"
    return bench.lan(ethernet(payload or ipv4("10.0.0.1", SERVER4, UDP, udp(1, 2)), 0x0800, source=source))


def without_ip(bench: Bench) -> None:
    bench.up(ethernet(bytes(46), 0x0806), ALICE)


def looped_back(bench: Bench) -> None:
    program = bench.wanted.programs / "wan_ingress_ethernet"
    command = ["unshare", "--net", "sh", "-e", "-c", LOOP, "sh", str(program), DEBIAN_PYTHON]
    subprocess.run(command, check=True)


def twice_at_the_uplink(bench: Bench) -> None:
    program = bench.wanted.programs / "wan_ingress_ethernet"
    command = ["unshare", "--net", "sh", "-e", "-c", TWICE, "sh", str(program), DEBIAN_PYTHON]
    bench.up(UPLOAD, ALICE)
    subprocess.run(command, check=True)


def to_another(bench: Bench) -> None:
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000)), destination="02:00:00:00:99:99"))


def download_cut_short(bench: Bench) -> None:
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, b"\0\0", length=28)))


def download_not_asked_for(bench: Bench) -> None:
    bench.down(DOWNLOAD)


def later_fragment_alone(bench: Bench) -> None:
    bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(8), fragment=100)))


def error_about_nothing(bench: Bench) -> None:
    bench.down(ethernet(ipv4("203.0.113.9", WAN4, ICMP, icmp(3, payload=ipv4(WAN4, SERVER4, UDP, udp(1, 2))))))


def upload_without_mark(bench: Bench) -> None:
    bench.up(UPLOAD)


def upload_cut_short(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, b"\0\0", length=28)), ALICE)


def merged_and_unknown(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, 200, bytes(2000))), ALICE, gso=(2, 1000))


def one_flow_too_many(bench: Bench) -> None:
    for port in (1000, 1001):
        bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 53))), ALICE)


def one_fragment_too_many(bench: Bench) -> None:
    bench.up(UPLOAD, ALICE)
    for number in (1, 2):
        bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000), fragment=0x2000, id_=number)))


def one_address_too_many(bench: Bench) -> None:
    for address in (CLIENT6, "2001:db8:77::11"):
        bench.lan(ethernet(ipv6(address, SERVER6, UDP, udp(1, 2)), IPV6))


def blocked_upload(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: BLOCKED})
    sent(bench, "wan_egress_ethernet", UPLOAD, skb(ALICE << 20, LOOPBACK))


def blocked_download(bench: Bench) -> None:
    bench.up(UPLOAD, ALICE)
    bench.meter.write_policies({ALICE: BLOCKED})
    sent(bench, "wan_ingress_ethernet", DOWNLOAD, skb(0, LOOPBACK))


def blocked_flow(bench: Bench) -> None:
    acknowledgement = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80)))
    bench.up(acknowledgement, ALICE)
    bench.meter.write_policies({ALICE: BLOCKED})
    sent(bench, "wan_egress_ethernet", acknowledgement, skb(ALICE << 20, LOOPBACK))


def one_client_too_many(bench: Bench) -> None:
    for number in range(ROOM + 1):
        from_client(bench, number)


def no_source(bench: Bench) -> None:
    bench.lan(ethernet(ipv4("10.0.0.1", SERVER4, UDP, udp(1, 2)), source="ff:ff:ff:ff:ff:ff"))


def limits_that_nobody_hears_of(bench: Bench) -> None:
    for limit in range(PAGE // 32):
        bench.meter.write_policies({ALICE: Policy(throttle_at=Thresholds(both=limit))})
        bench.up(UPLOAD, ALICE)


def inside_for_nobody(bench: Bench) -> None:
    sent(bench, "tunnel_ingress_raw", DOWNLOAD, skb(0, LOOPBACK))


def beyond_the_police_rate(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: POLICED})
    for _ in range(2):
        sent(bench, "wan_egress_ethernet", UPLOAD, skb(ALICE << 20, LOOPBACK))


def to_the_modem(bench: Bench) -> None:
    bench.meter.leave_unbilled([f"{SERVER4}/32"])
    bench.up(UPLOAD, ALICE)


def out_of_a_translator_for_nobody(bench: Bench) -> None:
    sent(bench, "translator_ingress_raw", DOWNLOAD, skb(0, LOOPBACK))


def one_translated_packet_too_many(bench: Bench) -> None:
    for port in (1000, 1001):
        frame = ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 53)))
        sent(bench, "translator_egress_raw", frame, skb(ALICE << 20, LOOPBACK))


def sent(bench: Bench, program: str, frame: bytes, context: bytes) -> None:
    libbpf.dry_run(bench.meter.program(program).fd, frame, context)


def without_account(bench: Bench) -> None:
    bench.meter.note_lans([LOOPBACK])
    bench.up(UPLOAD)


def with_bits_of_somebody_else(bench: Bench) -> None:
    bench.meter.note_lans([LOOPBACK])
    bench.up(UPLOAD, 0xFFF)


PROVOCATIONS: dict[Reason, Callable[[Bench], None]] = {
    Reason.NOT_IP: without_ip,
    Reason.LOOPED_BACK: looped_back,
    Reason.NOT_FOR_US: to_another,
    Reason.WAN_IN_TRUNCATED: download_cut_short,
    Reason.WAN_IN_FLOW_MISSING: download_not_asked_for,
    Reason.WAN_IN_FRAGMENT_ORPHAN: later_fragment_alone,
    Reason.WAN_IN_ICMP_ERROR_ORPHAN: error_about_nothing,
    Reason.WAN_OUT_UNMARKED: upload_without_mark,
    Reason.WAN_OUT_TRUNCATED: upload_cut_short,
    Reason.WAN_SEGMENTS_UNKNOWN: merged_and_unknown,
    Reason.FLOW_NOT_STORED: one_flow_too_many,
    Reason.FRAGMENT_NOT_STORED: one_fragment_too_many,
    Reason.ADDRESS_NOT_STORED: one_address_too_many,
    Reason.UPLOAD_BLOCKED: blocked_upload,
    Reason.DOWNLOAD_BLOCKED: blocked_download,
    Reason.FLOW_RESET: blocked_flow,
    Reason.LAN_CLIENTS_FULL: one_client_too_many,
    Reason.LAN_NO_SOURCE: no_source,
    Reason.ANNOUNCEMENT_LOST: limits_that_nobody_hears_of,
    Reason.TUNNEL_UNKNOWN: inside_for_nobody,
    Reason.POLICED: beyond_the_police_rate,
    Reason.UNBILLED: to_the_modem,
    Reason.TRANSLATED_UNKNOWN: out_of_a_translator_for_nobody,
    Reason.TRANSLATED_NOT_STORED: one_translated_packet_too_many,
    Reason.ACCOUNT_LOST: without_account,
    Reason.MARK_FOREIGN: with_bits_of_somebody_else,
    Reason.WAN_IN_AGAIN: twice_at_the_uplink,
}


ELSEWHERE = {
    *(Reason.LAN_MOVED, Reason.LAN_BLOCKED, Reason.SPARED, Reason.NAMES_REFUSED),
    *(Reason.HEAD_LOST, Reason.HEAD_LEFT_OUT),
}
"""Those of packets that one hook hands to another (test_receiver.py), of what passes a block (test_reserve.py), and of
what user space is shown (test_heads.py)."""


def test_no_reason_is_forgotten() -> None:
    assert PROVOCATIONS.keys() | ELSEWHERE == set(Reason)


@pytest.mark.parametrize("reason", PROVOCATIONS)
def test_each_reason_can_be_provoked_and_comes_alone(narrow: Bench, reason: Reason) -> None:
    PROVOCATIONS[reason](narrow)
    assert set(narrow.read().events) == {reason}
    assert narrow.packets_of(reason) > 0


def test_flow_that_is_not_stored_loses_no_byte(narrow: Bench) -> None:
    one_flow_too_many(narrow)
    assert narrow.counters(ALICE) == Counters(0, 2 * 28, 0, 2)
    assert narrow.meter.flows(10)[0] == narrow.packets_of(Reason.FLOW_NOT_STORED) == 1


def test_fragment_that_is_not_stored_is_its_clients_and_the_next_one_nobodys(narrow: Bench) -> None:
    one_fragment_too_many(narrow)
    for number in (1, 2):
        narrow.down(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(8), fragment=100, id_=number)))
    assert narrow.counters(ALICE) == Counters(3 * 28, 28, 3, 1)
    assert narrow.bytes_of(Reason.WAN_IN_FRAGMENT_ORPHAN) == narrow.unattributed().down_bytes == 28


def test_address_that_is_not_stored_finds_nobody_until_it_has_sent(narrow: Bench) -> None:
    one_address_too_many(narrow)
    late = "2001:db8:77::11"
    narrow.down(ethernet(ipv6(SERVER6, late, UDP, udp(2, 1)), IPV6))
    assert narrow.unattributed().down_bytes == 48
    narrow.up(ethernet(ipv6(late, SERVER6, UDP, udp(1, 2)), IPV6), ALICE)
    narrow.down(ethernet(ipv6(SERVER6, late, UDP, udp(2, 1)), IPV6))
    assert narrow.counters(ALICE).down_bytes == 48


def test_account_of_a_client_that_is_not_stored_is_free_again(narrow: Bench) -> None:
    others = 4 * ROOM - 1
    numbers = [from_client(narrow, number) for number in range(5 * ROOM)]
    assert numbers == [*range(ALICE, ALICE + ROOM), *[others] * (4 * ROOM)]
    assert narrow.packets_of(Reason.LAN_CLIENTS_FULL) == 4 * ROOM
    free = libbpf.Map(narrow.wanted.generation / "free_accounts", 0, layouts.NUMBER.size)
    left = {number for (number,) in map(layouts.NUMBER.unpack, iter(free.pop, None))}
    free.close()
    assert left == set(range(ALICE + ROOM, others))
