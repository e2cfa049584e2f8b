# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `plan`: what the terms of plans mean, in words. Needs no daemon."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import os
import sys
from pathlib import Path

from esimshaper.cli.base import WRONG_USE, Verbs, add_json, add_verb, print_json, show_document
from esimshaper.cli.services import LANGUAGES, language
from esimshaper.core.model.documents import DOCUMENT_VERSION


def add_verb_plan(verbs: Verbs) -> None:
    """`plan`."""
    plan = add_verb(
        verbs,
        "plan",
        _check,
        "says what the terms of plans mean in plain words, or all that is wrong with them",
        "esimshaper plan check /usr/share/doc/esimshaper/plans/travel.yaml",
    )
    plan.add_argument("action", metavar="ACTION", choices=("check",), help="check")
    plan.add_argument("file", type=Path, metavar="FILE", help="a file with a list of plans")
    plan.add_argument("--language", choices=LANGUAGES, help="of the words (default: that of the terminal, else en)")
    add_json(plan, "print JSON, with money as decimal strings")


def _check(options: argparse.Namespace) -> int:
    from esimshaper.core.plan.terms import terms_of
    from esimshaper.edge.settings_file import SettingsError
    from esimshaper.edge.settings_file.plans import read_plans
    from esimshaper.views.plan_words import words_of

    document = {"version": DOCUMENT_VERSION, "file": str(options.file)}
    spoken = options.language or language(os.environ)
    try:
        terms = [terms_of(plan) for plan in read_plans(options.file)]
    except SettingsError as error:
        if options.json:
            print_json({**document, "valid": False, "problems": error.documents, "plans": []})
        else:
            print(error, file=sys.stderr)
        return WRONG_USE
    plans = [{**each, "words": words_of(each, spoken)} for each in terms]
    document |= {"valid": True, "problems": [], "language": spoken, "plans": plans}
    return show_document(options, "plan_words", "plans_page", document, paged=True)
