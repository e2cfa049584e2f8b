# SPDX-License-Identifier: GPL-2.0-or-later
"""The acting edges as one: Outcome -> policies in the kernel, classes in tc, the reject table. Owns the shaper.

Carries out the steps of core/shaping/plan.py and reports what came of them; decides nothing.
"""

import contextlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from esimshaper.core.model.hold import Reserve
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import ClientState, Policy, Subject
from esimshaper.core.model.reading import Attachment, ClassCounters, Hook, Observation, Reading
from esimshaper.core.model.scope import Places
from esimshaper.core.model.shaping import PATIENCE
from esimshaper.core.model.state import Outcome
from esimshaper.core.model.units import format_rate
from esimshaper.core.settings.values import Settings, Wan
from esimshaper.core.shaping import plan, steps, tree
from esimshaper.core.shaping.plan import Plan
from esimshaper.core.shaping.steps import Report, Step
from esimshaper.daemon.class_counters import ClassReader
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.nft.scripts import NO_INTERFACE, Blocked, Known
from esimshaper.edge.nft.tables import RejectTable, SegmentTable
from esimshaper.edge.tc.shaper import Shaper

LOOKS = frozenset({Hook.LAN_INGRESS, Hook.LAN_EGRESS, Hook.SERVER_INGRESS, Hook.SERVER_EGRESS})

log = logging.getLogger(__name__)


