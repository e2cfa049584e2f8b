# SPDX-License-Identifier: GPL-2.0-or-later
"""Nanoseconds that each program adds to a packet, by BPF_PROG_TEST_RUN. In: a Place. Out: Rows.

From each run that of a program which does nothing is taken off: what is left is our code and our maps. Caches are warm
and one flow is all there is, so this is the lower end; section `forwarding` has the cost within a router.
"""

import ctypes as ct
import itertools
import os
import struct
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from bench import renames, service_limits
from bench.place import MARK_MASK, Place
from bench.population import mark_of, run
from bench.rows import Row, middling
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import libbpf
from esimshaper.edge.bpf.meter import Meter
from tests.bpf import packets
from tests.bpf.trees import looking_by_priority

BPF_PROG_TYPE_SCHED_CLS = 3
REPEAT, ROUNDS = 100_000, 15
PRIORITY, CONTEXT, CROSSED = 32, 192, 0x4000  # of struct __sk_buff; bpf/attribution.h

# r0 = 0; exit (include/uapi/linux/bpf.h: BPF_ALU64 | BPF_MOV | BPF_K, BPF_JMP | BPF_EXIT)
NOTHING = struct.pack("=BBhi", 0xB7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)

HEADERS = {"IPv4": 20, "IPv6": 40}
SIZES = {"small": 64, "large": 1500}


def rows(place: Place) -> Iterator[Row]:
    """The three hooks, with packets of a client and a flow that are known."""
    rounds = 5 if place.quick else ROUNDS
    empty = load_nothing()
    with place.meter("cost") as (meter, _):
        floor = [libbpf.dry_run(empty, frame("IPv4", 64, up=True), repeat=REPEAT).nanoseconds for _ in range(rounds)]
        os.close(empty)
        yield middling("an empty program", floor, "ns", "taken off the others")
        mark = mark_of(run(meter, "lan_ingress_ethernet", frame("IPv6", 64, up=True)))

        def added(program: str, packet: bytes) -> list[float]:
            taken = [run(meter, program, packet, mark, REPEAT).nanoseconds for _ in range(rounds)]
            return [nanoseconds - median(floor) for nanoseconds in taken]

        for program in ("lan_ingress_ethernet", "wan_egress_raw", "wan_ingress_raw"):
            for family, (name, size) in itertools.product(HEADERS, SIZES.items()):
                yield middling(
                    f"{program}, {name} {family}",
                    added(program, frame(family, size, up=program != "wan_ingress_raw")),
                    "ns",
                )
        yield from lan_rows(place, median(floor), rounds)
        set_limits(meter, limited=True)
        for program in ("wan_egress_raw", "wan_ingress_raw"):
            packet = frame("IPv4", SIZES["small"], up=program != "wan_ingress_raw")
            yield middling(f"{program}, small IPv4, limits of client, group and all", added(program, packet), "ns")
        yield from service_limits.rows(meter, mark, median(floor), rounds)
    yield from renames.rows(place, mark, median(floor), lambda meter: set_limits(meter, limited=True))


def lan_rows(place: Place, floor: float, rounds: int) -> Iterator[Row]:
    """The second look at the LAN: at what did not cross the WAN, at what was charged right, and at what is moved."""
    packet = packets.ethernet(
        packets.ipv4(packets.SERVER4, "10.0.0.1", packets.UDP, packets.udp(443, 4000)), destination=packets.LAN_MAC
    )
    unasked = packets.ethernet(packets.ipv4(packets.SERVER4, packets.WAN4, packets.UDP, packets.udp(443, 4000)))
    cases = {
        "not from the WAN": 0,
        "charged to its receiver": CROSSED | FIRST_CLIENT_ACCOUNT,
        "moved to its receiver": CROSSED,
    }
    with looking_by_priority(place.disk, place.bpffs / "second-look", 64, 1024, MARK_MASK) as meter:
        run(meter, "lan_ingress_ethernet", frame("IPv4", 64, up=True))
        program = meter.program("lan_egress_ethernet").fd
        for name, crossing in cases.items():
            context = bytearray(CONTEXT)
            struct.pack_into("=I", context, PRIORITY, crossing)
            taken = []
            for _ in range(rounds):
                run(meter, "wan_ingress_ethernet", unasked, 0, REPEAT)  # so that there is something to be moved
                taken.append(libbpf.dry_run(program, packet, bytes(context), REPEAT).nanoseconds - floor)
            yield middling(f"lan_egress_ethernet, {name}", taken, "ns")


def set_limits(meter: Meter, *, limited: bool) -> None:
    """The first client is in a group, and all three accounts have every limit and mark, none of them near; or none."""
    if not limited:
        meter.write_policies(dict.fromkeys((FIRST_CLIENT_ACCOUNT, meter.everyone), Policy()))
        return
    meter.add_groups(["bench"])
    group, far = meter.read().groups["bench"], Thresholds(1 << 60, 1 << 60, 1 << 60)
    policy = Policy(block_at=far, throttle_at=far, warn_at=far)
    chained = {FIRST_CLIENT_ACCOUNT: replace(policy, parent=group), group: replace(policy, parent=meter.everyone)}
    meter.write_policies({**chained, meter.everyone: policy})


def frame(family: str, size: int, *, up: bool) -> bytes:
    """A TCP packet of `size` IP bytes, of the same connection in both directions."""
    ours, server = (packets.WAN4, packets.SERVER4) if family == "IPv4" else (packets.CLIENT6, packets.SERVER6)
    source, destination, ports = (ours, server, (4000, 443)) if up else (server, ours, (443, 4000))
    segment = packets.tcp(*ports, bytes(max(0, size - HEADERS[family] - 20)))
    if family == "IPv4":
        return packets.ethernet(packets.ipv4(source, destination, packets.TCP, segment))
    return packets.ethernet(packets.ipv6(source, destination, packets.TCP, segment), 0x86DD)


def load_nothing() -> int:
    """File descriptor of a tc program of two instructions."""
    code = ct.create_string_buffer(NOTHING, len(NOTHING))
    arguments = (BPF_PROG_TYPE_SCHED_CLS, b"nothing", b"GPL", code, ct.c_size_t(len(NOTHING) // 8), None)
    fd = libbpf.library().bpf_prog_load(*arguments)
    if fd < 0:
        raise OSError(-fd, f"bpf_prog_load: {os.strerror(-fd)}")
    return int(fd)
