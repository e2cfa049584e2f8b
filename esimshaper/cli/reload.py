# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `reload`: puts the edited configuration in force, or shows all that is wrong with it."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from esimshaper.cli.base import DONE, WRONG_USE, Verbs, add_json, add_socket, add_verb, command, print_json
from esimshaper.languages.texts import _

PATIENCE = 70
"""Seconds; above RELOAD_SECONDS of the answers."""


def add_verb_reload(verbs: Verbs) -> None:
    """`reload`."""
    reload = add_verb(
        verbs,
        "reload",
        _reload,
        "puts the edited configuration in force, or says what is wrong with it and changes nothing",
        "sudo esimshaper reload --dry-run",
    )
    reload.add_argument("--dry-run", action="store_true", help="only say what would change")
    add_json(reload, "print JSON")
    add_socket(reload)


def _reload(options: argparse.Namespace) -> int:
    from esimshaper.edge.control_client import ControlError

    try:
        document = command(options, "/v1/reload", {"dry_run": options.dry_run}, PATIENCE)
    except ControlError as error:
        if "problems" not in error.document:
            raise
        return _refused(options, error.document)
    if options.json:
        print_json(document)
        return DONE
    print(
        "\n".join(
            (*document["changes"], *(_("note: {note}", note=note) for note in document["notes"]), _conclusion(document))
        )
    )
    return DONE


def _refused(options: argparse.Namespace, document: Mapping[str, Any]) -> int:
    if options.json:
        print_json({**document, "applied": False})
        return WRONG_USE
    for each in document["problems"]:  # as `check` prints them
        print(f"{each['file']}:{each['line']}:{each['column']}: {each['message']}\n    {each['hint']}", file=sys.stderr)
    print(f"esimshaper: {document['error']}", file=sys.stderr)
    return WRONG_USE


def _conclusion(document: Mapping[str, Any]) -> str:
    if not document["changes"]:
        return _("no changes")
    return _("in force now") if document["applied"] else _("nothing was changed (--dry-run)")
