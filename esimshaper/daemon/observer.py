# SPDX-License-Identifier: GPL-2.0-or-later
"""The observing edges as one: kernel, interfaces, leases, neighbours -> Observation. Owns the meter."""

import contextlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from esimshaper.core.diagnosis.explain import explain
from esimshaper.core.model.counts import Reason
from esimshaper.core.model.errors import FailedOperation, Operation
from esimshaper.core.model.identity import ClientKey, Neighbour
from esimshaper.core.model.reading import Attachment, Detour, Hook, Observation, Reading, Table
from esimshaper.core.model.uplinks import AUTO
from esimshaper.core.settings import tunnels, uplink
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.values import Settings, Tunnel
from esimshaper.daemon.uplink_reader import UplinkReader
from esimshaper.daemon.ways import WaysOut
from esimshaper.edge.bpf import compiler, pin_access
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.packet_sockets import PacketSockets
from esimshaper.edge.bpf.pins import Pins
from esimshaper.edge.host import clock, socket_store, systemd
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.lan.leases import LeaseFiles
from esimshaper.edge.lan.neighbours import Neighbours
from esimshaper.edge.nft import proxies
from esimshaper.edge.nft.program import NftError
from esimshaper.edge.tc import tunnel_links
from esimshaper.edge.tc.attachments import TrafficControl

CENSUS_SECONDS = 60
"""Neighbours of known clients, and the sizes of the tables, are read once in so many seconds: a full table of flows
takes 20 ms, and one of 1,024 neighbours always changes."""

LAN_HOOKS = (Hook.LAN_INGRESS, Hook.LAN_EGRESS)
SERVER_HOOKS = (Hook.SERVER_EGRESS, Hook.SERVER_INGRESS)

log = logging.getLogger(__name__)


