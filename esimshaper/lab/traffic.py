# SPDX-License-Identifier: GPL-2.0-or-later
"""The clients' traffic: each function moves an exact amount between the calling thread's namespace and a lab server.

Use it as `client.call(traffic.tcp_down, "198.51.100.1", 1_000_000)` or, in a process of its own, inside a namespace as
`python3 -m esimshaper.lab.traffic tcp-down 198.51.100.1 1000000`. Each blocks until done and returns Moved. IPv4
or IPv6 follows from the server's address. Owns its sockets. Raises OSError (TimeoutError) when nothing comes back.
"""

import argparse
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from esimshaper.lab import servers
from esimshaper.lab.servers import COUNT, COUNTED, ECHO, SINK, SOURCE, TCP_REQUEST, UDP_REQUEST

TIMEOUT = 30.0
_BURST = 32  # datagrams on the way at a time: few enough for every buffer, so nothing is lost unless the link loses it
_GIVE_UP = 2.0  # seconds without an answer after which a burst counts as lost
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE = 10, 23, 3


@dataclass(frozen=True, slots=True)
class Moved:
    """Payload bytes: `up` sent by this client, `down` received by it. For ICMP errors `down` counts the errors."""

    up: int = 0
    down: int = 0


def tcp_down(server: str, size: int, *, timeout: float = TIMEOUT) -> Moved:
    """Download `size` bytes over one connection."""
    with _tcp(server, timeout) as sock:
        sock.sendall(TCP_REQUEST.pack(servers.DOWN, size))
        got = servers.receive_exactly(sock, size)
        if got != size:
            raise ConnectionError(f"{got} of {size} bytes came")
        sock.recv(1)  # the server closes first, so no reset is left for later
    return Moved(TCP_REQUEST.size, got)


def tcp_up(server: str, size: int, *, timeout: float = TIMEOUT) -> Moved:
    """Upload `size` bytes over one connection; the server's byte of thanks proves that all came."""
    with _tcp(server, timeout) as sock:
        sock.sendall(TCP_REQUEST.pack(servers.UP, size))
        servers.send_exactly(sock, size)
        if sock.recv(1) != b"!":
            raise ConnectionError("the server did not confirm the upload")
        sock.recv(1)
    return Moved(TCP_REQUEST.size + size, 1)


def tls_down(server: str, name: str, size: int, *, timeout: float = TIMEOUT) -> Moved:
    """Download `size` bytes from the host of that name, inside TLS."""
    with _tls(server, name, timeout) as sock:
        sock.sendall(TCP_REQUEST.pack(servers.DOWN, size))
        got = servers.receive_exactly(sock, size)
        if got != size:
            raise ConnectionError(f"{got} of {size} bytes came")
    return Moved(TCP_REQUEST.size, got)


def tls_up(server: str, name: str, size: int, *, timeout: float = TIMEOUT) -> Moved:
    """Upload `size` bytes to the host of that name, inside TLS."""
    with _tls(server, name, timeout) as sock:
        sock.sendall(TCP_REQUEST.pack(servers.UP, size))
        servers.send_exactly(sock, size)
        if sock.recv(1) != b"!":
            raise ConnectionError("the server did not confirm the upload")
    return Moved(TCP_REQUEST.size + size, 1)


