# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of notices: the one list of what people hear of, how grave it is, and the values it is made of.

A Notice has its English sentence in `text`, for the journal. All else that tells of it makes sentences of `data`, in
the language of the one who reads. Pure: values only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum, StrEnum
from typing import NamedTuple, Union

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Level, Subject

Value = Union[str, int, None, Sequence["Value"]]  # noqa: UP007 - it names itself
Data = Mapping[str, Value]
"""Values of a notice by the keys of DATA; one that is None may be left out."""


class Severity(StrEnum):
    """How grave it is; the value is the word of settings and documents. In rising order."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"

    @property
    def rank(self) -> int:
        return tuple(Severity).index(self)


class NoticeKind(Enum):
    """The kinds of notices; the value is the last part of a message's name."""

    QUOTA_WARNING = "quota-warning"
    QUOTA_REACHED = "quota-reached"
    QUOTA_RENEWED = "quota-renewed"
    CLIENT_STATE = "client-state"
    GRANTED = "granted"
    REVOKED = "revoked"
    CORRECTED = "corrected"
    RESTARTED = "restarted"
    COUNTED_BACK = "counted-back"
    PLAN_BEGUN = "plan-begun"
    PLAN_RENEWED = "plan-renewed"
    PLAN_LOW = "plan-low"
    PLAN_OUT = "plan-out"
    PLAN_PRICE = "plan-price"
    PLAN_PAYS = "plan-pays"
    PLAN_TOPPED_UP = "plan-topped-up"
    PLAN_EXPIRES = "plan-expires"
    PLAN_EXPIRED = "plan-expired"
    PLAN_SWITCHED = "plan-switched"
    PLAN_BY_HAND = "plan-by-hand"
    PLAN_UNSURE = "plan-unsure"
    SIM_UNKNOWN = "sim-unknown"
    LINK_SLOW = "link-slow"
    UPLINK_LOST = "uplink-lost"
    UPLINK_BACK = "uplink-back"
    ALARM = "alarm"
    ALARM_MORE = "alarm-more"
    ALARM_END = "alarm-end"
    APPROVAL = "approval"
    APPROVALS_DUE = "approvals-due"
    ASKED = "asked"
    TROUBLE = "trouble"
    TROUBLE_OVER = "trouble-over"
    WEEK = "week"
    TEST = "test"


class Of(StrEnum):
    """What a value of `data` is.

    MOMENT: ISO 8601 with the offset of the owner's zone, whole seconds. MONEY: decimal text, its currency is under
    `currency`. RATE: bit/s; 0: nothing passes. WORD: one of a closed list. SIZES: pairs of name and bytes, largest
    first. DAYS: pairs of a date (2026-11-30) and bytes, oldest first.
    """

    BYTES = "bytes"
    NUMBER = "number"
    SECONDS = "seconds"
    PERCENT = "percent"
    RATE = "rate"
    MOMENT = "moment"
    MONEY = "money"
    NAME = "name"
    NAMES = "names"
    WORD = "word"
    WORDS = "words"
    TEXT = "text"
    SIZES = "sizes"
    DAYS = "days"


