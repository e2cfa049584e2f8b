# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `services`: what the bytes were for; and lists of names as services of the owner's own."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import sys
from pathlib import Path

from esimshaper.cli.base import (
    DONE,
    FAILED,
    Verbs,
    add_client,
    add_json,
    add_socket,
    add_verb,
    fetch,
    show_document,
    whose,
)
from esimshaper.cli.parser import reject
from esimshaper.cli.past import SINCE
from esimshaper.core.model.errors import Unusable
from esimshaper.languages.texts import _, spoken

IMPORT = "import"
LARGEST_BYTES = 1_000_000
"""Of a list: at some 20 bytes a name, ten times as many as are taken, since lists hold names that others cover."""


def add_verb_services(verbs: Verbs) -> None:
    """`services`."""
    services = add_verb(
        verbs,
        "services",
        _services,
        "says what the bytes were for: youtube, icloud, updates; import FILE makes a service of a list of names",
        "esimshaper services alice-phone --since monday",
    )
    add_client(services)
    services.add_argument(
        "list", metavar="FILE", nargs="?", type=Path, help="after the word import: a list of host names"
    )
    services.add_argument("--category", metavar="CATEGORY", help="only this kind of services: video, updates, ads ...")
    services.add_argument("--service", metavar="SERVICE", help="only this one, and who used it")
    services.add_argument("--since", metavar="WHEN", help=f"{SINCE} (default: today)")
    services.add_argument("--as", dest="called", metavar="WORD", help="with import: its name (default: of the FILE)")
    add_json(services)
    add_socket(services)


def _services(options: argparse.Namespace) -> int:
    if options.name == IMPORT and options.list:
        return _import(options)
    if options.list:
        odd = _("one word too many: `{word}`", word=options.list)
        reject(options, odd + _("; `services import FILE` reads a list of host names"))
    if options.name == IMPORT:
        reject(options, "`import` needs a FILE, a list of host names; a device of this name is `--client import`")
    if options.called:
        reject(options, "--as goes with `import FILE`")
    wanted = {"since": options.since, "category": options.category, "service": options.service}
    params = {**{name: value for name, value in wanted.items() if value}, **whose(options)}
    document = fetch(options, "/v1/services", params)
    return show_document(options, "services", "services_page", document, paged=True, language=spoken())


def _import(options: argparse.Namespace) -> int:
    from esimshaper.core.settings.name_lists import service_of_list
    from esimshaper.views.page import printable

    file: Path = options.list
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise Unusable(f"{file}: {error.strerror}") from None
    if len(content) > LARGEST_BYTES:
        raise Unusable(f"{file} has more than {LARGEST_BYTES:,} bytes", "take a shorter list, or the part that matters")
    made = service_of_list(content.decode(errors="replace"), options.called or file.stem, options.category)
    for problem in (*made.problems, *made.left_out):
        message = printable(problem.message)  # of strangers, who may write to a terminal more than text
        print(f"{file}:{problem.line}: {message}" if problem.line else message, file=sys.stderr)
    if made.problems:
        return FAILED
    print(made.text, end="")
    return DONE
