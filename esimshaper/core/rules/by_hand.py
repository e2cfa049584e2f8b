# SPDX-License-Identifier: GPL-2.0-or-later
"""What people decide for services by hand -> another RulesState. Pure."""

from collections.abc import Collection
from dataclasses import replace
from difflib import get_close_matches

from esimshaper.core.model.decisions import ByHand, LowDataByHand, RulesState
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import Subject

MAX_BY_HAND = 64
"""So many decisions by hand hold at once."""


def refuse_unknown(what: str, known: Collection[str]) -> None:
    """Raises Unusable if no service and no category is called `what`."""
    if what in known:
        return
    near = get_close_matches(what.lower(), sorted(known), n=1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    raise Unusable(f"no service and no category is called `{what}`", f"{meant}`esimshaper services` shows their names.")


def decided(kept: RulesState, new: ByHand) -> RulesState:
    """`kept` with a decision in front, in the place of one on the same. Raises Unusable."""
    others = tuple(each for each in kept.hand if (each.subject, each.what) != (new.subject, new.what))
    if len(others) >= MAX_BY_HAND:
        hint = "`esimshaper rules` shows them; `esimshaper unblock SERVICE --client NAME` takes one back."
        raise Unusable(f"{MAX_BY_HAND} decisions on services are in force by hand already", hint)
    return replace(kept, hand=(new, *others))


def cleared(kept: RulesState, subject: Subject, what: str) -> RulesState:
    """`kept` without the decision on that. Raises Unusable if there is none."""
    others = tuple(each for each in kept.hand if (each.subject, each.what) != (subject, what))
    if len(others) == len(kept.hand):
        raise Unusable(f"nothing was decided by hand on `{what}` there", "`esimshaper rules` shows what holds.")
    return replace(kept, hand=others)


def switched(kept: RulesState, subject: Subject, new: LowDataByHand | None) -> RulesState:
    """`kept` with another mode for a subject; None: as in the settings, or as for the wider one."""
    others = tuple(each for each in kept.low_data if each.subject != subject)
    return replace(kept, low_data=(*others, new) if new else others)


def merged(saved: RulesState, given_up: RulesState) -> RulesState:
    """`saved`, with what people did while it could not be read: `given_up` has that."""
    hand = {(each.subject, each.what): each for each in (*given_up.hand[::-1], *saved.hand[::-1])}
    hand |= {(each.subject, each.what): each for each in given_up.hand}
    low_data = {each.subject: each for each in (*saved.low_data, *given_up.low_data)}
    newest_first = sorted(hand.values(), key=lambda each: each.at, reverse=True)
    return replace(saved, hand=tuple(newest_first[:MAX_BY_HAND]), low_data=tuple(low_data.values()))
