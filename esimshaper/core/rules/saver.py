# SPDX-License-Identifier: GPL-2.0-or-later
"""The paces of the settings -> the layer of the data saver, which counts last. Pure."""

from collections.abc import Sequence

from esimshaper.core.model.decisions import Decision, DecisionKind, Entry, Layer, LayerName
from esimshaper.core.model.saver import Pace


def layer(paces: Sequence[Pace], at_rest: Sequence[Entry] = ()) -> Layer:
    """At uplinks that are not metered nothing is paced. `at_rest`: what the paces leave alone for now."""
    return Layer(LayerName.SAVER, (*at_rest, *(Entry(each.subject, each.services, _decision(each)) for each in paces)))


def _decision(pace: Pace) -> Decision:
    why = f"the saver paces {pace}"
    return Decision(DecisionKind.PACE, LayerName.SAVER, why, pace.rate, metered_only=True, share=pace.share)
