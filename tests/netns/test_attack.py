# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hostile or unlucky network does to the daemon and its numbers: the bill stays the bill."""

import fcntl
import json
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from esimshaper.core.model.counts import Counters
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.bpf.packets import UDP, ipv4, ipv6, mac, udp
from tests.netns import tricks
from tests.netns.limits import passes
from tests.netns.listener import listening
from tests.netns.router import Router, bytes_of

ETH_P_ALL = 3
ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'


def test_storm_of_interfaces_neither_stops_the_daemon_nor_hides_the_wan(make_router: Callable[..., Router]) -> None:
    """More link events than a netlink socket holds, and dumps that are cut short all the time."""
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ROW).start()
        names = [f"storm{number}" for number in range(40)]
        storm = lab.router.start(make_and_delete, names)
        lab.recreate_wan(WanKind.TAP)
        storm.result(300)
        wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=3)
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert router.stop() == 0
        assert "Traceback" not in router.log.read_text()


def test_storm_of_interfaces_does_not_keep_a_returning_wan_from_being_shaped(
    make_router: Callable[..., Router],
) -> None:
    limit = "quotas: [{name: slow, for: each-client, limit: 1GB, period: day, then: {throttle: 256kbit}}]\n"
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ROW + limit).start()
        names = [f"storm{number}" for number in range(40)]
        for kind in (WanKind.TAP, WanKind.TUN) * 8:
            storm = lab.router.start(make_and_delete, names)
            lab.recreate_wan(kind)
            storm.result(300)
        shown = ["tc", "filter", "show", "dev", "wan0", "ingress"]
        wait_until("shaping again", lambda: "mirred" in lab.router.run(shown), timeout=15)
        assert router.stop() == 0
        assert "Traceback" not in router.log.read_text()


def make_and_delete(names: list[str]) -> None:
    lines = [f"link {verb} {name}{kind}" for verb, kind in (("add", " type bridge"), ("del", "")) for name in names]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def test_wan_that_returns_is_counted_also_without_a_place_for_pins(
    make_router: Callable[..., Router], bpffs: Path
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ROW).start()
        subprocess.run(["mount", "-o", "remount,ro", bpffs], check=True)
        lab.recreate_wan(WanKind.TAP)
        wait_until("attaching again", lambda: router.get("/v1/status")["wan"]["attached"], timeout=3)
        subprocess.run(["mount", "-o", "remount,rw", bpffs], check=True)  # for the test's own look at the maps
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert router.stop() == 0


STATEFUL6 = """table ip6 firewall {
    chain forward { type filter hook forward priority 0; ct state invalid drop; }
}
"""


def test_fragments_belong_to_their_client_also_behind_a_firewall_and_under_a_sniffer(
    make_router: Callable[..., Router],
) -> None:
    """Conntrack puts fragments together; while somebody looks on, the kernel takes them apart by copying."""
    with Lab(WanKind.TUN) as lab:
        lab.router.run(["nft", "-f", "-"], text_in=STATEFUL6)
        router = make_router(lab, ROW).start()
        before = router.measure()
        with lab.router.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0) as sniffer:
            sniffer.bind((lab.lan_interface, ETH_P_ALL))
            for client, servers in zip(lab.clients, (lab.servers4, lab.servers6), strict=True):
                client.call(traffic.fragments, servers[0])
            moved = router.measure() - before
        assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0]))
        assert bytes_of(moved.totals["bob"]) == bytes_of(moved.bill.of(lab.servers6[0]))


LAN_TUN, DEVICES = "lan9", ("10.9.0.5", "10.9.0.6", "2001:db8:9::5")


def test_lan_without_macs_is_told_apart_by_address(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN, clients=()) as lab, lab.router.call(open_lan_tun) as device:
        lab.router.ip(
            f"link set {LAN_TUN} up", f"addr add 10.9.0.1/24 dev {LAN_TUN}", f"addr add {GATEWAY6} dev {LAN_TUN}"
        )
        router = make_router(lab)
        router.config.write_text(router.config.read_text().replace("[br0]", f"[br0, {LAN_TUN}]"))
        router.start()
        before = router.measure()
        for number, address in enumerate(DEVICES):
            server = lab.servers6[number] if ":" in address else lab.servers4[number]
            make = ipv6 if ":" in address else ipv4
            for _ in range(number + 1):
                device.write(with_checksum(make(address, server, UDP, udp(4000, 9, bytes(100)))))
        for garbage in (b"\x45", b"\x60" + bytes(10)):
            device.write(garbage)
        moved = router.measure() - before
    sent = [
        Counters(up_bytes=(number + 1) * (148 if ":" in address else 128)) for number, address in enumerate(DEVICES)
    ]
    assert [Counters(up_bytes=moved.totals[address].up_bytes) for address in DEVICES] == sent
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert not moved.totals["unattributed"]


GATEWAY6 = "2001:db8:9::1/64"
TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001  # linux/if_tun.h


def open_lan_tun() -> BinaryIO:
    device = open("/dev/net/tun", "r+b", buffering=0)  # noqa: SIM115, PTH123 - closed by the caller
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", LAN_TUN.encode(), IFF_TUN_NO_PI))
    return device


