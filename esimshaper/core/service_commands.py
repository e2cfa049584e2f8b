# SPDX-License-Identifier: GPL-2.0-or-later
"""What people decide for services: each function turns a State into another, to be saved with the next tick. Pure."""

from collections.abc import Collection
from dataclasses import replace

from esimshaper.core.model.decisions import ByHand, DecisionKind, LowDataByHand, LowDataMode, RulesState
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import Subject
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import BUILT_IN
from esimshaper.core.model.state import State
from esimshaper.core.rules import by_hand


def decide(
    state: State, rules: Rules, subject: Subject, what: str, kind: DecisionKind, until: int | None = None
) -> State:
    """Blocks or allows a service or a category for a subject, over all rules, until it is taken back, or to `until`.

    Raises Unusable.
    """
    names = _counted(state)
    by_hand.refuse_unknown(what, {*rules.categories, *rules.categories.values(), *names, *BUILT_IN})
    new = ByHand(subject, what, kind, int(state.clock.time), until)
    return _with_kept(state, by_hand.decided(_kept(state), new))


def clear(state: State, subject: Subject, what: str) -> State:
    """Takes such a decision back. Raises Unusable."""
    return _with_kept(state, by_hand.cleared(_kept(state), subject, what))


def switch_low_data(state: State, subject: Subject, mode: LowDataMode | None) -> State:
    """Low-data mode for a subject; None: as in the settings, or as for its group and everyone. Raises Unusable."""
    _counted(state)
    new = LowDataByHand(subject, mode, int(state.clock.time)) if mode else None
    kept = by_hand.switched(_kept(state), subject, new)
    # What was found by itself is looked at again at once.
    after = _with_kept(state, kept)
    return replace(after, rules=replace(after.rules, looked=0.0))


def _counted(state: State) -> Collection[str]:
    """The services that the kernel counts apart. Raises Unusable if it counts none."""
    _kept(state)
    names = state.meter.reading.service_names.values() if state.meter.reading else ()
    if not names:
        hint = "Write `services: {names: on}`, and restart the service."
        raise Unusable("services are not counted, as services.names is off", hint)
    return names


def _kept(state: State) -> RulesState:
    if state.meter.booked is None:
        raise Unusable("nothing has been read yet", "Try again in a second.")
    return state.rules.kept


def _with_kept(state: State, kept: RulesState) -> State:
    return replace(state, rules=replace(state.rules, kept=kept), saving=replace(state.saving, urgent=True))
