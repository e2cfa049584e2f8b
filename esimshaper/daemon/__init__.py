# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon, the only place where core meets edges: `run` and `unload` of the command line.

observe -> advance -> save -> publish        loop.py: the tick
observer.py, storage.py, answers.py          the edges it sees, saves and answers with
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from esimshaper.core import pipeline
from esimshaper.core.diagnosis import explain
from esimshaper.core.facts import FailedOperation
from esimshaper.daemon.loop import Daemon, rules_of
from esimshaper.daemon.observer import last_readings
from esimshaper.daemon.places import pins_root, state_directory
from esimshaper.daemon.unloading import book_last_bytes
from esimshaper.edge import memory, refusal, service, settings_file
from esimshaper.edge.control_client import default_socket
from esimshaper.edge.meter import OURS
from esimshaper.edge.pins import Pins
from esimshaper.edge.shaper import Shaper
from esimshaper.edge.traffic_control import TrafficControl

__all__ = ["run", "unload"]


def run(config: Path, socket: Path | None) -> int:
    """Serves until SIGTERM or SIGINT. Raises SettingsError or Unusable if it cannot start."""
    memory.share_one_arena()
    settings = settings_file.load(config)
    service.set_up_log()
    with contextlib.ExitStack() as cleanup:
        daemon = Daemon(settings, socket or default_socket(), cleanup)
        with _explained():
            asyncio.run(daemon.serve())
    return 0


def unload(config: Path) -> list[str]:
    """Detaches, books the last bytes, removes the maps; says what it removed. Raises Unusable while a daemon runs.

    `config` says to which interface and time zone the last bytes belong; without a good one, to none and UTC.
    """
    root = pins_root()
    if not root.is_dir():
        return []
    with _explained(), contextlib.ExitStack() as cleanup:
        pins = Pins(root)
        cleanup.callback(pins.close)
        control = TrafficControl(pins.markers, OURS)
        cleanup.callback(control.close)
        removed = [*_stop_shaping(), *control.sweep(), *refusal.remove()]
        book_last_bytes([reading for _, reading in last_readings(pins)], state_directory(), _policy(config))
        removed += [f"maps and programs {generation.name}" for generation in pins.generations()]
        pins.remove_all()
    return removed


def _stop_shaping() -> list[str]:
    shaper = Shaper("")
    with contextlib.closing(shaper):
        return shaper.remove()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Edges say which operation failed; people get a sentence and a hint."""
    try:
        yield
    except FailedOperation as problem:
        failure = problem.failure
        raise explain(failure.operation, failure.errno, failure.detail) from None


def _policy(config: Path) -> pipeline.Rules:
    try:
        return rules_of(settings_file.load(config))
    except settings_file.SettingsError:
        return pipeline.Rules("", ZoneInfo("UTC"), knows_quotas=False)
