# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the ways on which people are told, as the settings have them. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from esimshaper.core.model.notices import Severity
from esimshaper.core.model.time_of_day import Hours

PER_DAY, SMS_PER_DAY = 10, 5
"""Messages of a channel in a day; those of SMS cost money."""
DAY_BYTES = 200_000
"""Of all messages of a day over the link together: a mail takes some 3 kB with TLS and login."""


class ChannelKind(StrEnum):
    """The kinds of channels; the value is the word of settings and documents."""

    EMAIL = "email"
    APPRISE = "apprise"
    WEBHOOK = "webhook"
    SMS = "sms"
    MQTT = "mqtt"
    COMMAND = "command"

    @property
    def repeats(self) -> bool:
        """Whether a message may be sent again where nobody knows if it arrived: its key tells who gets it twice."""
        return self in (ChannelKind.EMAIL, ChannelKind.WEBHOOK)

    @property
    def folds(self) -> bool:
        """Whether what could not be told in time comes in a digest; an SMS costs money, so there it is left out."""
        return self is not ChannelKind.SMS

    @property
    def module(self) -> str:
        """The module that Python itself does not have, and that it needs; empty for none."""
        return {ChannelKind.APPRISE: "apprise", ChannelKind.MQTT: "paho", ChannelKind.SMS: "jeepney"}.get(self, "")

    @property
    def needs_data(self) -> bool:
        """Whether it waits while the link is cut. A broker is usually in the house; a command knows best itself."""
        return self in (ChannelKind.EMAIL, ChannelKind.APPRISE, ChannelKind.WEBHOOK)


@dataclass(frozen=True, slots=True)
class Channel:
    """One way. least: what is less grave is not told by it. settings: how it is reached, as in the file.

    repr and str show no secret, as a URL may have one.
    """

    name: str
    kind: ChannelKind
    language: str = "en"
    least: Severity = Severity.WARNING
    per_day: int = PER_DAY
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[Mapping[str, Any], ...]:
        """Those that the settings name, each with `file` or `credential`."""
        found = (each for each in self.settings.values() if isinstance(each, Mapping))
        return tuple(each for each in found if {"file", "credential"} & set(each))

    def __str__(self) -> str:
        said = self.settings.get("to") or self.settings.get("host") or self.settings.get("command", ())[:1]
        where = ", ".join([said] if isinstance(said, str) else said)
        return f"{self.name}{f' ({where})' if where else ''} from {self.least.value} on, {self.per_day} a day"


@dataclass(frozen=True, slots=True)
class Weekly:
    """When the digest of a week comes. weekday: 0 is Monday; minute: of the day."""

    weekday: int
    minute: int

    def __str__(self) -> str:
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        return f"{days[self.weekday]} {self.minute // 60:02}:{self.minute % 60:02}"


@dataclass(frozen=True, slots=True)
class ReadRule:
    """How a message of the carrier is read: one of `senders`, or what it answers to `ussd` each `every` seconds.

    match: a regular expression with one group of left, used and percent; unit: where it finds none.
    """

    match: str
    senders: tuple[str, ...] = ()
    ussd: str = ""
    every: int = 0
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.match} from {self.ussd or ' '.join(self.senders)}"


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """How people are told, beside the journal. quiet: hours in which only alarms are sent.

    weekly: None for no weekly digest. day_bytes: what all messages may take of the link in a day. read: rules by which
    messages of carriers are read. reaches: the router may reach something while everyone is blocked.
    """

    channels: tuple[Channel, ...] = ()
    quiet: Hours | None = None
    weekly: Weekly | None = None
    day_bytes: int = DAY_BYTES
    read: tuple[ReadRule, ...] = ()
    reaches: bool = False

    def channel(self, name: str) -> Channel | None:
        return next((each for each in self.channels if each.name == name), None)


NOBODY_TOLD = NoticeSettings()
