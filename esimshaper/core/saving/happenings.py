# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices, messages of the daemon and gaps -> what people can look up afterwards. Pure.

They are saved in the transaction of the tick that made them, or with the next one: `esimshaper events` shows both.
"""

from collections.abc import Iterable, Iterator

from esimshaper.core.model.happenings import Happening, Told
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Level, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.units import format_duration
from esimshaper.core.saving import ledger

GAP, LOST, BY_HAND = "gap", "counters-lost", "by-hand"
"""Kinds of happenings that are neither a notice nor a message."""

_SAID = {
    OverrideKind.BLOCK: "blocked",
    OverrideKind.ALLOW: "allowed",
    OverrideKind.ALLOW_OVER_PLAN: "allowed over the plan",
    OverrideKind.ALARM: "blocked by an alarm",
}

_MOST_UNSAVED = 1000
"""While nothing can be saved, the newest so many are kept."""

_WORKED_OUT = frozenset(
    (NoticeKind.QUOTA_WARNING.value, NoticeKind.QUOTA_REACHED.value, NoticeKind.QUOTA_RENEWED.value, *Level)
)
"""Kinds that follow from what was used."""


def of_notices(notices: Iterable[Notice]) -> Iterator[Happening]:
    """One for each; of a client's state the kind is its level."""
    for notice in notices:
        is_state = notice.kind is NoticeKind.CLIENT_STATE and notice.level
        kind = notice.level.value if is_state and notice.level else notice.kind.value
        subjects = tuple(_client(key) for key in notice.clients) or (notice.subject,)
        yield Happening(notice.at, kind, notice.text, subjects, notice.quota)


def of_override(
    subject: Subject, who: str, kinds: tuple[OverrideKind | None, OverrideKind | None], until: int | None, now: float
) -> Iterator[Happening]:
    """An act by hand, from the first kind to the second. A device that is blocked or freed of a block has a notice."""
    before, kind = kinds
    if subject.kind is SubjectKind.CLIENT and not any(each.allows for each in kinds if each):
        return
    length = f" for {format_duration(until - now)}" if until else ""
    if kind:
        yield Happening(int(now), BY_HAND, f"{who} is {_SAID[kind]} by hand{length}", (subject,))
    elif before:
        yield Happening(int(now), BY_HAND, f"{who} is no longer {_SAID[before]} by hand", (subject,))


def of_tick(tick: Tick) -> Iterator[Happening]:
    """What the daemon has told since the last tick, and what a long time without a reading means."""
    at, keys = int(tick.at.time), {name: key for key, name in tick.rules.names.items()}
    for each in _gaps(tick):
        yield Happening(at, *each)
    for told in tick.observed.told:
        yield _of_told(told, at, keys.get(told.client, ClientKey(told.client)))


def newest(happenings: Iterable[Happening]) -> tuple[Happening, ...]:
    """As many of them as may wait for a disk."""
    return tuple(happenings)[-_MOST_UNSAVED:]


def lasting(happenings: Iterable[Happening]) -> tuple[Happening, ...]:
    """Those that do not come again where limits are worked out anew from a history that was opened late."""
    return tuple(each for each in happenings if each.kind not in _WORKED_OUT)


def _of_told(told: Told, at: int, key: ClientKey) -> Happening:
    return Happening(at, told.kind, told.text, (_client(key),) if told.client else ())


def _gaps(tick: Tick) -> Iterator[tuple[str, str]]:
    """Kind and text."""
    if tick.step.booked is None:  # the first reading ever
        return
    unread = tick.step.unread_seconds
    if tick.step.losers:
        yield LOST, "the box was started again, and the counters with it: of the minute before, bytes may be missing"
    elif unread is not None and unread > ledger.BUCKET_SECONDS:
        length = format_duration(unread)
        yield GAP, f"nobody read the counters for {length}: what was used then is counted now, all at once"


def _client(key: ClientKey) -> Subject:
    return Subject(SubjectKind.CLIENT, key)
