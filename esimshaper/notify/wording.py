# SPDX-License-Identifier: GPL-2.0-or-later
"""What a job says to people: a subject and a text. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    """`subject` has one line."""

    subject: str
    body: str


def text_of(job: Mapping[str, Any], language: str, size: str) -> Text:  # noqa: ARG001 - one text for now
    """The kinds of its notices, whom they are about, and their values."""
    notices: Sequence[Mapping[str, Any]] = job.get("notices") or ()
    lines = [" ".join(filter(None, (str(each["kind"]), each.get("client")))) for each in notices]
    return Text(f"esimshaper: {lines[0] if lines else job.get('form', '')}", "\n".join(lines))
