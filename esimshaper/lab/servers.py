# SPDX-License-Identifier: GPL-2.0-or-later
"""The internet of the lab: TCP and UDP servers on every address. In: requests of traffic.py. Out: the bytes asked for.

Run as `python3 -m esimshaper.lab.servers [--tls CERTIFICATE KEY] ADDRESS...`; prints "ready" once everything listens.
Owns its sockets.

TCP: one request of 12 bytes, then as many payload bytes in the direction it names; the server closes after a download
and answers one byte after an upload. With a certificate, the same inside TLS at a port of its own. UDP: the first byte
of a datagram is the request; all amounts are exact.
"""

import contextlib
import errno
import selectors
import socket
import ssl
import struct
import sys
import threading

TCP_PORT = 8000
TLS_PORT = 443
UDP_PORT = 9000
QUIC_PORT = 443
CLOSED_PORT = 9

TCP_REQUEST = struct.Struct("!4sQ")
DOWN, UP = b"down", b"up  "

UDP_REQUEST = struct.Struct("!cQHHB")
"""What, session, datagrams, bytes of each, whether the kernel may get them as super-packets."""
ECHO, SINK, COUNT, SOURCE = b"E", b"S", b"C", b"D"
COUNTED = struct.Struct("!QQ")
"""Answer to COUNT: datagrams and bytes of the session so far."""

CHUNK = bytes(256 * 1024)
SOL_UDP, UDP_SEGMENT = 17, 103  # linux/udp.h, since 4.18
MAX_SEGMENTS, MAX_SUPER = 60, 60_000  # below UDP_MAX_SEGMENTS and the 65,535 bytes of an IP packet
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE = 33, 32


def make_room(sock: socket.socket) -> None:
    """Buffers in which a burst finds room, so that amounts are exact."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
    sock.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 8 << 20)


def receive_exactly(sock: socket.socket, size: int) -> int:
    """Take up to `size` bytes off a stream; fewer only if the other side closes. Returns how many."""
    buffer, got = bytearray(min(size, len(CHUNK)) or 1), 0
    while got < size:
        count = sock.recv_into(buffer, min(len(buffer), size - got))
        if not count:
            break
        got += count
    return got


def send_exactly(sock: socket.socket, size: int) -> int:
    """Send `size` bytes on a stream."""
    left = size
    while left:
        left -= sock.send(memoryview(CHUNK)[: min(left, len(CHUNK))])
    return size


def send_burst(
    sock: socket.socket, address: tuple[str | int, ...] | None, head: bytes, count: int, size: int, *, gso: bool
) -> None:
    """Send `count` datagrams of `size` bytes that begin with `head`, with gso as super-packets where the kernel can."""
    datagram = head.ljust(size, b"\0")[:size]
    each = max(1, min(MAX_SEGMENTS, MAX_SUPER // size)) if gso else 1
    while count:
        now = min(each, count)
        extra = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))] if now > 1 else []
        try:
            if address is None:
                sock.sendmsg([datagram * now], extra)
            else:
                sock.sendmsg([datagram * now], extra, 0, address)
        except OSError as problem:
            if problem.errno != errno.EIO or not extra:
                raise
            each = 1  # Linux 6.1 has none to devices that compute no checksums
            continue
        count -= now


def main(arguments: list[str]) -> None:
    """Entry point of the process."""
    addresses = arguments
    _listen(TCP_PORT, None)
    if arguments[0] == "--tls":
        _, certificate, private_key, *addresses = arguments
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, private_key)
        _listen(TLS_PORT, tls)
    selector = selectors.DefaultSelector()
    for address in addresses:
        for port in (UDP_PORT, QUIC_PORT):
            # One socket per address: a wildcard socket would answer from another address than it was asked at.
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            make_room(sock)
            sock.bind((address, port))
            selector.register(sock, selectors.EVENT_READ)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sessions: dict[int, list[int]] = {}
    while True:
        for key, _ in selector.select():
            if isinstance(key.fileobj, socket.socket):
                with contextlib.suppress(OSError):  # an ICMP error for an earlier answer
                    _answer_udp(key.fileobj, sessions)


def _listen(port: int, tls: ssl.SSLContext | None) -> None:
    listener = socket.create_server(("::", port), family=socket.AF_INET6, backlog=256, dualstack_ipv6=True)
    threading.Thread(target=_accept, args=(listener, tls), daemon=True).start()


def _accept(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer_tcp, args=(connection, tls), daemon=True).start()


def _answer_tcp(plain: socket.socket, tls: ssl.SSLContext | None) -> None:
    with plain, contextlib.suppress(OSError), tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
        request = b""
        while len(request) < TCP_REQUEST.size:
            more = connection.recv(TCP_REQUEST.size - len(request))
            if not more:
                return
            request += more
        what, size = TCP_REQUEST.unpack(request)
        if what == DOWN:
            send_exactly(connection, size)
        elif what == UP:
            receive_exactly(connection, size)
            connection.send(b"!")
        else:  # a hello, say: who closes at once resets the connection, and what is on its way is not sent any more
            while connection.recv(len(CHUNK)):
                pass


def _answer_udp(sock: socket.socket, sessions: dict[int, list[int]]) -> None:
    data, address = sock.recvfrom(65535)
    what = data[:1]
    if what == ECHO:
        sock.sendto(data, address)
        return
    if len(data) < UDP_REQUEST.size:
        return
    _, session, count, size, gso = UDP_REQUEST.unpack_from(data)
    if what == SOURCE:
        send_burst(sock, address, data[: UDP_REQUEST.size], count, size, gso=bool(gso))
        return
    totals = sessions.setdefault(session, [0, 0])
    if what == SINK:
        totals[0] += 1
        totals[1] += len(data)
    elif what == COUNT:
        sock.sendto(data[: UDP_REQUEST.size] + COUNTED.pack(*totals), address)


if __name__ == "__main__":
    main(sys.argv[1:])
