# SPDX-License-Identifier: GPL-2.0-or-later
"""What the owner said to a service: for whom it holds, when it ends, and what follows for a client. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from esimshaper.core.model.approval import Answer, ApprovalState, Use
from esimshaper.core.model.approval_answers import answer_for, hierarchy
from esimshaper.core.model.decisions import Decision, DecisionKind, Entry, Layer, LayerName
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.rules import Rules

MAX_ANSWERS = 1024


def answered(kept: ApprovalState, answer: Answer, rules: Rules) -> ApprovalState:
    """`kept` with an answer in the place of an earlier one; what it is about waits no more."""
    others = (each for each in kept.answers if (each.subject, each.service) != (answer.subject, answer.service))
    freed = {
        key: use._replace(waits=0, heavy=0, known=True, asked=0) if _covers(answer, rules, key) else use
        for key, use in kept.uses.items()
    }
    return replace(kept, answers=(*others, answer)[-MAX_ANSWERS:], uses=freed)


def without(kept: ApprovalState, gone: Iterable[Answer], rules: Rules) -> ApprovalState:
    """`kept` without these answers: what they were about is new again, and waits once it moves much."""
    left_out = set(gone)
    left = tuple(each for each in kept.answers if each not in left_out)
    if len(left) == len(kept.answers):
        return kept
    uses = {key: _renewed(key, use, left_out, left, rules) for key, use in kept.uses.items()}
    return replace(kept, answers=left, uses=uses)


def expired(kept: ApprovalState, rules: Rules, now: float) -> ApprovalState:
    """`kept` without the answers that have ended."""
    return without(kept, [each for each in kept.answers if each.until is not None and each.until <= now], rules)


def _renewed(
    key: tuple[ClientKey, str], use: Use, gone: Iterable[Answer], left: tuple[Answer, ...], rules: Rules
) -> Use:
    whose = hierarchy(rules, key[0])
    if answer_for(left, whose, key[1]) or not answer_for(gone, whose, key[1]):
        return use
    # What was moved while the answer held was approved: only what comes now is held against it.
    return use._replace(known=False, down=0, up=0, waits=0, number=0, asked=0)


def _covers(answer: Answer, rules: Rules, key: tuple[ClientKey, str]) -> bool:
    return key[1] == answer.service and answer.subject in hierarchy(rules, key[0])


def layer_of(before: Layer, kept: ApprovalState, rate: int) -> Layer:
    """What is held by `kept`; the very same as `before` where that has not changed. `rate`: of what waits, in bit/s."""
    # An answer to a client counts more than one to its group, and so on: of the entries the first that fits counts.
    ranked = sorted(kept.answers, key=lambda each: _RANKS.index(each.subject.kind))
    waits = {key: use.number for key, use in kept.uses.items() if use.waits}
    entries = (*map(_answered, ranked), *(_waiting(*key, number, rate) for key, number in waits.items()))
    return before if entries == before.entries else Layer(LayerName.APPROVAL, entries)


_RANKS = (SubjectKind.CLIENT, SubjectKind.GROUP, SubjectKind.EVERYONE)


def _answered(answer: Answer) -> Entry:
    what = frozenset({answer.service})
    if answer.approved:
        return Entry(answer.subject, what, None)
    why = f"refused by answer {answer.number} of `esimshaper review`"
    block = Decision(DecisionKind.BLOCK, LayerName.APPROVAL, why, metered_only=True, until=answer.until)
    return Entry(answer.subject, what, block)


def _waiting(client: ClientKey, service: str, number: int, rate: int) -> Entry:
    why = f"waits to be approved: `esimshaper review approve {number}`"
    pace = Decision(DecisionKind.PACE, LayerName.APPROVAL, why, rate, metered_only=True)
    return Entry(Subject(SubjectKind.CLIENT, client), frozenset({service}), pace)
