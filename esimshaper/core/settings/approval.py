# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `approval` -> what waits for the owner's word, and for how long that holds. Pure."""

from esimshaper.core.model.approval import MONTH, PACE, Approval
from esimshaper.core.model.limits import EACH_CLIENT, Subject, SubjectKind
from esimshaper.core.model.units import MAX_SECONDS, parse_duration
from esimshaper.core.settings.amounts import rate_from, size_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.subjects import Known, parse_subject

_LEAST = 1_000_000
"""Less is moved by anything that somebody opens once."""
_LONGEST = range(86400, MAX_SECONDS + 1)


def approval_from(tree: Block, known: Known | None, *, names: bool) -> Approval | None:
    """The Approval of the configuration, None without one; where something is wrong, a problem more. `names`: services
    are counted."""
    if not tree.has("approval"):
        return None
    block = tree.block("approval")
    if not names:
        message = "services are not counted, as services.names is off, so nothing could wait"
        block.refuse("above", message, "Write `services: {names: on}`, or remove `approval`.")
    written = str(block.get("above", ""))
    percent = block.parse("above", _percent, _SHARE) if written.endswith("%") else 0
    above = 0 if written.endswith("%") else size_from(block, "above", _LEAST)
    lasts = block.parse("expires", _length, "Write for how long an approval holds, for example 30d.")
    rate, subject = rate_from(block, "pace"), _subject(block, known)
    whose = subject or EACH_CLIENT
    return Approval(above or 0, percent or 0, whose, lasts or MONTH, rate or PACE, bool(block.get("first_day", False)))


_SHARE = "Write a share of the day from 1% to 100%, or an amount such as 100MB."


def _percent(text: str) -> int:
    share = int(text.removesuffix("%"))
    if not 1 <= share <= 100:
        raise ValueError(f"`{text}` is not between 1% and 100%")
    return share


def _length(text: str) -> int:
    seconds = parse_duration(text)
    if seconds not in _LONGEST:
        raise ValueError(f"`{text}` is not between a day and {MAX_SECONDS // 86400} days")
    return seconds


def _subject(block: Block, known: Known | None) -> Subject | None:
    """Each client, those of a group, or one."""
    if known is None or not block.has("for"):
        return None

    def whose(text: str) -> Subject:
        subject = parse_subject(text, known)
        if subject.kind is SubjectKind.EVERYONE:
            raise ValueError("`everyone` is all devices together, and each device is looked at by itself")
        return subject

    return block.parse("for", whose, "Write each-client, a client, or group/NAME.")
