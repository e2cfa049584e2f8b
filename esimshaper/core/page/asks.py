# SPDX-License-Identifier: GPL-2.0-or-later
"""What devices ask for: one open question of each, one a minute; and the owner's answers. Pure."""

from dataclasses import replace

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.page import Ask, PageState, TooSoon

PAUSE_SECONDS = 60
KEPT_SECONDS = 86400
"""So long a device sees the answer, and the owner a question that nobody has answered."""
MAX_ASKS = 256


def asked(kept: PageState, client: ClientKey, size: int, text: str, now: int, service: str = "") -> PageState:
    """`kept` with a new question. Raises TooSoon."""
    last = last_of(kept, client)
    if last and last.answered is None:
        raise TooSoon("you have asked already, and the owner has not answered yet", PAUSE_SECONDS)
    if last and 0 <= now - last.at < PAUSE_SECONDS:
        raise TooSoon("you have asked a moment ago", PAUSE_SECONDS - (now - last.at))
    number = 1 + max((each.number for each in kept.asks), default=0)
    others = [each for each in kept.asks if each.client != client]
    if len(others) >= MAX_ASKS:
        raise TooSoon("so many devices have asked that the owner has to answer first", PAUSE_SECONDS)
    return replace(kept, asks=(*others, Ask(number, client, now, size, text, service=service)))


def answered(kept: PageState, number: int, given: int, now: int) -> PageState:
    """`kept` with the owner's answer: `given` bytes or seconds, 0 for no. Raises Unusable."""
    ask = open_ask(kept, number)
    others = [each for each in kept.asks if each.number != number]
    asks = (*others, ask._replace(answered=now, given=given))
    return replace(kept, asks=tuple(sorted(asks, key=lambda each: each.number)))


def open_ask(kept: PageState, number: int) -> Ask:
    """The question of that number. Raises Unusable if there is none, or it has an answer."""
    found = next((each for each in kept.asks if each.number == number and each.answered is None), None)
    if found is None:
        raise Unusable("nobody asks that any more", "It was answered, or is too old.")
    return found


def last_of(kept: PageState, client: ClientKey) -> Ask | None:
    """What a device asked for last."""
    return next((each for each in kept.asks if each.client == client), None)
