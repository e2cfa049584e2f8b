# SPDX-License-Identifier: GPL-2.0-or-later
"""What a carrier says in an SMS or by USSD -> what is left, or used, by the rules of the owner. Pure.

Anybody can send an SMS with any sender's name. So what is read here is a proposal, and the daemon bounds it.
"""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MOST_TEXT, MOST_SHOWN = 1000, 160
"""Characters that are looked at, and that the daemon is told."""

UNITS = {
    **dict.fromkeys(("b", "byte", "bytes", "\u30d0\u30a4\u30c8"), 1),
    **dict.fromkeys(("kb", "k", "\u30ad\u30ed\u30d0\u30a4\u30c8"), 10**3),
    **dict.fromkeys(("mb", "m", "mo", "\u30e1\u30ac\u30d0\u30a4\u30c8", "\u30e1\u30ac", "\u5146"), 10**6),
    **dict.fromkeys(("gb", "g", "go", "\u30ae\u30ac\u30d0\u30a4\u30c8", "\u30ae\u30ac"), 10**9),
    **dict.fromkeys(("tb", "t", "to"), 10**12),
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
"""In lower case. Carriers do not say whether theirs are binary; `plan correct` finds that out."""

_TEN_THOUSANDS = "\u4e07"
MOST_BYTES = 10**15

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")


def plain(text: str) -> str:
    """Full-width digits as others (NFKC), one space for many, and no more than MOST_TEXT characters."""
    return " ".join(unicodedata.normalize("NFKC", text[:MOST_TEXT]).split())[:MOST_TEXT]


def is_from(rule: Mapping[str, Any], sender: str) -> bool:
    """Whether a rule is for messages of a sender: the whole name or number, as it stands in the settings."""
    return plain(sender) in [plain(str(each)) for each in rule.get("from") or ()]


def given(rule: Mapping[str, Any], groups: Mapping[str, str | None]) -> dict[str, int | float] | None:
    """What the groups of a match give: {"left": bytes}, {"used": bytes} or {"percent": n}; None where it is none."""
    for name in ("left", "used"):
        if text := groups.get(name):
            unit = UNITS.get((groups.get("unit") or str(rule.get("unit") or "")).strip().lower())
            number = amount(text)
            if unit is None or number is None or not 0 <= (size := int(number * unit)) <= MOST_BYTES:
                return None
            return {name: size}
    number = amount(groups.get("percent") or "")
    return {"percent": float(number)} if number is not None and 0 <= number <= 100 else None


def amount(text: str) -> Decimal | None:
    """A number as carriers write it: 4.5, 4,5, 1,234.5, 1.234,5, 2 ten thousands."""
    text = text.replace(" ", "").replace("'", "").replace("\u00a0", "")
    factor = 1
    if text.endswith(_TEN_THOUSANDS):
        text, factor = text[:-1], 10_000
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        text = text.replace("." if comma > point else ",", "").replace(",", ".")
    elif comma >= 0:
        is_thousands = text.count(",") > 1 or (len(text) - comma == 4 and text[:comma] not in ("", "0"))
        text = text.replace(",", "" if is_thousands else ".")
    return Decimal(text) * factor if _NUMBER.fullmatch(text) else None
