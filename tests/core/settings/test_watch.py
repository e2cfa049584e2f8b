# SPDX-License-Identifier: GPL-2.0-or-later
"""`watch` of the configuration."""

import pytest

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.watch import AlarmKind, Reaction, Watch, WatchLevel
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.subjects import Known
from esimshaper.core.settings.watch import watch_from

KNOWN = Known({"nas": ClientKey("02:00:00:00:00:11")}, {"kids"})


def parsed(tree):
    problems = []
    return watch_from(Block(tree, problems), KNOWN), problems


def test_it_is_on_if_nobody_says_otherwise():
    assert parsed({}) == (Watch(WatchLevel.NORMAL), [])


@pytest.mark.parametrize("level", WatchLevel)
def test_a_word_is_the_level(level):
    assert parsed({"watch": level.value}) == (Watch(level), [])


def test_a_block_says_each_kind():
    tree = {
        "level": "strict",
        "upload": "off",
        "nobody-home": "off",
        "surge": "notify",
        "newcomer": {"allow": "30MB", "in": "1h"},
        "exempt": ["nas", "router"],
        "night": "23-5",
    }
    off = frozenset({AlarmKind.UPLOAD, AlarmKind.NOBODY_HOME, AlarmKind.NAMELESS})
    exempt = frozenset({ClientKey("02:00:00:00:00:11"), ClientKey("router")})
    assert parsed({"watch": tree}) == (Watch(WatchLevel.STRICT, off, exempt, 30_000_000, 3600, night=(23, 5)), [])


def test_kinds_may_block_for_a_time():
    tree = {"surge": "block", "upload": {"block": "30m"}, "newcomer": {"allow": "30MB", "then": {"block": "2h"}}}
    watch, problems = parsed({"watch": tree})
    assert watch.reactions == {
        AlarmKind.SURGE: Reaction(3600),
        AlarmKind.UPLOAD: Reaction(1800),
        AlarmKind.NEWCOMER: Reaction(7200),
    }
    assert problems == []
    assert parsed({"watch": {"newcomer": {"then": "block"}}})[0].reactions == {AlarmKind.NEWCOMER: Reaction(3600)}
    assert parsed({"watch": {"newcomer": {"in": "90min"}}})[0].newcomer_seconds == 5400


def test_what_is_sent_to_addresses_without_a_name_is_looked_for_where_it_is_asked_for():
    assert not parsed({"watch": {"surge": "notify"}})[0].looks_for(AlarmKind.NAMELESS)
    assert parsed({"watch": {"nameless": "notify"}})[0].looks_for(AlarmKind.NAMELESS)
    assert parsed({"watch": {"nameless": "block"}})[0].reactions == {AlarmKind.NAMELESS: Reaction(3600)}


@pytest.mark.parametrize(
    ("tree", "path", "message"),
    [
        ({"exempt": ["nsa"]}, ("watch", "exempt", 0), "no client is named `nsa`"),
        ({"exempt": ["group/kids"]}, ("watch", "exempt", 0), "`group/kids` is not the name of a client"),
        ({"newcomer": {"in": "3d"}}, ("watch", "newcomer", "in"), "`3d` is longer than two days"),
        ({"surge": {"block": "3d"}}, ("watch", "surge", "block"), "`3d` is longer than two days"),
        ({"newcomer": {"allow": "0B"}}, ("watch", "newcomer", "allow"), "`0B` is not between 1B and 1000TB"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tree, path, message):
    (problem,) = parsed({"watch": tree})[1]
    assert (problem.path, problem.message.split(",")[0]) == (path, message)
