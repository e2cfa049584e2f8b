# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `notify`: how people are told, and whether that works."""

import argparse
import threading
from typing import Any

from esimshaper.cli.base import DONE, FAILED, Verbs, add_json, add_socket, add_verb, command, fetch, show_document
from esimshaper.cli.parser import reject
from esimshaper.core.model.notices import Severity
from esimshaper.edge.host import clock
from esimshaper.languages.texts import _

LOOK_SECONDS = 0.5
TAKEN_SECONDS = 20
"""The sender asks every few seconds; if it has not taken a test by then, it does not run."""
DONE_SECONDS = 150
"""Longer than any try may take."""
_OPEN = ("waiting", "trying")
_ACTIONS = ("test", "quiet", "min")
_LEAST = (*(each.value for each in Severity), "settings")


def add_verb_notify(verbs: Verbs) -> None:
    """`notify`."""
    notify = add_verb(
        verbs,
        "notify",
        _notify,
        "shows by which channels people are told, and what waits there; test sends a message by one, or by each, and "
        "says step by step what happened; quiet and min choose in place of the settings",
        "sudo esimshaper notify test email",
    )
    notify.add_argument(
        "action", metavar="ACTION", nargs="?", choices=_ACTIONS, help="test, quiet or min; nothing: show them"
    )
    notify.add_argument(
        "what",
        metavar="WHAT",
        nargs="?",
        help="of test and min the channel, for example email; of quiet hours such as 22:00-07:00, off, or settings",
    )
    notify.add_argument(
        "least", metavar="LEAST", nargs="?", choices=_LEAST, help=f"of min: {', '.join(_LEAST)}: what the channel tells"
    )
    add_json(notify)
    add_socket(notify)


def _notify(options: argparse.Namespace) -> int:
    if (options.action == "min") != (options.least is not None) or (options.action == "quiet" and not options.what):
        reject(options, _("it is `notify quiet HOURS`, `notify min CHANNEL LEAST` or `notify test [CHANNEL]`"))
    if options.action is None:
        return show_document(options, "notify", "notify_page", fetch(options, "/v1/notify"))
    if options.action == "quiet":
        changed = command(options, "/v1/notify/quiet", {"hours": options.what})
        return show_document(options, "notify", "notify_page", changed)
    if options.action == "min":
        changed = command(options, "/v1/notify/min", {"channel": options.what, "min": options.least})
        return show_document(options, "notify", "notify_page", changed)
    begun = command(options, "/v1/notify/test", {"channel": options.what} if options.what else {})
    document = _ended(options, begun["jobs"])
    show_document(options, "notify", "test_page", document)
    return DONE if all(each["fate"] == "sent" for each in document["tests"]) else FAILED


def _ended(options: argparse.Namespace, jobs: list[int]) -> dict[str, Any]:
    """The tests once all have ended, or as they are when nobody takes them."""
    began = clock.monotonic()
    while True:
        document = fetch(options, "/v1/notify")
        tests = [each for each in document["tests"] if each["id"] in jobs]
        open_ones, waited = [each for each in tests if each["fate"] in _OPEN], clock.monotonic() - began
        nobody = waited > TAKEN_SECONDS and all(each["fate"] == "waiting" for each in open_ones)
        if not open_ones or nobody or waited > DONE_SECONDS:
            return {**document, "tests": tests}
        threading.Event().wait(LOOK_SECONDS)
