# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the page asks the daemon for, by web.sock. Pure: values only.

An `address` is that of the browser, as the page's process saw it; who that is, the daemon asks the kernel.
`request`: an id of the page's own; what has the same one is done once.
"""

from dataclasses import dataclass
from typing import NamedTuple

from esimshaper.core.model.name_requests import AllowNameCommand, NamesQuery
from esimshaper.core.model.requests import Command, NotifyQuery, Query


class Peer(NamedTuple):
    """Where a browser is: its IP address, and the interface (name or number) that a link-local one belongs to."""

    address: str
    interface: str = ""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What the page needs before it knows who looks."""


@dataclass(frozen=True, slots=True)
class MeQuery:
    """How the device at an address stands."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class AskCommand:
    """The device at an address asks the owner for so many bytes more, or for a service or category that is held."""

    peer: Peer
    bytes: int
    text: str
    request: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class AskServiceCommand:
    """The device at an address asks the owner for a service that waits to be approved, or that was refused."""

    peer: Peer
    service: str
    request: str


@dataclass(frozen=True, slots=True)
class LoginCommand:
    """Somebody says to be the owner."""

    peer: Peer
    password: str


class Credential(NamedTuple):
    """What a browser shows as its session."""

    peer: Peer
    token: str


@dataclass(frozen=True, slots=True)
class LogoutCommand:
    """The session ends; `everyone`: all sessions."""

    by: Credential
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class AsksQuery:
    """What devices have asked for."""


@dataclass(frozen=True, slots=True)
class SessionsQuery:
    """Who is logged in."""


@dataclass(frozen=True, slots=True)
class LimitsQuery:
    """The limits as the settings have them, and where to edit them."""


@dataclass(frozen=True, slots=True)
class NameCommand:
    """The owner calls a device so; empty takes the name back. `client`: as the person wrote it."""

    client: str
    name: str


@dataclass(frozen=True, slots=True)
class AnswerCommand:
    """The owner's answer to a question: so many bytes, 0 for no; or that a service passes for so many seconds."""

    number: int
    bytes: int
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class OwnerQuery:
    """The owner looks."""

    by: Credential
    query: Query | AsksQuery | SessionsQuery | LimitsQuery | NotifyQuery | NamesQuery


@dataclass(frozen=True, slots=True)
class OwnerCommand:
    """The owner does something, once for each `request`."""

    by: Credential
    command: Command | NameCommand | AnswerCommand | AllowNameCommand
    request: str


OwnCommand = AskCommand | AskServiceCommand
PageRequest = PageQuery | MeQuery | OwnCommand | LoginCommand | LogoutCommand | OwnerQuery | OwnerCommand
