# SPDX-License-Identifier: GPL-2.0-or-later
"""A transparent proxy in the lab's router, such as redsocks or squid: it ends connections of devices and makes others.

client --TCP-- br0 [rule of nft: redirect] proxy --TCP, of the router-- wan0 -- server
"""

import contextlib
import socket
import struct
import threading
from typing import Self

from esimshaper.lab import Lab
from esimshaper.lab.namespaces import Host

PORT = 12345
SO_ORIGINAL_DST = 80  # include/uapi/linux/netfilter_ipv4.h
RULES = f"""table ip proxy {{
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        iifname "br0" tcp dport 8000 redirect to :{PORT}
    }}
}}
"""


class Proxy:
    """For a `with` block."""

    def __init__(self, lab: Lab) -> None:
        self._router: Host = lab.router
        self._listener = self._router.call(_listen)

    def __enter__(self) -> Self:
        self._router.run(["nft", "-f", "-"], text_in=RULES)
        self._router.start(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # which ends accept()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._router.start(_connect, self._listener.accept()[0])


def _listen() -> socket.socket:
    return socket.create_server(("0.0.0.0", PORT))


def _connect(device: socket.socket) -> None:
    """Joins a device with the server that it wanted to reach, until either ends."""
    _, port, address = struct.unpack_from("!HH4s", device.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16))
    with device, socket.create_connection((socket.inet_ntoa(address), port)) as server:
        back = threading.Thread(target=_copy, args=(server, device), daemon=True)
        back.start()
        _copy(device, server)
        back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
