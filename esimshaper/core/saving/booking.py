# SPDX-License-Identifier: GPL-2.0-or-later
"""When and what to save: usage -> pending -> a Booking, which is then saved or not. Pure; writes the slice `saving`.

    hand_out -> the Booking is saved, or fails -> note_saved or note_not_saved -> its notices are announced (R18)

One Booking is under way at a time. After a crash all that was not saved is still in the kernel's counters, and is
booked from there (R17).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from esimshaper.core.model.counts import Counters, Usage
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.history import HistoryRow, Resolution, RowRange, Sums, Tiles
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import ServiceUsage
from esimshaper.core.model.state import Booking, SavingSlice, State
from esimshaper.core.model.tick import Tick
from esimshaper.core.saving import happenings, ledger, past, tiles

SAVE_SECONDS = 60
SAVE_BYTES = 5_000_000
"""A power cut costs at most the bytes of SAVE_SECONDS, or so many."""


def collect(
    before: SavingSlice,
    tick: Tick,
    by_uplink: Mapping[str, Usage],
    notices: Iterable[Notice],
    *,
    services: ServiceUsage,
    urgent: bool = False,
    guessed: Iterable[ClientKey] = (),
    dropped: int = 0,
) -> SavingSlice:
    """Adds the usage by uplink, the notices and the happenings of a tick to those that are not saved yet.

    `services`: that usage by service. `urgent`: they are due at once. `guessed`: clients whose usage is an estimate.
    `dropped`: bytes that were charged before, and taken off again by this tick.
    """
    unread = tick.step.unread_seconds
    late = unread is None or unread > ledger.BUCKET_SECONDS
    pending, now = before.pending, tick.at.time
    shares = ledger.share_services(services, by_uplink)
    for uplink, usage in by_uplink.items():
        pending = ledger.book(pending, usage, now, shares[uplink], uplink=uplink, estimated=late)
        pending = ledger.doubt(pending, (*tick.step.losers, *guessed), now, uplink)
    moved = sum(ledger.sum_bytes(usage.values()) for usage in by_uplink.values())
    saving = replace(before, happenings=(*before.happenings, *happenings.of_tick(tick)))
    return replace(
        with_notices(saving, notices),
        pending=pending,
        # A crash would charge dropped bytes again, which a flood has more of than of any others.
        unsaved_bytes=before.unsaved_bytes + moved + dropped,
        urgent=before.urgent or urgent,
    )


def with_notices(saving: SavingSlice, notices: Iterable[Notice]) -> SavingSlice:
    """`saving` with new notices, which people can also look up afterwards."""
    new = tuple(notices)
    told = (*saving.happenings, *happenings.of_notices(new))
    return replace(saving, notices=(*saving.notices, *new), happenings=told)


def hand_out(state: State, tick: Tick) -> tuple[State, Booking | None]:
    """The Booking that is due at `tick`, if one is."""
    if not _is_due(state.saving, tick):
        return state, None
    booking = _booking(state, tick.rules)
    saving = replace(state.saving, booking=booking, handed_out_at=tick.reading.boottime, urgent=False)
    return replace(state, saving=saving), booking


def note_saved(state: State, booking: Booking) -> State:
    """`booking` is safe, and nothing of it is pending any more; usage and notices of later ticks stay pending."""
    notices = state.saving.notices[len(booking.notices) :]
    told = state.saving.happenings[len(booking.happenings) :]
    saving = replace(state.saving, booking=None, failed=False, notices=notices, happenings=told)
    return replace(state, saving=_with_pending(saving, ledger.take_off(saving.pending, booking.rows)))


def note_not_saved(state: State, rules: Rules) -> State:
    """The booking that was handed out could not be saved: all of it stays pending, and is due again in SAVE_SECONDS."""
    # Its notices go out all the same: better announced again after a restart than never.
    announced = len(state.saving.booking.notices) if state.saving.booking else 0
    told = happenings.newest(state.saving.happenings)
    saving = replace(state.saving, booking=None, failed=True, notices=state.saving.notices[announced:], happenings=told)
    return replace(state, saving=_with_pending(saving, ledger.thin_out(saving.pending, rules.zone)))


def final(state: State, rules: Rules, *, clean: bool = False) -> Booking | None:
    """Everything that is not saved yet, for an orderly stop, once no other save is under way.

    `clean`: the counters of `state` were read after the kernel part had been detached, so none can come after them.
    """
    if state.baseline is None:
        return None
    booking = _booking(state, rules)
    return replace(booking, baseline=replace(booking.baseline, meter=replace(booking.baseline.meter, clean=clean)))


def _is_due(saving: SavingSlice, tick: Tick) -> bool:
    """Whether a Booking is due. Without usage there is none: an idle router spares its flash."""
    if saving.booking:
        return False
    # New maps are saved at once: else a power cut soon after an orderly unload would pass for an orderly end, too.
    if tick.step.has_new_maps or saving.notices or saving.urgent:
        return True
    waited = tick.reading.boottime - saving.handed_out_at >= SAVE_SECONDS
    much = saving.unsaved_bytes >= SAVE_BYTES and not saving.failed
    return bool(saving.pending or saving.happenings or saving.failed) and (waited or much)


def unsaved_rows(state: State, zone: tzinfo) -> tuple[HistoryRow, ...]:
    """The rows that a save would write now; days and months begin at midnight in `zone`."""
    return ledger.rows(state.saving.pending, zone)


def today(day: int) -> past.Past:
    """All of the saved day that began then."""
    return past.Past(day, (RowRange(Resolution.DAY, day, day + 1),))


def past_since(since: int, now: float, zone: tzinfo) -> past.Past:
    """The saved rows that say what was used since then."""
    return past.past_since(since, now, zone)


def tiles_of(edges: Sequence[int], zone: tzinfo, oldest: tiles.Oldest) -> Tiles:
    """The saved rows that say what was used between each of `edges`; `zone` is that of the days of the rows."""
    return tiles.tiles(edges, zone, oldest)


def used_since(
    since: past.Past, saved: Sequence[Sums], state: State, clients: Collection[ClientKey] | None = None
) -> Sums:
    """What some clients, or all (None), used in all; `saved` are their sums of each part, in the order of these."""
    return past.sums_since(since, saved, state.saving.pending, clients)


def chosen(happened: Iterable[Happening], since: int, subjects: frozenset[Subject] | None) -> tuple[Happening, ...]:
    """Those that are not older than `since` (Unix seconds), and about one of `subjects` (None: about anything)."""
    return tuple(
        each for each in happened if each.at >= since and (subjects is None or not subjects.isdisjoint(each.subjects))
    )


def day_and_month(now: datetime) -> tuple[int, int]:
    """When the day and the month of `now` began in its zone, in Unix seconds."""
    moment, zone = int(now.timestamp()), now.tzinfo or UTC
    return ledger.day_start(moment, zone), ledger.month_start(moment, zone)


def last_hours(now: datetime, number: int) -> tuple[int, ...]:
    """When the last hours on the clocks of the zone of `now` began, in Unix seconds; the one of now is the last."""
    zone, this = now.tzinfo or UTC, int(now.timestamp())
    starts = {ledger.hour_start(this - back * ledger.HOUR_SECONDS, zone) for back in range(number)}
    return tuple(sorted(starts))


def unsaved_of(state: State, client: ClientKey) -> Sequence[tuple[int, Counters]]:
    """What a client used that is not saved yet, with the start of its five minutes in Unix seconds."""
    return [(at.start, entry.counters) for at, entry in state.saving.pending.items() if at.client == client]


def _booking(state: State, rules: Rules) -> Booking:
    if state.baseline is None:
        raise Unusable("nothing has been read yet", "Try again in a second.")
    names = tuple(state.names.identities.values())
    rows, saving = ledger.rows(state.saving.pending, rules.zone), state.saving
    return Booking(rows, state.baseline, names, saving.notices, saving.happenings)


def _with_pending(saving: SavingSlice, pending: ledger.Book) -> SavingSlice:
    unsaved = ledger.sum_bytes(entry.counters for entry in pending.values())
    return replace(saving, pending=pending, unsaved_bytes=unsaved)
