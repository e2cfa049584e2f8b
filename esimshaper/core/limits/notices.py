# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage changes -> notices: what people should hear about, once. Pure.

In: tallies and levels. Out: the same with a note of what was announced, and the Notices. The notes are saved before
anything is announced, so that neither a restart nor a second look says it again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey
from esimshaper.core.model.limits import (
    ClientState,
    Level,
    Notice,
    NoticeKind,
    Quota,
    QuotaUsage,
    Subject,
    SubjectKind,
    Tally,
)
from esimshaper.core.model.units import format_moment, format_size


@dataclass(frozen=True, slots=True)
class Wording:
    """What is needed to put things into words: the names of clients, the time now (Unix seconds), and where."""

    names: Mapping[ClientKey, str]
    now: float
    zone: tzinfo

    def who(self, subject: Subject) -> str:
        """As people call them."""
        if subject.kind is SubjectKind.CLIENT:
            return self.names.get(ClientKey(subject.id), subject.id)
        return f"group {subject.id}" if subject.kind is SubjectKind.GROUP else "everyone"

    def frame(self, tally: Tally) -> str:
        """Which quota it is, and until when."""
        return f"({tally.quota}, until {format_moment(tally.window.end, self.now, self.zone)})"


def marked(
    held: Iterable[QuotaUsage], used_up: Callable[[Tally, Quota], bool], teller: Wording
) -> tuple[tuple[Tally, ...], tuple[Notice, ...]]:
    """The tallies with warn marks and limits noted that were passed, and a Notice for each that has something new.

    Of several marks at once the highest is told. `used_up`: whether the limit of a tally is reached now.
    """
    tallies, notices = [], []
    for each in held:
        quota, tally, mark = each.quota, each.tally, each.mark
        reached = tally.reached or used_up(tally, quota)
        if reached and not tally.reached:
            notices.append(_reached(tally, teller))
        elif mark > tally.warned and not reached:
            notices.append(_warning(tally, teller))
        noted = (reached, max(mark, tally.warned))
        changed = noted != (tally.reached, tally.warned)
        tallies.append(replace(tally, reached=noted[0], warned=noted[1]) if changed else tally)
    return tuple(tallies), tuple(notices)


def renewals(tallies: Iterable[Tally], teller: Wording) -> tuple[Notice, ...]:
    """`tallies` begin a window after one whose limit had been reached."""
    return tuple(
        _notice(NoticeKind.QUOTA_RENEWED, tally, f"has {format_size(tally.allowed)} again", tally.allowed, teller)
        for tally in tallies
    )


def levels(
    before: Mapping[ClientKey, Level], verdicts: Mapping[Subject, ClientState], teller: Wording
) -> tuple[Mapping[ClientKey, Level], tuple[Notice, ...]]:
    """The levels of all clients that are not open, and a Notice for each whose level is another than `before`."""
    clients = {
        ClientKey(s.id): v for s, v in verdicts.items() if s.kind is SubjectKind.CLIENT and s.id not in PSEUDO_KEYS
    }
    changed = {key: verdict for key, verdict in clients.items() if verdict.level is not before.get(key, Level.OPEN)}
    now = {key: verdict.level for key, verdict in clients.items() if verdict.level is not Level.OPEN}
    return now, tuple(_state(key, changed[key], teller) for key in sorted(changed))


def grants(tallies: Sequence[Tally], size: int, until: int | None, teller: Wording) -> tuple[Notice, ...]:
    """`size` bytes were granted on each of `tallies`, to `until` or to the end of the window."""
    return tuple(
        _notice(NoticeKind.GRANTED, _ending(tally, until), f"got {format_size(size)} more", size, teller)
        for tally in tallies
    )


def _ending(tally: Tally, until: int | None) -> Tally:
    end = tally.window.end if until is None else min(until, tally.window.end)
    return replace(tally, window=replace(tally.window, end=end))


def _reached(tally: Tally, teller: Wording) -> Notice:
    text = f"has used up {format_size(tally.allowed)}"
    return _notice(NoticeKind.QUOTA_REACHED, tally, text, tally.used, teller)


def _warning(tally: Tally, teller: Wording) -> Notice:
    text = f"has used {format_size(tally.used)} of {format_size(tally.allowed)}"
    return _notice(NoticeKind.QUOTA_WARNING, tally, text, tally.used, teller)


def _notice(kind: NoticeKind, tally: Tally, text: str, size: int, teller: Wording) -> Notice:
    words = f"{teller.who(tally.subject)} {text} {teller.frame(tally)}"
    return Notice(kind, words, tally.subject, tally.quota, size)


def _state(key: ClientKey, verdict: ClientState, teller: Wording) -> Notice:
    subject = Subject(SubjectKind.CLIENT, key)
    why = f": {verdict.reason}" if verdict.reason else ""
    text = f"{teller.who(subject)} is {verdict.level.value} now{why}"
    return Notice(NoticeKind.CLIENT_STATE, text, subject, verdict.quota, level=verdict.level)
