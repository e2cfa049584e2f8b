# SPDX-License-Identifier: GPL-2.0-or-later
"""No guest trick forwards more than 64 kB past a block: each trick works before the block, and brings nothing after it.

A trick is a generator: it prepares, and yields how its far end sends so many packets.
"""

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.bpf.packets import ICMPV6, TCP, UDP, icmp, ipv4, ipv6, mac, tcp, udp
from tests.mounts import mounted_bpffs
from tests.netns import tricks
from tests.netns.limits import CLIENTS, state_of
from tests.netns.listener import listening
from tests.netns.router import Router
from tests.netns.vpn import Vpn

MOST = 64_000
"""Bytes that may come past a block."""
SIZE, BEFORE, AFTER = 1000, 100, 1500
MODEM, NOBODY = "192.168.100.1", "02:00:00:00:00:77"
ROUTER4, ROUTER6 = "192.168.77.1", "2001:db8:77::1"
INIT, INIT_ACK = 1, 2
SETTINGS = f"{CLIENTS}meter: {{max_flows: 1024}}\n"

Send = Callable[[int], None]
Trick = Callable[[Lab], Iterator[Send]]


# --- sending from afar


def raw4(to: str, packets: list[bytes], count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        for number in range(count):
            sock.sendto(packets[number % len(packets)], (to, 0))


def raw6(to: str, packets: list[bytes], count: int) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        for number in range(count):
            sock.sendto(packets[number % len(packets)], (to, 0))


def asked(device: Host, server: str, port: int = tricks.PORT) -> None:
    """The device sends one datagram, so that the router knows whose the answers are."""
    device.call(_ask, server, port)


def _ask(server: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", port))
        sock.sendto(b"please", (server, tricks.PORT))


def answering(lab: Lab, server: str, to: str, port: int = tricks.PORT) -> Send:
    return lambda count: lab.internet.call(tricks.send_udp, server, to, count, SIZE, port)


# --- the tricks


def forwarded_port(lab: Lab) -> Iterator[Send]:
    tricks.forward_port(lab, lab.clients[0])
    yield answering(lab, lab.servers4[0], lab.router.ipv4)
    lab.router.run(["nft", "delete", "table", "ip", "forwarded"])


def flow_pushed_out(lab: Lab) -> Iterator[Send]:
    alice, server = lab.clients[0], lab.servers4[1]
    asked(alice, server, 5001)
    alice.call(spray, lab.servers4[2], 4000)
    yield lambda count: lab.internet.call(tricks.send_udp_to, server, lab.router.ipv4, 5001, count, SIZE)


def spray(server: str, count: int) -> None:
    """Empty datagrams to so many ports."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for port in range(20_000, 20_000 + count):
            with contextlib.suppress(OSError):
                sock.sendto(b"", (server, port))


def flow_pushed_out_in_a_tunnel(lab: Lab) -> Iterator[Send]:
    alice, server = lab.clients[0], lab.servers4[6]
    asked(alice, server, 5002)
    alice.call(spray, lab.servers4[2], 4000)
    near = json.loads(lab.router.run(["ip", "-j", "-4", "route", "get", server]))[0]["prefsrc"]
    yield lambda count: lab.internet.call(tricks.send_udp_to, server, near, 5002, count, SIZE)


def fragments(lab: Lab, poison: bytes = b"") -> Iterator[Send]:
    """Last one first; the first one has 8 bytes. `poison` stands before them, with the number of the datagram."""
    alice, server = lab.clients[0], lab.servers4[3]
    asked(alice, server, 5003)
    datagram = struct.pack("!HHHH", tricks.PORT, 5003, 8 + 8 * SIZE, 0) + bytes(8 * SIZE)
    numbers = iter(range(1, 60_000))

    def send(count: int) -> None:
        for _ in range(count // 8 + 1):
            number = next(numbers)
            pieces = tricks.fragments(server, lab.router.ipv4, number, datagram, 8)[::-1]
            if poison:  # by a packet socket, as the kernel mends the checksum of what a raw one sends
                first = poison[:4] + struct.pack("!H", number) + poison[6:]
                lab.internet.call(tricks.send_frames, lab.internet.interface, [first], 1)
            lab.internet.call(raw4, lab.router.ipv4, pieces, len(pieces))

    yield send


def fragments_that_begin_as_of_bob(lab: Lab) -> Iterator[Send]:
    """The checksum of his first fragment is wrong: our hook sees it, and the kernel drops it."""
    asked(lab.clients[1], lab.servers4[3], 5004)
    first = udp(tricks.PORT, 5004, b"")
    yield from fragments(lab, ipv4(lab.servers4[3], lab.router.ipv4, UDP, first, fragment=0x2000))


def header_that_lies(lab: Lab) -> Iterator[Send]:
    alice, server = lab.clients[0], lab.servers6[0]
    liar = bytes((UDP, 255)) + bytes(6)  # options of 2,048 bytes
    packet = ipv6(server, alice.ipv6, 60, liar + bytes(SIZE))
    yield lambda count: lab.internet.call(raw6, alice.ipv6, [packet], count)


def unknown_protocol(lab: Lab) -> Iterator[Send]:
    alice, server = lab.clients[0], lab.servers6[0]
    packet = ipv6(server, alice.ipv6, 253, bytes(SIZE))
    yield lambda count: lab.internet.call(raw6, alice.ipv6, [packet], count)


def error_about_a_packet_of_bob(lab: Lab) -> Iterator[Send]:
    alice, bob = lab.clients
    asked(bob, lab.servers6[1])
    about = ipv6(bob.ipv6, lab.servers6[1], UDP, udp(tricks.PORT, tricks.PORT, bytes(SIZE)))
    packet = ipv6(lab.servers6[1], alice.ipv6, ICMPV6, icmp(1, 0, about))
    yield lambda count: lab.internet.call(raw6, alice.ipv6, [packet], count)


def address_of_bob(lab: Lab) -> Iterator[Send]:
    """Alice says that the IPv6 address of Bob is hers."""
    alice, bob = lab.clients
    takes = ["ip", "-6", "neigh", "replace", bob.ipv6, "lladdr", alice.mac, "dev", lab.lan_interface]
    lab.router.run(takes)
    packet = ipv6(lab.servers6[2], bob.ipv6, UDP, udp(1, 2, bytes(SIZE)))
    yield lambda count: lab.internet.call(raw6, bob.ipv6, [packet], count)
    lab.router.run(["ip", "-6", "neigh", "del", bob.ipv6, "dev", lab.lan_interface])


def mac_of_bob(lab: Lab) -> Iterator[Send]:
    """Alice asks by the MAC of Bob, with an address that is at a MAC of nobody, and listens there."""
    alice, bob = lab.clients
    mine = "192.168.77.240"
    lab.router.run(["ip", "neigh", "replace", mine, "lladdr", NOBODY, "dev", lab.lan_interface])
    question = ipv4(mine, lab.servers4[4], UDP, udp(5005, tricks.PORT, b"please"))
    question = question[:10] + struct.pack("!H", tricks.checksum(question[:20])) + question[12:]
    alice.call(tricks.send_frames, alice.interface, framed(lab, bob.mac, [question]), 1)
    yield lambda count: lab.internet.call(tricks.send_udp_to, lab.servers4[4], lab.router.ipv4, 5005, count, SIZE)
    lab.router.run(["ip", "neigh", "del", mine, "dev", lab.lan_interface])
    bob.call(traffic.ping, lab.servers4[4], count=1)  # the bridge knows again where his MAC is


def framed(lab: Lab, source: str, packets: list[bytes]) -> list[bytes]:
    """To the router, from that MAC."""
    gateway = json.loads(lab.router.run(["ip", "-j", "link", "show", "dev", lab.lan_interface]))[0]["address"]
    types = {4: b"\x08\x00", 6: b"\x86\xdd"}
    return [mac(gateway) + mac(source) + types[packet[0] >> 4] + packet for packet in packets]


def ping_of_herself(lab: Lab) -> Iterator[Send]:
    """From afar, with Alice's address as its source: the router answers to her, and its answer has the same bytes."""
    router = lab.router
    yield lambda count: lab.internet.call(
        raw6, router.ipv6, [tricks.echo(lab.clients[0].ipv6, router.ipv6, SIZE)], count
    )


def ping_of_herself_by_nat(lab: Lab) -> Iterator[Send]:
    router = lab.router
    yield lambda count: lab.internet.call(
        raw4, router.ipv4, [tricks.echo(lab.clients[0].ipv4, router.ipv4, SIZE)], count
    )


# --- the same upwards: the device makes the router speak in its place


def ping_as_a_server(lab: Lab) -> Iterator[Send]:
    """The router answers to whom the ping seems to come from."""
    pings = [tricks.echo(lab.servers6[4], ROUTER6, SIZE), tricks.echo(lab.servers4[4], ROUTER4, SIZE)]
    yield from _leaving(lab, pings)


def hop_limit_as_a_server(lab: Lab) -> Iterator[Send]:
    """An error of the router carries what it is about. Each goes to another address, since their number is bounded."""
    packets = []
    for number in range(1, 1500):
        packet = ipv6(f"2001:db8:5::1:{number:x}", lab.servers6[4], UDP, udp(1, 2, bytes(SIZE)))
        packets.append(packet[:7] + b"\1" + packet[8:])
    yield from _leaving(lab, packets)


def refused_as_a_server(lab: Lab) -> Iterator[Send]:
    """While it is blocked, our own rules refuse a packet, with an error that carries it."""
    yield from _leaving(lab, [ipv6(lab.servers6[4], lab.servers6[5], 253, bytes(SIZE))])


def _leaving(lab: Lab, packets: list[bytes]) -> Iterator[Send]:
    alice = lab.clients[0]
    frames = framed(lab, alice.mac, packets)
    yield lambda count: alice.call(tricks.send_frames, alice.interface, frames, count)


def address_of_the_modem(lab: Lab) -> Iterator[Send]:
    """What the modem sends is not billed; anybody may write its address."""
    alice = lab.clients[0]
    asked(alice, MODEM, 5006)
    packet = ipv4(MODEM, lab.router.ipv4, UDP, udp(tricks.PORT, 5006, bytes(SIZE)))
    yield lambda count: lab.internet.call(raw4, lab.router.ipv4, [packet], count)


def thousand_connections(lab: Lab) -> Iterator[Send]:
    """Of each connection a few segments pass, without data, so that its ends hear of the block."""
    alice, server = lab.clients[0], lab.servers6[3]
    ports = range(10_000, 10_900)
    alice.call(raw6, server, [ipv6(alice.ipv6, server, TCP, tcp(port, 80, flags=2)) for port in ports], len(ports))
    answers = [ipv6(server, alice.ipv6, TCP, tcp(80, port, bytes(SIZE))) for port in ports]
    yield lambda count: lab.internet.call(raw6, alice.ipv6, answers, 3 * count)


def multicast(lab: Lab) -> Iterator[Send]:
    """A router that passes multicast on to its LAN (igmpproxy)."""
    group = "239.1.2.3"
    routing = lab.router.call(tricks.route_multicast, "wan0", lab.lan_interface, lab.servers4[5], group)
    packet = ipv4(lab.servers4[5], group, UDP, udp(1, 2, bytes(SIZE)))
    lab.internet.ip(f"route add {group} dev {lab.internet.interface}")
    yield lambda count: lab.internet.call(raw4, group, [packet], count)
    routing.close()


TRICKS = (
    *(forwarded_port, flow_pushed_out, flow_pushed_out_in_a_tunnel, fragments, fragments_that_begin_as_of_bob),
    *(header_that_lies, unknown_protocol, error_about_a_packet_of_bob, address_of_bob, mac_of_bob),
    *(address_of_the_modem, multicast, thousand_connections, ping_of_herself, ping_of_herself_by_nat),
)
UPWARDS = (ping_as_a_server, hop_limit_as_a_server, refused_as_a_server)
NO_ERRORS = """table inet quiet { chain out { type filter hook output priority 0
    icmp type destination-unreachable drop
    icmpv6 type { destination-unreachable, parameter-problem } ip6 length < 200 drop
    tcp flags & rst == rst drop
}
}
"""


@dataclass
class Outcome:
    """IP bytes that each trick brought before the block and past it; and what the carrier billed, and we counted.

    shared: bytes that came for Alice and for Bob by SCTP from one server. looped: bytes that were charged to Alice, and
    billed, for packets to an address that nobody has.
    """

    before: dict[Trick, int] = field(default_factory=dict)
    past: dict[Trick, int] = field(default_factory=dict)
    billed: int = 0
    counted: int = 0
    of_the_modem: int = 0
    shared: tuple[int, int] = (0, 0)
    looped: tuple[int, int] = (0, 0)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Of all tricks, side by side on one router: those of the evil neighbour who tries them all."""
    place = tmp_path_factory.mktemp("tricks")
    with mounted_bpffs() as bpffs, Lab(WanKind.TUN) as lab, Vpn(lab, lab.servers4[7], (lab.servers4[6],)) as vpn:
        router = Router(lab, place, bpffs / "pins", SETTINGS)
        written = router.config.read_text()
        router.config.write_text(written.replace("wan0}", f"wan0, unbilled: [{MODEM}], tunnels: [{vpn.setting}]}}"))
        lab.internet.run(["nft", "-f", "-"], text_in=NO_ERRORS)
        try:
            yield _try_all(router.start())
        finally:
            router.close()


def _try_all(router: Router) -> Outcome:
    lab, found = router.lab, Outcome()
    for client in lab.clients:
        client.call(traffic.ping, lab.servers4[0], count=1)
    before = router.measure()
    found.shared, found.looped = _share_a_server(router), _loop(router)
    with ExitStack() as stack:
        sends = {trick: stack.enter_context(contextlib.contextmanager(trick)(lab)) for trick in (*TRICKS, *UPWARDS)}
        for trick, send in sends.items():
            found.before[trick] = _moved(lab, trick, send, BEFORE)
        for subject in ("alice", "group/unknown"):
            assert router.run("block", subject).returncode == 0
        wait_until("the block", lambda: state_of(router, "alice") == "blocked", timeout=5)
        for trick, send in sends.items():
            found.past[trick] = _moved(lab, trick, send, AFTER)
    moved = router.measure() - before
    found.billed, found.counted = moved.bill.total.total_bytes, moved.sum.total_bytes
    events = {each["reason"]: each["bytes"] for each in router.get("/v1/status")["events"]}
    found.of_the_modem = events["unbilled"]
    return found


def _moved(lab: Lab, trick: Trick, send: Send, count: int) -> int:
    """IP bytes that Alice's socket heard; or, of a trick upwards, that the carrier billed."""
    if trick in UPWARDS:
        before = lab.carrier.settle().total.up_bytes
        send(count)
        return lab.carrier.settle().total.up_bytes - before
    with listening(lab.clients[0]) as heard:
        send(count)
    return heard.bytes


def _share_a_server(router: Router) -> tuple[int, int]:
    """Both begin an association with one server, Bob last; then it sends to Alice alone."""
    lab, server = router.lab, router.lab.servers4[0]
    before = router.measure()
    for device, port in zip(lab.clients, (6001, 6002), strict=True):
        begins = tricks.ip(device.ipv4, server, tricks.SCTP, tricks.sctp((port, 9), 0, INIT, 8))
        device.call(raw4, server, [begins], 1)
        lab.carrier.settle()
    answer = tricks.ip(server, lab.router.ipv4, tricks.SCTP, tricks.sctp((9, 6001), 7, INIT_ACK, SIZE))
    lab.internet.call(raw4, lab.router.ipv4, [answer], BEFORE)
    totals = (router.measure() - before).totals
    return totals["alice"].down_bytes, totals["bob"].down_bytes


def _loop(router: Router) -> tuple[int, int]:
    """In the uplink's own network: router and carrier send it to and fro until its hops are used up."""
    lab, alice = router.lab, router.lab.clients[0]
    before, nobody = router.measure(), "2001:db8:64::99"
    alice.call(raw6, nobody, [ipv6(alice.ipv6, nobody, UDP, udp(1, 2, bytes(SIZE)))], 10)
    lab.carrier.settle()
    moved = router.measure() - before
    # What comes back is from her address; in the end the carrier says that its hops are used up.
    return moved.totals["alice"].total_bytes, moved.bill.of(nobody, alice.ipv6, lab.internet.ipv6).total_bytes


@pytest.mark.parametrize("trick", [*TRICKS, *UPWARDS], ids=lambda trick: trick.__name__)
def test_trick_of_a_guest_forwards_no_more_than_64_kb_past_a_block(outcome: Outcome, trick: Trick) -> None:
    if trick is not refused_as_a_server:  # before the block nothing is refused
        few = trick in (thousand_connections, hop_limit_as_a_server)  # headers only; the kernel's own bound of errors
        assert outcome.before[trick] >= BEFORE * (40 if few else SIZE) * 0.9, "or it is none"
    assert outcome.past[trick] <= MOST


def test_two_devices_of_one_server_are_told_apart_by_the_ports_of_sctp(outcome: Outcome) -> None:
    assert outcome.shared == (BEFORE * (20 + 12 + 20 + SIZE), 0)


def test_packets_that_the_carrier_returns_are_all_of_who_sent_them(outcome: Outcome) -> None:
    mine, billed = outcome.looped
    assert mine == billed > 10 * 40 * SIZE


def test_tricks_change_nothing_of_the_bill(outcome: Outcome) -> None:
    """The carrier of the lab bills the packets of the modem as well; a true one does not see them."""
    assert outcome.of_the_modem >= (BEFORE + AFTER) * (SIZE + 28)
    assert outcome.billed == outcome.counted + outcome.of_the_modem
