# SPDX-License-Identifier: GPL-2.0-or-later
"""Which deliveries nobody needs any more: what was undone before it was told, what something graver has said. Pure.

Of Prometheus Alertmanager this is what is worth copying: inhibition, by a fixed list.
"""

from collections.abc import Callable, Mapping, Sequence

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Level, SubjectKind
from esimshaper.core.model.notices import NoticeKind
from esimshaper.core.model.outbox import Around, Delivery, Entry, Fate

_TOGETHER = 60
"""Seconds within which a block and the alarm that set it come."""
_ALARMS = (NoticeKind.ALARM, NoticeKind.ALARM_MORE, NoticeKind.ALARM_END)
_BY_PLAN = {"surge", "pace"}

Same = Callable[[Entry], object]


def _level(entry: Entry) -> object:
    return entry.data.get("level")


_UNDONE: Mapping[NoticeKind, tuple[NoticeKind, Same]] = {
    NoticeKind.UPLINK_LOST: (NoticeKind.UPLINK_BACK, lambda each: each.data.get("uplink")),
    NoticeKind.TROUBLE: (NoticeKind.TROUBLE_OVER, lambda each: each.data.get("message")),
    NoticeKind.QUOTA_REACHED: (NoticeKind.QUOTA_RENEWED, lambda each: (each.subject, each.data.get("quota"))),
    NoticeKind.PLAN_LOW: (NoticeKind.PLAN_RENEWED, lambda each: each.data.get("plan")),
    NoticeKind.PLAN_OUT: (NoticeKind.PLAN_RENEWED, lambda each: each.data.get("plan")),
}
"""What takes a kind back, and by what one knows that it is about the same."""
_UNDOING = frozenset((NoticeKind.CLIENT_STATE, *(kind for kind, _ in _UNDONE.values())))


def undoes(later: Entry, entry: Entry) -> bool:
    """Whether `later` says that what `entry` says is over."""
    if later.number <= entry.number:
        return False
    if entry.kind is NoticeKind.CLIENT_STATE:
        is_over = _level(entry) != Level.OPEN and _level(later) == Level.OPEN
        return later.kind is entry.kind and later.subject == entry.subject and is_over
    undone = _UNDONE.get(entry.kind)
    return undone is not None and later.kind is undone[0] and undone[1](later) == undone[1](entry)


def without_undone(
    deliveries: Sequence[Delivery], entries: Mapping[int, Entry], untried: frozenset[int]
) -> list[Delivery]:
    """`deliveries`; those of what was undone before anybody was told of it are withdrawn, both halves of it.

    `untried`: jobs that nobody has taken yet.
    """
    found = list(deliveries)
    undoing = [each for each in entries.values() if each.kind in _UNDOING]
    for position, each in enumerate(found if undoing else ()):
        if not _is_untold(each, untried):
            continue
        entry = entries[each.notice]
        over = [other.number for other in undoing if undoes(other, entry)]
        if not over:
            continue
        found[position] = each._replace(fate=Fate.WITHDRAWN)
        if entry.kind in (NoticeKind.PLAN_LOW, NoticeKind.PLAN_OUT):  # that there is data again is news by itself
            continue
        for at, other in enumerate(found):
            if other.notice == min(over) and other.channel == each.channel and _is_untold(other, untried):
                found[at] = other._replace(fate=Fate.WITHDRAWN)
    return found


class Silence:
    """Whether something graver says it already. `entries`: all of the outbox; `deliveries`: those as they are now."""

    def __init__(self, entries: Mapping[int, Entry], deliveries: Sequence[Delivery], around: Around) -> None:
        self._around = around
        self._cuts = [each for each in entries.values() if each.kind is NoticeKind.ALARM and _level(each) is not None]
        silent = (each for each in deliveries if each.fate is Fate.SILENT)
        self._untold = {
            (each.channel, entries[each.notice].alarm)
            for each in silent
            if entries[each.notice].kind is NoticeKind.ALARM
        }

    def covers(self, entry: Entry, channel: str) -> bool:
        """Whether `entry` is not told on that channel; of the end of a silent alarm nobody hears either."""
        if entry.subject == EVERYONE and entry.kind not in _ALARMS:
            return False
        of_device = entry.subject.kind in (SubjectKind.CLIENT, SubjectKind.EACH_CLIENT)
        if self._around.everyone and of_device and entry.kind in (*_ALARMS, NoticeKind.CLIENT_STATE):
            return True
        if entry.kind is NoticeKind.CLIENT_STATE:
            return any(_is_cut_of(entry, other) for other in self._cuts)
        if entry.kind not in _ALARMS:
            return False
        silent = self._is_needless_alarm(entry)
        if silent and entry.kind is NoticeKind.ALARM:
            self._untold.add((channel, entry.alarm))
        return silent or (entry.kind is not NoticeKind.ALARM and (channel, entry.alarm) in self._untold)

    def _is_needless_alarm(self, entry: Entry) -> bool:
        reasons = entry.data.get("reasons")
        first = reasons[0] if isinstance(reasons, Sequence) and reasons else None
        if self._around.plan_out and first in _BY_PLAN:
            return True
        is_cut = ClientKey(entry.subject.id) in self._around.blocked
        return is_cut and _level(entry) is None and entry.kind is NoticeKind.ALARM


def _is_cut_of(state: Entry, alarm: Entry) -> bool:
    """Whether a change of state is what that alarm has said that it does."""
    return alarm.subject == state.subject and abs(alarm.at - state.at) <= _TOGETHER and _level(state) == _level(alarm)


def _is_untold(delivery: Delivery, untried: frozenset[int]) -> bool:
    if delivery.fate is Fate.JOINED:
        return delivery.job in untried
    return delivery.fate.waits
