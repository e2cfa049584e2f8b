# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `replay`: recorded use under the rules and plans of a configuration. Needs no daemon."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from esimshaper.cli.base import DONE, WRONG_USE, Verbs, add_json, add_verb
from esimshaper.core.model.errors import Unusable
from esimshaper.edge.host.paths import CONFIG_FILE

LINES_A_STEP = 500


def add_verb_replay(verbs: Verbs) -> None:
    """`replay`."""
    replay = add_verb(
        verbs,
        "replay",
        _replay,
        "says what a configuration would have done with recorded use: who is blocked when, notices, money",
        "esimshaper replay usage.csv --config trial.yaml",
    )
    text = "recorded use as CSV: an export, or time,client,down_bytes,up_bytes, and service,uplink if you like"
    replay.add_argument("usage", type=Path, metavar="FILE", help=text)
    shown = f"the configuration with quotas, blocks and plans (default: {CONFIG_FILE})"
    replay.add_argument("--config", type=Path, metavar="FILE", default=CONFIG_FILE, help=shown)
    replay.add_argument("--abroad", action="store_true", help="all of it is roaming, for plans that count it apart")
    add_json(replay, "print a line of JSON for each event, and last the state at the end")


def _replay(options: argparse.Namespace) -> int:
    from esimshaper.core.replay import replayed
    from esimshaper.daemon.configuration import rules_of
    from esimshaper.edge.imports.recorded import read_recorded
    from esimshaper.edge.settings_file import SettingsError, read_settings
    from esimshaper.edge.settings_file.catalogue import FOLDER, read_services

    try:
        loaded = read_settings(options.config)
        services = read_services(options.config.parent / FOLDER)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    records = read_recorded(options.usage)
    categories = {each.name: each.category for each in reversed(services) if each.category}
    rules = replace(rules_of(loaded.settings), categories=categories)
    events = replayed(rules, loaded.settings.plans, records, roaming=options.abroad)
    told = _print_json(events) if options.json else _show(events)
    if not told:
        raise Unusable(f"{options.usage} has no record", "write a line for each time and client below the first line")
    return DONE


def _print_json(events: Iterator[dict[str, Any]]) -> int:
    number = 0
    for event in events:
        print(json.dumps(event, ensure_ascii=False))
        number += 1
    return number


def _show(events: Iterator[dict[str, Any]]) -> int:
    """Prints what happens as it comes: a long file need not fit into memory."""
    from esimshaper.views.page import show
    from esimshaper.views.replay import replay_page

    number = 0
    while some := list(islice(events, LINES_A_STEP)):
        show(replay_page(some))
        number += len(some)
    return number
