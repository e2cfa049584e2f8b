# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts about a box -> all findings of `doctor`, in plain words. Pure.

A check is a small function from the facts to its findings, and says nothing of facts that could not be found out. The
sentence of a finding names the consequence for the person, its hint an exact command where there is one.
"""

from esimshaper.core.diagnosis import box, ipsec, limits, marks, network, receivers, service, shapers, sides, tunnels
from esimshaper.core.model.box import BoxFacts, Finding

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
)
"""In the order in which a person would repair things."""

NOT_SEEN = "This could not be examined"
"""How the sentence begins of each finding about a fact that could not be found out."""


def diagnose(facts: BoxFacts) -> tuple[Finding, ...]:
    """The findings of all checks, and what could not be examined with its reason."""
    judged = (finding for check in CHECKS for finding in check(facts))
    unseen = (Finding.warning(check, f"{NOT_SEEN}: {why.rstrip('.')}.") for check, why in facts.unknown.items())
    return (*judged, *unseen)
