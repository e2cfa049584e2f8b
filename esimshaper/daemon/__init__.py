# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon, the only place where core meets edges: `build`, `run` and `unload` of the command line.

observe -> advance -> save -> publish        loop.py: the tick
configuration.py, reloader.py                what is in force, and an edited file instead
observer.py, enforcer.py                     the edges it sees with, and acts with
storage.py, answers.py, publisher.py         those it saves with, and answers with
guarding.py, manager.py, quiet.py            what holds while it cannot count, what systemd and the journal hear
"""

import asyncio
import contextlib
import faulthandler
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from esimshaper.core import pipeline
from esimshaper.core.diagnosis.box import explain
from esimshaper.core.model.errors import FailedOperation, Operation, Unusable
from esimshaper.daemon.configuration import Configuration, rules_of
from esimshaper.daemon.failsafe import Failsafe
from esimshaper.daemon.log_limiter import LogLimiter
from esimshaper.daemon.loop import Daemon
from esimshaper.daemon.observer import build_for, last_readings, open_meter
from esimshaper.daemon.unloading import book_last_bytes
from esimshaper.edge import control_client, settings_file
from esimshaper.edge.bpf.pins import MARKERS, Pins, make_room
from esimshaper.edge.control_client import DaemonNotRunning
from esimshaper.edge.host import malloc, systemd
from esimshaper.edge.host.paths import pins_root, state_directory
from esimshaper.edge.nft import tables
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.edge.tc.shaper import Shaper

__all__ = ["Unloaded", "build", "run", "unload"]


def build(config: Path) -> bool:
    """Makes the kernel part that a configuration needs, for a daemon that may not; whether it was not there yet.

    Does not touch what runs now. Raises SettingsError or Unusable.
    """
    wanted = build_for(settings_file.load(config), pins_root())
    with _explained():
        make_room(pins_root())
        there = wanted.programs.is_dir()
        open_meter(wanted).close()
    return not there


def run(config: Path, socket: Path | None, *, may_build: bool = True) -> int:
    """Serves until SIGTERM or SIGINT: 0. If it cannot start: 1 when the journal knows why, else raises Unusable.

    Raises SettingsError.
    """
    faulthandler.enable(all_threads=False)  # a watchdog ends us by SIGABRT: say where the tick hung
    malloc.share_one_arena()
    configuration = Configuration(config, settings_file.load(config))
    quiet = LogLimiter()
    systemd.set_up_log(quiet.admits)
    guarding = Failsafe()
    with contextlib.ExitStack() as cleanup:
        daemon = Daemon(
            configuration, socket or control_client.default_socket(), cleanup, guarding, may_build=may_build
        )
        try:
            asyncio.run(_serve(daemon, quiet))
        except FailedOperation as failed:
            problem = explain(failed.failure)
            means = guarding.failed(configuration.settings, pins_root() / MARKERS, problem)
            if systemd.in_journal():  # where it was told with what it means
                return 1
            raise Unusable(f"{problem.message}; {means}", problem.hint) from None
    return 0


async def _serve(daemon: Daemon, quiet: LogLimiter) -> None:
    async with quiet.kept():
        await daemon.serve()


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What `unload` removed; and sentences on what the last bytes came to and what it could not do, for people."""

    removed: list[str]
    notes: list[str]


def unload(config: Path) -> Unloaded:
    """Detaches, books the last bytes, removes the maps. Raises Unusable while a daemon runs.

    `config` says to which interface and time zone the last bytes belong; without a good one, to none and UTC.
    """
    root = pins_root()
    with _explained(), contextlib.ExitStack() as cleanup:
        if not _is_there(root):
            return _unload_without_pins(root)
        pins = Pins(root)
        cleanup.callback(pins.close)
        control = TrafficControl(pins.markers)
        cleanup.callback(control.close)
        removed = [*_stop_shaping(), *control.sweep(), *tables.remove()]
        readings = [reading for _, reading in last_readings(pins)]
        notices = book_last_bytes(readings, state_directory(), _rules(config))
        removed += [f"maps and programs {generation.name}" for generation in pins.generations()]
        pins.remove_all()
    return Unloaded(removed, [*(notice.text for notice in notices), *_left(control)])


def _is_there(root: Path) -> bool:
    try:
        return root.is_dir()
    except PermissionError as error:
        raise FailedOperation(Operation.PIN, error.errno or 0, str(root)) from None


def _unload_without_pins(root: Path) -> Unloaded:
    """Somebody removed them, or unmounted bpffs. Filters hold their programs and maps, and go on counting."""
    with contextlib.suppress(DaemonNotRunning):
        control_client.get(control_client.default_socket(), "/v1/status")
        raise Unusable("the daemon is running", "to stop it: systemctl stop esimshaper; what it counted stays")
    with contextlib.closing(TrafficControl(root / MARKERS)) as control:
        removed = [*_stop_shaping(), *control.sweep(), *tables.remove()]
    if not removed:
        return Unloaded([], [])
    lost = f"{root} was gone: what was counted since the last save could not be read any more"
    return Unloaded(removed, [lost, *_left(control)])


def _left(control: TrafficControl) -> list[str]:
    return [
        f"the empty qdisc clsact on {name} stays, nothing says that it is ours: tc qdisc del dev {name} clsact"
        for name in control.left
    ]


def _stop_shaping() -> list[str]:
    shaper = Shaper("")
    with contextlib.closing(shaper):
        return shaper.remove()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Edges say which operation failed; people get a sentence and a hint."""
    try:
        yield
    except FailedOperation as failed:
        raise explain(failed.failure) from None


def _rules(config: Path) -> pipeline.Rules:
    try:
        return rules_of(settings_file.load(config))
    except settings_file.SettingsError:
        return pipeline.Rules("", ZoneInfo("UTC"), knows_quotas=False)
