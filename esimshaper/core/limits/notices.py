# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes -> notices: what people should hear about, once. Pure.

In: tallies and levels. Out: the same with a note of what is announced now, and the Notices. The notes are saved before
the notices go out, so neither a restart nor a second look repeats a notice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import NamedTuple

from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey, Identity
from esimshaper.core.model.limit_state import Change
from esimshaper.core.model.limits import EACH_CLIENT, ClientState, Level, Quota, QuotaUsage, Subject, SubjectKind, Tally
from esimshaper.core.model.notices import Notice, NoticeKind, Value, moment_text
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.service_sets import ServiceSet
from esimshaper.core.model.units import format_moment, format_names, format_size

SUMMED_UP = 4
"""From so many devices on that change at once and alike, one notice is about all of them."""

NAMED = 5
"""A notice about many devices names so many of them."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What sentences need: configured names of clients, the time now (Unix seconds), the zone, and who clients are.

    services: by name of a quota, of those that look at some services only.
    """

    names: Mapping[ClientKey, str]
    now: float
    zone: tzinfo
    identities: Mapping[ClientKey, Identity] = field(default_factory=dict)
    services: Mapping[str, ServiceSet] = field(default_factory=dict)

    def who(self, subject: Subject) -> str:
        """The subject as people call it."""
        if subject.kind is SubjectKind.CLIENT:
            key = ClientKey(subject.id)
            return self.names.get(key) or self.identities.get(key, Identity(key)).called
        if subject.kind is SubjectKind.EACH_CLIENT:
            return "each client"
        return f"group {subject.id}" if subject.kind is SubjectKind.GROUP else "everyone"

    def label(self, subject: Subject) -> str:
        """The subject as in `for`."""
        return subject.written(self.names.get(ClientKey(subject.id), subject.id))

    def moment(self, seconds: float) -> str:
        """A moment as it stands in `data`."""
        return moment_text(seconds, self.zone)

    def named(self, quota: str) -> str:
        """A quota with the services that it looks at."""
        return f"{quota}: {self.services[quota].written}" if quota in self.services else quota

    def of_services(self, quota: str) -> dict[str, Value]:
        """The services of a quota as they stand in `data`."""
        return {"of_services": list(self.services[quota].names)} if quota in self.services else {}

    def frame(self, tally: Tally) -> str:
        """The quota, its services, and the end of its window."""
        return f"({self.named(tally.quota)}, until {format_moment(tally.window.end, self.now, self.zone)})"


class _Draft(NamedTuple):
    """A notice about one subject, and what a notice about several would say of them all."""

    notice: Notice
    of_all: str


def wording_of(rules: Rules, now: float, identities: Mapping[ClientKey, Identity]) -> Wording:
    """The Wording by these settings."""
    services = {quota.name: quota.services for quota in rules.quotas if quota.services}
    return Wording(rules.names, now, rules.zone, identities, services)


def note_crossed(
    held: Iterable[QuotaUsage], used_up: Callable[[Tally, Quota], bool], wording: Wording
) -> tuple[tuple[Tally, ...], tuple[Notice, ...]]:
    """The tallies with a note of the warnings and limits that were crossed, and a Notice for each new one.

    Of several warnings at once the highest is announced. `used_up`: whether the limit of a tally is reached now.
    """
    tallies, drafts = [], []
    for each in held:
        quota, tally, warning = each.quota, each.tally, each.warning
        reached = tally.reached or used_up(tally, quota)
        if reached and not tally.reached:
            drafts.append(_reached(tally, wording))
        elif warning > tally.warned and not reached:
            drafts.append(_warning(tally, wording))
        noted = (reached, max(warning, tally.warned))
        changed = noted != (tally.reached, tally.warned)
        tallies.append(replace(tally, reached=noted[0], warned=noted[1]) if changed else tally)
    return tuple(tallies), _summed_up(drafts, wording)


def renewals(tallies: Iterable[Tally], wording: Wording) -> tuple[Notice, ...]:
    """A Notice for each of `tallies`, whose limit had been reached in the window before."""
    drafts = []
    for tally in tallies:
        again = f"{format_size(tally.allowed)} again"
        renewed = f"has {again}"
        notice = _notice(NoticeKind.QUOTA_RENEWED, tally, renewed, tally.allowed, wording, allowed=tally.allowed)
        drafts.append(_Draft(notice, f"have {again} {wording.frame(tally)}"))
    return _summed_up(drafts, wording)


