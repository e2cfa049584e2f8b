# SPDX-License-Identifier: GPL-2.0-or-later
"""What people decided for services comes back from the database as it was."""

from contextlib import closing
from dataclasses import replace

from esimshaper.core.model.decisions import ByHand, DecisionKind, LowDataByHand, LowDataMode, LowSince, RulesState
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind
from esimshaper.edge.history.database import History
from tests.edge.history.test_faults import booking

TV, KIDS = Subject(SubjectKind.CLIENT, ClientKey("02:00:00:00:00:11")), Subject(SubjectKind.GROUP, "kids")
RULES = RulesState(
    (
        ByHand(TV, "youtube", DecisionKind.BLOCK, 20, 7220),
        ByHand(EVERYONE, "updates", DecisionKind.ALLOW, 10),
    ),
    (LowDataByHand(KIDS, LowDataMode.ON, 5),),
    (LowSince(EVERYONE, 7, "80 % of quota plan are used"),),
)


def with_rules(rules: RulesState):
    one = booking(1)
    return replace(one, baseline=replace(one.baseline, rules=rules))


def test_everything_comes_back(tmp_path):
    with closing(History(tmp_path / "history.db")) as history:
        history.save(with_rules(RULES))
    with closing(History(tmp_path / "history.db")) as history:
        assert history.load().rules == RULES
        history.save(with_rules(replace(RULES, hand=RULES.hand[1:], automatic=())))
    with closing(History(tmp_path / "history.db")) as history:
        assert history.load().rules == replace(RULES, hand=RULES.hand[1:], automatic=())
