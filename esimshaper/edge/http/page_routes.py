# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters of a request on web.sock -> the typed PageRequest. Pure. What is not in the tables here cannot be asked.

Owner's routes take `Authorization: Bearer TOKEN` and the query `address=A`, beside what they take on the control
socket; those that change something also an id of the page's own, `request`, in the body.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import cast

from esimshaper.core.model.name_requests import AllowNameCommand, NamesQuery
from esimshaper.core.model.page_requests import (
    AnswerCommand,
    AskCommand,
    AskServiceCommand,
    AsksQuery,
    Credential,
    LimitsQuery,
    LoginCommand,
    LogoutCommand,
    MeQuery,
    NameCommand,
    OwnerCommand,
    OwnerQuery,
    PageQuery,
    PageRequest,
    Peer,
    SessionsQuery,
)
from esimshaper.core.model.requests import Command, NotifyQuery, Query
from esimshaper.core.model.units import MAX_BYTES, MAX_PASSWORD, MAX_SECONDS
from esimshaper.edge.http.name_routes import allow_name
from esimshaper.edge.http.routes import BadParameter, Params, number_of, only, text_of
from esimshaper.edge.http.table import ROUTES

Reader = Callable[[Params, Params, str], PageRequest]
"""The query, the body and the token, which may be empty -> the request. Raises BadParameter."""

MAX_TEXT = 140
MAX_NAME = 63
_REQUEST = re.compile("[A-Za-z0-9_-]{8,64}")
_ANSWER = re.compile("/v1/owner/asks/([0-9]{1,9})")

_QUERIES = (
    *("status", "clients", "quotas", "history", "flows", "services", "plan", "events", "report", "subjects"),
    *("alarms", "review", "saver", "rules", "low-data"),
)
_COMMANDS = (
    *("grant", "revoke", "block", "allow", "clear", "undo", "plan/correct", "plan/add", "plan/switch"),
    *("alarms/fine", "alarms/mute", "alarms/slow", "notify/quiet", "notify/min"),
    *("review/approve", "review/refuse", "review/forget"),
    *("low-data", "services/block", "services/allow", "services/clear"),
)
"""Of the control socket. Nothing that writes the configuration, reads it again, or takes in history."""


def reader_of(method: str, path: str) -> Reader | None:
    """The reader of a request; None if there is no such route."""
    answered = _ANSWER.fullmatch(path)
    if answered and method == "POST":
        number = int(answered[1])
        return _owner_command(lambda body: _answer(body, number))
    return _ROUTES.get((method, path))


def token_of(authorization: str) -> str:
    """The token of a header `Authorization`; empty if it has none."""
    kind, _, token = authorization.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _page(query: Params, _body: Params, _token: str) -> PageRequest:
    only(query)
    return PageQuery()


def _me(query: Params, _body: Params, _token: str) -> PageRequest:
    only(query, "address")
    return MeQuery(_peer(query))


def _ask(_query: Params, body: Params, _token: str) -> PageRequest:
    only(body, "address", "bytes", "text", "request", "service")
    text = _printable(body, "text", MAX_TEXT)
    if "service" in body:
        return AskCommand(_peer(body), 0, text, _request(body), text_of(body, "service"))
    return AskCommand(_peer(body), number_of(body, "bytes", 1, MAX_BYTES), text, _request(body))


def _ask_service(_query: Params, body: Params, _token: str) -> PageRequest:
    only(body, "address", "service", "request")
    return AskServiceCommand(_peer(body), text_of(body, "service"), _request(body))


def _login(_query: Params, body: Params, _token: str) -> PageRequest:
    only(body, "address", "password")
    return LoginCommand(_peer(body), text_of(body, "password")[:MAX_PASSWORD])


def _logout(query: Params, body: Params, token: str) -> PageRequest:
    only(body, "request")
    return LogoutCommand(_by(query, token))


def _logout_all(query: Params, body: Params, token: str) -> PageRequest:
    only(body, "request")
    return LogoutCommand(_by(query, token), everyone=True)


def _by(query: Params, token: str) -> Credential:
    return Credential(_peer(query), token)


