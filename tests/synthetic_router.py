# SPDX-License-Identifier: GPL-2.0-or-later
"""A State such as a router has after a day, and a control server over it: what report, control and cli tests share.

As a program (`synthetic_router.py SOCKET [CLIENTS]`) it serves until killed; what it shows moves on with the clock.
"""

import sys
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from esimshaper.core import commands
from esimshaper.core.limits import acts, hierarchy, tally
from esimshaper.core.limits.hours import in_force
from esimshaper.core.limits.states import states_of
from esimshaper.core.model import requests
from esimshaper.core.model.counts import Budget, Counters, Event, Reason
from esimshaper.core.model.flows import Flow
from esimshaper.core.model.history import HistoryRow, Resolution
from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limit_state import Act, LimitState
from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    Curfew,
    Grant,
    Override,
    OverrideKind,
    Period,
    PeriodUnit,
    Quota,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.period import window
from esimshaper.core.model.reading import Attachment, Hook, Reading, Table
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import How
from esimshaper.core.model.state import (
    Booked,
    ClockSlice,
    LimitsSlice,
    MeterSlice,
    NamesSlice,
    RatesSlice,
    SavingSlice,
    State,
)
from esimshaper.core.model.time_of_day import Hours, WallTime, parse_span
from esimshaper.core.report import acts as report_acts
from esimshaper.core.report import documents
from esimshaper.core.report import events as report_events
from esimshaper.core.report import history as report_history
from esimshaper.core.report import quotas as report_quotas
from esimshaper.core.report import services as report_services
from esimshaper.core.report import subjects as report_subjects
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.plans import plans_document
from esimshaper.core.report.since import parse_since
from esimshaper.core.saving import booking
from esimshaper.edge.http import control
from esimshaper.edge.http.routes import BadParameter
from tests import synthetic_crowd as crowd
from tests.synthetic_events import happenings
from tests.synthetic_plans import with_plans
from tests.synthetic_services import CATALOGUE, counted, sums_of, with_services

TOKYO = timezone(timedelta(hours=9))
NOW = datetime(2026, 11, 23, 18, 30, tzinfo=TOKYO)
ROUTER, UNATTRIBUTED = ClientKey("router"), ClientKey("unattributed")
ALICE, PIXEL, BARE, TV = (ClientKey(f"02:00:00:00:00:{n:02x}") for n in (0x10, 0x1F, 0x20, 0x11))
TV_ROOM = Subject(SubjectKind.GROUP, "living-room")
QUOTAS = (
    Quota(
        "plan", EVERYONE, 10 * 10**9, Period(PeriodUnit.MONTH), TOKYO, Action(ActionKind.BLOCK), warn_at=(8 * 10**9,)
    ),
    Quota(
        "daily",
        Subject(SubjectKind.EACH_CLIENT),
        500 * 10**6,
        Period(PeriodUnit.DAY),
        TOKYO,
        Action(ActionKind.THROTTLE, 256_000),
        warn_at=(400 * 10**6,),
    ),
    Quota("tv-week", TV_ROOM, 5 * 10**9, Period(PeriodUnit.WEEK), TOKYO, Action(ActionKind.NOTIFY)),
    Quota(
        "alice-trip",
        Subject(SubjectKind.CLIENT, ALICE),
        2 * 2**30,
        Period(PeriodUnit.DAY, 30, int(NOW.timestamp()) - 86400 * 8),
        TOKYO,
        Action(ActionKind.BLOCK),
    ),
)
CURFEWS = (
    Curfew(Subject(SubjectKind.CLIENT, TV), Hours((parse_span("18:00-07:00"),), TOKYO, "18:00-07:00")),
    Curfew(TV_ROOM, Hours((parse_span("sat,sun 22:00-24:00"),), TOKYO, "sat,sun 22:00-24:00")),
)
RULES = Rules("wwan0", TOKYO, {ALICE: "alice-phone", TV: "tv"}, {TV: "living-room"}, QUOTAS, curfews=CURFEWS)
WINDOWS = {quota.name: window(quota.period, TOKYO, NOW.timestamp()) for quota in QUOTAS}


def client(key: ClientKey) -> Subject:
    return Subject(SubjectKind.CLIENT, key)


def tally_of(quota: str, subject: Subject, used: int, **more) -> Tally:
    limit = next(each.limit for each in QUOTAS if each.name == quota)
    return Tally(quota, subject, WINDOWS[quota], used, allowed=limit + more.get("granted", 0), **more)