DATA: Mapping[str, Of] = {
    "subject": Of.NAME,  # as in `for`: everyone, each-client, client/tv, group/kids
    "clients": Of.NAMES,  # the first few of many devices that changed alike; `number` says of how many
    "number": Of.NUMBER,
    "quota": Of.NAME,
    "of_services": Of.NAMES,  # services and categories, of a quota that looks at these only
    "used": Of.BYTES,
    "allowed": Of.BYTES,
    "granted": Of.BYTES,
    "left": Of.BYTES,
    "before": Of.BYTES,
    "bytes": Of.BYTES,
    "since": Of.MOMENT,
    "until": Of.MOMENT,
    "level": Of.WORD,  # of Level
    "level_before": Of.WORD,
    "by": Of.WORD,  # quota, hand, hours, alarm
    "rate": Of.RATE,
    "held": Of.RATE,
    "direction": Of.WORD,  # download, upload
    "plan": Of.NAME,
    "plan_before": Of.NAME,
    "uplink": Of.NAME,
    "sim": Of.TEXT,  # its last four digits
    "price": Of.MONEY,  # of now
    "more": Of.MONEY,  # that the next step adds
    "each_price": Of.MONEY,  # of each `each_bytes`
    "each_bytes": Of.BYTES,
    "currency": Of.NAME,
    "end": Of.MOMENT,
    "size": Of.BYTES,  # None: unlimited
    "alarm": Of.NUMBER,  # of the episode: what `alarms fine` takes
    "reasons": Of.WORDS,  # of AlarmKind; the first one is what the alarm is counted as
    "over": Of.SECONDS,  # the time in which `bytes` were moved
    "percent": Of.PERCENT,  # of the day's allowance
    "allowance": Of.BYTES,
    "allowance_of": Of.NAME,  # a quota or a plan; empty for a guess
    "services": Of.SIZES,
    "answer": Of.WORD,  # fine, cut, or empty
    "service": Of.NAME,
    "approval": Of.NUMBER,  # what `esimshaper review approve` takes
    "used_up": Of.MOMENT,
    "fits": Of.BYTES,  # a day, or until the window ends if that is sooner
    "text": Of.TEXT,  # as somebody wrote it, or an English sentence
    "message": Of.WORD,  # of the daemon: as `kind` in `esimshaper events`
    "days": Of.DAYS,
    "total": Of.BYTES,
    "total_before": Of.BYTES,  # of the week before
    "top": Of.SIZES,  # clients
    "alarms": Of.NUMBER,
    "host": Of.NAME,
}
"""What each key is. A value is missing, or None, where it is not known or does not apply."""


class Facts(NamedTuple):
    """How grave notices of a kind are unless they say else, the keys that are always there, and those that may be.

    expires: seconds after which it is no news any more, and goes into the digest.
    """

    severity: Severity
    keys: tuple[str, ...]
    sometimes: tuple[str, ...] = ()
    expires: int = 86400


_INFO, _WARNING, _ALARM = Severity
_MANY = ("clients", "number")
_OF_QUOTA = ("of_services", *_MANY)
_HOUR = 3600

