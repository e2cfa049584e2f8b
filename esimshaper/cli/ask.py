# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs that ask the daemon and show its answer: `status`, `clients`, `flows`, `top`, `history`."""
# ruff: noqa: PLC0415 - as in main.py

import argparse
from collections.abc import Mapping

from esimshaper.cli.base import DONE, Verbs, add_client, add_json, add_socket, add_verb, fetch, show_document
from esimshaper.cli.parser import reject
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.units import MAX_ROWS

DEFAULT_ROWS = {"5min": 24, "hour": 24, "day": 31, "month": 12}


def add_verbs(verbs: Verbs) -> None:
    """`status`, `clients`, `flows`, `top` and `history`."""
    status = add_verb(verbs, "status", _status, "shows the link and its clients at a glance", "esimshaper status")
    clients = add_verb(verbs, "clients", _clients, "lists all clients, most bytes today first", "esimshaper clients tv")
    flows = add_verb(verbs, "flows", _flows, "lists conversations, the largest first", "esimshaper flows alice-phone")
    add_client(clients)
    add_client(flows)
    flows.add_argument("--limit", type=_from_one, metavar="N", default=20, help="how many (default: %(default)s)")
    flows.add_argument(
        "--order",
        choices=("bytes", "recent"),
        default="bytes",
        help="largest first (default), or most recent first",
    )
    top = add_verb(
        verbs,
        "top",
        _top,
        "shows who is busy, each second, until q or Ctrl-C",
        "esimshaper top --count 3 | tee busy.txt",
    )
    top.add_argument("--count", type=_from_one, metavar="N", help="stop after N times")
    top.add_argument("--interval", type=_seconds, metavar="SECONDS", default=1.0, help="default: %(default)s")
    history = add_verb(
        verbs,
        "history",
        _history,
        "shows the usage period by period, with a bar for each",
        "esimshaper history alice-phone --by hour",
    )
    history.add_argument(
        "--by", choices=[resolution.value for resolution in Resolution], default="day", help="default: %(default)s"
    )
    add_client(history)
    history.add_argument(
        "--last", type=_from_one, metavar="N", help="how many periods (default: 31 days, 12 months, else 24)"
    )
    for parser in (status, clients, flows, top, history):
        add_json(parser)
        add_socket(parser)
    top.set_defaults(endless=True)


def _ask_and_show(
    options: argparse.Namespace, page_name: str, path: str, params: Mapping[str, str] | None = None
) -> int:
    return show_document(options, "pages", page_name, fetch(options, path, params), paged=path != "/v1/status")


def _status(options: argparse.Namespace) -> int:
    return _ask_and_show(options, "status_page", "/v1/status")


def _clients(options: argparse.Namespace) -> int:
    return _ask_and_show(options, "clients_page", "/v1/clients", _whose(options))


def _flows(options: argparse.Namespace) -> int:
    params = {"limit": str(options.limit), "order": options.order, **_whose(options)}
    return _ask_and_show(options, "flows_page", "/v1/flows", params)


def _history(options: argparse.Namespace) -> int:
    params = {"by": options.by, "limit": str(options.last or DEFAULT_ROWS[options.by]), **_whose(options)}
    return show_document(options, "history", "history_page", fetch(options, "/v1/history", params), paged=True)


def _whose(options: argparse.Namespace) -> dict[str, str]:
    """The client that the person named, if any, as a parameter."""
    if options.name and options.client and options.name != options.client:
        reject(options, f"one client at a time: `{options.name}` or `{options.client}`")
    name = options.name or options.client
    return {"client": name} if name else {}


def _top(options: argparse.Namespace) -> int:
    from esimshaper.edge.host import clock
    from esimshaper.views import top

    top.run(
        lambda path, params: fetch(options, path, params),
        clock.monotonic,
        count=options.count,
        interval=options.interval,
        as_json=options.json,
    )
    return DONE


def _from_one(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_ROWS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_ROWS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 3600")
    return seconds
