# SPDX-License-Identifier: GPL-2.0-or-later
"""Real dnsmasq processes at ports of their own: the router's, and one upstream that counts what it is asked."""

import contextlib
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from esimshaper.lab.namespaces import wait_until

A, AAAA, HTTPS = 1, 28, 65
NXDOMAIN = 3


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class Resolver:
    """A dnsmasq with options; `verbs`: what it was told by systemctl's words."""

    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=_free_port)
    verbs: list[str] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        return self.folder / f"log-{self.port}"

    def start(self) -> None:
        command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root"]
        command += [
            f"--port={self.port}",
            "--listen-address=127.0.0.1",
            "--bind-interfaces",
            "--no-resolv",
            "--no-hosts",
        ]
        command += [f"--log-facility={self.log}", "--log-queries", *self.options]
        self.process = subprocess.Popen(command)
        wait_until("an answer of dnsmasq", self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            self.ask("port.test", A)
            return True
        return False

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()

    def tell(self, verb: str) -> None:
        """As systemctl does."""
        self.verbs.append(verb)
        if verb == "try-restart":
            self.stop()
            self.start()
        elif self.process:
            self.process.send_signal(signal.SIGHUP)

    def ask(self, name: str, kind: int) -> tuple[int, int]:
        """The answer's code, and how many records it has."""
        return ask(("127.0.0.1", self.port), name, kind)

    def queries(self) -> int:
        return self.log.read_text().count("query[") if self.log.exists() else 0


def ask(server: tuple[str, int], name: str, kind: int) -> tuple[int, int]:
    """Asks a server: the answer's code, and how many records it has. Raises OSError if there is no answer."""
    answer = answer_of(server, name, kind)
    return answer[3] & 15, struct.unpack(">H", answer[6:8])[0]


def answer_of(server: tuple[str, int], name: str, kind: int) -> bytes:
    """The answer as it comes. Raises OSError."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(2)
        asking.connect(server)
        asking.send(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1))
        return asking.recv(4096)


@contextlib.contextmanager
def router_and_upstream(folder: Path, *options: str) -> Iterator[tuple[Resolver, Resolver]]:
    """The router's, with these options, asks the other one, which knows every name."""
    upstream = Resolver(folder, ("--address=/#/192.0.2.9",))
    router = Resolver(folder, (f"--server=127.0.0.1#{upstream.port}", *options))
    try:
        upstream.start()
        router.start()
        yield router, upstream
    finally:
        router.stop()
        upstream.stop()
