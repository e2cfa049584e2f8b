# SPDX-License-Identifier: GPL-2.0-or-later
"""Which plan to buy, as a document (JSON types): `esimshaper recommend`. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.money import write_money
from esimshaper.core.plan.recommend import VARIANTS, Advice, Outcome, Pair
from esimshaper.core.plan.terms import moment_of

Document = dict[str, Any]


def advice_document(advice: Advice, use: Mapping[str, Any], assumes: Sequence[str]) -> Document:
    """All of the advice; `use`: how much in how many hours, and where that is from."""
    return {
        "version": DOCUMENT_VERSION,
        "best": advice.outcomes[0].plan.name,
        "plans": [_outcome(each, advice.trials.get(each.plan.name)) for each in advice.outcomes],
        "pair": _pair(advice.pair) if advice.pair else None,
        "free": [_outcome(each, None) for each in advice.free],
        "use": dict(use),
        "assumes": list(assumes),
    }


def _outcome(outcome: Outcome, fitting: int | None) -> Document:
    plan = outcome.plan
    return {
        "name": plan.name,
        "cost": write_money(outcome.cost, plan.currency),
        "currency": plan.currency or None,
        "slow_hours": outcome.slow_hours,
        "cut_hours": outcome.cut_hours,
        "fits": outcome.fits,
        "confidence": None if fitting is None else {"tried": VARIANTS, "fit": fitting},
    }


def _pair(pair: Pair) -> Document:
    currency = pair.first.currency or pair.second.currency
    return {
        "first": pair.first.name,
        "second": pair.second.name,
        "at": moment_of(pair.at, pair.second.zone),
        "cost": write_money(pair.cost, currency),
        "currency": currency or None,
    }
