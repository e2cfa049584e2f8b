# SPDX-License-Identifier: GPL-2.0-or-later
"""The line that every byte takes, stage by stage; the only module that knows all stages. Pure.

    reading -> usage -> ledger -> (saved in history)

The daemon folds `advance` over what it observes, once a second. Saving comes before acting: a Booking that advance
hands out is to be saved, and `saved` or `not_saved` told of it. Until then advance hands out no other. A crash at any
point repeats what was not saved, from the kernel's counters, and nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from esimshaper.core import ledger
from esimshaper.core.model import Baseline, Booking, ClientKey, Counters, Identity, Observation, State, Usage
from esimshaper.core.naming import identities
from esimshaper.core.usage import baseline_after, losers, unread_seconds, usage_between

NOTHING = Counters()

RATE_SECONDS = 0.9
"""Just below a tick, so that each regular tick has new rates."""

SAVE_SECONDS = 60
SAVE_BYTES = 5_000_000
"""A power cut forgets at most this much (DESIGN.md 4)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What of the settings matters here. `zone` says when days and months begin; `names` are the configured ones."""

    wan: str
    zone: tzinfo
    names: Mapping[ClientKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done after a tick. `booking`: save it, then call `saved` or `not_saved`."""

    booking: Booking | None = None


def advance(state: State, policy: Policy, now: float, seen: Observation) -> tuple[State, Outcome]:
    """One tick: from what was known and what is seen to what is known now. `now` is in Unix seconds."""
    reading = seen.reading
    usage = usage_between(state.baseline, reading)
    unread = unread_seconds(state.baseline, reading)
    late = unread is None or unread > ledger.BUCKET_SECONDS
    pending = ledger.book(state.pending, usage, now, estimated=late)
    pending = ledger.doubt(pending, losers(state.baseline, reading), now)
    baseline = baseline_after(state.baseline, reading, usage, policy.wan)
    names = ({*reading.owners.values(), *baseline.totals}, policy.names, seen.leases, seen.neighbours)
    new_maps = state.baseline is None or state.baseline.epoch != reading.epoch
    following = replace(
        _rated(state, usage, reading.boottime, new_maps=new_maps),
        baseline=baseline,
        identities=state.identities if names == state.named_from else identities(*names, known=state.identities),
        named_from=names,
        pending=pending,
        reading=reading,
        attachments=seen.attachments,
        unsaved_bytes=state.unsaved_bytes + ledger.sum_bytes(usage.values()),
    )
    return _hand_out(following, policy) if _is_due(following, new_maps=new_maps) else (following, Outcome())


def resume(saved_baseline: Baseline | None, known: Iterable[Identity] = (), state: State | None = None) -> State:
    """The State to go on from: `saved_baseline` and `known` are what history holds.

    At start there is no `state`. If history could be opened only later, `state` is what was counted until then. It is
    given up for what was saved: the kernel still has all of it, and part of it may have been saved before.
    """
    if saved_baseline is None and state is not None:
        return replace(state, saving=None)
    return State(baseline=saved_baseline, identities={identity.key: identity for identity in known})


def saved(state: State, booking: Booking) -> State:
    """`booking` is safe; what came in since it was handed out stays pending."""
    return _with_pending(replace(state, saving=None, save_failed=False), ledger.take_off(state.pending, booking.rows))


def not_saved(state: State, policy: Policy) -> State:
    """The booking handed out could not be saved: all of it stays pending, and is tried again in SAVE_SECONDS."""
    return _with_pending(replace(state, saving=None, save_failed=True), ledger.thinned(state.pending, policy.zone))


def final(state: State, policy: Policy, *, clean: bool = False) -> Booking | None:
    """Everything not yet saved, to be saved at an orderly stop, once no other save is under way.

    `clean`: the counters of `state` were read after the kernel part had been detached, so none can come after them.
    """
    if state.baseline is None:
        return None
    return replace(_booking(state, policy), baseline=replace(state.baseline, clean=clean))


def _is_due(state: State, *, new_maps: bool) -> bool:
    """Nothing moved, nothing written: an idle router spares its flash. New maps are noted at once, or a power cut
    soon after an orderly unload would go by as orderly too."""
    if state.saving or state.reading is None:
        return False
    if new_maps:
        return True
    waited = state.reading.boottime - state.saved_at >= SAVE_SECONDS
    much = state.unsaved_bytes >= SAVE_BYTES and not state.save_failed
    return bool(state.pending or state.save_failed) and (waited or much)


def _hand_out(state: State, policy: Policy) -> tuple[State, Outcome]:
    booking = _booking(state, policy)
    boottime = state.reading.boottime if state.reading else 0.0
    return replace(state, saving=booking, saved_at=boottime), Outcome(booking)


def _booking(state: State, policy: Policy) -> Booking:
    if state.baseline is None:
        raise ValueError("nothing has been read yet")
    return Booking(ledger.rows(state.pending, policy.zone), state.baseline, tuple(state.identities.values()))


def _with_pending(state: State, pending: ledger.Book) -> State:
    unsaved = ledger.sum_bytes(entry.counters for entry in pending.values())
    return replace(state, pending=pending, unsaved_bytes=unsaved)


def _rated(state: State, usage: Usage, boottime: float, *, new_maps: bool) -> State:
    """`state` with the rates that `usage` brings, once RATE_SECONDS are full."""
    if new_maps:
        return replace(state, rates={}, rated_at=boottime, unrated={})
    moved = {key: state.unrated.get(key, NOTHING) + usage.get(key, NOTHING) for key in (*state.unrated, *usage)}
    seconds = boottime - state.rated_at
    if seconds < RATE_SECONDS:
        return replace(state, unrated=moved)
    rates = {client: _per_second(counters, seconds) for client, counters in moved.items() if counters}
    return replace(state, rates=rates, rated_at=boottime, unrated={})


def _per_second(moved: Counters, seconds: float) -> Counters:
    return Counters(
        round(moved.down_bytes / seconds),
        round(moved.up_bytes / seconds),
        round(moved.down_packets / seconds),
        round(moved.up_packets / seconds),
    )
