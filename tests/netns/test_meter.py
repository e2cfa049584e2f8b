# SPDX-License-Identifier: GPL-2.0-or-later
"""The meter at real interfaces, without a daemon: what BPF_PROG_TEST_RUN cannot make."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from esimshaper.core.model.box import Wanted
from esimshaper.core.model.counts import Counters, Event, Reason
from esimshaper.core.model.kernel import OURS
from esimshaper.core.model.reading import Hook, Reading
from esimshaper.edge.bpf import compiler
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.probe import network as probe_network
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.lab import Lab, WanKind
from esimshaper.lab.namespaces import wait_until
from tests.bpf.packets import UDP, ethernet, ipv4, udp
from tests.kernel_parts import kernel_parts

HOOKS = (("br0", Hook.LAN_INGRESS), ("br0", Hook.LAN_EGRESS), ("wan0", Hook.WAN_EGRESS), ("wan0", Hook.WAN_INGRESS))


@pytest.fixture
def meter(bpffs: Path) -> Iterator[Meter]:
    wanted = compiler.Build(str(bpffs / "pins"), 0xFF000000, 256, 1024)
    loan = kernel_parts.lend(wanted)
    assert loan
    opened = Meter(wanted.generation, wanted.programs)
    yield opened
    opened.close()
    kernel_parts.take_back(loan)


def attach(lab: Lab, meter: Meter, markers: Path) -> None:
    def work() -> None:
        control = TrafficControl(markers)
        assert all(a.attached for a in control.ensure(HOOKS, meter.program))
        control.close()

    lab.router.call(work)


def total(reading: Reading) -> Counters:
    return sum(reading.accounts.values(), Counters())


def both(lab: Lab, meter: Meter) -> tuple[Counters, Reading]:
    """The bill and the counters of one quiet moment: no late packet of the lab itself came in between."""
    while True:
        bill, reading = lab.carrier.settle().total, meter.read()
        if lab.carrier.settle().total == bill:
            return bill, reading


def send_multicast_that_loops_back(interface: str) -> None:
    """To a group that the sender itself has joined: the kernel hands a copy back to it."""
    group = socket.inet_pton(socket.AF_INET6, "ff15::77")
    index = struct.pack("@I", socket.if_nametoindex(interface))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 7777))
        sock.settimeout(5)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sock.sendto(b"here I am", ("ff15::77", 7777))
        assert sock.recv(100) == b"here I am"


@pytest.mark.parametrize("kind", list(WanKind))
def test_what_the_router_hears_of_itself_is_neither_billed_nor_a_client(
    meter: Meter, tmp_path: Path, kind: WanKind
) -> None:
    with Lab(kind, clients=()) as lab:
        attach(lab, meter, tmp_path / "markers")
        billed, counted = both(lab, meter)
        lab.router.call(send_multicast_that_loops_back, "wan0")
        lab.router.call(send_multicast_that_loops_back, "br0")
        bill, reading = both(lab, meter)
    assert bill.up_packets > billed.up_packets
    assert total(reading) - total(counted) == bill - billed
    assert set(reading.owners.values()) == {"router", "unattributed", "others"}
    assert reading.events[Reason.LOOPED_BACK].packets >= 2


def send_udp_to_another_mac(interface: str) -> None:
    """100 bytes for a port that nobody listens at, of a neighbour that the router is not."""
    payload = ipv4("100.64.0.1", "100.64.0.9", UDP, udp(1, 2, bytes(72)))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        sock.send(ethernet(payload, destination="02:00:00:00:99:99"))


def test_frames_of_others_on_a_promiscuous_wan_are_not_billed(meter: Meter, tmp_path: Path) -> None:
    with Lab(WanKind.TAP, clients=()) as lab:
        lab.router.ip("link set wan0 promisc on")
        attach(lab, meter, tmp_path / "markers")
        billed, counted = both(lab, meter)
        lab.internet.call(send_udp_to_another_mac, "gw0")
        wait_until("the frame", lambda: Reason.NOT_FOR_US in meter.read().events)
        bill, reading = both(lab, meter)
    assert reading.events[Reason.NOT_FOR_US] == Event(1, 114)
    assert (total(reading) - total(counted)).down_bytes == (bill - billed).down_bytes - 100


def test_doctor_takes_our_filters_for_ours(meter: Meter, tmp_path: Path) -> None:
    with Lab(WanKind.TUN, clients=()) as lab:
        attach(lab, meter, tmp_path / "markers")
        found = lab.router.call(lambda: probe_network.filters(Wanted("wan0", ("br0",))))
    assert {(one.interface, one.direction) for one in found} == {
        ("wan0", "ingress"),
        ("wan0", "egress"),
        ("br0", "ingress"),
        ("br0", "egress"),
    }
    assert all(one.name.startswith(f"{OURS} ") for one in found)
