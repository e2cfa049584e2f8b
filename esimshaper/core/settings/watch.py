# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `watch` -> what counts as abnormal use, what follows from it, and who is exempt. Pure."""

import re
from dataclasses import replace

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import SubjectKind
from esimshaper.core.model.units import parse_duration
from esimshaper.core.model.watch import AlarmKind, Watch, WatchLevel
from esimshaper.core.settings.amounts import size_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.subjects import Known, parse_subject

LONGEST_SECONDS = 2 * 86400
"""A device is not new for longer."""
DEFAULT_BLOCK = 3600
"""Seconds, where nobody says."""
_OFF, _BLOCK = "off", "block"
_MINUTES = re.compile(r"(?<=[0-9]) ?min\b")


def watch_from(tree: Block, known: Known | None) -> Watch:
    """The Watch of the configuration; where something is wrong, a problem more and what is right of it."""
    written = tree.get("watch", WatchLevel.NORMAL.value)
    if isinstance(written, str):
        return Watch(WatchLevel(written))
    block = tree.block("watch")
    off = frozenset(kind for kind in AlarmKind if block.get(kind.value) == _OFF)
    plain = Watch(WatchLevel(block.get("level", WatchLevel.NORMAL)), off, _exempt(block, known))
    allow, seconds = _newcomer(block)
    blocks = {kind: length for kind in AlarmKind if (length := _block_length(block, kind.value))}
    whole = Watch(plain.level, off, plain.exempt, allow, seconds or plain.newcomer_seconds, blocks)
    return replace(whole, night=_night(block, plain.night))


def _block_length(block: Block, key: str) -> int | None:
    """For how long alarms of a kind block their client; None for not at all."""
    if key == AlarmKind.NEWCOMER and isinstance(block.get(key), dict):
        block, key = block.block(key), "then"
    written = block.get(key)
    if written == _BLOCK:
        return DEFAULT_BLOCK
    if not isinstance(written, dict):
        return None
    return block.block(key).parse(_BLOCK, _length, "Write for how long, for example {block: 1h}.")


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
