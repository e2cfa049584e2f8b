# SPDX-License-Identifier: GPL-2.0-or-later
"""What people hear of approval: a service that waits, and the list of the week. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from esimshaper.core.model.approval import Use
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.notices import Data, Notice, NoticeKind
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.units import format_rate, format_size


class Whose(NamedTuple):
    """A client, and what people call it."""

    subject: Subject
    called: str


def waits(whose: Whose, service: str, use: Use, rate: int, rules: Rules) -> Notice:
    """A service waits from now on."""
    size = format_size(use.today)
    text = (
        f"{whose.called} moved {size} with {service} today, which it has not used before: it is held to "
        f"{format_rate(rate)} until it is approved. `esimshaper review approve {use.number}`, or `review refuse "
        f"{use.number}` to block it"
    )
    label = rules.names.get(ClientKey(whose.subject.id), whose.subject.id)
    data: Data = {
        "subject": whose.subject.written(label),
        "service": service,
        "bytes": use.today,
        "rate": rate,
        "approval": use.number,
    }
    return Notice(NoticeKind.APPROVAL, text, whose.subject, bytes=use.today, at=use.waits, data=data)


def audit(number: int, moved: Mapping[str, int], now: int) -> Notice:
    """The list of a week: so many entries, and what moved with these services."""
    largest = sorted(moved.items(), key=lambda each: -each[1])
    what = ", ".join(f"{name} {format_size(size)}" for name, size in largest[:5])
    noun = "service is" if number == 1 else "services are"
    text = f"{number} {noun} to be looked at again ({what}): `esimshaper review` shows why"
    data: Data = {"number": number, "services": [list(each) for each in largest[:5]]}
    return Notice(NoticeKind.APPROVALS_DUE, text, at=now, data=data)
