# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs that put usage right, and the one that takes back: `correct`, `restart`, `undo`."""

import argparse

from esimshaper.cli.base import Verbs, add_json, add_socket, add_verb, command, show_document
from esimshaper.cli.limits import size_from
from esimshaper.cli.parser import reject
from esimshaper.cli.prose import is_size
from esimshaper.languages.texts import _


def add_verbs(verbs: Verbs) -> None:
    """`correct`, `restart` and `undo`."""
    correct = add_verb(
        verbs,
        "correct",
        _correct,
        "sets how much of a quota is used, to what the carrier says; the history stays as it was measured",
        "sudo esimshaper correct plan 1.5GB",
    )
    restart = add_verb(
        verbs,
        "restart",
        _restart,
        "begins a quota anew, for a new SIM: nothing is used, and a period that counts from a moment begins now",
        "sudo esimshaper restart plan",
    )
    for verb in (correct, restart):
        # Without it, who types `restart` may mean the service.
        optional = "?" if verb is restart else None
        verb.add_argument("quota", metavar="QUOTA", nargs=optional, help="its name, as the verb quotas shows it")
    correct.add_argument("size", metavar="SIZE", nargs="+", help="used so far, with its unit, for example 1.5GB")
    undo = add_verb(
        verbs,
        "undo",
        _undo,
        "takes back what was last done by hand (block, allow, grant, correct, restart); again, what was done before",
        "sudo esimshaper undo",
    )
    undo.add_argument("--redo", action="store_true", help="do again what was undone last")
    for verb in (correct, restart):
        verb.add_argument("--client", metavar="NAME", help="of a quota for each client, only that of this one")
    for verb in (correct, restart, undo):
        add_json(verb)
        add_socket(verb)


def _correct(options: argparse.Namespace) -> int:
    if is_size(f"{options.quota}{''.join(options.size)}"):
        meant = f"correct plan {options.quota}{''.join(options.size)}"
        reject(options, _("say which quota: `{command}`", command=meant))
    try:
        size = size_from("".join(options.size), least=0)
    except argparse.ArgumentTypeError as error:
        reject(options, str(error))
    body = {"quota": options.quota, "bytes": size, **_client(options)}
    return show_document(options, "acts", "correct_page", command(options, "/v1/correct", body))


def _restart(options: argparse.Namespace) -> int:
    if (options.quota or "esimshaper") in ("esimshaper", "service", "daemon"):
        reject(options, _("say which QUOTA; the service begins anew by `sudo systemctl restart esimshaper`"))
    body = {"quota": options.quota, **_client(options)}
    return show_document(options, "acts", "restart_page", command(options, "/v1/restart", body))


def _undo(options: argparse.Namespace) -> int:
    verb = "redo" if options.redo else "undo"
    return show_document(options, "acts", f"{verb}_page", command(options, f"/v1/{verb}", {}))


def _client(options: argparse.Namespace) -> dict[str, str]:
    return {"client": options.client} if options.client else {}
