# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about the past: `history` and `report`. Runs in HTTP threads.

The loop is asked for what is saved and what is not, at one moment. Documents are made here, in the thread of who asked,
so that a large answer delays no tick.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol, TypeVar

from esimshaper.core.model.history import Grouping, HistoryRow, Resolution, RowChoice, RowRange, Span, Tiles
from esimshaper.core.model.identity import UNATTRIBUTED, ClientKey
from esimshaper.core.model.requests import ExportQuery, HistoryQuery, ImportCommand, ReportQuery
from esimshaper.core.model.state import State
from esimshaper.core.model.transfer import Cursor, Page, Transferred
from esimshaper.core.report.asked import AT_MOST, Part, asked, edges_of, known_plan, parts_of_plan
from esimshaper.core.report.found import OF_UPLINKS, Saved, chosen, found
from esimshaper.core.report.frame import DaemonFacts, Document, new_document
from esimshaper.core.report.history import begin_of
from esimshaper.core.report.recorded import Place, Recorded, Services, recorded_document
from esimshaper.core.report.since import parse_since
from esimshaper.core.report.transfer import page_document
from esimshaper.core.report.usage_report import report_document
from esimshaper.core.saving import booking as saving
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.edge.http.routes import BadParameter
from esimshaper.edge.settings_file.zones import known

MOST_ROWS = 20_000
"""Of clients or services, in one answer: some 4 MB of JSON, and 250 clients for 80 days."""
FOR_EVER = 2**62
TOO_MANY = (
    "that is more than 20,000 rows; ask for less time, for one device or without parts; `esimshaper export` has all"
)

T = TypeVar("T")


Change = Callable[[Callable[[State], State]], Coroutine[Any, Any, None]]
"""Runs on the loop: applies a function to the State, and returns when the result is in force and saved."""


