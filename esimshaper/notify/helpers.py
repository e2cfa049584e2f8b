# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that stay beside the sender while the settings want them: one reads what carriers say, one tells a home.

Each is started again a while after it has ended, and anew when what it was given has changed.
"""

import logging
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

from esimshaper.edge.host import clock
from esimshaper.notify.deliveries import python, written
from esimshaper.notify.jobs import Channels

REST_SECONDS = 10.0
"""Between two starts of one."""

log = logging.getLogger(__name__)

Given = Mapping[str, Any]


def wanted(channels: Channels) -> dict[str, Given]:
    """What each module that is to run is given."""
    found: dict[str, Given] = {}
    if channels.read:
        found["esimshaper.notify.reader"] = {"read": list(channels.read)}
    for each in channels.by_name.values():
        if each.get("kind") == "mqtt":
            found["esimshaper.notify.bridge"] = {"channel": each}
    return found


class Helpers:
    """None runs until `follow` is called."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Given, subprocess.Popen[bytes]]] = {}
        self._started: dict[str, float] = {}

    def follow(self, channels: Channels) -> None:
        """Starts what is wanted and does not run, and ends what runs and is not wanted so."""
        those = wanted(channels)
        for module, (given, process) in list(self._running.items()):
            if those.get(module) != given or process.poll() is not None:
                self._end(module)
        for module, given in those.items():
            if module not in self._running and clock.monotonic() >= self._started.get(module, 0) + REST_SECONDS:
                self._start(module, given)

    def end(self) -> None:
        """Ends all."""
        for module in list(self._running):
            self._end(module)

    def _start(self, module: str, given: Given) -> None:
        self._started[module] = clock.monotonic()
        try:
            with written(given) as file:
                process = subprocess.Popen(python(module), stdin=file, stdout=subprocess.DEVNULL)
        except OSError as error:  # no memory now; notices go on
            log.warning("%s cannot be started for now: %s", module, error)
            return
        self._running[module] = given, process

    def _end(self, module: str) -> None:
        _, process = self._running.pop(module)
        process.send_signal(signal.SIGKILL)
        process.wait()
