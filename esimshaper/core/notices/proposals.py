# SPDX-License-Identifier: GPL-2.0-or-later
"""What a carrier's message says -> a figure for `plan correct`, within bounds; or why it is only noted. Pure.

Anybody can send an SMS with any sender's name. So a figure never lets more data pass: one that says less than we count
is only noted by `plan correct`. And one that says much more is not believed, or a stranger could block a house.
"""

from decimal import Decimal

from esimshaper.core.model.notify_requests import ProposalCommand
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.plan_state import PlanTally
from esimshaper.core.model.requests import Figure, PlanCorrectCommand

NEAR_PERCENT = 20
NEAR_BYTES = 100_000_000
"""A figure that is off by more than this share of what we count, and by more than so many bytes, is for a person."""
EVERY_SECONDS = 3600
"""A message corrects a plan so often at most."""


class NotBelieved(Exception):  # noqa: N818 - it is noted, no fault
    """Why a figure is only noted, as a sentence."""


def correction(proposal: ProposalCommand, plan: Plan, tally: PlanTally | None, now: float) -> PlanCorrectCommand:
    """The command that a proposal comes to. Raises NotBelieved."""
    main = tally.main_count(plan) if tally else None
    if tally is None or main is None or main.window is None:
        raise NotBelieved(f"plan {plan.name} has no period that it could be of")
    if any(now - each.at < EVERY_SECONDS for each in tally.corrections):
        raise NotBelieved("the plan was corrected less than an hour ago")
    (what, amount), *_ = proposal.gives.items()
    if what != "used" and tally.left is None:
        raise NotBelieved(f"plan {plan.name} has no end that it could be a part of")
    whole = main.used + (tally.left or 0)
    said = {"used": amount, "left": whole - amount, "percent": whole * amount / 100}[what]
    if not 0 <= said <= max(whole, main.used):
        raise NotBelieved("it is more than the plan has")
    if abs(said - main.used) > max(NEAR_BYTES, main.used * NEAR_PERCENT // 100):
        raise NotBelieved("it differs too much from what was counted")
    return PlanCorrectCommand(plan.name, Figure(Decimal(int(said)), "B"))
