# SPDX-License-Identifier: GPL-2.0-or-later
"""What the owner should look at again: approvals that end soon, and what moves much and was never asked about. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from esimshaper.core.approval import notices
from esimshaper.core.model.approval import DAY, Approval, ApprovalState
from esimshaper.core.model.approval_answers import Due, answer_for, hierarchy, of_answer
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.rules import Rules

WEEK = 7 * DAY


def due(kept: ApprovalState, rules: Rules, now: float) -> Due:
    """The list of now."""
    ending = (each for each in kept.answers if each.approved and each.until is not None)
    soon = tuple(each for each in ending if each.until is not None and each.until - now < WEEK)
    heavy = {
        key: use
        for key, use in kept.uses.items()
        if use.heavy
        and now - use.heavy < WEEK
        and not use.waits
        and not answer_for(kept.answers, hierarchy(rules, key[0]), key[1])
    }
    return Due(soon, heavy)


def weekly(kept: ApprovalState, rules: Rules, settings: Approval, now: int) -> tuple[ApprovalState, tuple[Notice, ...]]:
    """`kept` and the notice of the list, once a week if there is anything in it."""
    if now - kept.audited < WEEK:
        return kept, ()
    found = due(kept, rules, now)
    uses = {key: use for key, use in kept.uses.items() if use.waits or now - use.seen < settings.lasts}
    came = {key: at for key, at in kept.came.items() if now - at < settings.lasts or any(key == one for one, _ in uses)}
    kept = replace(kept, audited=now, uses=uses, came=came)
    number = len(found.answers) + len(found.uses)
    if not number:
        return kept, ()
    return kept, (notices.audit(number, _moved(kept, rules, found), now),)


def _moved(kept: ApprovalState, rules: Rules, found: Due) -> Mapping[str, int]:
    """Bytes by service, of all that is on the list."""
    sums: dict[str, int] = {}
    for (_, service), use in found.uses.items():
        sums[service] = sums.get(service, 0) + use.all_down + use.all_up
    for answer in found.answers:
        moved = sum(use.all_down + use.all_up for _, use in of_answer(kept, rules, answer))
        sums[answer.service] = sums.get(answer.service, 0) + moved
    return sums