class OnLoop(Protocol):
    """Runs a coroutine on the loop, from another thread, and gives its result."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], seconds: float = ...) -> T: ...


class Reports:
    """`state`, `facts` and `whom` are as in Answers; `whom` gives the clients of a name, None for an empty one."""

    def __init__(
        self,
        storage: Storage,
        state: Callable[[], State],
        facts: Callable[[], DaemonFacts],
        whom: Callable[[State, str], tuple[ClientKey, ...] | None],
        on_loop: OnLoop,
        stopping: Stopping,
    ) -> None:
        self._storage = storage
        self._state = state
        self._facts = facts
        self._whom = whom
        self._on_loop = on_loop
        self._stopping = stopping

    def report(self, query: ReportQuery) -> Document:
        """The document of a report. Raises BadParameter, NotNow."""
        facts = self._facts()
        clients = self._whom(self._state(), query.client)
        oldest, intervals = self._on_loop(self._storage.kept())
        try:
            about = asked(query, facts, zone_of(query.zone, facts), intervals)
        except ValueError as error:
            raise BadParameter(str(error)) from None
        parts = (*about.parts, about.whole) if about.by is Grouping.PLAN else about.parts
        rows_zone = facts.now.tzinfo or UTC
        tiles = [saving.tiles_of(part.edges, rows_zone, oldest) for part in parts]
        choices = [RowChoice(clients, part.uplinks) for part in parts]
        of = [(each.ranges, choice) for each, choice in zip(tiles, choices, strict=True)]
        state, saved = self._on_loop(self._saved(about.by, of))
        places = [_placing(each.part_of, about.by.span, about.zone) for each in tiles]
        results = [
            found(about.by, each.edges[0], place, rows, chosen(state.saving.pending, each.part_of, choice))
            for each, place, choice, rows in zip(tiles, places, choices, saved, strict=True)
        ]
        return report_document(state, facts, query, about, results)

    def export(self, query: ExportQuery) -> Document:
        """A page of an export. Raises BadParameter, NotNow, or Unusable while the history cannot be read."""
        facts = self._facts()
        place, since, until = query.after or (None, *self._ends(query, facts))
        uplinks = (query.uplink,) if query.uplink else None
        choice = RowChoice(self._whom(self._state(), query.client), uplinks)
        return page_document(facts, self._on_loop(self._page(place, since, until, choice)), since, until)

    async def _page(self, place: Cursor | None, since: int, until: int, choice: RowChoice) -> Page:
        async with self._storage.lock:
            self._stopping.refuse()  # as above
            return await self._storage.page(place, since, until, choice)

    def _ends(self, query: ExportQuery, facts: DaemonFacts) -> tuple[int, int]:
        try:
            since = parse_since(query.since, facts.now) if query.since else 0
            return since, parse_since(query.until, facts.now) if query.until else FOR_EVER
        except ValueError as error:
            raise BadParameter(str(error)) from None

    def take_in(self, command: ImportCommand) -> Document:
        """Takes rows in. Raises BadParameter, NotNow, or Unusable if the history cannot be written; then none is in."""
        rows = command.rows
        if command.client:
            found = self._whom(self._state(), command.client) or ()
            if len(found) != 1:
                raise BadParameter(f"`{command.client}` is not one device; write its name or MAC")
            rows = tuple(row._replace(client=found[0]) if row.client == UNATTRIBUTED else row for row in rows)
        self._on_loop(self._put(rows))
        return new_document(self._facts().now) | {"rows": len(rows)}

    async def _put(self, rows: Sequence[Transferred]) -> None:
        async with self._storage.lock:
            self._stopping.refuse()  # as above
            await self._storage.put(rows)

    async def _saved(
        self, by: Grouping, parts: Sequence[tuple[Sequence[RowRange], RowChoice]]
    ) -> tuple[State, list[Saved]]:
        async with self._storage.lock:
            self._stopping.refuse()  # a last save may have been made while this waited for the lock
            rows = [await self._saved_part(by, ranges, choice) for ranges, choice in parts]
            return self._state(), rows

    async def _saved_part(self, by: Grouping, ranges: Sequence[RowRange], choice: RowChoice) -> Saved:
        if by.span:
            return Saved(periods=await self._storage.all_periods(ranges, choice))
        if by in OF_UPLINKS:
            return Saved(by_uplink=await self._storage.by_uplink(ranges, choice))
        return Saved(sums=await self._storage.sums(ranges, choice))

    def history(self, query: HistoryQuery) -> Document:
        """The document of a history. Raises BadParameter, NotNow."""
        facts = self._facts()
        try:
            zone = zone_of(query.zone, facts)
            now = facts.now.astimezone(zone)
            since = begin_of(query.by, parse_since(query.since, now), zone) if query.since else 0
            until = parse_since(query.until, now) if query.until else None
        except ValueError as error:
            raise BadParameter(str(error)) from None
        choice = RowChoice(self._whom(self._state(), query.client), (query.uplink,) if query.uplink else None)
        if query.plan or zone != facts.now.tzinfo:
            state, found = self._in_parts(query, now, since, until, choice)
        else:
            end = int(now.timestamp()) + 1 if until is None else until
            of = RowRange(query.by.resolution, since, end)
            state, found = self._on_loop(self._last(query, of, choice, zone))
        return recorded_document(state, query, now, since, found)

    async def _last(self, query: HistoryQuery, of: RowRange, choice: RowChoice, zone: tzinfo) -> tuple[State, Recorded]:
        """The last periods of a range, by rows of just their length."""
        async with self._storage.lock:
            self._stopping.refuse()  # as above
            state = self._state()
            periods = await self._storage.periods(of, query.limit * query.by.buckets, choice)
            unsaved = tuple(
                row
                for row in saving.unsaved_rows(state, zone)
                if row.resolution is of.resolution and row.start < of.until and choice.has(row.client, row.uplink)
            )
            if not (periods or unsaved):
                return state, Recorded()
            starts = [period.start for period in periods] + [row.start for row in unsaved]
            shown = of._replace(since=min(starts))
            return state, Recorded(periods, unsaved, *await self._detail(query, [shown], choice))

    def _in_parts(
        self, query: HistoryQuery, now: datetime, since: int, until: int | None, choice: RowChoice
    ) -> tuple[State, Recorded]:
        """The periods of another zone, or within the times of a plan, by rows that may be finer than they are."""
        zone, rows_zone, by = now.tzinfo or UTC, self._facts().now.tzinfo or UTC, query.by
        oldest, intervals = self._on_loop(self._storage.kept())
        begin = since or begin_of(by, int(now.timestamp()) - query.limit * AT_MOST[by], zone)
        try:
            whole = Part(edges_of(by, begin, until, now), (query.uplink,) if query.uplink else None)
            parts = parts_of_plan(known_plan(query.plan, intervals), intervals, whole) if query.plan else (whole,)
        except ValueError as error:
            raise BadParameter(str(error)) from None
        tiles = [saving.tiles_of(part.edges, rows_zone, oldest) for part in parts]
        of = [(each, RowChoice(choice.clients, part.uplinks)) for each, part in zip(tiles, parts, strict=True)]
        state, found = self._on_loop(self._recorded(query, of, rows_zone))
        joined = Recorded()
        for each, rows in zip(tiles, found, strict=True):
            joined = joined.plus(rows.placed(_placing(each.part_of, by, zone)))
        return state, joined

    async def _recorded(
        self, query: HistoryQuery, parts: Sequence[tuple[Tiles, RowChoice]], zone: tzinfo
    ) -> tuple[State, list[Recorded]]:
        async with self._storage.lock:
            self._stopping.refuse()  # as above
            state = self._state()
            late = [r for r in saving.unsaved_rows(state, zone) if r.resolution is Resolution.FIVE_MINUTES]
            found = []
            for tiles, choice in parts:
                periods = await self._storage.all_periods(tiles.ranges, choice)
                unsaved = tuple(row for row in late if choice.has(row.client, row.uplink))
                found.append(Recorded(periods, unsaved, *await self._detail(query, tiles.ranges, choice)))
            return state, found

    async def _detail(
        self, query: HistoryQuery, ranges: Sequence[RowRange], choice: RowChoice
    ) -> tuple[tuple[HistoryRow, ...], Services]:
        """What each client used, or what bytes were for, where the query asks for it. Raises BadParameter."""
        rows = await self._storage.some_rows(ranges, choice, MOST_ROWS + 1) if query.each else ()
        services = await self._storage.service_periods(ranges, choice, MOST_ROWS + 1) if query.by_service else {}
        if len(rows) > MOST_ROWS or sum(map(len, services.values())) > MOST_ROWS:
            raise BadParameter(TOO_MANY)
        return rows, services


def _placing(part_of: Place, span: Span | None, zone: tzinfo) -> Place:
    """The beginning of the whole period: a plan may have begun within it."""
    if span is None:
        return part_of

    def place(start: int) -> int | None:
        there = part_of(start)
        return None if there is None else begin_of(span, there, zone)

    return place


def zone_of(written: str, facts: DaemonFacts) -> tzinfo:
    """The zone of that name; that of the settings where none is written. Raises ValueError."""
    zone = known(written) if written else facts.now.tzinfo or UTC
    if zone is None:
        raise ValueError(f"`{written}` is not a time zone as in Asia/Tokyo; `timedatectl list-timezones` lists them")
    return zone
