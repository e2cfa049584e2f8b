# SPDX-License-Identifier: GPL-2.0-or-later
"""What devices and their far ends may try in order to get what nobody is charged for. Needs root."""

import contextlib
import itertools
import socket
import struct
import time
from collections.abc import Iterator

from esimshaper.lab import Lab, namespaces
from esimshaper.lab.namespaces import Host
from esimshaper.lab.servers import make_room

PORT = 7777


def write_source(host: Host, mac: str) -> None:
    """From now on the IP packets of this host carry `mac` as their source; its ARP stays honest."""
    rule = f"ether type {{ ip, ip6 }} ether saddr set {mac}"
    chain = f"chain out {{ type filter hook egress device {host.interface} priority 0; {rule}\n}}"
    host.run(["nft", "-f", "-"], text_in=f"table netdev cheat {{ {chain}\n}}\n")


@contextlib.contextmanager
def plain_lan(lab: Lab, name: str = "lan9") -> Iterator[Host]:
    """A LAN interface without a bridge, and the one device on it."""
    guest = Host("guest", f"{lab.name}-guest", "eth0", "02:00:00:00:00:99", "10.77.0.2", "2001:db8:79::2")
    namespaces.add([guest.netns])
    try:
        lab.router.ip(
            f"link add {name} type veth peer name eth0 address {guest.mac} netns {guest.netns}",
            f"addr add 10.77.0.1/24 dev {name}",
            f"link set {name} up",
        )
        guest.ip(
            "link set lo up",
            f"addr add {guest.ipv4}/24 dev eth0",
            "link set eth0 up",
            "route add default via 10.77.0.1",
        )
        yield guest
    finally:
        namespaces.remove([guest.netns])


def forward_port(lab: Lab, device: Host, port: int = PORT) -> None:
    """What comes for that UDP port of the router goes to a device."""
    rule = f"iifname wan0 udp dport {port} dnat to {device.ipv4}"
    chain = f"chain pre {{ type nat hook prerouting priority dstnat; {rule}\n}}"
    lab.router.run(["nft", "-f", "-"], text_in=f"table ip forwarded {{ {chain}\n}}\n")


def send_udp(source: str, to: str, count: int, size: int = 1000, port: int = PORT) -> None:
    """Datagrams that nobody asked for."""
    send_udp_to(source, to, port, count, size)


def send_udp_to(source: str, to: str, port: int, count: int, size: int = 1000) -> None:
    """From the port of the servers here to any port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, PORT))
        for number in range(count):
            with contextlib.suppress(OSError):
                sock.sendto(bytes(size), (to, port))
            if number % 20 == 0:
                time.sleep(0.002)


def listener(port: int) -> socket.socket:
    """A UDP port with room for all that comes before somebody takes it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    make_room(sock)
    sock.bind(("", port))
    return sock


def drain(port: int, ask: str = "", seconds: float = 1.5) -> int:
    """Payload bytes that come for a UDP port until nothing does; `ask` is a server to be asked once before."""
    return drain_from(listener(port), ask, seconds)


def drain_from(listening: socket.socket, ask: str = "", seconds: float = 1.5) -> int:
    """The same of a port that is open already."""
    got = 0
    with listening as sock:
        if ask:
            sock.sendto(b"please", (ask, PORT))
        sock.settimeout(seconds)
        with contextlib.suppress(OSError):
            while True:
                got += len(sock.recv(65535))
    return got


