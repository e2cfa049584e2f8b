# SPDX-License-Identifier: GPL-2.0-or-later
"""What the data saver saved, as far as it is known; asked by documents, and worked out once. Pure."""

from functools import lru_cache

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.measure import NO_SAMPLE, Estimate, Finding, Sample
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.core.saver.estimate import estimate


def findings(state: State, rules: Rules) -> tuple[Finding, ...]:
    """Of each pace of the settings; two for the same services are one."""
    found: dict[str, Finding] = {}
    for pace in rules.paces:
        samples: dict[ClientKey, Sample] = {}
        mine = {key: each for key, each in state.measure.kept.samples.items() if key.what == pace.written}
        for key, each in mine.items():
            samples[key.client] = samples.get(key.client, NO_SAMPLE) + each
        found.setdefault(pace.written, Finding(pace, _estimate(tuple(sorted(mine.values()))), samples))
    return tuple(found.values())


@lru_cache(maxsize=8)
def _estimate(samples: tuple[Sample, ...]) -> Estimate | None:
    """A thousand draws take a small processor some tenths of a second."""
    return estimate(samples)