def with_checksum(packet: bytes) -> bytes:
    """IPv4 headers need theirs to be forwarded."""
    if packet[0] >> 4 == 6:
        return packet
    total = sum(struct.unpack("!10H", packet[:20]))
    return packet[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + packet[12:]


def test_clients_that_appear_on_two_processors_at_once_get_one_account_each(
    make_router: Callable[..., Router], bpffs: Path
) -> None:
    """The same new MACs from two ports of the bridge: no number is lost, and the crowd does not fit in the end."""
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        before = router.measure()
        crowd = [f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}" for number in range(400)]
        known = []
        for part in (crowd[:100], crowd):
            at_once = [client.start(send_as, client, lab, part) for client in lab.clients]
            for each in at_once:
                each.result(300)
            (generation,) = (bpffs / "pins").glob("v*")
            free = libbpf.Map(generation / "free_accounts", 0, layouts.NUMBER.size)
            clients = libbpf.Map(generation / "clients", layouts.CLIENT_KEY.size, layouts.NUMBER.size)
            waiting = list(iter(free.pop, None))
            for number in waiting:
                free.update(b"", number)
            known.append((clients.count(), len(set(waiting))))
            free.close()
            clients.close()
        moved = router.measure() - before
        assert [here + waiting for here, waiting in known] == [253, 253]
        assert known[0][0] >= 100
        assert known[1][1] == 0
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)


def send_as(client: Host, lab: Lab, macs: list[str]) -> None:
    """One packet to a server from each MAC."""
    gateway = json.loads(lab.router.run(["ip", "-j", "link", "show", "dev", lab.lan_interface]))[0]["address"]
    packet = with_checksum(ipv4(client.ipv4, lab.servers4[0], UDP, udp(4000, 9, bytes(20))))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind((client.interface, 0))
        for source in macs:
            sock.send(mac(gateway) + mac(source) + b"\x08\x00" + packet)


def test_a_class_that_somebody_gives_to_guests_books_nothing_to_a_client(make_router: Callable[..., Router]) -> None:
    """A network that is not in lan.interfaces; a filter of its own writes what may look like the account of Alice."""
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ROW).start()
        alice, guest = lab.clients
        alice.call(traffic.ping, lab.servers4[0])
        lab.router.ip(
            f"link add guest0 type veth peer name guest1 netns {guest.netns}",
            "addr add 10.77.0.1/24 dev guest0",
            "link set guest0 up",
        )
        route = f"route add {lab.servers4[5]} via 10.77.0.1 src 10.77.0.2"
        guest.ip("addr add 10.77.0.2/24 dev guest1", "link set guest1 up", route)
        lab.router.run(["tc", "qdisc", "add", "dev", "guest0", "clsact"])
        classify = "tc filter add dev guest0 ingress protocol ip prio 1 u32 match u32 0 0 flowid 1:2"
        lab.router.run(classify.split())
        before = router.measure()
        guest.call(traffic.tcp_up, lab.servers4[5], 100_000)
        moved = router.measure() - before
        assert bytes_of(moved.totals["alice"]) == (0, 0)
        assert bytes_of(moved.totals["unattributed"]) == bytes_of(moved.bill.of(lab.servers4[5]))


def test_lan_made_anew_while_the_daemon_is_dead_lets_no_packet_of_a_blocked_client_pass(
    make_router: Callable[..., Router],
) -> None:
    """It has no program then. Segments of no connection, and a forwarded port: the rest is refused in any case."""
    with Lab(WanKind.TUN, bare=True) as lab:
        router = make_router(lab, ROW).start()
        alice, (far, *servers) = lab.clients[0], lab.servers4[:3]
        assert all(passes(client, far) for client in lab.clients)
        tricks.forward_port(lab, alice)
        assert heard_by(alice, lab, far) > 100_000
        for subject in ("alice", "group/unknown"):
            assert router.run("block", subject).returncode == 0
        router.kill()
        make_lan_anew(lab)
        before = lab.carrier.settle()
        for client, server in zip(lab.clients, servers, strict=True):
            client.call(send_segments, client.ipv4, server, 50)
        assert heard_by(alice, lab, far) == 0
        bill = lab.carrier.settle() - before
        assert bill.of(servers[0]).up_bytes == 0, "of alice"
        assert bill.of(servers[1]).up_bytes >= 50_000, "nobody has blocked bob"


def make_lan_anew(lab: Lab) -> None:
    lan, ports = lab.lan_interface, [f"lan{number}" for number in range(len(lab.clients))]
    lab.router.ip(
        f"link del {lan}",
        f"link add {lan} type bridge forward_delay 0 mcast_snooping 0",
        f"addr add 192.168.77.1/24 dev {lan}",
        f"link set {lan} up",
        *(f"link set {port} master {lan} up" for port in ports),
    )


def heard_by(device: Host, lab: Lab, server: str) -> int:
    with listening(device) as heard:
        lab.internet.call(tricks.send_udp, server, lab.router.ipv4, 110)
    return heard.bytes


def send_segments(source: str, to: str, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(count):
            segment = tricks.tcp(source, to, number * 1000, bytes(1000))
            raw.sendto(tricks.ip(source, to, socket.IPPROTO_TCP, segment, number), (to, 0))
