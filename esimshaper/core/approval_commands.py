# SPDX-License-Identifier: GPL-2.0-or-later
"""What the owner says to services that wait: approve, refuse, ask again; functions turn a State into another. Pure.

An answer is saved with the next tick.
"""

from dataclasses import replace

from esimshaper.core.approval import answers, audit
from esimshaper.core.model.approval import Answer, Approval, ApprovalState
from esimshaper.core.model.approval_answers import NOTHING_DUE, Due, held_of
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.rules import Hierarchy, Rules
from esimshaper.core.model.state import State

ALWAYS = 0
"""An end that never comes."""


def answer(
    state: State, rules: Rules, number: int, subject: Subject | None, end: int | None, *, approved: bool
) -> State:
    """The owner's word to the question of that number, or another one to an answer of that number. Raises Unusable.

    `subject`: for whom it holds; None: for the client that asks, or for whom the answer was. `end`: until then; ALWAYS;
    None: as the settings say.
    """
    settings, kept = _settings(rules), state.approval.kept
    earlier = next((each for each in kept.answers if each.number == number), None)
    if earlier:
        found, service = earlier.subject, earlier.service
    else:
        client, service = _question(kept, number)
        found = Subject(SubjectKind.CLIENT, client)
    now = int(state.clock.time)
    new = Answer(number, subject or found, service, approved, now, _until(end, now, settings))
    return _answered(state, rules, new, earlier)


def answer_service(
    state: State, rules: Rules, service: str, subject: Subject, end: int | None, *, approved: bool
) -> State:
    """The owner's word to a service of `subject`, before or after it has asked; the rest is as in `answer`."""
    settings, now = _settings(rules), int(state.clock.time)
    new = Answer(state.approval.kept.number, subject, service, approved, now, _until(end, now, settings))
    after = _answered(state, rules, new, None)
    kept = after.approval.kept
    return _with(after, replace(kept, number=kept.number + 1))


def ask_again(state: State, rules: Rules, number: int) -> State:
    """The answer of that number holds no more: its service is new again. Raises Unusable."""
    kept = state.approval.kept
    gone = [each for each in kept.answers if each.number == number]
    if not gone:
        raise Unusable(f"there is no answer {number}", "`esimshaper review` shows them with their numbers.")
    return _with(state, answers.without(kept, gone, rules))


def ask(state: State, whose: Hierarchy, client: ClientKey, service: str) -> State:
    """A client asks for a service that waits, or that was refused; `whose`: of the client. Raises Unusable."""
    kept, now = state.approval.kept, int(state.clock.time)
    if not state.approval.rate or service not in held_of(kept, whose, client):
        raise Unusable(f"{service} is not held back by approval", "The page shows what is; load it again.")
    uses = {**kept.uses, (client, service): kept.uses[client, service]._replace(asked=now)}
    return _with(state, replace(kept, uses=uses))


def due(state: State, rules: Rules) -> Due:
    """What is to be looked at again, as the list of a week has it."""
    return audit.due(state.approval.kept, rules, state.clock.time) if rules.approval else NOTHING_DUE


def _until(end: int | None, now: int, settings: Approval) -> int | None:
    return None if end == ALWAYS else now + settings.lasts if end is None else end


def _answered(state: State, rules: Rules, new: Answer, earlier: Answer | None) -> State:
    kept = state.approval.kept
    if earlier:
        kept = replace(kept, answers=tuple(each for each in kept.answers if each is not earlier))
    return _with(state, answers.answered(kept, new, rules))


def _settings(rules: Rules) -> Approval:
    if rules.approval is None:
        example = "approval: {above: 100MB, for: each-client, expires: 30d}"
        raise Unusable("nothing waits, as the configuration has no `approval`", f"For example `{example}`.")
    return rules.approval


def _question(kept: ApprovalState, number: int) -> tuple[ClientKey, str]:
    for key, use in kept.uses.items():
        if use.number == number and use.waits:
            return key
    raise Unusable(f"nothing waits under the number {number}", "`esimshaper review` shows what waits.")


def _with(state: State, kept: ApprovalState) -> State:
    """`state` with other memories of approval, to be in force and saved at the next tick."""
    layer = answers.layer_of(state.approval.layer, kept, state.approval.rate)
    after = replace(state.approval, kept=kept, layer=layer)
    return replace(state, approval=after, saving=replace(state.saving, urgent=True))