class Observer:
    """Opens the meter when made (or raises FailedOperation); attaches programs and observes when asked."""

    def __init__(
        self, settings: Settings, pins: Pins, cleanup: contextlib.ExitStack, *, may_build: bool = True
    ) -> None:
        self._build = build_for(settings, pins.root)
        self._pins = pins
        self.meter = open_meter(self._build, may_build=may_build)
        cleanup.callback(self.meter.close)
        self._control = TrafficControl(pins.markers)
        cleanup.callback(self._control.close)
        self._control.before = self._assign
        sockets = PacketSockets(systemd.take_sockets(socket_store.NAME))
        self.uplinks = UplinkReader(self.meter, sockets, cleanup)
        self._neighbours = Neighbours()
        cleanup.callback(self._neighbours.close)
        self.ways = WaysOut()
        cleanup.callback(self.ways.close)
        self._detour = Detour()
        self._proxies: tuple[str, ...] = ()
        self._proxies_due = 0.0  # CLOCK_MONOTONIC
        self._attachments: tuple[Attachment, ...] = ()
        self._tables: tuple[Table, ...] = ()
        self._clients: frozenset[ClientKey] = frozenset()
        self._is_full = self._full_was_logged = False
        self._read_hardware_clock()
        self._neighbour_table: tuple[Neighbour, ...] = ()
        self._neighbours_of: frozenset[ClientKey] = frozenset()
        self.configure(settings)

    @property
    def build(self) -> compiler.Build:
        """What our maps and programs were made for."""
        return self._build

    def configure(self, settings: Settings) -> None:
        """Takes other interfaces and files. `attach` and `sweep` then move our programs; the maps stay."""
        self._settings = settings
        self._control.devices = settings.devices
        self._ports = [each.port for each in settings.wan.stacked if each.port]
        self._look_at_tunnels()
        self.meter.leave_unbilled(settings.wan.unbilled)
        self._lan = tuple(map(settings.device, settings.lan.interfaces))
        self._leases = LeaseFiles(tuple(Path(path) for path in settings.lan.leases))
        self._census_due = 0.0  # CLOCK_MONOTONIC

    def _look_at_tunnels(self) -> None:
        """Which hooks a tunnel without a port has, and how it is known on the uplink, is told by its link."""
        named = self._settings.wan.tunnels
        links = _links_of_tunnels(self._settings)
        self._hooks = wanted_hooks(self._settings, links)
        ends = tunnels.ends(named, links, tunnels.servers(self._settings))
        self.meter.carry_tunnels(ends, tunnels.added(named, links))

    def obstacles(self, settings: Settings) -> tuple[list[Problem], tuple[str, ...]]:
        """Obstacles to our programs where only these settings want them; and interfaces that are not there yet."""
        problems: list[Problem] = []
        missing: dict[str, None] = {}
        links = _links_of_tunnels(settings)
        for name, hook in wanted_hooks(settings, links):
            if (name, hook) in self._hooks:
                continue
            device = settings.device(name)
            if not self._control.is_there(device):
                missing[f"interface {name} is not there; what passes it is counted from when it comes"] = None
            elif obstacle := self._control.obstacle(device, hook):
                problems.append(Problem(_path(settings, name), obstacle, "Choose another interface, or remove that."))
        return list(dict.fromkeys(problems)), tuple(missing)

    def present(self, settings: Settings) -> Settings:
        """The settings for the interfaces that their names mean now, also for those that were renamed."""
        known = {each.interface: each.index for each in self._attachments if each.index}
        ways = self.ways.read(settings, self._neighbour_table)
        return uplink.present(settings, self._control.links(), self._control.known() | known, ways)

    @property
    def is_uplink_unsure(self) -> bool:
        """Whether no uplink was found yet, or a modem has another interface than when uplinks were looked for."""
        unknown = any(each.interfaces[:1] == (AUTO,) for each in self._settings.uplinks)
        return unknown or self.ways.has_news

    def sweep(self) -> None:
        """Removes our programs from interfaces that the settings do not name."""
        self._control.sweep(keep=self._hooks)

    def attach(self) -> None:
        """Attaches our programs to all interfaces of the settings. Raises FailedOperation if this machine cannot."""
        self._look_at_tunnels()
        if self.meter.uplinks:
            free = {each.name for each in self._settings.uplinks if not each.metered}
            # Of a plan nobody has said yet which uplink has it: each may.
            scopes = {
                each.name: [scope.key for scope in self._settings.scopes if scope.plan or each.name in scope.uplinks]
                for each in self._settings.uplinks
            }
            self.meter.uplinks.assign(uplink.belonging(self._settings, self._control.links()), free, scopes)
        attachments = self._control.ensure(self._hooks, self.meter.program)
        for name, hook in self._control.mended:
            known = fields(Message.PROGRAM_RESTORED, interface=name)
            log.warning("somebody removed our filter at %s of %s; counting again", hook.value, name, extra=known)
        lans = [each for each in attachments if each.hook is Hook.LAN_INGRESS and each.attached]
        self.meter.note_lans(each.index for each in lans)
        self._take(attachments)

    def _assign(self, name: str, index: int) -> None:
        """Says which uplink an interface is of that came a moment ago, before its first packet is counted."""
        if self.meter.uplinks:
            whose = [each for each in self._settings.uplinks if name in each.interfaces]
            for each in whose:
                self.meter.uplinks.add(index, each.name, metered=each.metered)

    def observe(self) -> Observation:
        """The counters of this moment; all else is as of the last `look_around`."""
        reading = replace(self.meter.read(), tables=self._tables)
        self._is_full = Reason.LAN_CLIENTS_FULL in reading.events
        self._clients = frozenset(reading.owners.values())
        return Observation(
            reading,
            self._attachments,
            self._leases.read(),
            self._neighbour_table,
            clock_trusted=clock.is_synchronised(),
            hardware_clock=self._hardware(reading.boottime),
            uplink=self.uplinks.read(reading, self._attachments, self._ports),
            detour=self._detour,
            modems=self.ways.look(),
        )

    def _hardware(self, boottime: float) -> float | None:
        """The hardware clock at `boottime`, from when it was read last."""
        said, at = self._hardware_read
        return None if said is None else said + boottime - at

    def _read_hardware_clock(self) -> None:
        self._hardware_read = clock.hardware(), clock.boottime()

    def look_around(self) -> None:
        """Checks all that costs more than a counter: programs in place, neighbours, sizes of the tables."""
        try:
            self.attach()
        except FailedOperation as problem:
            message = explain(problem.failure).message
            self._take(tuple(Attachment(name, hook, attached=False, problem=message) for name, hook in self._hooks))
        if self._clients != self._neighbours_of or clock.monotonic() >= self._census_due:
            self._neighbour_table = self._neighbours.read(self._lan)
            self._neighbours_of = self._clients
            self._tables = self.meter.tables()
            self._census_due = clock.monotonic() + CENSUS_SECONDS
        self._look_for_detours()
        self._read_hardware_clock()
        if self._is_full and not self._full_was_logged:
            self._full_was_logged = True  # the table stays full for as long as the maps live
            text = "no room for more clients: further devices are counted and limited together, as one client, `others`"
            log.warning(text, extra=fields(Message.CLIENTS_FULL))

    def _look_for_detours(self) -> None:
        routes = self.ways.routes(self._neighbour_table)
        if clock.monotonic() >= self._proxies_due:
            self._proxies_due = clock.monotonic() + CENSUS_SECONDS
            with contextlib.suppress(NftError, ValueError):  # without nft there is no rule of it either
                self._proxies = proxies.rules()
        now = self.present(self._settings)  # an interface may have another name since the settings were read
        found = uplink.detour_of(now, self._control.links(), routes, self._proxies)
        before, self._detour = self._detour.interfaces, found
        if found.interfaces == before:
            return
        known = fields(Message.DETOUR, interface=self._settings.wan.interface)
        if found.interfaces:
            log.warning("%s", found.sentence, extra=known)
        else:
            log.info("devices reach the Internet by counted interfaces again", extra=known)

    def predecessors(self) -> list[tuple[Path, Reading]]:
        """Last readings of maps of other sizes, which nothing counts into since ours are attached."""
        return [
            (generation, reading)
            for generation, reading in last_readings(self._pins)
            if generation != self._build.generation
        ]

    def _take(self, attachments: tuple[Attachment, ...]) -> None:
        """Takes new attachments, and logs each change of an interface once."""
        before, now = _by_interface(self._attachments), _by_interface(attachments)
        for interface in (name for name in now if now[name] != before.get(name)):
            missing = [attachment for attachment in now[interface] if not attachment.attached]
            problems = dict.fromkeys(attachment.problem for attachment in missing)
            if missing and all(attachment.hook is Hook.LAN_EGRESS for attachment in missing):
                text = "counting at %s, without a second look at downloads, so their receiver is not held to limits: %s"
                known = fields(Message.NO_SECOND_LOOK, interface=interface)
                log.warning(text, interface, "; ".join(problems), extra=known)
            elif problems:
                known = fields(Message.NOT_COUNTING, interface=interface)
                log.warning("not counting at %s: %s", interface, "; ".join(problems), extra=known)
            elif earlier := dict.fromkeys(each.problem for each in now[interface] if each.problem):
                log.warning("counting at %s, but %s", interface, "; ".join(earlier))
            else:
                log.info("counting at %s", interface, extra=fields(Message.COUNTING, interface=interface))
        self._attachments = attachments


