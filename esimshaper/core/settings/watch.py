# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `watch` -> what counts as abnormal use, what follows from it, and who is exempt. Pure."""

import re
from dataclasses import replace

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import SubjectKind
from esimshaper.core.model.units import parse_duration
from esimshaper.core.model.watch import ASKED_FOR, AlarmKind, Reaction, Watch, WatchLevel
from esimshaper.core.settings.amounts import rate_from, size_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.subjects import Known, parse_subject

LONGEST_SECONDS = 2 * 86400
"""A device is not new for longer."""
DEFAULT_SECONDS = 3600
"""Of a block or a throttle, where nobody says."""
_OFF, _BLOCK, _THROTTLE, _FOR = "off", "block", "throttle", "for"
_MINUTES = re.compile(r"(?<=[0-9]) ?min\b")


def watch_from(tree: Block, known: Known | None) -> Watch:
    """The Watch of the configuration; where something is wrong, a problem more and what is right of it."""
    written = tree.get("watch", WatchLevel.NORMAL.value)
    if isinstance(written, str):
        return Watch(WatchLevel(written))
    block = tree.block("watch")
    off = frozenset(kind for kind in AlarmKind if block.get(kind.value, _OFF if kind in ASKED_FOR else "") == _OFF)
    plain = Watch(WatchLevel(block.get("level", WatchLevel.NORMAL)), off, _exempt(block, known))
    allow, seconds = _newcomer(block)
    reactions = {kind: reaction for kind in AlarmKind if (reaction := _reaction(block, kind.value))}
    whole = Watch(plain.level, off, plain.exempt, allow, seconds or plain.newcomer_seconds, reactions)
    return replace(whole, night=_night(block, plain.night))


def _reaction(block: Block, key: str) -> Reaction | None:
    """What follows from alarms of a kind; None for a notice only."""
    if key == AlarmKind.NEWCOMER and isinstance(block.get(key), dict):
        block, key = block.block(key), "then"
    written = block.get(key)
    if written == _BLOCK:
        return Reaction(DEFAULT_SECONDS)
    if not isinstance(written, dict):
        return None
    inner = block.block(key)
    if inner.has(_BLOCK) == inner.has(_THROTTLE) or (inner.has(_BLOCK) and inner.has(_FOR)):
        inner.refuse((), "this is neither a block nor a throttle", "Write {block: 1h} or {throttle: 256kbit, for: 1h}.")
        return None
    seconds = inner.parse(_BLOCK, _length, "Write for how long, for example {block: 1h}.")
    if inner.has(_BLOCK):
        return Reaction(seconds) if seconds else None
    seconds = inner.parse(_FOR, _length, "Write for how long, for example {throttle: 256kbit, for: 1h}.")
    rate = rate_from(inner, _THROTTLE)
    return Reaction(seconds or DEFAULT_SECONDS, rate) if rate else None


def _exempt(block: Block, known: Known | None) -> frozenset[ClientKey]:
    if known is None:
        return frozenset()

    def client(text: str) -> ClientKey:
        subject = parse_subject(text, known)
        if subject.kind is not SubjectKind.CLIENT:
            raise ValueError(f"`{text}` is not the name of a client")
        return ClientKey(subject.id)

    listed = [(place, text) for place, text in enumerate(block.get("exempt", ())) if text is not None]
    hint = "Write names that are under `clients`, for example [nas, alice-laptop]."
    found = (block.parse_value(("exempt", place), text, client, hint) for place, text in listed)
    return frozenset(key for key in found if key)


def _newcomer(block: Block) -> tuple[int | None, int | None]:
    if not isinstance(block.get("newcomer", ""), dict):
        return None, None
    inner = block.block("newcomer")
    return size_from(inner, "allow", 1), inner.parse("in", _length, "Write a length of time, for example 30m or 2h.")


def _length(text: str) -> int:
    seconds = parse_duration(_MINUTES.sub("m", text))
    if seconds > LONGEST_SECONDS:
        raise ValueError(f"`{text}` is longer than two days")
    return seconds


def _night(block: Block, default: tuple[int, int]) -> tuple[int, int]:
    if not block.has("night"):
        return default
    begin, end = map(int, str(block.get("night")).split("-"))
    return begin, end
