# SPDX-License-Identifier: GPL-2.0-or-later
"""What is blocked or paced for one device, as that device may see it. Pure.

held    {"what": service or category, all services of which are meant, "titles": {language: name for people} of a
         service, "category": bool, it is one, "decision": "pace" | "block", "rate_bits_per_second": int or null,
         "layer": as in rules.py, "why": str, "until" + "until_unix": null where there is none}
"""

from collections.abc import Iterable, Mapping

from esimshaper.core.model.decisions import Decision, DecisionKind, LayerName
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.services import name_of_number
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, moment
from esimshaper.core.report.rules import whole_categories
from esimshaper.core.report.services import category_of, titles_of


def held_of(state: State, facts: DaemonFacts, client: ClientKey) -> list[Document]:
    """Each `held` of the module's docstring, what is blocked first.

    What holds at other uplinks only is left out, and what waits for approval: review.py has that.
    """
    reading, decisions = state.meter.reading, state.rules.decisions
    if reading is None or not decisions:
        return []
    is_metered = any(each.metered for each in facts.uplinks)
    found: dict[Decision, set[str]] = {}
    for account, owner in reading.owners.items():
        for number, decision in decisions.get(account, {}).items() if owner == client else ():
            if decision.layer is LayerName.APPROVAL or decision.kind is DecisionKind.ALLOW:
                continue
            if is_metered or not decision.metered_only:
                found.setdefault(decision, set()).add(name_of_number(number, reading.service_names))
    known = reading.service_names.values()
    entries = [entry for decision, names in found.items() for entry in _entries(facts, decision, names, known)]
    return sorted(entries, key=lambda each: (each["decision"] != "block", not each["category"], each["what"]))


def _entries(facts: DaemonFacts, decision: Decision, names: set[str], known: Iterable[str]) -> Iterable[Document]:
    whole = whole_categories(names, facts, known)
    rest = {name for name in names if category_of(name, facts.catalogue) not in whole}
    yield from (_entry(decision, what, {}, facts, is_category=True) for what in whole)
    yield from (_entry(decision, what, titles_of(what, facts.catalogue), facts, is_category=False) for what in rest)


def _entry(
    decision: Decision, what: str, titles: Mapping[str, str], facts: DaemonFacts, *, is_category: bool
) -> Document:
    return {
        "what": what,
        "titles": titles,
        "category": is_category,
        "decision": decision.kind.value,
        "rate_bits_per_second": decision.rate or None,
        "layer": decision.layer.value,
        "why": decision.why,
        **moment("until", decision.until, facts.now.tzinfo),
    }