LIMITS = LimitState(
    tallies=(
        tally_of("plan", EVERYONE, 6_123_456_789),
        tally_of("daily", client(ALICE), 512_345_678, warned=400_000_000, reached=True),
        tally_of("daily", client(PIXEL), 430_000_000, warned=400_000_000),
        tally_of("daily", client(BARE), 45_678),
        tally_of("tv-week", TV_ROOM, 5_100_000_000, granted=100_000_000, reached=True),
        tally_of("alice-trip", client(ALICE), -40),
    ),
    grants=(Grant("tv-week", TV_ROOM, 100_000_000, int(NOW.timestamp()) + 3600),),
    overrides=(Override(client(BARE), OverrideKind.BLOCK, int(NOW.timestamp()) + 5400),),
)
ATTACHED = (
    Attachment("br0", Hook.LAN_INGRESS, attached=True),
    Attachment("wwan0", Hook.WAN_INGRESS, attached=True),
    Attachment("wwan0", Hook.WAN_EGRESS, attached=True),
)


def facts(**changes) -> DaemonFacts:
    standard = {
        "now": NOW,
        "version": "0.1.0",
        "wan_interface": "wwan0",
        "started": NOW - timedelta(hours=3, minutes=12),
        "config_loaded": NOW - timedelta(hours=3, minutes=12),
        "tick_at": NOW,
        "tick_seconds": 0.004,
        "quotas": QUOTAS,
        "curfews": CURFEWS,
        "names": RULES.names,
        "groups": RULES.groups,
        "catalogue": CATALOGUE,
    }
    return DaemonFacts(**(standard | changes))