def _by_interface(attachments: Iterable[Attachment]) -> dict[str, tuple[Attachment, ...]]:
    found: dict[str, tuple[Attachment, ...]] = {}
    for attachment in attachments:
        found[attachment.interface] = (*found.get(attachment.interface, ()), attachment)
    return found


def _links_of_tunnels(settings: Settings) -> tunnels.Links:
    """The links of the tunnels, by the names that the settings call them."""
    names = [each.interface for each in settings.wan.tunnels]
    found = tunnel_links.read(map(settings.device, names)) if names else {}
    return {name: found[device] for name in names if (device := settings.device(name)) in found}


def wanted_hooks(settings: Settings, links: tunnels.Links) -> tuple[tuple[str, Hook], ...]:
    """In the order of attaching: LANs, tunnels, uplinks. So no upload reaches a later hook without its account."""
    uplinks = (settings.wan.interface, *settings.wan.others)
    servers = tunnels.servers(settings)
    others = [each for each in settings.wan.tunnels if each.interface not in servers]
    return (
        *((each, hook) for each in settings.lan.interfaces if each not in servers for hook in LAN_HOOKS),
        *((each, hook) for each in sorted(servers) for hook in SERVER_HOOKS),
        *((each.interface, hook) for each in others for hook in _tunnel_hooks(each, links)),
        *((uplink, side) for uplink in uplinks for side in (Hook.WAN_EGRESS, Hook.WAN_INGRESS)),
    )


def _tunnel_hooks(tunnel: Tunnel, links: tunnels.Links) -> tuple[Hook, Hook]:
    if tunnels.is_translator(tunnel, links):
        return Hook.TRANSLATOR_EGRESS, Hook.TRANSLATOR_INGRESS
    return Hook.TUNNEL_EGRESS, Hook.TUNNEL_INGRESS


def _path(settings: Settings, interface: str) -> tuple[str | int, ...]:
    """The path in the settings that names an interface."""
    if interface in settings.lan.interfaces:
        return ("lan", "interfaces", settings.lan.interfaces.index(interface))
    named = [tunnel.interface for tunnel in settings.wan.tunnels]
    return ("wan", "tunnels", named.index(interface)) if interface in named else ("wan", "interface")


def build_for(settings: Settings, pins: Path) -> compiler.Build:
    """The kernel part that these settings need."""
    room, names = settings.meter, settings.services.names
    uplinks, scopes = settings.counted_apart, tuple(each.key for each in settings.scopes)
    return compiler.Build(str(pins), settings.lan.mark_mask, room.max_accounts, room.max_flows, names, uplinks, scopes)


def open_meter(build: compiler.Build, *, may_build: bool = True) -> Meter:
    """Opens the maps and programs of an earlier daemon or `build`; without any, builds them. Raises FailedOperation."""
    try:
        pin_access.share(
            build.generation, build.programs
        )  # each time, as the unit gives all pins back to the daemon's user
        return Meter(build.generation, build.programs)
    except (OSError, ValueError) as error:
        if not may_build:
            raise FailedOperation(Operation.BUILD, 0, str(error)) from None
    compiler.build(build)
    pin_access.share(build.generation, build.programs)
    try:
        return Meter(build.generation, build.programs)
    except (OSError, ValueError) as error:  # somebody removed some of the pins, or the pins are not ours
        raise FailedOperation(Operation.PIN, 0, str(error)) from None


def last_readings(pins: Pins) -> list[tuple[Path, Reading]]:
    """A reading of each generation of maps; a generation that cannot be read was never finished, and has none."""
    found = []
    for generation in pins.generations():
        with contextlib.suppress(OSError, ValueError), contextlib.closing(Meter(generation)) as meter:
            found.append((generation, meter.read()))
    return found