def _owner_query(name: str) -> Reader:
    def read(query: Params, _body: Params, token: str) -> PageRequest:
        rest = {key: value for key, value in query.items() if key != "address"}
        return OwnerQuery(_by(query, token), cast("Query", ROUTES["GET", f"/v1/{name}"](rest)))

    return read


def _own_query(asked: AsksQuery | SessionsQuery | LimitsQuery | NotifyQuery | NamesQuery) -> Reader:
    def read(query: Params, _body: Params, token: str) -> PageRequest:
        only(query, "address")
        return OwnerQuery(_by(query, token), asked)

    return read


def _owner_command(reader: Callable[[Params], Command | NameCommand | AnswerCommand | AllowNameCommand]) -> Reader:
    def read(query: Params, body: Params, token: str) -> PageRequest:
        only(query, "address")
        rest = {key: value for key, value in body.items() if key != "request"}
        return OwnerCommand(_by(query, token), reader(rest), _request(body))

    return read


def _of_control(name: str) -> Reader:
    return _owner_command(lambda body: cast("Command", ROUTES["POST", f"/v1/{name}"](body)))


def _name(body: Params) -> NameCommand:
    only(body, "client", "name")
    name = " ".join(_printable(body, "name", MAX_NAME).split())
    if "/" in name:
        raise BadParameter("a name cannot have a / in it")
    return NameCommand(text_of(body, "client"), name)


def _answer(body: Params, number: int) -> AnswerCommand:
    only(body, "bytes", "seconds")
    if "seconds" in body:
        return AnswerCommand(number, 0, number_of(body, "seconds", 1, MAX_SECONDS))
    return AnswerCommand(number, number_of(body, "bytes", 0, MAX_BYTES))


_ROUTES: Mapping[tuple[str, str], Reader] = {
    ("GET", "/v1/page"): _page,
    ("GET", "/v1/me"): _me,
    ("POST", "/v1/me/ask"): _ask,
    ("POST", "/v1/me/review"): _ask_service,
    ("POST", "/v1/owner/login"): _login,
    ("POST", "/v1/owner/logout"): _logout,
    ("POST", "/v1/owner/logout-all"): _logout_all,
    ("GET", "/v1/owner/asks"): _own_query(AsksQuery()),
    ("GET", "/v1/owner/sessions"): _own_query(SessionsQuery()),
    ("GET", "/v1/limits"): _own_query(LimitsQuery()),
    ("GET", "/v1/notify"): _own_query(NotifyQuery()),
    ("GET", "/v1/names"): _own_query(NamesQuery()),
    ("POST", "/v1/names/allow"): _owner_command(allow_name),
    ("POST", "/v1/name"): _owner_command(_name),
    **{("GET", f"/v1/{name}"): _owner_query(name) for name in _QUERIES},
    **{("POST", f"/v1/{name}"): _of_control(name) for name in _COMMANDS},
}


def _request(body: Params) -> str:
    written = text_of(body, "request")
    if not _REQUEST.fullmatch(written):
        raise BadParameter("request must have 8 to 64 letters, digits, - and _")
    return written


def _printable(body: Params, name: str, most: int) -> str:
    """A text of a stranger, without anything that is not to be seen; it may be empty or left out."""
    written = body.get(name, "")
    if not isinstance(written, str) or len(written) > most:
        raise BadParameter(f"{name} must be a text of at most {most} characters")
    return "".join(each if each.isprintable() else " " for each in written).strip()


def _peer(params: Params) -> Peer:
    """The address as the kernel spells it: a browser that came by IPv4 to an IPv6 socket has both in one."""
    written = text_of(params, "address")
    try:
        found = ipaddress.ip_address(written)
    except ValueError:
        raise BadParameter(f"address must be an IP address, not {written!r}") from None
    if isinstance(found, ipaddress.IPv4Address):
        return Peer(str(found))
    if found.ipv4_mapped:
        return Peer(str(found.ipv4_mapped))
    return Peer(str(ipaddress.IPv6Address(found.packed)), found.scope_id or "")