KINDS: Mapping[NoticeKind, Facts] = {
    NoticeKind.QUOTA_WARNING: Facts(_WARNING, ("subject", "quota", "used", "allowed", "until"), _OF_QUOTA, 12 * _HOUR),
    NoticeKind.QUOTA_REACHED: Facts(_WARNING, ("subject", "quota", "used", "allowed", "until"), _OF_QUOTA, 12 * _HOUR),
    NoticeKind.QUOTA_RENEWED: Facts(_INFO, ("subject", "quota", "allowed", "until"), _OF_QUOTA, 12 * _HOUR),
    NoticeKind.CLIENT_STATE: Facts(
        _INFO, ("subject", "level", "level_before"), ("by", "quota", "rate", "until", *_MANY), 2 * _HOUR
    ),
    NoticeKind.GRANTED: Facts(_INFO, ("subject", "quota", "granted", "until"), ("of_services",), 12 * _HOUR),
    NoticeKind.REVOKED: Facts(_INFO, ("subject", "quota", "granted", "until"), ("of_services",), 12 * _HOUR),
    NoticeKind.CORRECTED: Facts(_INFO, ("subject", "quota", "used", "before", "until"), ("of_services",), 12 * _HOUR),
    NoticeKind.RESTARTED: Facts(_INFO, ("subject", "quota", "allowed", "before", "until"), ("of_services",)),
    NoticeKind.COUNTED_BACK: Facts(_INFO, ("subject", "quota", "used", "since", "until"), ("of_services",)),
    NoticeKind.PLAN_BEGUN: Facts(_INFO, ("plan",), ("left", "until")),
    NoticeKind.PLAN_RENEWED: Facts(_INFO, ("plan",), ("left", "until")),
    NoticeKind.PLAN_LOW: Facts(_WARNING, ("plan", "left", "rate"), ("until",)),
    NoticeKind.PLAN_OUT: Facts(_ALARM, ("plan", "rate"), ("until",)),
    NoticeKind.PLAN_PRICE: Facts(
        _WARNING, ("plan", "currency"), ("left", "used", "price", "more", "each_price", "each_bytes", "until")
    ),
    NoticeKind.PLAN_PAYS: Facts(_ALARM, ("plan", "each_price", "each_bytes", "currency"), ("until",)),
    NoticeKind.PLAN_TOPPED_UP: Facts(_WARNING, ("plan", "size", "price", "currency")),
    NoticeKind.PLAN_EXPIRES: Facts(_WARNING, ("plan", "end"), ("left",)),
    NoticeKind.PLAN_EXPIRED: Facts(_WARNING, ("plan", "end")),
    NoticeKind.PLAN_SWITCHED: Facts(_INFO, ("uplink", "plan", "plan_before")),
    NoticeKind.PLAN_BY_HAND: Facts(_INFO, ("text",)),
    NoticeKind.PLAN_UNSURE: Facts(_WARNING, ("uplink", "bytes")),
    NoticeKind.SIM_UNKNOWN: Facts(_WARNING, ("uplink", "sim")),
    NoticeKind.LINK_SLOW: Facts(_INFO, ("uplink", "direction", "rate", "held"), (), 2 * _HOUR),
    NoticeKind.UPLINK_LOST: Facts(_WARNING, ("uplink", "since"), (), 12 * _HOUR),
    NoticeKind.UPLINK_BACK: Facts(_INFO, ("uplink", "since"), (), 2 * _HOUR),
    # Of a quota that will not last (`pace`): used, allowed, quota, used_up, fits and until; else what was moved.
    NoticeKind.ALARM: Facts(
        _WARNING,
        ("subject", "alarm", "reasons"),
        (
            *("bytes", "over", "percent", "allowance", "allowance_of", "services", "level", "rate", "until"),
            *("quota", "used", "allowed", "used_up", "fits"),
        ),
        2 * _HOUR,
    ),
    NoticeKind.ALARM_MORE: Facts(_WARNING, ("subject", "alarm", "reasons", "bytes", "since"), (), 2 * _HOUR),
    NoticeKind.ALARM_END: Facts(_INFO, ("subject", "alarm", "reasons", "bytes", "since"), ("answer",), 2 * _HOUR),
    NoticeKind.APPROVAL: Facts(_WARNING, ("subject", "service", "bytes", "rate", "approval"), (), 12 * _HOUR),
    NoticeKind.APPROVALS_DUE: Facts(_INFO, ("number", "services")),
    NoticeKind.ASKED: Facts(_WARNING, ("subject", "bytes"), ("text",), 12 * _HOUR),
    NoticeKind.TROUBLE: Facts(_WARNING, ("message", "text")),
    NoticeKind.TROUBLE_OVER: Facts(_INFO, ("message", "text"), (), 2 * _HOUR),
    NoticeKind.WEEK: Facts(_INFO, ("since", "until", "days", "total"), ("total_before", "top", "services", "alarms")),
    NoticeKind.TEST: Facts(_ALARM, ("host",), (), 600),
}
"""All kinds. `data` of each has these keys and no others."""

TOLD_OTHERWISE = frozenset({NoticeKind.ASKED, NoticeKind.TROUBLE, NoticeKind.TROUBLE_OVER, NoticeKind.WEEK})
"""Kinds that have no message of their own in the journal: another one has said it there, or nobody looks for it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One change that a person should hear about, in plain words in `text`. `at`: Unix seconds.

    clients: those that changed in the same way at once, and that this one notice is about; the subject is each-client
    then. Empty: it is about `subject` alone. alarm, reasons: the number of the episode that it is about, and its kinds.
    """

    kind: NoticeKind
    text: str
    subject: Subject = EVERYONE
    quota: str = ""
    bytes: int = 0
    level: Level | None = None
    at: int = 0
    clients: tuple[ClientKey, ...] = ()
    alarm: int = 0
    reasons: tuple[str, ...] = ()
    data: Data = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """How grave it is: that of its kind, but for what cuts or concerns everyone."""
        if self.kind is NoticeKind.QUOTA_REACHED and self.subject == EVERYONE and "of_services" not in self.data:
            return Severity.ALARM
        if self.kind is NoticeKind.CLIENT_STATE and self.level is not None and self.level is not Level.OPEN:
            return Severity.WARNING
        if self.kind is NoticeKind.TROUBLE and self.data.get("message") == "limits-failing":
            return Severity.ALARM
        grave = self.kind is NoticeKind.ALARM and ("upload" in self.reasons or self.level is not None)
        return Severity.ALARM if grave else KINDS[self.kind].severity


def moment_text(moment: float, zone: tzinfo) -> str:
    """A moment (Unix seconds) as it stands in `data`."""
    return datetime.fromtimestamp(int(moment), zone).isoformat()
