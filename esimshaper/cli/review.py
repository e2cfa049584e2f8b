# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `review`: services that wait for the owner's word, and that word."""

import argparse
import sys
from typing import Any

from esimshaper.cli.base import DONE, Verbs, add_json, add_socket, add_verb, agree, command, fetch, show_document
from esimshaper.cli.parser import reject
from esimshaper.core.model.review_requests import Word
from esimshaper.core.model.units import parse_duration
from esimshaper.languages.texts import _

ALWAYS = "always"


def add_verb_review(verbs: Verbs) -> None:
    """`review`."""
    review = add_verb(
        verbs,
        "review",
        _review,
        "shows services that wait for your word, what was answered, and what to look at again; on a terminal it asks "
        "about each that waits",
        "sudo esimshaper review approve 3 --to everyone --for 90d",
    )
    words = ", ".join(word.value for word in Word)
    review.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        choices=[word.value for word in Word],
        help=f"{words}: lets it pass, blocks it, asks again; nothing: show them",
    )
    review.add_argument("what", metavar="N|SERVICE", nargs="?", help="its number, or the name of a service with --to")
    review.add_argument("--to", metavar="SUBJECT", help="for whom it holds: a client, group/NAME or everyone")
    review.add_argument(
        "--for",
        dest="lasts",
        metavar="DURATION",
        help="how long it holds, or always (default: as the configuration says)",
    )
    review.add_argument("--list", action="store_true", help="ask nothing on a terminal either")
    add_json(review)
    add_socket(review)


def _review(options: argparse.Namespace) -> int:
    if options.action is None:
        return _show(options)
    if options.what is None:
        reject(options, _("say which: `{example}`", example=f"review {options.action} 3"))
    body = _what(options)
    if options.action == Word.FORGET.value and (options.to or options.lasts):
        reject(options, _("--to and --for go with `review approve` and `review refuse`"))
    if options.to:
        body["subject"] = options.to
    body |= _lasts(options)
    document = command(options, f"/v1/review/{options.action}", body)
    return show_document(options, "review", "review_page", document)


def _show(options: argparse.Namespace) -> int:
    if options.to or options.lasts:
        reject(options, _("--to and --for go with `review approve` and `review refuse`"))
    document = fetch(options, "/v1/review")
    asks = not options.list and not options.json and sys.stdin.isatty() and sys.stdout.isatty()
    show_document(options, "review", "review_page", document, paged=not asks)
    return _ask(options, document) if asks and document["waiting"] else DONE


def _ask(options: argparse.Namespace, document: dict[str, Any]) -> int:
    """Asks about each that waits; whoever ends the input leaves the rest waiting."""
    from esimshaper.views.review import question  # noqa: PLC0415 - as in main.py

    for use in document["waiting"]:
        try:
            says_yes = agree(question(use), default=False)
        except EOFError:
            print()  # noqa: T201 - a command line prints
            return DONE
        word = Word.APPROVE if says_yes else Word.REFUSE
        if says_yes or agree(_("Block it then? Else it goes on to wait"), default=False):
            document = command(options, f"/v1/review/{word.value}", {"number": use["number"]})
    return show_document(options, "review", "review_page", document)


def _what(options: argparse.Namespace) -> dict[str, object]:
    written = options.what
    if written.isascii() and written.isdigit():
        return {"number": int(written)}
    if options.action == Word.FORGET.value:
        reject(options, _("`{word}` is no number; `review` shows those of all answers", word=written))
    if not options.to:
        reject(options, _("say for whom: `{example}`", example=f"review {options.action} {written} --to everyone"))
    return {"service": written}


def _lasts(options: argparse.Namespace) -> dict[str, object]:
    if not options.lasts:
        return {}
    if options.lasts == ALWAYS:
        return {"always": True}
    try:
        return {"seconds": parse_duration(options.lasts)}
    except ValueError as error:
        reject(options, str(error))
