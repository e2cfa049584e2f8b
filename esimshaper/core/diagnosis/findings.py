# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts about a box -> all findings of `doctor`, in plain words. Pure.

A check is a small function from the facts to its findings, and says nothing of facts that could not be found out. The
sentence of a finding names the consequence for the person, its hint an exact command where there is one.
"""

from collections.abc import Iterable

from esimshaper.core.diagnosis import (
    box,
    hints,
    ipsec,
    limits,
    marks,
    modems,
    network,
    notify,
    page,
    plans,
    receivers,
    resolver,
    service,
    services,
    shapers,
    sides,
    tunnels,
)
from esimshaper.core.model.box import BoxFacts, Finding, Findings, Severity

CHECKS = (
    *box.CHECKS,
    *limits.CHECKS,
    *network.CHECKS,
    *sides.CHECKS,
    *receivers.CHECKS,
    *marks.CHECKS,
    *shapers.CHECKS,
    *tunnels.CHECKS,
    *ipsec.CHECKS,
    *service.CHECKS,
    *services.CHECKS,
    *modems.CHECKS,
    *plans.CHECKS,
    *hints.CHECKS,
    *resolver.CHECKS,
    *page.CHECKS,
    *notify.CHECKS,
)
"""In the order in which a person would repair things."""

NOT_SEEN = "This could not be examined"
"""How the sentence begins of each finding about a fact that could not be found out."""


def diagnose(facts: BoxFacts) -> tuple[Finding, ...]:
    """The findings of all checks, and what could not be examined with its reason; the worst come first."""
    found = (*(finding for check in CHECKS for finding in check(facts)), *_unseen(facts))
    return in_order(found)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst findings first; those that are as bad as each other stay in their order."""
    worst_first = list(reversed(Severity))
    return tuple(sorted(findings, key=lambda each: worst_first.index(each.severity)))


def _unseen(facts: BoxFacts) -> Findings:
    """Facts that could not be found out: where this process lacks rights, in one line, as that is the reason."""
    if facts.unknown and box.lacks_rights(facts):
        yield Finding.note("privileges", f"{NOT_SEEN} without them: {', '.join(sorted(facts.unknown))}.")
        return
    for check, why in facts.unknown.items():
        yield Finding.warning(check, f"{NOT_SEEN}: {why.rstrip('.')}.")
