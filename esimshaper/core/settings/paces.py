# SPDX-License-Identifier: GPL-2.0-or-later
"""The list `saver.pace` -> Paces. Pure."""

from typing import Any

from esimshaper.core.model.saver import Pace
from esimshaper.core.settings.amounts import rate_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.subjects import Known, subject_from


def paces_from(tree: Block, known: Known | None, *, names: bool) -> tuple[Pace, ...]:
    """The paces in the order of the file. `names`: whether services are counted."""
    saver = tree.block("saver")
    blocks = saver.blocks("pace")
    if blocks and not names:
        message = "services are not counted, as services.names is off, so nobody knows what is video"
        hint = (
            "Write `services: {names: on}`; or hold whole devices by a quota: "
            "{name: slow, for: tv, limit: 1KB, period: day, then: {throttle: 2500kbit}}."
        )
        saver.refuse("pace", message, hint)
    return tuple(filter(None, (_pace(each, known) for each in blocks)))


def _pace(block: Block, known: Known | None) -> Pace | None:
    subject, rate = subject_from(block, known), rate_from(block, "rate")
    services = _words(block.get("only"))
    return Pace(subject, services, rate) if subject and rate and services else None


def _words(written: Any) -> frozenset[str]:  # noqa: ANN401 - a text, or a list of such
    return frozenset({written} if isinstance(written, str) else filter(None, written or ()))
