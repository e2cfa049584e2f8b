# SPDX-License-Identifier: GPL-2.0-or-later
"""A mosquitto of a test's own, and whoever listens to it."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from paho.mqtt import client as mqtt

from esimshaper.lab.namespaces import wait_until
from tests.tools import find


class Listener:
    """Hears all topics; `latest` has the last payload of each, `all` every one in order."""

    def __init__(self, port: int) -> None:
        self.latest: dict[str, str] = {}
        self.all: list[tuple[str, str]] = []
        self._subscribed = threading.Event()
        versions = getattr(mqtt, "CallbackAPIVersion", None)
        self.client = mqtt.Client(versions.VERSION2) if versions else mqtt.Client()
        self.client.on_message = self._hear
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("#", 1)
        self.client.loop_start()
        assert self._subscribed.wait(20)

    def _hear(self, _client, _data, message):
        text = message.payload.decode()
        self.all.append((message.topic, text))
        self.latest[message.topic] = text

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def mosquitto(folder: Path, *settings: str) -> Iterator[int]:
    """A broker at 127.0.0.1, by its port. With no settings it lets everybody in."""
    port, broker = _started(folder, settings or ("allow_anonymous true",))
    try:
        yield port
    finally:
        broker.kill()
        broker.wait()


def _started(folder: Path, settings: tuple[str, ...]) -> tuple[int, subprocess.Popen[bytes]]:
    """It takes no port 0, so somebody else may be faster at a free one, and it ends."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        # It would else give up root's rights, and then may not read what is in the folder of a test.
        lines = ("user root", f"listener {port} 127.0.0.1", *settings, "")
        (folder / "mosquitto.conf").write_text("\n".join(lines))
        broker = subprocess.Popen([find("mosquitto"), "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL)
        wait_until("an end or a beginning", lambda: broker.poll() is not None or _listens(port))  # noqa: B023 - now
        if broker.poll() is None:
            return port, broker


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
