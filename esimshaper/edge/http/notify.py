# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: notify.sock, which esimshaper-notify asks, and nobody else. Out: HTTP + JSON as on the control socket.

    GET  /v1/notify/channels                how each channel is reached; secrets are named, not shown
    GET  /v1/notify/home                    how clients, quotas, plans and alarms stand, for a home automation
    POST /v1/notify/jobs {}                 takes what is to be sent, each with a lease that ends at its deadline
    POST /v1/notify/result {"id", "result"} what became of a job
    POST /v1/notify/proposal {...}          what a message of the carrier says

Owns the socket. Its process speaks with servers and networks of strangers, so no route can change a limit, and what it
proposes is bounded by the daemon.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from esimshaper.core.model.notify_requests import (
    ChannelsQuery,
    HomeQuery,
    JobsCommand,
    NotifyRequest,
    ProposalCommand,
    ResultCommand,
)
from esimshaper.core.model.results import MOST_CHARACTERS, MOST_STEPS, Result
from esimshaper.core.model.units import MAX_BYTES
from esimshaper.edge.http.admission import Admission
from esimshaper.edge.http.control import Routed, params_of, private_application
from esimshaper.edge.http.routes import BadParameter, Params, number_of, only, text_of
from esimshaper.edge.http.server import Application, Listener, listen_unix

USER = "esimshaper-notify"
"""Whom the sender runs as."""
SOCKET_NAME = "notify.sock"
"""Beside the control socket."""

MAX_BODY = 64 * 1024
MOST_TEXT = 160
_GIVES = ("left", "used", "percent")

Answer = Callable[[NotifyRequest], Mapping[str, Any]]
"""Request -> document, as control.Answer."""


def serve(answer: Answer, path: Path) -> Listener:
    """Answers the sender, root and our own user until the Listener is stopped; the caller then removes the socket.

    Raises Unusable if it cannot be made.
    """
    return listen_unix(application(answer), path, None, Admission(USER))


def application(answer: Answer) -> Application:
    """The WSGI application behind `serve`."""

    def route_of(method: str, path: str) -> Routed | None:
        reader = _ROUTES.get((method, path))
        return None if reader is None else lambda environ: answer(reader(params_of(environ)))

    return private_application(route_of, MAX_BODY, "notices")


def _channels(params: Params) -> NotifyRequest:
    only(params)
    return ChannelsQuery()


def _home(params: Params) -> NotifyRequest:
    only(params)
    return HomeQuery()


def _jobs(params: Params) -> NotifyRequest:
    only(params)
    return JobsCommand()


def _result(params: Params) -> NotifyRequest:
    only(params, "id", "result", "error", "steps", "bytes")
    try:
        result = Result(text_of(params, "result"))
    except ValueError:
        raise BadParameter(f"result must be one of {', '.join(Result)}") from None
    steps = params.get("steps", ())
    if not isinstance(steps, list | tuple) or not all(isinstance(each, str) for each in steps):
        raise BadParameter("steps must be a list of texts")
    told = tuple(_printable(each)[:MOST_CHARACTERS] for each in steps[:MOST_STEPS])
    number, size = number_of(params, "id", 1, 2**62), number_of(params, "bytes", 0, MAX_BYTES, default=0)
    return ResultCommand(number, result, _text(params, "error", MOST_CHARACTERS), told, size)


def _proposal(params: Params) -> NotifyRequest:
    only(params, "source", "from", "at", "gives", "text")
    gives = params.get("gives")
    if not isinstance(gives, dict) or len(gives) != 1 or set(gives) - set(_GIVES):
        raise BadParameter(f"gives must have one of {', '.join(_GIVES)}")
    found = {str(name): _amount(value) for name, value in gives.items()}
    source, sender = text_of(params, "source"), _text(params, "from", MOST_TEXT)
    at, text = _text(params, "at", 64), _text(params, "text", MOST_TEXT)
    return ProposalCommand(_printable(source)[:16], sender, at, found, text)


def _amount(value: object) -> Decimal:
    try:
        found = Decimal(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or not 0 <= found <= MAX_BYTES:
        raise BadParameter(f"{value!r} is no amount")
    return found


def _text(params: Params, name: str, most: int) -> str:
    value = params.get(name, "")
    if not isinstance(value, str):
        raise BadParameter(f"{name} must be a text")
    return _printable(value)[:most]


def _printable(text: str) -> str:
    """What strangers have written goes into the journal and onto terminals."""
    return "".join(each if each.isprintable() else " " for each in text)


_ROUTES: Mapping[tuple[str, str], Callable[[Params], NotifyRequest]] = {
    ("GET", "/v1/notify/channels"): _channels,
    ("GET", "/v1/notify/home"): _home,
    ("POST", "/v1/notify/jobs"): _jobs,
    ("POST", "/v1/notify/result"): _result,
    ("POST", "/v1/notify/proposal"): _proposal,
}