def levels(
    before: Mapping[ClientKey, Level], states: Mapping[Subject, ClientState], wording: Wording
) -> tuple[Mapping[ClientKey, Level], tuple[Notice, ...]]:
    """The levels of all clients that are not open, and a Notice for each whose level is another than `before`.

    Clients that are not in `states` keep their level.
    """
    now, changed = dict(before), {}
    for subject, state in states.items():
        if subject.kind is not SubjectKind.CLIENT or subject.id in PSEUDO_KEYS:
            continue
        key = ClientKey(subject.id)
        if state.level is before.get(key, Level.OPEN):
            continue
        changed[key] = state
        now[key] = state.level
    open_ones = [key for key, level in now.items() if level is Level.OPEN]
    for key in open_ones:
        del now[key]
    drafts = [_state(key, before.get(key, Level.OPEN), changed[key], wording) for key in sorted(changed)]
    return (now if changed else before), _summed_up(drafts, wording)


def grants(tallies: Sequence[Tally], size: int, until: int | None, wording: Wording) -> tuple[Notice, ...]:
    """A Notice for each of `tallies`: `size` bytes were granted on it, to `until` or to the end of the window."""
    text = f"got {format_size(size)} more"
    return tuple(
        _notice(NoticeKind.GRANTED, _ending(tally, until), text, size, wording, granted=size) for tally in tallies
    )


def revoked(taken: Sequence[Tally], wording: Wording) -> tuple[Notice, ...]:
    """A Notice for each of `taken`: so much as it was `granted` was taken back."""
    return tuple(_revoked(tally, wording) for tally in taken)


def corrected(before: Tally, used: int, wording: Wording) -> Notice:
    """A Notice: so much counts as used of a tally, whatever it was `before`."""
    text = f"counts as having used {format_size(used)} from now on, not {format_size(before.used)}"
    return _notice(NoticeKind.CORRECTED, before, text, used, wording, used=used, before=max(0, before.used))


def restarted(quota: Quota, before: Sequence[Tally], after: Sequence[Tally], wording: Wording) -> Notice:
    """A Notice: the tallies of a quota, `before` and `after`, begin at nothing."""
    used = sum(max(0, tally.used) for tally in before)
    now = after[0] if len(after) == 1 else replace(after[0], subject=quota.subject)
    text = f"begins anew with {format_size(quota.limit)}; {format_size(used)} were used before"
    return _notice(NoticeKind.RESTARTED, now, text, used, wording, allowed=quota.limit, before=used)


def undone(changes: Iterable[Change], tallies: Iterable[Tally], wording: Wording) -> tuple[Notice, ...]:
    """Notices of what an undo has changed, one for each quota."""
    now = {(tally.quota, tally.subject): tally for tally in tallies}
    found: dict[tuple[str, bool], Notice] = {}
    for change in changes:
        tally = now[change.quota, change.subject]
        granted = replace(tally, granted=abs(change.granted))
        if change.granted < 0:
            found[change.quota, False] = revoked([granted], wording)[0]
        elif change.granted:
            found[change.quota, False] = grants([tally], change.granted, change.until, wording)[0]
        if change.used:
            found[change.quota, True] = corrected(replace(tally, used=tally.used - change.used), tally.used, wording)
    return tuple(found.values())


def counted_back(quota: Quota, tallies: Sequence[Tally], wording: Wording) -> Notice:
    """A Notice: a new quota begins with what was used in its window before it was there."""
    used = sum(tally.used for tally in tallies)
    began = format_moment(tallies[0].window.start, wording.now, wording.zone)
    text = f"{format_size(used)} that were used since {began}, before the quota was there, count in it"
    words = f"{text} {wording.frame(tallies[0])}"
    data: dict[str, Value] = {
        "subject": wording.label(quota.subject),
        "quota": quota.name,
        "used": used,
        "since": wording.moment(tallies[0].window.start),
        "until": wording.moment(tallies[0].window.end),
        **wording.of_services(quota.name),
    }
    return Notice(NoticeKind.COUNTED_BACK, words, quota.subject, quota.name, used, data=data)


