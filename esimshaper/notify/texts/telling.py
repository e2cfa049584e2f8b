# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of one notice -> the words that its sentences are made of, in the language that is spoken here. Pure.

A sentence of a short message has its names cut (`most`), and never an amount or a moment.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from shlex import quote
from typing import Any, NamedTuple

from esimshaper.core.model.money import format_money
from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import _, ngettext, spoken
from esimshaper.notify.texts.fitting import cut, spelled

_NAMED = 5
_SENTENCE = 3  # names: so long a sentence may be
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Order(NamedTuple):
    """What a person can type, and what for."""

    purpose: str
    command: str


class Said(NamedTuple):
    """A notice in sentences. `brief` has all that counts, and fits into a short message; `more` follow, the more
    important ones first. plot: lines with bars.
    """

    brief: str
    more: Sequence[str] = ()
    orders: Sequence[Order] = ()
    plot: Sequence[str] = ()


class Telling:
    """`notice` is as on notify.sock. most: characters that a name may have; None: it is whole, as people wrote it."""

    def __init__(self, notice: Mapping[str, Any], most: int | None = None) -> None:
        self.kind = str(notice["kind"])
        self.data: Mapping[str, Any] = notice.get("data") or {}
        self._client = str(notice.get("client") or "")
        self._at = datetime.fromisoformat(notice["at"])
        self._most = most

    # --- who

    def who(self) -> str:
        """Whom it is about, as people call them."""
        subject = str(self.data.get("subject") or "")
        kind, slash, name = subject.partition("/")
        if self.data.get("clients"):
            number = int(self.data.get("number") or len(self.data["clients"]))
            return ngettext("{n} device", "{n} devices", number)
        if kind == "group" and slash:
            return _("Group {name}", name=self.name(name))
        called = self._client or (name if kind == "client" else "")
        return _nobody(called) or (self.name(called) if called else _("All devices"))

    def typed(self) -> str:
        """The subject as a command takes it."""
        subject = str(self.data.get("subject") or self._client or "everyone").removeprefix("client/")
        return quote(subject)

    def is_of_several(self) -> bool:
        """Whether it is about devices that no command names together."""
        return bool(self.data.get("clients"))

    def named(self) -> list[str]:
        """A sentence with the names, where it is about several devices; else none."""
        names = [self.name(str(each)) for each in self.data.get("clients") or ()]
        return [_("Devices: {names}.", names=self.listed(names))] if names else []

    def name(self, written: str) -> str:
        """A name, cut if there is little room."""
        return written if self._most is None else cut(spelled(written) or "?", self._most)

    def listed(self, names: Sequence[str]) -> str:
        """Names one after another; of many the first ones."""
        rest = len(names) - _NAMED
        if rest <= 1:
            return ", ".join(names)
        return ngettext("{names} and {n} more", "{names} and {n} more", rest, names=", ".join(names[:_NAMED]))

    def value(self, key: str) -> str:
        """A name under a key of the data."""
        return self.name(str(self.data.get(key) or "?"))

    def text(self, key: str) -> str:
        """What somebody wrote, or a sentence of the daemon; it may be longer than a name."""
        written = str(self.data.get(key) or "?")
        return written if self._most is None else cut(spelled(written) or "?", _SENTENCE * self._most)

    # --- how much

    def has(self, key: str) -> bool:
        """Whether a value is known."""
        return self.data.get(key) is not None

    def number(self, key: str) -> int:
        return int(self.data.get(key) or 0)

    def size(self, key: str) -> str:
        return format_size(self.number(key))

    def rate(self, key: str = "rate") -> str:
        return format_rate(self.number(key))

    def money(self, key: str) -> str:
        return format_money(str(self.data.get(key) or "0"), str(self.data.get("currency") or ""))

    def sizes(self, key: str, *, rest: bool = True) -> str:
        """Pairs of names and amounts, as a list. rest: with bytes of no service."""
        pairs = ((str(name), size) for name, size in self.data.get(key) or () if rest or not _rest(str(name)))
        return self.listed(
            [f"{_nobody(name) or _rest(name) or self.name(name)} {format_size(size)}" for name, size in pairs]
        )

    # --- when

    def when(self, key: str) -> str:
        """A moment, as short as it is clear on the day of the notice."""
        there = datetime.fromisoformat(str(self.data[key]))
        return moments.short(there, self._at.astimezone(there.tzinfo), spoken())

    def is_within_a_day(self, key: str) -> bool:
        """Whether a moment is at most a day after the notice; one that is not known is not."""
        return self.has(key) and datetime.fromisoformat(str(self.data[key])) - self._at <= timedelta(days=1)

    def days(self) -> tuple[str, str]:
        """The first and the last day from `since` to `until`."""
        since, until = (datetime.fromisoformat(str(self.data[key])) for key in ("since", "until"))
        return moments.day(since, spoken()), moments.last_day(until, spoken())

    def at(self) -> str:
        """The moment of the notice itself, in the zone of its other moments; without any in that of the world."""
        zone = next((datetime.fromisoformat(str(self.data[key])).tzinfo for key in self._moments()), None)
        if zone is None:
            return f"{moments.day_and_time(self._at, spoken())} UTC"
        return moments.day_and_time(self._at.astimezone(zone), spoken())

    def _moments(self) -> Iterator[str]:
        return (key for key in ("until", "since", "end", "used_up") if self.data.get(key))

    def length(self, key: str) -> str:
        """A length of time in its largest unit: `5 minutes`."""
        seconds = self.number(key)
        if seconds >= 2 * _DAY:
            return ngettext("{n} day", "{n} days", seconds // _DAY)
        if seconds >= _HOUR:
            return ngettext("{n} hour", "{n} hours", seconds // _HOUR)
        return ngettext("{n} minute", "{n} minutes", max(1, seconds // _MINUTE))


def _nobody(name: str) -> str:
    """What people call what is no device: names that no device can have; empty for all else."""
    named = {"router": _("The router itself"), "unattributed": _("Not known whose"), "others": _("Further devices")}
    return named.get(name, "")


def _rest(name: str) -> str:
    """What people call bytes of no service; empty for all else."""
    return {"unnamed": _("Everything else"), "hidden": _("Hidden by the device")}.get(name, "")
