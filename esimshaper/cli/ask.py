# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs that ask the daemon and show its answer: `status`, `clients`, `flows`, `top`."""
# ruff: noqa: PLC0415 - as in main.py

import argparse
from collections.abc import Mapping

from esimshaper.cli.base import (
    DONE,
    Verbs,
    add_client,
    add_json,
    add_socket,
    add_verb,
    fetch,
    from_one,
    show_document,
    whose,
)


def add_verbs(verbs: Verbs) -> None:
    """`status`, `clients`, `flows` and `top`."""
    status = add_verb(verbs, "status", _status, "shows the link and its clients at a glance", "esimshaper status")
    status.add_argument("--verbose", "-v", action="store_true", help="also what the kernel part has counted by reason")
    clients = add_verb(verbs, "clients", _clients, "lists all clients, most bytes today first", "esimshaper clients tv")
    flows = add_verb(verbs, "flows", _flows, "lists conversations, the largest first", "esimshaper flows alice-phone")
    add_client(clients)
    add_client(flows)
    flows.add_argument("--limit", "-n", type=from_one, metavar="N", default=20, help="how many (default: %(default)s)")
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
    top.add_argument("--count", "-n", type=from_one, metavar="N", help="stop after N times")
    top.add_argument("--interval", type=_seconds, metavar="SECONDS", default=1.0, help="default: %(default)s")
    for parser in (status, clients, flows, top):
        add_json(parser)
        add_socket(parser)
    top.set_defaults(endless=True)


def _ask_and_show(
    options: argparse.Namespace, page_name: str, path: str, params: Mapping[str, str] | None = None
) -> int:
    return show_document(options, "pages", page_name, fetch(options, path, params), paged=path != "/v1/status")


def _status(options: argparse.Namespace) -> int:
    page = "verbose_status_page" if options.verbose else "status_page"
    return _ask_and_show(options, page, "/v1/status")


def _clients(options: argparse.Namespace) -> int:
    return _ask_and_show(options, "clients_page", "/v1/clients", whose(options))


def _flows(options: argparse.Namespace) -> int:
    params = {"limit": str(options.limit), "order": options.order, **whose(options)}
    return show_document(options, "flows", "flows_page", fetch(options, "/v1/flows", params), paged=True)


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


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 3600")
    return seconds
