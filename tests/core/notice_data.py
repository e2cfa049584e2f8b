# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the values of a notice are those that the list of kinds promises to everybody who makes sentences of them."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from esimshaper.core.model.notices import DATA, KINDS, Notice, Of

_NUMBERS = (Of.BYTES, Of.NUMBER, Of.SECONDS, Of.PERCENT, Of.RATE)


def check(notice: Notice) -> None:
    """Raises AssertionError."""
    facts, said = KINDS[notice.kind], f"{notice.kind} {dict(notice.data)}"
    assert set(facts.keys) <= set(notice.data) <= {*facts.keys, *facts.sometimes}, said
    for key, value in notice.data.items():
        assert value is None or _is(DATA[key], value), f"{key} of {said}"


def _is(what: Of, value: Any) -> bool:
    if what in _NUMBERS:
        return type(value) is int and value >= 0
    if what is Of.MOMENT:
        return datetime.fromisoformat(value).tzinfo is not None
    if what is Of.MONEY:
        return isinstance(value, str) and Decimal(value).is_finite()
    if what in (Of.NAMES, Of.WORDS):
        return all(isinstance(each, str) for each in value)
    if what in (Of.SIZES, Of.DAYS):
        return all(isinstance(name, str) and type(size) is int for name, size in value)
    return isinstance(value, str)
