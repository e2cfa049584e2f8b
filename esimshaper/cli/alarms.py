# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `alarms`: what abnormal use was noticed, that one of it is fine, what nobody wants to hear."""

import argparse

from esimshaper.cli.base import Verbs, add_json, add_socket, add_verb, command, fetch, from_one, show_document
from esimshaper.cli.parser import reject
from esimshaper.core.model.units import parse_duration
from esimshaper.core.model.watch import AlarmKind
from esimshaper.languages.texts import _

MUTED, SLOWED = "7d", "1h"
"""For so long, if nobody says."""
_KINDS = ", ".join(kind.value for kind in AlarmKind)


def add_verb_alarms(verbs: Verbs) -> None:
    """`alarms`."""
    alarms = add_verb(
        verbs,
        "alarms",
        _alarms,
        "shows abnormal use that was noticed; fine N says that it is usual, slow N slows it, mute KIND keeps it quiet",
        "sudo esimshaper alarms mute surge --client tv --for 7d",
    )
    alarms.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        choices=("fine", "slow", "mute"),
        help="fine, slow or mute; nothing: show them",
    )
    alarms.add_argument(
        "what", metavar="N|KIND", nargs="?", help=f"of fine and slow its number; of mute: {_KINDS}, or all"
    )
    alarms.add_argument("--client", metavar="WHO", help="mute only what this client does")
    alarms.add_argument(
        "--for",
        dest="lasts",
        metavar="DURATION",
        help=f"how long it is muted (default: {MUTED}), or slowed (default: {SLOWED})",
    )
    alarms.add_argument("--clear", action="store_true", help="with mute: take it back")
    alarms.add_argument("--last", "-n", type=from_one, metavar="N", default=20, help="how many (default: %(default)s)")
    add_json(alarms)
    add_socket(alarms)


def _alarms(options: argparse.Namespace) -> int:
    if options.action != "mute" and (options.client or options.clear):
        reject(options, _("--client and --clear go with `alarms mute KIND`"))
    if options.action not in ("mute", "slow") and options.lasts:
        reject(options, _("--for goes with `alarms mute KIND` and `alarms slow N`"))
    if options.action is None:
        document = fetch(options, "/v1/alarms", {"limit": str(options.last)})
        return show_document(options, "alarms", "alarms_page", document, paged=True)
    if options.what is None:
        example = (
            "alarms mute surge --client tv --for 7d" if options.action == "mute" else f"alarms {options.action} 12"
        )
        reject(options, _("say which: `{example}`", example=example))
    document = {"fine": _fine, "slow": _slow, "mute": _mute}[options.action](options)
    return show_document(options, "alarms", "alarms_page", document)


def _fine(options: argparse.Namespace) -> dict[str, object]:
    return command(options, "/v1/alarms/fine", {"number": _number(options)})


def _slow(options: argparse.Namespace) -> dict[str, object]:
    body = {"number": _number(options), "seconds": _seconds(options, SLOWED)}
    return command(options, "/v1/alarms/slow", body)


def _number(options: argparse.Namespace) -> int:
    if not (options.what.isascii() and options.what.isdigit()):
        reject(options, _("`{word}` is no number; `alarms` shows those of all alarms", word=options.what))
    return int(options.what)


def _seconds(options: argparse.Namespace, default: str) -> int:
    try:
        return parse_duration(options.lasts or default)
    except ValueError as error:
        reject(options, str(error))


def _mute(options: argparse.Namespace) -> dict[str, object]:
    kinds = [kind.value for kind in AlarmKind]
    if options.what not in (*kinds, "all"):
        reject(options, _("`{word}` is no kind of alarm: {kinds}, or all", word=options.what, kinds=_KINDS))
    body: dict[str, object] = {} if options.what == "all" else {"kind": options.what}
    if options.client:
        body["client"] = options.client
    if options.clear:
        return command(options, "/v1/alarms/mute", {**body, "clear": True})
    return command(options, "/v1/alarms/mute", {**body, "seconds": _seconds(options, MUTED)})
