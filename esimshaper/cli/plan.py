# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `plan`: how plans stand, what a person does to them, and what their terms mean in words."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from esimshaper.cli.base import (
    WRONG_USE,
    Verbs,
    add_json,
    add_socket,
    add_verb,
    command,
    fetch,
    print_json,
    show_document,
)
from esimshaper.cli.limits import size_from
from esimshaper.cli.parser import reject
from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.plan import Event
from esimshaper.core.model.typed import typed_clock, typed_size
from esimshaper.languages.choice import NAMES
from esimshaper.languages.texts import _, spoken

ACTIONS = ("check", "start", "add", "switch", "reset", "correct")
_OPTIONS = {
    "check": {"language"},
    "start": {"at", "event"},
    "add": {"price", "ends", "plan"},
    "switch": {"uplink"},
    "reset": set[str](),
    "correct": {"at", "lower", "plan"},
    "": set[str](),
}
"""What goes with each action, beside --json and --socket."""
_FIGURE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGT]i?B|B)")


def add_verb_plan(verbs: Verbs) -> None:
    """`plan`."""
    plan = add_verb(
        verbs,
        "plan",
        _plan,
        "shows what was bought, left and spent, and what comes next; or tells of what you bought, or of the carrier's "
        "own figure; or says what the terms of plans mean, or all that is wrong with them (check)",
        "esimshaper plan correct 3.2GB",
    )
    plan.add_argument("action", metavar="ACTION", nargs="?", choices=ACTIONS, help=", ".join(ACTIONS))
    what = "check: a file with plans; start, switch, reset: the plan; add: how much; correct: the figure, with its unit"
    plan.add_argument("what", metavar="WHAT", nargs="*", help=what)
    plan.add_argument("--plan", metavar="PLAN", help="of add and correct: the plan, where it is not the one in use")
    at = "of start: when it was bought; of correct: when the figure was right: 18:00, yesterday or 2026-11-20"
    plan.add_argument("--at", metavar="TIME", help=at)
    events = [event.value for event in Event]
    plan.add_argument("--event", choices=events, help="of start: what --at is the time of")
    plan.add_argument("--price", metavar="AMOUNT", help="of add: what it cost, in the currency of the plan")
    ends = 'of add: when it lapses: "2026-12-31 23:59", "fri 18:00"; without, as in the terms, or with the plan'
    plan.add_argument("--ends", metavar="TIME", help=ends)
    plan.add_argument("--uplink", metavar="UPLINK", help="of switch: which uplink has it now")
    plan.add_argument("--lower", action="store_true", help="of correct: count less, too, if the carrier says less")
    plan.add_argument("--language", choices=tuple(NAMES), help="of check: that of the words (default: of the terminal)")
    add_json(plan, "print JSON, with money as decimal strings")
    add_socket(plan)


def _plan(options: argparse.Namespace) -> int:
    action = options.action or ""
    named = {"language", "at", "event", "price", "ends", "plan", "uplink", "lower"}
    odd = [name for name in sorted(named - _OPTIONS[action]) if getattr(options, name)]
    if odd:
        option = f"--{odd[0]}"
        if not action:
            reject(options, _("{option} does not go with `plan` alone", option=option))
        reject(options, _("{option} does not go with `{command}`", option=option, command=f"plan {action}"))
    if action == "check":
        return _check(options)
    if not action:
        return show_document(options, "plans", "plan_page", fetch(options, "/v1/plan"), paged=True)
    body = {"add": _added, "correct": _figure}.get(action, _named)(options)
    for name in ("at", "event", "price", "uplink", "plan"):
        if getattr(options, name):
            body[name] = getattr(options, name)
    if options.ends:
        body["ends"] = typed_clock(options.ends)
    return show_document(options, "plans", "acted_page", command(options, f"/v1/plan/{action}", body))


def _named(options: argparse.Namespace) -> dict[str, Any]:
    if len(options.what) > 1:
        one, other, *_more = options.what
        reject(options, _("one plan at a time: `{one}` or `{other}`", one=one, other=other))
    if options.action == "switch" and not options.what:
        reject(options, _("say which plan: `{command}`", command="esimshaper plan switch NAME"))
    return {"plan": options.what[0]} if options.what else {}


def _added(options: argparse.Namespace) -> dict[str, Any]:
    try:
        return {"bytes": size_from("".join(options.what))} if options.what else {}
    except argparse.ArgumentTypeError as error:
        reject(options, str(error))


def _figure(options: argparse.Namespace) -> dict[str, Any]:
    written = typed_size("".join(options.what))
    found = _FIGURE.fullmatch(written)
    if found is None:
        reject(options, _("say what the carrier shows, as it shows it, with its unit: `esimshaper plan correct 3.2GB`"))
    return {"figure": found[1], "unit": found[2], "lower": options.lower}


def _check(options: argparse.Namespace) -> int:
    from esimshaper.core.plan.terms import terms_of
    from esimshaper.edge.settings_file import SettingsError
    from esimshaper.edge.settings_file.plans import read_plans
    from esimshaper.views.plan_words import words_of

    if len(options.what) != 1:
        reject(options, _("name one file: `{command}`", command="esimshaper plan check FILE"))
    file = Path(options.what[0])
    document = {"version": DOCUMENT_VERSION, "file": str(file)}
    language = options.language or spoken()
    try:
        terms = [terms_of(plan) for plan in read_plans(file)]
    except SettingsError as error:
        if options.json:
            print_json({**document, "valid": False, "problems": error.documents, "plans": []})
        else:
            print(error, file=sys.stderr)
        return WRONG_USE
    plans = [{**each, "words": words_of(each, language)} for each in terms]
    document |= {"valid": True, "problems": [], "language": language, "plans": plans}
    return show_document(options, "plan_words", "plans_page", document, paged=True)