def serve_fragments(
    server: str, count: int, first: int, *, backwards: bool, size: int = 40_000, wait: float = 0
) -> None:
    """Answers who asks with datagrams in fragments, numbered from 1; their first fragment has `first` bytes."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
    ):
        udp.bind((server, PORT))
        udp.settimeout(10)
        _, (peer, port) = udp.recvfrom(100)
        datagram = struct.pack("!HHHH", PORT, port, 8 + size, 0) + bytes(size)
        for number in range(1, count + 1):
            pieces = fragments(server, peer, number, datagram, first)
            for each in pieces[::-1] if backwards else pieces:
                raw.sendto(each, (peer, 0))
            time.sleep(0.004)
            time.sleep(wait)


def fragments(source: str, to: str, number: int, datagram: bytes, first: int) -> list[bytes]:
    """IPv4 fragments of one UDP datagram; the first one has `first` bytes, a multiple of 8."""
    cuts = [0, *range(first, len(datagram), 1480), len(datagram)]
    found = []
    for begin, end in itertools.pairwise(cuts):
        more = 0x2000 if end < len(datagram) else 0
        addresses = socket.inet_aton(source) + socket.inet_aton(to)
        length, offset = 20 + end - begin, more | begin // 8
        head = struct.pack("!BBHHHBBH", 0x45, 0, length, number, offset, 64, socket.IPPROTO_UDP, 0) + addresses
        found.append(head[:10] + struct.pack("!H", checksum(head)) + head[12:] + datagram[begin:end])
    return found


def ip(source: str, to: str, protocol: int, payload: bytes, number: int = 0) -> bytes:
    """An IP packet of either family."""
    if ":" in source:
        addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to)
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + addresses + payload
    addresses = socket.inet_aton(source) + socket.inet_aton(to)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0x4000, 64, protocol, 0) + addresses
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp(source: str, to: str, sequence: int, data: bytes) -> bytes:
    """A segment with a right checksum, in the middle of a connection."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    head = struct.pack("!HHIIBBHHH", 80, 1000, sequence, 1, 0x50, 0x10, 1000, 0, 0)
    pseudo = socket.inet_pton(family, source) + socket.inet_pton(family, to)
    pseudo += struct.pack("!II", len(head) + len(data), socket.IPPROTO_TCP)
    return head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:] + data


def echo(source: str, to: str, size: int) -> bytes:
    """The request of a ping, whole, with right checksums and `size` bytes of data."""
    head = struct.pack("!BBHHH", 128 if ":" in source else 8, 0, 0, 7, 1) + bytes(size)
    summed = head
    if ":" in source:
        pseudo = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to)
        summed = pseudo + struct.pack("!II", len(head), socket.IPPROTO_ICMPV6) + head
    body = head[:2] + struct.pack("!H", checksum(summed)) + head[4:]
    return ip(source, to, socket.IPPROTO_ICMPV6 if ":" in source else socket.IPPROTO_ICMP, body)


def send_frames(interface: str, frames: list[bytes], count: int) -> None:
    """So many, by turns, and no faster than a queue takes them."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        for number in range(count):
            sock.send(frames[number % len(frames)])
            if number % 20 == 0:
                time.sleep(0.002)


CRC32C = 0x82F63B78
SCTP = 132


def sctp(ports: tuple[int, int], tag: int, chunk: int, size: int) -> bytes:
    """A packet with one chunk that begins or answers an association (INIT, INIT ACK), RFC 9260; `tag` is both tags."""
    filled = struct.pack("!HH", 0x8000, size) + bytes(size - 4)  # a parameter that is to be skipped if it is unknown
    body = struct.pack("!BBHIIHHI", chunk, 0, 20 + size, 7, 65535, 1, 1, 1) + filled
    head = struct.pack("!HHI", *ports, tag)
    crc = 0xFFFFFFFF
    for byte in head + bytes(4) + body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (CRC32C if crc & 1 else 0)
    return head + struct.pack("<I", crc ^ 0xFFFFFFFF) + body


MRT_INIT, MRT_ADD_VIF, MRT_ADD_MFC = 200, 202, 204  # include/uapi/linux/mroute.h
VIFF_USE_IFINDEX, VIFS = 8, 32


def route_multicast(come: str, go: str, source: str, group: str) -> socket.socket:
    """Passes a group on from one interface to another, for as long as the socket is open."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
    sock.setsockopt(socket.IPPROTO_IP, MRT_INIT, 1)
    for number, interface in enumerate((come, go)):
        vif = struct.pack("=HBBIII", number, VIFF_USE_IFINDEX, 1, 0, socket.if_nametoindex(interface), 0)
        sock.setsockopt(socket.IPPROTO_IP, MRT_ADD_VIF, vif)
    thresholds = bytes((0, 1)) + bytes(VIFS - 2)
    addresses = socket.inet_aton(source) + socket.inet_aton(group)
    sock.setsockopt(socket.IPPROTO_IP, MRT_ADD_MFC, struct.pack("=8sH32s2xIIIi", addresses, 0, thresholds, 0, 0, 0, 0))
    return sock


def checksum(data: bytes) -> int:
    """RFC 1071; an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
