# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the page: who the owner is, what devices ask for, what the owner did and calls them. Pure: values.

All of it is kept over restarts, in the state, and nothing of it in the settings. Times are Unix seconds by the clock of
the State. `who` is what a session is bound to: the key of a client, or the address of a browser that is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from esimshaper.core.model.identity import ClientKey


class Password(NamedTuple):
    """What is kept of the owner's password: scrypt's result (RFC 7914), with its salt and its cost N."""

    salt: bytes
    hash: bytes
    cost: int


class Session(NamedTuple):
    """A browser that has logged in. token: SHA-256 of what the browser has, in hexadecimal digits."""

    number: int
    token: str
    who: str
    began: int
    until: int


class Guesses(NamedTuple):
    """Wrong passwords of one browser since its last right one; it may try again after `until`."""

    who: str
    failures: int
    until: int


class Ask(NamedTuple):
    """A device has asked for more. answered: when, None while it is open; given: bytes, 0 for no.

    service: it asked for that service or category, which is held back or paced; then `given` is in seconds.
    """

    number: int
    client: ClientKey
    at: int
    bytes: int
    text: str
    answered: int | None = None
    given: int = 0
    service: str = ""


class Done(NamedTuple):
    """A request of the page that was carried out: it is never carried out again. said: what was done, in words."""

    request: str
    at: int
    said: str


@dataclass(frozen=True, slots=True)
class PageState:
    """All that is remembered of the page. failed: when wrong passwords came, of anybody, the last ones.

    asks: the last one of each client. names: given by the owner on the page; they count as a host name does.
    """

    password: Password | None = None
    sessions: tuple[Session, ...] = ()
    guesses: tuple[Guesses, ...] = ()
    failed: tuple[int, ...] = ()
    asks: tuple[Ask, ...] = ()
    names: Mapping[ClientKey, str] = field(default_factory=dict)
    done: tuple[Done, ...] = ()


@dataclass(frozen=True, slots=True)
class PageSlice:
    """kept: what is saved."""

    kept: PageState = field(default_factory=PageState)


class TooSoon(Exception):  # noqa: N818 - a word of the vocabulary
    """The same may be allowed in so many `seconds`; the sentence is for people."""

    def __init__(self, sentence: str, seconds: int) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class AlreadyDone(Exception):  # noqa: N818 - the same
    """A request was carried out before."""

    def __init__(self, done: Done) -> None:
        super().__init__(done.said)
        self.done = done