def state(
    seconds: float = 0, attachments=ATTACHED, more_clients: int = 0, limits: LimitState = LIMITS, quotas=QUOTAS
) -> State:
    """`seconds`: how long traffic has been moving on since the beginning."""
    moved = int(seconds * 1_500_000)
    totals = {
        ROUTER: Counters(1_200_345, 800_111, 2_000, 1_900),
        UNATTRIBUTED: Counters(12_000, 300, 20, 4),
        ALICE: Counters(4_812_345_678 + moved, 212_345_678, 4_000_000, 900_000),
        PIXEL: Counters(912_345_678, 1_112_345_678 + moved // 5, 800_000, 900_000),
        BARE: Counters(45_678, 5_678, 80, 40),
    }
    totals |= crowd.totals(more_clients)
    identities = {
        ALICE: Identity(ALICE, "alice-phone", "Alices-iPhone", ("192.168.8.20", "2001:db8:8::20")),
        PIXEL: Identity(PIXEL, "", "Pixel-7-of-somebody-with-a-long-name", ("192.168.8.31",)),
        **crowd.identities(more_clients),
    }
    limits = replace(limits, tallies=(*limits.tallies, *_crowd_tallies(more_clients)))
    wan = sum(totals.values(), Counters())
    windows = acts.windows(quotas, limits.restarts, NOW.timestamp())
    turn = tally.Turn(
        NOW.timestamp(), windows, {EVERYONE: Budget(moved)}, (ALICE, PIXEL, BARE, *crowd.keys(more_clients))
    )
    tallies = tally.next_tallies(limits.tallies, quotas, turn)
    named = (each.subject.id for each in limits.overrides if each.subject.kind is SubjectKind.CLIENT)
    hierarchies = hierarchy.hierarchies(
        {*totals, *named}, RULES.names, RULES.groups, (quota.subject for quota in quotas)
    )
    set_on = hierarchy.by_subject(limits.overrides)
    blocked = in_force(CURFEWS, NOW.timestamp())
    states = states_of(hierarchies, tally.by_subject(quotas, tallies), set_on, NOW.timestamp(), TOKYO, blocked)
    links = {"wwan0": wan - Counters(500), "wwan1": Counters(500)}
    reading = Reading(
        7,
        1000.0,
        {},
        {Account(2): ALICE, Account(3): BARE},
        wasted={Account(2): 0, Account(3): 23_456},
        events={Reason.WAN_IN_FLOW_MISSING: Event(24, 12_300), Reason.NOT_IP: Event(3, 180)},
        tables=(Table("flows", 60_000, 65_536), Table("clients", 3, 1_024)),
    )
    return State(
        ClockSlice(NOW.timestamp()),
        MeterSlice(Booked(7, {}, {Account(0): UNATTRIBUTED}, totals, links), reading, attachments),
        RatesSlice({ALICE: Counters(1_500_000, 40_000), PIXEL: Counters(2_000, 300_000), **crowd.rates(more_clients)}),
        NamesSlice(identities),
        LimitsSlice(replace(limits, tallies=tallies), states, curfews=blocked),
        SavingSlice(unsaved_bytes=1_234),
    )


def _crowd_tallies(number: int) -> list[Tally]:
    used = crowd.used_today(number)
    return [
        tally_of("daily", client(key), size, reached=size >= 500_000_000, warned=400_000_000 * (size >= 400_000_000))
        for key, size in used.items()
    ]


def usage_today(of: State) -> dict[ClientKey, Counters]:
    return {
        key: Counters(c.down_bytes // 8, c.up_bytes // 8, c.down_packets // 8, c.up_packets // 8)
        for key, c in of.baseline.meter.totals.items()
    }


def flows(seconds: float = 0) -> list[Flow]:
    moved = int(seconds * 1_500_000)
    far, near = "2001:db8:ffff:1234:5678:9abc:def0:1", "2001:db8:8::31"
    watched, talked = Counters(2_000_000_000 + moved, 30_000_000), Counters(1_000_000, 500_000_000 + moved // 5)
    known = ("youtube", "rr3.googlevideo.com", How.SNI)
    video = Flow(
        ALICE, 6, "198.51.100.7", 443, "100.64.0.2", 40001, watched, 900.0 + seconds, 0.1, "192.168.8.20", 51000, *known
    )
    call = Flow(PIXEL, 17, far, 3478, near, 51413, talked, 60.0 + seconds, 0.3, near, 51413)
    ping = Flow(ROUTER, 1, "9.9.9.9", 0, "100.64.0.2", 77, Counters(840, 840), 10.0, 2.0)
    tunnel = Flow(BARE, 99, "203.0.113.9", 0, "100.64.0.2", 0, Counters(500, 600), 4000.0, 80.0)
    return [ping, call, tunnel, video]


def history(by: Resolution, client: ClientKey | None, more_clients: int = 0) -> list[HistoryRow]:
    step = {"5min": 300, "hour": 3600, "day": 86400, "month": 86400 * 30}[by.value]
    offset = 9 * 3600 if by is Resolution.DAY else 0
    end = (int(NOW.timestamp()) + offset) // step * step - offset
    return [
        HistoryRow(by, end - back * step, key, Counters(10**8 * (back % 5), 10**7 * (back % 40 + 1), 9, 9), back == 3)
        for back in range(380 if by is Resolution.DAY else 40)
        for key in (ALICE, PIXEL, *crowd.keys(more_clients))
        if client in (None, key)
    ]


HAPPENINGS = happenings(int(NOW.timestamp()), client(TV), client(ALICE))


class Router:
    """Answers requests as the daemon does, from the synthetic state as it is at the moment of the request."""

    def __init__(self, more_clients: int = 0, place: Path | None = None) -> None:
        self._place = place
        self._began = time.monotonic()
        self._more_clients = more_clients
        self._limits = LIMITS
        self._undone: tuple[Act, ...] = ()

    def now(self) -> State:
        now = counted(state(self.seconds(), more_clients=self._more_clients, limits=self._limits))
        return replace(now, limits=replace(now.limits, undone=self._undone))

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def answer(self, request: requests.Request) -> Document:
        current = self.now()
        match request:
            case requests.StatusQuery():
                usage = usage_today(current)
                return documents.status_document(current, facts(), usage, usage, sums_of(usage).services)
            case requests.ClientsQuery(client):
                usage = usage_today(current)
                services = sums_of(usage).services
                return documents.clients_document(current, facts(), usage, usage, _chosen(client), services)
            case requests.QuotasQuery(written):
                return report_quotas.quotas_document(current, facts(), self._subject(written) if written else None)
            case requests.SubjectsQuery():
                return report_subjects.subjects_document(current, facts())
            case requests.FlowsQuery():
                return self._flows(request)
            case requests.ServicesQuery():
                return self._services(current, request)
            case requests.HistoryQuery():
                return self._history(request)
            case requests.PlanQuery():
                return plans_document(*with_plans(current, facts()), 3)
            case requests.EventsQuery(since, limit, written):
                subjects = report_subjects.with_ancestors(self._subject(written), facts()) if written else None
                chosen = booking.chosen(HAPPENINGS, _since(since), subjects)
                return report_events.events_document(current, facts(), chosen, limit=limit)
            case _:
                return self._carry_out(current, request)

    def _carry_out(self, current: State, command: requests.Request) -> Document:
        self._undone = ()  # `current` has them
        match command:
            case requests.GrantCommand(written, size, end, at):
                subject, when = self._subject(written), _term(end, at)
                self._limits = commands.grant(current, RULES, subject, size, *when).limits.kept
                return report_quotas.grant_document(self.now(), facts(), subject, size, *when)
            case requests.RevokeCommand(written, size):
                subject = self._subject(written)
                self._limits = commands.revoke(current, RULES, subject, size).limits.kept
                return report_quotas.revoke_document(self.now(), facts(), subject, size)
            case requests.OverrideCommand(written, kind, end, at):
                subject, when = self._subject(written), _term(end, at)
                self._limits = commands.override(current, subject, kind, *when).limits.kept
                return report_quotas.override_document(self.now(), facts(), subject, when.at)
            case requests.CorrectCommand(written, who, size):
                quota, whose = self._quota(written), self._subject(who) if who else None
                self._limits = commands.correct(current, RULES, quota, whose, size).limits.kept
                return report_acts.usage_document(self.now(), facts(), quota, whose)
            case requests.RestartCommand(written, who):
                quota, whose = self._quota(written), self._subject(who) if who else None
                self._limits = commands.restart(current, RULES, quota, whose).limits.kept
                return report_acts.usage_document(self.now(), facts(), quota, whose)
            case requests.UndoCommand(redo):
                undone = (commands.redo if redo else commands.undo)(current, RULES)
                self._limits, self._undone = undone.state.limits.kept, undone.state.limits.undone
                document = report_acts.redo_document if redo else report_acts.undo_document
                return document(self.now(), facts(), undone.act, changed=undone.changed)
            case requests.ReportQuery() | requests.ExportQuery() | requests.ImportCommand():
                from tests import synthetic_past

                return synthetic_past.answer(self._place)(command)
            case _:
                raise RuntimeError("a fault of ours, raised on purpose")

    def _flows(self, query: requests.FlowsQuery) -> Document:
        keys = _chosen(query.client)
        found = [flow for flow in self._all_flows() if keys is None or flow.client in keys]
        found.sort(key=lambda flow: flow.idle if query.recent_first else -flow.counters.total_bytes)
        return documents.flows_document(self.now(), facts(), found[: query.limit], count=len(found))

    def _all_flows(self) -> list[Flow]:
        return [*flows(self.seconds()), *crowd.flows(self._more_clients, self.seconds())]

    def _services(self, current: State, query: requests.ServicesQuery) -> Document:
        try:
            choice = report_services.find_choice(current, facts(), query)
        except ValueError as error:
            raise BadParameter(str(error)) from None
        today = usage_today(current)
        used = sums_of({key: today[key] for key in choice.clients or today if key in today})
        return report_services.services_document(current, facts(), _since(query.since or "today"), used, choice)

    def _history(self, query: requests.HistoryQuery) -> Document:
        keys = _chosen(query.client)
        until = _since(query.until) if query.until else NOW.timestamp()
        found = history(query.by.resolution, None, self._more_clients)
        rows = [row for row in found if row.start < until and (keys is None or row.client in keys)]
        since = report_history.begin_of(query.by, _since(query.since), TOKYO) if query.since else 0
        whose = query.client or None
        document = report_history.history_document(NOW, query.by, rows, limit=query.limit, client=whose, since=since)
        if query.by_service:
            return report_history.with_services(document, query.by, TOKYO, {}, with_services(rows))
        return report_history.with_clients(document, self.now(), NOW, query.by, rows) if query.each else document

    def _subject(self, written: str) -> Subject:
        try:
            return report_subjects.find_subject(self.now(), written, facts())
        except ValueError as error:
            raise BadParameter(str(error)) from None

    def _quota(self, written: str) -> Quota:
        try:
            return report_subjects.find_quota(self.now(), written, facts())
        except ValueError as error:
            raise BadParameter(str(error)) from None


def _chosen(client: str) -> tuple[ClientKey, ...] | None:
    if not client:
        return None
    found = report_subjects.find_many(state(), client, facts())
    if not found:
        raise BadParameter(report_subjects.nobody(state(), client, facts()))
    return found


def _since(written: str) -> int:
    try:
        return parse_since(written, NOW) if written else 0
    except ValueError as error:
        raise BadParameter(str(error)) from None


def _term(end: requests.End, at: WallTime | None) -> commands.Term:
    return commands.term(NOW.timestamp(), TOKYO, end, at)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    control.serve(Router(int(sys.argv[2]) if len(sys.argv) > 2 else 0, place.parent).answer, place)
    print("ready", flush=True)  # noqa: T201
    threading.Event().wait()
