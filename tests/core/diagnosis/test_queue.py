# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of the queue that the uplink has, where it is not ours."""

from dataclasses import replace

import pytest

from esimshaper.core.diagnosis.limits import CHECKS
from esimshaper.core.model.box import Severity, Wanted
from tests.core.diagnosis.healthy_box import GOOD, LAN, WAN


def said(**changed) -> list[str]:
    facts = replace(GOOD, interfaces=(replace(WAN, **changed), LAN), wanted=Wanted("wwan0", ("br0",)))
    found = [finding for check in CHECKS for finding in check(facts) if finding.check == "qdisc"]
    assert all(finding.severity is Severity.OK for finding in found)
    return [finding.sentence for finding in found]


@pytest.mark.parametrize(
    ("queue", "words"),
    [("fq_codel", "the queue of wwan0 (fq_codel) drops are not billed, and not counted"), ("noqueue", "has no queue")],
)
def test_the_queue_of_the_uplink_is_named_with_what_becomes_of_its_drops(queue, words):
    (sentence,) = said(queue=queue)
    assert words in sentence
    assert "an estimate" in sentence


def test_quotas_that_name_uplinks_or_a_plan_are_listed():
    wanted = Wanted("wwan0", ("br0",), scopes={"daily": "uplink hotel", "trip": "plan japan"})
    found = [each.sentence for check in CHECKS for each in check(replace(GOOD, wanted=wanted))]
    assert any(each.startswith("daily looks at uplink hotel only; trip looks at plan japan only.") for each in found)


def test_nothing_is_said_of_an_uplink_that_is_down():
    assert said(queue="noop", up=False) == []
