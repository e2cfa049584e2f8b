# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of approval, continued: which answer counts for whom, and what it is about. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from esimshaper.core.model.approval import Answer, ApprovalState, Use
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.rules import Hierarchy, Rules


class Due(NamedTuple):
    """What is to be looked at again. answers: approvals that end within a week. uses: what moved more than the
    threshold on a day of the last week, and no answer is about."""

    answers: tuple[Answer, ...]
    uses: Mapping[tuple[ClientKey, str], Use]


NOTHING_DUE = Due((), {})


def hierarchy(rules: Rules, client: ClientKey) -> Hierarchy:
    """A client, its group, everyone."""
    return rules.hierarchy(Subject(SubjectKind.CLIENT, client))


def answer_for(answers: Iterable[Answer], whose: Hierarchy, service: str) -> Answer | None:
    """The answer that counts: that to the client itself, else to its group, else to everyone."""
    found = {each.subject: each for each in answers if each.service == service and each.subject in whose}
    return next((found[subject] for subject in whose if subject in found), None)


def held_of(kept: ApprovalState, whose: Hierarchy, client: ClientKey) -> Mapping[str, Answer | None]:
    """What a client used and may not use freely now, by service: the answer that refuses it, None for what waits."""
    found: dict[str, Answer | None] = {}
    for (of, service), use in kept.uses.items():
        if of == client:
            answer = answer_for(kept.answers, whose, service)
            if use.waits or (answer and not answer.approved):
                found[service] = None if use.waits else answer
    return found


def of_answer(kept: ApprovalState, rules: Rules, answer: Answer) -> Iterable[tuple[ClientKey, Use]]:
    """What clients did with the service that an answer is about."""
    return (
        (client, use)
        for (client, service), use in kept.uses.items()
        if service == answer.service and answer.subject in hierarchy(rules, client)
    )
