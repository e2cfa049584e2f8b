# SPDX-License-Identifier: GPL-2.0-or-later
"""A carrier that is slow and does not say so: what is taken for that, what is not, and how it ends."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from esimshaper.core.model.ceiling import Beat, CeilingSlice
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, ClientState, Level, Window
from esimshaper.core.model.plan_state import KeptCount, KeptCourse, KeptLot, PlanState, PlanTally, UplinkPlan
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.shaping import Side
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.model.uplink import Means, UplinkCounters
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.shaping import ceiling
from esimshaper.core.shaping.ceiling import ceiling_of

ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")
DOWN, UP = ("wan", Side.DOWNLOAD), ("wan", Side.UPLOAD)
WAN = Uplink("wan", "wwan0", interfaces=("wwan0",))
KBIT = 125
"""Bytes."""


@dataclass
class Link:
    """The room, fed second by second with what two devices got."""

    uplink: Uplink = WAN
    slice: CeilingSlice = field(default_factory=CeilingSlice)
    plans: PlanState = field(default_factory=PlanState)
    by_terms: dict[str, int] = field(default_factory=dict)
    states: dict = field(default_factory=dict)
    at: float = 1000.0
    heard: list = field(default_factory=list)

    def second(self, alice=0, bob=0, *, up=(0, 0), waiting=0, seconds=1.0):
        before, self.at = Reading(7, self.at, {}, {}), self.at + seconds
        reading = Reading(7, self.at, {}, {})
        waits = UplinkCounters(1, Means.TAP, waiting=waiting) if waiting else None
        seen = Observation(reading, uplink=waits)
        rules = Rules("wwan0", UTC, uplinks=(self.uplink,))
        moment = Moment(1.8e9 + self.at, trusted=True)
        tick = Tick(rules, moment, seen, Step.between(None, before, reading), {}, {})
        sizes = {ALICE: (alice, up[0]), BOB: (bob, up[1])}
        usage = {who: Counters(int(down), int(sent), 1, 1) for who, (down, sent) in sizes.items() if down or sent}
        self.slice = ceiling.advance(self.slice, tick, {"wan": usage}, self.plans, self.by_terms, self.states)
        self.heard += self.slice.new

    def held_for(self, seconds, carrier, dice, *, demand=10**9):
        """Two devices that take what the carrier and we let pass, in changing shares."""
        share = 0.5
        for _ in range(seconds):
            share = min(0.95, max(0.05, share + dice.uniform(-0.3, 0.3)))
            measured = self.slice.measured.get(DOWN)
            ours = measured.allowed * 0.85 if measured else 10**9
            size = min(carrier, ours, demand) / 8 * dice.uniform(0.97, 1.03)
            self.second(size * share, size * (1 - share))

    @property
    def rate(self):
        found = self.slice.measured.get(DOWN)
        return found.carrier if found else 0


@pytest.fixture
def slow():
    """A link whose ceiling is known."""
    link = Link()
    link.held_for(70, 256_000, random.Random(1))
    return link


def test_where_clients_take_from_each_other_and_the_sum_stays_there_is_a_ceiling(slow):
    assert slow.rate == pytest.approx(256_000, rel=0.02)
    (said,) = slow.heard
    assert "the carrier gives wan 25" in said.text
    assert "nothing written says so" in said.text


RECORDED = (
    33, 31, 31, 33, 30, 12, 9, 7, 9, 12, 10, 12, 19, 19, 22, 21, 22, 31, 27, 25, 13, 22, 18, 13, 6, 0, 6, 4, 18, 18,
    16, 18, 16, 25, 31, 28, 31, 27, 16, 16, 16, 1, 0, 4, 1, 3, 16, 16, 13, 21, 7, 31, 28, 30, 19, 15, 15, 15, 15,
)  # fmt: skip
"""kB a second of one of two downloads by CUBIC through a carrier with 256 kbit/s and a queue of 100 KB, in the lab."""


def test_what_was_recorded_of_real_tcp_is_one():
    link = Link()
    for size in RECORDED:
        link.second(size * 1000, 31_800 - size * 1000)
    link.second(15_000, 16_800)
    link.second(15_000, 16_800)
    assert link.rate == pytest.approx(254_400, rel=0.01)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(lambda dice: (16_000, 0), id="radio of 128 kbit/s, or one download: nobody can tell"),
        pytest.param(lambda dice: (16_000, 24_000), id="two radios"),
        pytest.param(lambda dice: (16_000 * dice.uniform(0.7, 1.3), 20_000 * dice.uniform(0.7, 1.3)), id="two calls"),
        pytest.param(lambda dice: (dice.choice((0, 90_000)), dice.choice((0, 60_000))), id="two people who read"),
        pytest.param(lambda dice: (16_000, dice.choice((0, 0, 0, 40_000))), id="radio, and a person who reads"),
    ],
)
def test_what_is_slow_by_itself_is_no_ceiling(sizes):
    for seed in range(3):
        link, dice = Link(), random.Random(seed)
        for _ in range(600):
            link.second(*sizes(dice))
        assert (link.rate, link.heard) == (0, [])


@given(some.lists(some.tuples(some.integers(0, 200_000), some.integers(0, 200_000)), min_size=20, max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_ceiling_is_steady_slow_and_what_clients_exchange(sizes):
    beats = [Beat(3.0, one + other, {ALICE: one, BOB: other}, waits=False) for one, other in sizes]
    found = ceiling_of(beats, None)
    if found:
        assert sum(0.9 * found - 1 <= beat.rate <= 1.1 * found + 1 for beat in beats) >= 18
        assert found < 2_000_000
        lone = [beat._replace(parts={ALICE: beat.size}) for beat in beats]
        assert ceiling_of(lone, None) == 0, "nobody takes anything from anybody"
    assert not ceiling_of(beats, found), "what we hold it to ourselves says nothing of the carrier"


def test_a_pause_of_tcp_or_a_late_reading_hides_no_ceiling_and_three_do():
    sizes = [(20_000, 12_000), (8_000, 24_000)] * 10
    beats = [Beat(3.0, 3 * (one + other), {ALICE: 3 * one, BOB: 3 * other}) for one, other in sizes]
    pause, late = Beat(3.0, 63_000, {ALICE: 63_000}), Beat(3.0, 126_000, {ALICE: 63_000, BOB: 63_000})
    assert ceiling_of([pause, *beats[:9], late, *beats[11:]], None) == 256_000
    assert ceiling_of([pause, *beats[:9], late, late, *beats[12:]], None) == 0


def test_a_crowd_or_a_fast_link_keeps_next_to_nothing():
    link, crowd = Link(), {ClientKey(f"02:00:00:00:{n // 256:02x}:{n % 256:02x}"): n for n in range(1000)}
    for size in (100, 10_000):
        beat = ceiling._kept(Beat(3.0, 10**5 * size // 100, {who: n * size for who, n in crowd.items()}))
        assert len(beat.parts) == (ceiling.MOST_PARTS if size == 100 else 0)
    for _ in range(100):
        link.second(4_000_000, 2_000_000)
    (known,) = link.slice.ceilings.values()
    assert (len(known.beats), known.open.parts) == (20, {})
    assert not any(beat.parts for beat in known.beats)


def test_uploads_that_wait_say_it_of_one_device_alone():
    link, deaf = Link(), Link()
    for _ in range(70):
        link.second(up=(32 * KBIT, 0), waiting=9_000)
        deaf.second(up=(32 * KBIT, 0))
    assert link.slice.measured[UP].carrier == pytest.approx(32_000, rel=0.02)
    assert deaf.slice.measured == {}


def test_what_limits_of_ours_hold_back_says_nothing_of_the_carrier():
    link = Link(states={EVERYONE: ClientState(Level.THROTTLED)})
    link.held_for(300, 256_000, random.Random(1))
    assert link.rate == 0


@pytest.mark.parametrize(("terms", "written"), [({"wan": 300_000}, None), ({}, 260_000)])
def test_what_terms_or_settings_hold_it_to_says_nothing_and_a_carrier_far_below_does(terms, written):
    link = Link(replace(WAN, download=written), by_terms=terms)
    link.held_for(100, 255_000, random.Random(1))
    assert link.rate == 0
    link.held_for(100, 128_000, random.Random(2))
    assert link.rate == pytest.approx(128_000, rel=0.02)


def test_a_carrier_that_gets_slower_still_is_followed(slow):
    slow.held_for(100, 128_000, random.Random(2))
    assert slow.rate == pytest.approx(128_000, rel=0.02)
    assert len(slow.heard) == 1


def test_it_ends_by_a_look_once_the_carrier_is_faster_and_people_are_told_once(slow):
    slow.held_for(150, 5_000_000, random.Random(2))
    assert slow.slice.measured == {}
    slow.held_for(70, 256_000, random.Random(3))
    assert slow.rate
    assert len(slow.heard) == 1, "the same within the hour is no news"


def test_looks_get_rare_while_they_find_nothing_and_are_short(slow):
    looking, dice = [], random.Random(4)
    for second in range(2 * 3600):
        slow.held_for(1, 256_000, dice)
        if slow.slice.ceilings[DOWN].looks_until:
            looking.append(second)
    assert slow.rate == pytest.approx(256_000, rel=0.1)
    assert len(looking) < 100, "seconds in two hours"
    begins = [at for at in looking if at - 1 not in looking]
    gaps = [later - earlier for earlier, later in pairwise(begins)]
    assert gaps == sorted(gaps)
    assert begins[0] < 130


def test_nothing_is_tried_while_nobody_asks_for_more(slow):
    for _ in range(600):
        slow.second(1_000, 500)
        assert not slow.slice.ceilings[DOWN].looks_until
    assert slow.rate


def plan(*, at=0, lots=(), name="trip", iccid="", rate=10**9):
    course = KeptCourse(0, counts=(KeptCount("all", Window(at, at + 100)),), lots=lots)
    return PlanState({name: PlanTally(name, course, rate=rate)}, {"wan": UplinkPlan(name, iccid)})


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (plan(at=100), "another window"),
        (plan(lots=(KeptLot(10**9, None, 10**9, at=5),)), "a top-up"),
        (plan(name="other"), "a switch"),
        (plan(iccid="8981100000000000018"), "another eSIM"),
        (plan(rate=300_000), "a step of the terms"),
    ],
)
def test_it_ends_with_what_it_was_measured_with(after, why):
    link = Link(plans=plan())
    link.held_for(70, 256_000, random.Random(1))
    assert link.rate
    link.plans = after
    link.second(10_000, 10_000)
    assert link.slice.measured == {}, why


def test_it_can_be_switched_off_and_a_gap_of_readings_ends_a_minute(slow):
    off = Link(replace(WAN, measure=False))
    off.held_for(200, 256_000, random.Random(1))
    assert off.slice == CeilingSlice()
    link = Link()
    for part in range(5):
        link.held_for(50, 256_000, random.Random(part))
        link.second(10_000, seconds=8)
    assert link.rate == 0
