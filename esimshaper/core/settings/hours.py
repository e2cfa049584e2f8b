# SPDX-License-Identifier: GPL-2.0-or-later
"""`hours` of a quota -> its Hours, and the list `blocks` -> Curfews. Pure."""

from datetime import tzinfo

from esimshaper.core.model.limits import Curfew, SubjectKind
from esimshaper.core.model.time_of_day import Hours, Span, parse_span
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.periods import Zones, zone_from
from esimshaper.core.settings.subjects import Known, subject_from

MAX_BLOCKS = 64
_HINT = 'Write hours as "23:00-07:00", or with the days on which they begin: "mon-fri 22:00-06:30".'


def hours_from(block: Block, zone: tzinfo | None) -> Hours | None:
    """The `hours` of `block` in its `zone`; None where there are none, or where they or the zone are wrong."""
    return hours_at(block, "hours", zone)


def hours_at(block: Block, key: str, zone: tzinfo | None) -> Hours | None:
    """The same at another key."""
    written = block.get(key)
    texts = written if isinstance(written, list) else [written]
    spans: list[Span] = []
    for position, text in enumerate(texts):
        if text is None:
            continue
        where = (key, position) if isinstance(written, list) else key
        span = block.parse_value(where, text, parse_span, _HINT)
        spans += [span] if span else []
    if not spans or zone is None:
        return None
    return Hours(tuple(spans), zone, ", ".join(text for text in texts if text))


def curfews_from(tree: Block, known: Known | None, default: tzinfo | None, zones: Zones) -> tuple[Curfew, ...]:
    """All blocks that a Curfew can be made of, in their order. `default` is the time zone of those that name none."""
    blocks = tree.blocks("blocks")
    if len(blocks) > MAX_BLOCKS:
        message = f"{len(blocks)} blocks are listed, but there is room for {MAX_BLOCKS}"
        tree.refuse(("blocks", MAX_BLOCKS), message, "One block can be for a group, and have several hours.")
    return tuple(filter(None, (_curfew(block, known, default, zones) for block in blocks)))


def _curfew(block: Block, known: Known | None, default: tzinfo | None, zones: Zones) -> Curfew | None:
    zone = zone_from(block, "timezone", zones) if block.has("timezone") else default
    subject, hours = subject_from(block, known), hours_from(block, zone)
    if subject is not None and subject.kind is SubjectKind.EACH_CLIENT:
        block.refuse("for", "a block is not for each-client", "Write everyone: then it holds for each of them.")
    return None if subject is None or hours is None else Curfew(subject, hours)
