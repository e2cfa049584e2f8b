# SPDX-License-Identifier: GPL-2.0-or-later
"""The naming of the self-test: the loop of the process that names, with one service; and a client that says hello."""

import socket
from collections.abc import Callable
from pathlib import Path

from esimshaper.core.model.services import Service
from esimshaper.core.services.compiled import compiled
from esimshaper.edge.bpf.compiler import Build
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.names.aes import Aes
from esimshaper.lab import servers
from esimshaper.names.service import NamesService
from esimshaper.selftest.hellos import quic_datagrams, tls_segments

SERVICE, HOST = "self-test", "hello.self-test.invalid"


def names_service(meter: Meter, build: Build, file: Path) -> NamesService:
    """The loop, which goes on at each `step`. file: where its catalogue is to be. Raises OSError."""
    meter.number_services([SERVICE])
    place = {"generation": build.generation.name, "programs": build.programs.name, "epoch": meter.epoch}
    catalogue_file.write(file, compiled([Service(SERVICE, domains=(HOST,))]) | place)
    service = NamesService(Path(build.pins), file, Aes())
    service.step(0)
    return service


def _say_in_datagrams(server: str) -> None:
    with socket.socket(_family(server), socket.SOCK_DGRAM) as sock:
        sock.connect((server, servers.QUIC_PORT))
        for datagram in quic_datagrams(HOST):
            sock.send(datagram)


def _say_in_segments(server: str) -> None:
    with socket.socket(_family(server), socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((server, servers.TCP_PORT))
        for segment in tls_segments(HOST):
            sock.sendall(segment)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)  # the server has heard all of it


def _family(server: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server else socket.AF_INET


HELLOS: dict[str, Callable[[str], None]] = {
    "a QUIC hello in two datagrams": _say_in_datagrams,
    "a TLS hello in two segments": _say_in_segments,
}