def tls_context() -> ssl.SSLContext:
    """A client's, which believes any certificate: nobody has signed the lab's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def udp_up(
    server: str, size: int, *, packet: int = 1200, bits: float = 0, port: int = servers.UDP_PORT, gso: bool = False
) -> Moved:
    """Upload about `size` bytes in datagrams of `packet` (rounded up), not faster than `bits` per second if given."""
    session, total, sent = _session(), -(-size // packet), 0
    pace = _Pace(bits)
    with _udp(server, port) as sock:
        while sent < total:
            count = min(_BURST, total - sent)
            servers.send_burst(sock, None, UDP_REQUEST.pack(SINK, session, 0, 0, 0), count, packet, gso=gso)
            sent += count
            _counted(sock, session, sent)
            pace.wait(count * packet)
    return Moved(up=sent * packet)


def udp_down(
    server: str, size: int, *, packet: int = 1200, bits: float = 0, port: int = servers.UDP_PORT, gso: bool = False
) -> Moved:
    """Download about `size` bytes in datagrams of `packet` (rounded up). A lost datagram is not sent again."""
    session, total, asked, got = _session(), -(-size // packet), 0, 0
    pace = _Pace(bits)
    with _udp(server, port) as sock:
        while asked < total:
            count = min(_BURST, total - asked)
            sock.send(UDP_REQUEST.pack(SOURCE, session, count, packet, gso))
            asked += count
            got += _receive(sock, count)
            pace.wait(count * packet)
    return Moved(down=got)


def quic(server: str, *, up: int, down: int, packet: int = 1250) -> Moved:
    """As a browser on HTTP/3: UDP port 443 both ways, in super-packets (UDP_SEGMENT) where the kernel has them."""
    sent = udp_up(server, up, packet=packet, port=servers.QUIC_PORT, gso=True)
    got = udp_down(server, down, packet=packet, port=servers.QUIC_PORT, gso=True)
    return Moved(sent.up, got.down)


def udp_echo(server: str, *, count: int = 10, size: int = 200) -> Moved:
    """Send `count` datagrams of `size` bytes one by one and get each back. Above the MTU they travel in fragments."""
    got = 0
    with _udp(server, servers.UDP_PORT) as sock:
        for _ in range(count):
            sock.send(ECHO.ljust(size, b"\0"))
            got += len(sock.recv(65535))
    return Moved(count * size, got)


def fragments(server: str, *, count: int = 5, size: int = 4000) -> Moved:
    """Datagrams that do not fit into one packet, both ways."""
    return udp_echo(server, count=count, size=size)


def ping(server: str, *, count: int = 10, size: int = 56) -> Moved:
    """Echo requests with `size` bytes after the ICMP header: size + 28 bytes each in IPv4, + 48 in IPv6.

    `down` is 0 where nothing comes back; OSError says only that `ping` could not send.
    """
    command = ["ping", "-n", "-q", "-c", str(count), "-s", str(size), "-i", "0.01", "-W", "2", server]
    report = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT + count)
    answered = re.search(r"(\d+) received", report.stdout)
    if not answered:
        raise OSError(f"ping: {report.stderr.strip() or report.stdout.strip()}")
    return Moved(count * size, int(answered[1]) * size)


def port_unreachable(server: str, *, count: int = 5, size: int = 100) -> Moved:
    """Datagrams to a port where nobody listens; `down` is the number of ICMP errors that came back."""
    return _provoke(server, count, size, port=servers.CLOSED_PORT)


def time_exceeded(beyond: str, *, count: int = 5, size: int = 100) -> Moved:
    """Datagrams that die at the internet host; `beyond` is world.BEYOND4 or BEYOND6. `down`: ICMP errors."""
    return _provoke(beyond, count, size, port=servers.UDP_PORT, hops=2)


def packet_too_big(beyond: str, *, count: int = 5, size: int = 1400) -> Moved:
    """Datagrams too big for the link behind the internet host and not to be fragmented. `down`: ICMP errors."""
    return _provoke(beyond, count, size, port=servers.UDP_PORT)


def _provoke(server: str, count: int, size: int, *, port: int, hops: int = 0) -> Moved:
    errors = 0
    with _udp(server, port) as sock:
        v6 = sock.family == socket.AF_INET6
        level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
        sock.setsockopt(level, _IPV6_RECVERR if v6 else _IP_RECVERR, 1)
        sock.setsockopt(level, _IPV6_MTU_DISCOVER if v6 else _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
        if hops:
            sock.setsockopt(level, socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL, hops)
        for _ in range(count):
            sock.send(bytes(size))
            try:
                sock.recv(65535)
            except TimeoutError:
                continue
            except OSError:
                errors += 1
    return Moved(count * size, errors)


class _Pace:
    """Keeps an average rate by sleeping between bursts."""

    def __init__(self, bits: float) -> None:
        self.bits, self.due = bits, time.monotonic()

    def wait(self, size: int) -> None:
        if self.bits:
            self.due += size * 8 / self.bits
            time.sleep(max(0.0, self.due - time.monotonic()))


def _session() -> int:
    return int.from_bytes(os.urandom(8), "big")


def _receive(sock: socket.socket, count: int) -> int:
    got = 0
    for _ in range(count):
        try:
            got += len(sock.recv(65535))
        except TimeoutError:
            break
    return got


def _counted(sock: socket.socket, session: int, expected: int) -> None:
    """Wait until the server has `expected` datagrams, or until no more come because some were lost."""
    sock.send(UDP_REQUEST.pack(COUNT, session, 0, 0, 0))
    try:
        answer = sock.recv(65535)
    except TimeoutError:
        return
    got, _ = COUNTED.unpack_from(answer, UDP_REQUEST.size)
    if got > expected:
        raise ValueError(f"the server counted {got} datagrams, only {expected} were sent")


@contextmanager
def _tcp(server: str, timeout: float) -> Iterator[socket.socket]:
    with socket.create_connection((server, servers.TCP_PORT), timeout=timeout) as sock:
        yield sock


@contextmanager
def _tls(server: str, name: str, timeout: float) -> Iterator[socket.socket]:
    with (
        socket.create_connection((server, servers.TLS_PORT), timeout=timeout) as plain,
        tls_context().wrap_socket(plain, server_hostname=name) as sock,
    ):
        yield sock


@contextmanager
def _udp(server: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        servers.make_room(sock)
        sock.settimeout(_GIVE_UP)
        sock.connect((server, port))
        yield sock


_VERBS: dict[str, Callable[[argparse.Namespace], Moved]] = {
    "tcp-down": lambda a: tcp_down(a.server, a.size),
    "tcp-up": lambda a: tcp_up(a.server, a.size),
    "udp-down": lambda a: udp_down(a.server, a.size, packet=a.packet, bits=a.bits),
    "udp-up": lambda a: udp_up(a.server, a.size, packet=a.packet, bits=a.bits),
    "quic": lambda a: quic(a.server, up=a.size // 10, down=a.size),
    "fragments": lambda a: fragments(a.server, count=max(1, a.size // 4000)),
    "ping": lambda a: ping(a.server, count=max(1, a.size // 56)),
    "port-unreachable": lambda a: port_unreachable(a.server, count=max(1, a.size // 100)),
    "time-exceeded": lambda a: time_exceeded(a.server, count=max(1, a.size // 100)),
    "packet-too-big": lambda a: packet_too_big(a.server, count=max(1, a.size // 1400)),
}


def main(arguments: list[str]) -> None:
    """Entry point: one exchange, then {"up": bytes, "down": bytes} on standard output."""
    parser = argparse.ArgumentParser(prog="esimshaper.lab.traffic", description="Moves bytes in the lab.")
    parser.add_argument("what", choices=_VERBS)
    parser.add_argument("server")
    parser.add_argument("size", type=int, help="payload bytes")
    parser.add_argument("--packet", type=int, default=1200, help="payload bytes of a UDP datagram")
    parser.add_argument("--bits", type=float, default=0, help="UDP: bit/s, 0 for as fast as it goes")
    options = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(asdict(_VERBS[options.what](options))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