def _ending(tally: Tally, until: int | None) -> Tally:
    end = tally.window.end if until is None else min(until, tally.window.end)
    return replace(tally, window=replace(tally.window, end=end))


def _reached(tally: Tally, wording: Wording) -> _Draft:
    up = f"used up {format_size(tally.allowed)}"
    values = {"used": tally.used, "allowed": tally.allowed}
    notice = _notice(NoticeKind.QUOTA_REACHED, tally, f"has {up}", tally.used, wording, **values)
    return _Draft(notice, f"have {up} {wording.frame(tally)}")


def _warning(tally: Tally, wording: Wording) -> _Draft:
    allowed = format_size(tally.allowed)
    text = f"has used {format_size(tally.used)} of {allowed}"
    values = {"used": tally.used, "allowed": tally.allowed}
    notice = _notice(NoticeKind.QUOTA_WARNING, tally, text, tally.used, wording, **values)
    return _Draft(notice, f"are warned: each has used much of its {allowed} {wording.frame(tally)}")


def _revoked(tally: Tally, wording: Wording) -> Notice:
    text, size = f"has {format_size(tally.granted)} of its grants no more", tally.granted
    return _notice(NoticeKind.REVOKED, tally, text, size, wording, granted=size)


def _notice(kind: NoticeKind, tally: Tally, text: str, size: int, wording: Wording, **values: int) -> Notice:
    """`values`: of its data, beside the subject, the quota and the end of its window."""
    words = f"{wording.who(tally.subject)} {text} {wording.frame(tally)}"
    data: dict[str, Value] = {
        "subject": wording.label(tally.subject),
        "quota": tally.quota,
        "until": wording.moment(tally.window.end),
        **wording.of_services(tally.quota),
    }
    return Notice(kind, words, tally.subject, tally.quota, size, at=int(wording.now), data={**data, **values})


def _state(key: ClientKey, before: Level, state: ClientState, wording: Wording) -> _Draft:
    subject = Subject(SubjectKind.CLIENT, key)
    # `open` is a word of tables and metrics; a person has heard `blocked` before.
    now = f"no longer {before.value}" if state.level is Level.OPEN else f"{state.level.value} now"
    text = f"{wording.who(subject)} is {now}" + (f": {state.reason}" if state.reason else "")
    data: dict[str, Value] = {
        "subject": wording.label(subject),
        "level": state.level.value,
        "level_before": before.value,
        "by": "hours" if state.by_hours else "quota" if state.quota else "hand",
        "quota": state.quota or None,
        "rate": state.rate or None,
        "until": None if state.until is None else wording.moment(state.until),
    }
    notice = Notice(
        NoticeKind.CLIENT_STATE, text, subject, state.quota, level=state.level, at=int(wording.now), data=data
    )
    return _Draft(notice, f"are {now}" + (f" ({state.reason})" if state.reason else ""))


def _summed_up(drafts: Sequence[_Draft], wording: Wording) -> tuple[Notice, ...]:
    """The notices in their order; where many devices have changed alike, one in the place of theirs."""
    alike: dict[tuple[NoticeKind, str], list[Notice]] = {}
    for notice, of_all in drafts:
        if notice.subject.kind is SubjectKind.CLIENT:
            alike.setdefault((notice.kind, of_all), []).append(notice)
    result = []
    for notice, of_all in drafts:
        group = alike.get((notice.kind, of_all), [])
        if len(group) < SUMMED_UP:
            result.append(notice)
        elif notice is group[0]:
            result.append(_of_all(group, of_all, wording))
    return tuple(result)


def _of_all(group: Sequence[Notice], of_all: str, wording: Wording) -> Notice:
    names = format_names([wording.who(each.subject) for each in group], NAMED)
    return replace(
        group[0],
        text=f"{len(group)} devices {of_all}: {names}",
        subject=EACH_CLIENT,
        bytes=sum(each.bytes for each in group),
        clients=tuple(ClientKey(each.subject.id) for each in group),
        data={
            **group[0].data,
            "subject": SubjectKind.EACH_CLIENT.value,
            "number": len(group),
            "clients": [wording.who(each.subject) for each in group[:NAMED]],
        },
    )
