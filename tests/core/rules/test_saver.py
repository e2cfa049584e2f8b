# SPDX-License-Identifier: GPL-2.0-or-later
"""The data saver paces what the settings name, where the uplink is metered, and says so."""

from esimshaper.core.model.decisions import DecisionKind, Entry
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.saver import Pace
from esimshaper.core.rules.saver import layer

EACH = Subject(SubjectKind.EACH_CLIENT)


def test_each_pace_is_an_entry_in_the_order_of_the_settings():
    paces = (Pace(EACH, frozenset({"youtube"}), 1_500_000), Pace(EACH, frozenset({"video"}), 2_500_000))
    first, second = layer(paces).entries
    assert isinstance(first, Entry)
    assert (first.subject, first.what) == (EACH, frozenset({"youtube"}))
    assert second.decision
    assert (second.decision.kind, second.decision.rate) == (DecisionKind.PACE, 2_500_000)
    assert second.decision.metered_only
    assert second.decision.share != first.decision.share
    assert second.decision.why == "the saver paces video at 2.50 Mbit/s"
