# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs of rules by service: `rules` says who is held by what, `low-data` switches that mode."""

import argparse

from esimshaper.cli.base import Verbs, add_client, add_json, add_socket, add_verb, command, fetch, show_document, whose
from esimshaper.cli.parser import reject
from esimshaper.core.model.decisions import LowDataMode
from esimshaper.languages.texts import _

_CLEAR = "settings"


def add_verbs(verbs: Verbs) -> None:
    """`rules` and `low-data`."""
    rules = add_verb(
        verbs,
        "rules",
        _rules,
        "says which services are blocked, paced or allowed for whom, and why",
        "esimshaper rules tv",
    )
    add_client(rules)
    low_data = add_verb(
        verbs,
        "low-data",
        _low_data,
        "switches low-data mode on or off, or to auto; without a word, says whom it holds and what it holds back",
        "sudo esimshaper low-data on --for group/kids",
    )
    low_data.add_argument(
        "mode",
        metavar="MODE",
        nargs="?",
        choices=(*(each.value for each in LowDataMode), _CLEAR),
        help="on, off, auto (by quotas and the plan), or settings: as the configuration says again",
    )
    low_data.add_argument(
        "--for",
        dest="subject",
        metavar="SUBJECT",
        help="whom: everyone (if left out), the name of a client, client/NAME or group/NAME",
    )
    for verb in (rules, low_data):
        add_json(verb)
        add_socket(verb)


def _rules(options: argparse.Namespace) -> int:
    return show_document(options, "rules", "rules_page", fetch(options, "/v1/rules", whose(options)), paged=True)


def _low_data(options: argparse.Namespace) -> int:
    if options.mode is None:
        if options.subject:
            reject(options, _("say on, off, auto or settings: `{command}`", command="low-data on --for tv"))
        return show_document(options, "rules", "low_data_page", fetch(options, "/v1/low-data", {}), paged=True)
    body = {"mode": options.mode, **({"subject": options.subject} if options.subject else {})}
    return show_document(options, "rules", "low_data_page", command(options, "/v1/low-data", body))
