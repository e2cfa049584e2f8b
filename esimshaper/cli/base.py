# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, what its verbs share: exit statuses, asking the daemon, showing its answer, parts of the parser."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from esimshaper.cli.parser import reject
from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.units import MAX_ROWS
from esimshaper.languages.texts import _

DONE, FAILED, WRONG_USE, NOT_RUNNING = range(4)

Verb = Callable[[argparse.Namespace], int]


def fetch(options: argparse.Namespace, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Asks the daemon for the document at `path`."""
    from esimshaper.edge.control_client import default_socket, get

    return _understood(get(options.socket or default_socket(), path, params))


def command(
    options: argparse.Namespace, path: str, body: Mapping[str, Any], patience: float | None = None
) -> dict[str, Any]:
    """Sends a command to the daemon; returns its answer once the command is carried out, within `patience` seconds."""
    from esimshaper.edge.control_client import TIMEOUT, default_socket, post

    return _understood(post(options.socket or default_socket(), path, body, patience or TIMEOUT))


def _understood(document: dict[str, Any]) -> dict[str, Any]:
    if document.get("version") != DOCUMENT_VERSION:
        from esimshaper.edge.control_client import ControlError

        raise ControlError(
            _(
                "the daemon speaks version {theirs} of the documents, this command {ours}",
                theirs=document.get("version"),
                ours=DOCUMENT_VERSION,
            ),
            _("restart the daemon after an upgrade: systemctl restart esimshaper"),
        )
    return document


def print_json(document: Mapping[str, Any]) -> None:
    """Prints a document for programs."""
    print(json.dumps(document, indent=2))


def agree(question: str, *, default: bool) -> bool:
    """Whether a person says yes. Raises EOFError where the input ends."""
    typed = input(f"{question} [{'Y/n' if default else 'y/N'}]: ").strip().lower()
    return typed.startswith("y") if typed else default


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Shows the present step in one line of a terminal, which is gone at the end; shows nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda step: print(f"\r\033[K{what}: {step} ...", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def show_document(
    options: argparse.Namespace,
    module: str,
    page_name: str,
    document: Mapping[str, Any],
    *,
    paged: bool = False,
    **more: str,
) -> int:
    """Prints a document as JSON, or as the page that `page_name` of esimshaper.views.`module` makes of it and `more`.

    `paged`: a page that is longer than the terminal goes to the person's pager.
    """
    if options.json:
        print_json(document)
        return DONE
    from importlib import import_module

    from esimshaper.views.page import show

    show(getattr(import_module(f"esimshaper.views.{module}"), page_name)(document, **more), paged=paged)
    return DONE


Verbs = Any  # argparse has no public name for the result of add_subparsers


def add_verb(verbs: Verbs, name: str, verb: Verb, does: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=verb, endless=False, own_parser=parser)
    return parser


def add_socket(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="the daemon's control socket (default: $RUNTIME_DIRECTORY/control.sock or /run/esimshaper/control.sock)",
    )


def add_json(parser: argparse.ArgumentParser, text: str = "print JSON, with bytes as whole numbers") -> None:
    parser.add_argument("--json", action="store_true", help=text)


def add_client(parser: argparse.ArgumentParser) -> None:
    text = "only this client: its name, MAC, host name or address; router; unattributed; or those of a group"
    parser.add_argument("name", metavar="WHO", nargs="?", help=text)
    parser.add_argument("--client", metavar="WHO", help="the same")


def whose(options: argparse.Namespace) -> dict[str, str]:
    """The client that the person named, if any, as a parameter."""
    if options.name and options.client and options.name != options.client:
        reject(options, _("one client at a time: `{one}` or `{other}`", one=options.name, other=options.client))
    name = options.name or options.client
    return {"client": name} if name else {}


def from_one(text: str) -> int:
    """How many: the type of an option."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_ROWS:
        return int(text)
    since = f"; `--since {text}` looks back so long" if text[:1].isdigit() and text[-1:].isalpha() else ""
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_ROWS}{since}")
