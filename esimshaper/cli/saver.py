# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `saver`: what the data saver saved, and how that is known."""

import argparse

from esimshaper.cli.base import Verbs, add_json, add_socket, add_verb, fetch, show_document


def add_verb_saver(verbs: Verbs) -> None:
    """`saver`."""
    saver = add_verb(
        verbs,
        "saver",
        _saver,
        "shows what each part of the data saver saved: what is estimated, and how well, and what nobody can know",
        "sudo esimshaper saver",
    )
    add_json(saver)
    add_socket(saver)


def _saver(options: argparse.Namespace) -> int:
    return show_document(options, "saver", "saver_page", fetch(options, "/v1/saver"))