class Enforcer:
    """`problems`: what could not be done at the last attempt, in sentences; each is logged when it comes up.

    `inherited`: the policies that an earlier daemon wrote.
    """

    def __init__(self, settings: Settings, meter: Meter, cleanup: contextlib.ExitStack) -> None:
        self._meter = meter
        self._installed: Mapping[Account, Policy] = meter.policies()
        self.inherited = self._installed
        self.members = tree.members(self._installed)
        self.problems: tuple[str, ...] = ()
        self._reserve: Reserve | None = None
        self._held: tree.Link | None = None
        self._uplinks: frozenset[int] = frozenset()
        self._sweep_until: float | None = None  # CLOCK_BOOTTIME, in s
        self._now = 0  # CLOCK_BOOTTIME of the last reading, in ns
        self._begin(settings)
        cleanup.callback(lambda: self._shaper.close())

    def _begin(self, settings: Settings) -> None:
        self._wan, self._devices = settings.wan, settings.devices
        self._first = _goes_first(settings)
        self._shaper = Shaper(settings.device(settings.wan.interface), replace_foreign=settings.wan.replace_qdisc)
        self._class_reader = ClassReader(self._shaper, self._installed)
        self._reach(settings)
        self._memory = plan.Memory()

    def _reach(self, settings: Settings) -> None:
        self._reachable = settings.router.reachable
        left_alone = (*settings.wan.unbilled, *map(str, self._reachable))
        # Nobody knows whether a packet in a tunnel will leave by an uplink that quotas look at: our programs hold it.
        has_free = any(not each.metered for each in settings.uplinks)
        tunnels = settings.devices_of(tunnel.interface for tunnel in settings.wan.tunnels if not has_free)
        lans = settings.devices_of(settings.lan.interfaces)
        self._names_at = settings.names_at
        self._rejects = RejectTable((*settings.metered_names, *tunnels), lans, left_alone)
        self._segments = SegmentTable(settings.uplink_names)
        self._reserve = None  # to be written anew, with these addresses

    def configure(self, settings: Settings) -> None:
        """Acts as these settings say from the next `enforce` on; `sweep` then removes what is left elsewhere."""
        if (_without_rates(settings.wan), settings.devices) != (_without_rates(self._wan), self._devices):
            self._shaper.close()
            self._begin(settings)
        if settings.router.reachable != self._reachable:
            self._reach(settings)
        self._wan = settings.wan
        self._first = _goes_first(settings)
        self._rejects.lans = settings.devices_of(settings.lan.interfaces)
        self._memory = replace(self._memory, cause=None, classes_for=None)

    def sweep(self) -> None:
        """Removes our shaping from all interfaces but the uplink: each queue once nothing waits in it."""
        self._sweep_until = self._now / 1e9 + PATIENCE
        self._sweep()

    def _sweep(self) -> None:
        if self._sweep_until is None:
            return
        patient = self._now / 1e9 < self._sweep_until
        self._shaper.remove(self._devices.get(self._wan.interface, self._wan.interface), only_empty=patient)
        if not patient:
            self._sweep_until = None

    def read_classes(self, reading: Reading) -> Mapping[Account, ClassCounters] | None:
        """Bytes that left through the classes of each account. `reading` was read before (R8)."""
        return self._class_reader.read(reading.queued)

    def enforce(
        self, outcome: Outcome, seen: Observation, states: Mapping[Subject, ClientState], *, look_around: bool
    ) -> bool:
        """Carries out `outcome`, as far as it is not carried out yet. Whether pools are new, of which no policy knows.

        `look_around`: compares with what is installed though nothing is new; somebody else may have changed it.
        """
        name = self._wan.shaped
        by_terms = tree.Link(self._wan.download, self._wan.upload).held_below(outcome.plan_rates.get(name))
        measured = {side: each for (uplink, side), each in outcome.measured.items() if uplink == name}
        link = by_terms.held_as_measured({side: each.allowed for side, each in measured.items()})
        told = by_terms.held_as_measured({side: each.carrier for side, each in measured.items()})  # without looks
        wish = plan.Wish(
            outcome,
            seen.reading,
            link,
            _metered_link(seen.attachments, self._wan.interface),
            states,
            look_around,
            _looked_at(seen.attachments, self._devices),
            self._first,
            seen.sent is not None,
        )
        self._uplinks = _numbers_of_uplinks(seen.attachments)
        self._now = round(seen.reading.boottime * 1e9)
        if self._meter.uplinks:
            self._meter.uplinks.note_scopes(_scopes_of_uplinks(outcome.places))
        if outcome.reserve and outcome.reserve != self._reserve:
            self._meter.write_reserve(outcome.reserve, self._reachable)
            self._reserve = outcome.reserve
        self._tell_of(told)
        if problem := self._segments.limit(told.segment):
            log.warning("%s", problem, extra=fields(Message.LIMITS_FAILING, interface=self._wan.interface))
        now: Plan | None = plan.begin(self._memory, self._installed, wish)
        while now:
            report = self._carry_out(now.steps)
            if now.after is None:
                self._memory = now.memory
                self._say(now.problems)
            now = now.after(report) if now.after else None
        self._sweep()
        # Last, when no policy refers to the pools that it frees.
        return outcome.service_policies is not None and self._meter.want_pools(outcome.wanted_pools)

    def _carry_out(self, todo: Iterable[Step]) -> Report:
        report = Report()
        for step in todo:
            report = self._do(step, report)
        return report

    def _do(self, step: Step, report: Report) -> Report:
        match step:
            case steps.AddClients(clients):
                self._meter.add_clients(clients)
            case steps.AddGroups(names, spare):
                return replace(report, groups_added=self._meter.add_groups(names, spare))
            case steps.LookAtClasses():
                return replace(report, found=self._shaper.observe())
            case steps.LookAtWaiting():
                return replace(report, waiting=self._shaper.waiting())
            case steps.ChangeClasses(changes):
                failed = self._shaper.apply(changes)
                self._class_reader.note_remade(plan.remade_classes(changes))
                return replace(report, failed=(*report.failed, *failed))
            case steps.NoteRestored():
                text, where = "somebody changed our classes at %s; they are as before again", self._wan.interface
                log.warning(text, where, extra=fields(Message.CLASSES_RESTORED, interface=where))
            case steps.ShapeAt(upload, download):
                self._meter.give_classes_at(upload, download)
            case steps.WritePolicies(policies):
                self._write(policies)
            case steps.WriteServices(services):
                self._meter.write_service_policies(services)
            case steps.CheckRejects() | steps.Reject():
                return self._refuse(step, report)
        return report

    def _refuse(self, step: steps.CheckRejects | steps.Reject, report: Report) -> Report:
        match step:
            case steps.CheckRejects():
                if self._rejects.notice_changes(self._now):
                    text = "somebody changed our table in nftables; it is as before again"
                    log.warning(text, extra=fields(Message.REFUSALS_RESTORED))
            case steps.Reject(devices, but, _, but_until, lans, at):
                apart = tuple((self._names_at[name], each) for name, each in at.items() if name in self._names_at)
                blocked = Blocked(devices, but, but_until=but_until, at=apart)
                problem = self._rejects.reject(blocked, Known(self._uplinks, lans), self._now)
                return replace(report, failed=(*report.failed, *([problem] if problem else [])))
        return report

    def _write(self, policies: Mapping[Account, Policy]) -> None:
        self._meter.write_policies(policies)
        self._installed = {**self._installed, **policies}  # at once: a later step may raise
        self.members = tree.members(self._installed)
        self._class_reader.note_policies(policies)

    def _tell_of(self, link: tree.Link) -> None:
        """Says so when the link gets other rates; not those of the settings, which a reload says."""
        written = tree.Link(self._wan.download, self._wan.upload)
        before, self._held = self._held, None if link == written else link
        if self._held == before:
            return
        extra = fields(Message.LINK_HELD, interface=self._wan.interface)
        if self._held is None:
            log.info("the carrier is fast again: the link at %s is held no more", self._wan.interface, extra=extra)
        else:
            down, up = (format_rate(rate) if rate else "any rate" for rate in (link.download, link.upload))
            text = "the carrier is slow: the link at %s is held to %s down and %s up, so that packets wait here"
            log.info(text, self._wan.interface, down, up, extra=extra)

    def _say(self, problems: tuple[str, ...] | None) -> None:
        if problems is None:
            return
        for problem in problems:
            if problem not in self.problems:
                log.warning("%s", problem, extra=fields(Message.LIMITS_FAILING, interface=self._wan.interface))
        if self.problems and not problems:
            working = fields(Message.LIMITS_WORKING, interface=self._wan.interface)
            log.info("limits are in force again at %s", self._wan.interface, extra=working)
        self.problems = problems


