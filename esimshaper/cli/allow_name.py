# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `allow-name`: a name that lists refuse is answered for a time."""

import argparse

from esimshaper.cli.base import Verbs, add_json, add_socket, add_verb, command, fetch, show_document
from esimshaper.cli.limits import seconds_from
from esimshaper.cli.parser import reject
from esimshaper.languages.texts import _

HOUR = 3600
"""As long as that, if nobody says."""

PATIENCE = 70.0
"""Beyond that of the daemon, which waits until the names are written."""


def add_verb_allow_name(verbs: Verbs) -> None:
    """`allow-name`."""
    verb = add_verb(
        verbs,
        "allow-name",
        _allow_name,
        "has DNS answer for a name, and for all below it, though a list refuses it; ends by itself. Without a name it "
        "shows what is refused",
        "sudo esimshaper allow-name login.example.com --for 1h",
    )
    verb.add_argument("name", metavar="NAME", nargs="?", help="a host name; nothing: show what is refused and allowed")
    end = verb.add_mutually_exclusive_group()
    end.add_argument(
        "--for", dest="seconds", metavar="DURATION", type=seconds_from, help="for example 30m or 2h (default: 1h)"
    )
    end.add_argument("--clear", action="store_true", help="take it back")
    add_json(verb)
    add_socket(verb)


def _allow_name(options: argparse.Namespace) -> int:
    if options.name is None:
        if options.seconds or options.clear:
            reject(options, _("say which name: `{example}`", example="allow-name login.example.com --for 1h"))
        return show_document(options, "names", "names_page", fetch(options, "/v1/names"))
    end: dict[str, object] = {"clear": True} if options.clear else {"seconds": options.seconds or HOUR}
    document = command(options, "/v1/names/allow", {"name": options.name, **end}, PATIENCE)
    return show_document(options, "names", "names_page", document)
