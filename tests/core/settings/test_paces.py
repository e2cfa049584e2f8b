# SPDX-License-Identifier: GPL-2.0-or-later
"""`saver.pace` in the configuration: whose films get which rate, and what is wrong with it."""

from dataclasses import replace

import pytest

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.saver import Pace
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.paces import paces_from
from esimshaper.core.settings.subjects import Known

TV = ClientKey("02:00:00:00:00:11")
KNOWN = Known({"tv": TV}, {"kids"})
EACH = Subject(SubjectKind.EACH_CLIENT)


def parsed(*paces, names=True):
    problems = []
    return paces_from(Block({"saver": {"pace": [*paces]}}, problems), KNOWN, names=names), problems


def pace(**more):
    return {"for": "each-client", "only": "video", "rate": "2500kbit"} | more


def test_paces_stand_in_the_order_of_the_file():
    first = Pace(Subject(SubjectKind.CLIENT, TV), frozenset({"youtube", "hidden"}), 1_500_000)
    written = pace(**{"for": "tv"}, only=["youtube", "hidden"], rate="1500kbit")
    assert parsed(written, pace()) == ((first, Pace(EACH, frozenset({"video"}), 2_500_000)), [])


def test_the_share_is_that_of_the_services_wherever_they_stand():
    one, other = (Pace(EACH, frozenset(names), 8_000) for names in (["b", "a"], ["a", "b"]))
    assert one.share == replace(other, rate=16_000).share
    assert one.share != replace(one, services=frozenset({"a"})).share


@pytest.mark.parametrize(
    ("wrong", "path", "message"),
    [
        (pace(**{"for": "vt"}), ("saver", "pace", 0, "for"), "no client is named `vt`, and no group"),
        (pace(rate="3bit"), ("saver", "pace", 0, "rate"), "`3bit` is not between 8kbit and 10gbit"),
    ],
)
def test_a_mistake_in_a_pace_is_said_at_its_place(wrong, path, message):
    (problem,) = parsed(wrong)[1]
    assert (problem.path, problem.message) == (path, message)


def test_without_names_it_is_said_what_holds_whole_devices():
    (problem,) = parsed(pace(), names=False)[1]
    assert problem.path == ("saver", "pace")
    assert "throttle: 2500kbit" in problem.hint
