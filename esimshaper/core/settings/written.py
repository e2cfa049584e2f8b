# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers of a person -> the text of a new configuration. Pure.

It has what was asked and nothing else: all other settings are explained in the example and in esimshaper.yaml(5).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from esimshaper.core.settings.plan_words import Terms

SCHEMA = "/usr/share/esimshaper/esimshaper.schema.json"
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/_.@+-]*")


@dataclass(frozen=True, slots=True)
class Answers:
    """What `esimshaper setup` asks for. zone: empty for that of the box. leases: empty for the default.

    began: the first moment of the plan's first period, in ISO 8601 with an offset; each_began: that of the limit for
    each device. used: what was used of the plan before.
    """

    wan: str
    lans: tuple[str, ...]
    box_zone: str
    zone: str = ""
    leases: tuple[str, ...] = ()
    plan: Terms | None = None
    began: str = ""
    used: str = ""
    each: Terms | None = None
    each_began: str = ""


def configuration(answers: Answers) -> str:
    """The whole file."""
    return "\n".join((*_head(), *_sides(answers), *_zone(answers), *_clients(), *_quotas(answers), ""))


def _head() -> Iterator[str]:
    yield f"# yaml-language-server: $schema=file://{SCHEMA}"
    yield "#"
    yield "# Written by `esimshaper setup`."
    yield "# `man esimshaper.yaml` explains every setting;"
    yield "# `sudo esimshaper reload` puts edits in force."


def _sides(answers: Answers) -> Iterator[str]:
    yield from ("", "wan:", f"  interface: {_scalar(answers.wan)}", "lan:")
    yield f"  interfaces: [{', '.join(map(_scalar, answers.lans))}]"
    if answers.leases:
        yield "  leases:"
        yield from (f"    - {_scalar(path)}" for path in answers.leases)


def _zone(answers: Answers) -> Iterator[str]:
    yield ""
    yield "# Days and months begin at midnight there."
    if answers.zone and answers.zone != answers.box_zone:
        yield f"timezone: {_scalar(answers.zone)}"
    else:
        yield f"# timezone: {answers.box_zone}  # that of this box, if left out"


def _clients() -> Iterator[str]:
    yield ""
    yield "# Names for devices are added by"
    yield "# `sudo esimshaper name DEVICE NAME`."


def _quotas(answers: Answers) -> Iterator[str]:
    plan, each = answers.plan, answers.each
    if not plan and not each:
        yield from ("", "# Nothing is limited.")
        return
    yield from ("", "quotas:")
    if plan:
        yield from _quota("plan", "everyone", plan, answers.began)
        if answers.used:
            yield f"    used: {answers.used}  # before this was written"
    if each:
        yield from _quota("daily" if each.unit == "day" else "each", "each-client", each, answers.each_began)


def _quota(name: str, subject: str, terms: Terms, began: str) -> Iterator[str]:
    yield f"  - name: {name}"
    yield f"    for: {subject}"
    yield f"    limit: {terms.limit}"
    yield f"    period: {terms.period(began)}"
    yield "    warn_at: [80%, 95%]"
    yield f"    then: {terms.action}"


def _scalar(text: str) -> str:
    """`text` as YAML reads it back: bare where that is safe."""
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"
