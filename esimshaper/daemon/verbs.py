# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command line has of the daemon: `build`, `run` and `unload`."""

import asyncio
import contextlib
import faulthandler
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from esimshaper import resolver
from esimshaper.core import commands, pipeline
from esimshaper.core.diagnosis.explain import explain
from esimshaper.core.model.errors import FailedOperation, Operation, Unusable
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.daemon.chronicle import Chronicle
from esimshaper.daemon.configuration import Configuration, rules_of
from esimshaper.daemon.failsafe import Failsafe
from esimshaper.daemon.log_limiter import LogLimiter
from esimshaper.daemon.loop import Daemon
from esimshaper.daemon.observer import build_for, last_readings, open_meter
from esimshaper.edge import control_client, settings_file
from esimshaper.edge.bpf.pins import MARKERS, Pins, make_room
from esimshaper.edge.control_client import DaemonNotRunning
from esimshaper.edge.dnsmasq import server
from esimshaper.edge.history.database import History, HistoryError
from esimshaper.edge.host import clock, malloc, systemd
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.host.paths import pins_root, state_directory
from esimshaper.edge.nft import tables
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.edge.tc.shaper import Shaper

SWITCH_SECONDS = 0.0005
"""How long Python lets a thread work while another one waits. A tick calls the kernel some hundred times, and may wait
after each call while somebody is answered with a long report: with Python's own 5 ms, ten of them would be 50 ms."""

log = logging.getLogger(__name__)


def build(config: Path) -> bool:
    """Makes the kernel part that a configuration needs, for a daemon that may not; False if it was there already.

    Does not touch what runs now. Raises SettingsError or Unusable.
    """
    wanted = build_for(settings_file.read_to_start(config).settings, pins_root())
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
    sys.setswitchinterval(SWITCH_SECONDS)
    loaded = settings_file.read_to_start(config)
    configuration = Configuration(config, loaded.settings)
    limiter, chronicle = LogLimiter(), Chronicle()
    systemd.set_up_log(limiter.admits, chronicle.hear)
    _warn_of_stand_ins(configuration, loaded.stand_ins)
    failsafe = Failsafe()
    with contextlib.ExitStack() as cleanup:
        daemon = Daemon(
            configuration,
            socket or control_client.default_socket(),
            cleanup,
            failsafe,
            chronicle,
            may_build=may_build,
        )
        try:
            asyncio.run(_serve(daemon, limiter))
        except FailedOperation as failed:
            problem = explain(failed.failure)
            means = failsafe.report_failure(configuration.settings, pins_root() / MARKERS, problem)
            if systemd.in_journal():  # `failed` has written there what it means for traffic
                return 1
            raise Unusable(f"{problem.message}; {means}", problem.hint) from None
    return 0


def _warn_of_stand_ins(configuration: Configuration, stand_ins: Mapping[str, str]) -> None:
    """Says which zones are in the place of unknown ones. The file counts as refused, as a reload would refuse it."""
    for name, zone in stand_ins.items():
        text = "this box does not know the time zone %s: days and months begin by %s instead"
        log.error(text, name, zone, extra=fields(Message.ZONE_UNKNOWN, config=str(configuration.path)))
        configuration.accepted = False


async def _serve(daemon: Daemon, limiter: LogLimiter) -> None:
    async with limiter.summing_up():
        await daemon.serve()


@dataclass(frozen=True, slots=True)
class Unloaded:
    """The objects that `unload` removed, and notes for people: on the last bytes, and on objects that had to stay."""

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
        removed = [*_stop_shaping(), *control.sweep(), *tables.remove(), *_stop_withholding()]
        readings = [reading for _, reading in last_readings(pins)]
        notices = _book_last_bytes(readings, _rules(config))
        removed += [f"maps and programs {generation.name}" for generation in pins.generations()]
        pins.remove_all()
    return Unloaded(removed, [*(notice.text for notice in notices), *_left(control)])


def _is_there(root: Path) -> bool:
    try:
        return root.is_dir()
    except PermissionError as error:
        raise FailedOperation(Operation.PIN, error.errno or 0, str(root)) from None


def _unload_without_pins(root: Path) -> Unloaded:
    """Removes the filters where somebody removed the pins or unmounted bpffs. Until then they go on counting."""
    with contextlib.suppress(DaemonNotRunning):
        control_client.get(control_client.default_socket(), "/v1/status")
        raise Unusable("the daemon is running", "to stop it: systemctl stop esimshaper; its counts stay")
    with contextlib.closing(TrafficControl(root / MARKERS)) as control:
        removed = [*_stop_shaping(), *control.sweep(), *tables.remove(), *_stop_withholding()]
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


def _stop_withholding() -> list[str]:
    return resolver.take_away(server.Places()) if server.is_at_home() else []


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turns FailedOperation of an edge into Unusable: a sentence and a hint for people."""
    try:
        yield
    except FailedOperation as failed:
        raise explain(failed.failure) from None


def _book_last_bytes(readings: Iterable[Reading], rules: Rules) -> list[Notice]:
    """Saves the last bytes of maps that nothing counts into any more; the notices that people should read.

    `rules` says to which interface and day the bytes belong. Raises Unusable, with everything still in the maps, if
    there is a history and it cannot be written.
    """
    path = state_directory() / "history.db"
    if not path.exists():
        return []
    try:
        with contextlib.closing(History(path)) as history:
            return [notice for reading in readings for notice in _book(history, reading, rules)]
    except HistoryError as error:
        raise Unusable(f"the last bytes cannot be saved: {error}", "the maps are still there; try again") from None


def _book(history: History, reading: Reading, rules: Rules) -> Iterable[Notice]:
    state = commands.resume(history.load(), history.identities())
    seen = Observation(reading, clock_trusted=clock.is_synchronised(), hardware_clock=clock.hardware())
    _, booking = pipeline.drain(state, rules, clock.now(), seen)
    if booking is None:
        return ()
    history.save(booking)
    # Nobody is blocked or throttled any more, whatever the last bytes led to.
    return (notice for notice in booking.notices if notice.kind is not NoticeKind.CLIENT_STATE)


def _rules(config: Path) -> Rules:
    try:
        return rules_of(settings_file.read_to_start(config).settings)
    except settings_file.SettingsError:
        return Rules("", UTC, knows_quotas=False)