def _without_rates(wan: Wan) -> Wan:
    return replace(wan, download=None, upload=None, measure=True)


def _goes_first(settings: Settings) -> frozenset[ClientKey]:
    return frozenset(client.key for client in settings.clients if client.first)


def _metered_link(attachments: Iterable[Attachment], wan: str) -> int:
    """The number of the WAN's interface, if uploads pass our program there; else 0."""
    there = (each for each in attachments if each.attached and each.interface == wan)
    return next((each.index for each in there if each.hook is Hook.WAN_EGRESS), 0)


def _numbers_of_uplinks(attachments: Iterable[Attachment]) -> frozenset[int]:
    return frozenset(each.index for each in attachments if each.attached and each.hook is Hook.WAN_EGRESS)


def _scopes_of_uplinks(places: Places) -> Mapping[str, frozenset[str]]:
    """The keys of the scopes that each uplink is in."""
    names = frozenset().union(*places.values())
    return {name: frozenset(scope.key for scope, at in places.items() if name in at) for name in names}


def _looked_at(attachments: Iterable[Attachment], devices: Mapping[str, str]) -> Mapping[str, int]:
    """The interfaces of the LAN at which our programs see both ways, with their numbers; 0 for one that is away."""
    found: dict[str, set[int]] = {}
    for each in attachments:
        if each.hook in LOOKS:
            index = each.index if each.attached else NO_INTERFACE
            found.setdefault(devices.get(each.interface, each.interface), set()).add(index)
    # One that refuses one of the two is left alone: what is begun beyond goes there without a look.
    return {name: min(numbers) for name, numbers in found.items() if len(numbers) == 1}
