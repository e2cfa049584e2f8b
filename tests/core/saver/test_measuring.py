# SPDX-License-Identifier: GPL-2.0-or-later
"""In some turns of a client the pace rests, by lot; what is watched then is told apart, and nothing else is counted."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from esimshaper.core.model.decisions import Decision, DecisionKind, LayerName
from esimshaper.core.model.identity import ROUTER, Account, ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.measure import NEVER, NO_SAMPLE, MeasureSlice, Sample, Whose
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.saver import Pace
from esimshaper.core.model.services import Volume
from esimshaper.core.model.shaping import Paced
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.rules import saver
from esimshaper.core.rules.layers import decide, words_of
from esimshaper.core.saver import measuring
from esimshaper.core.saver.measuring import Around

TV, PHONE = ClientKey("02:00:00:00:00:11"), ClientKey("02:00:00:00:00:12")
ACCOUNTS = {Account(9): TV, Account(10): PHONE}
NAMES = {0: "unnamed", 20: "netflix", 21: "youtube", 22: "line"}
CATEGORIES = {"netflix": "video", "youtube": "video", "line": "messaging"}
EACH = Subject(SubjectKind.EACH_CLIENT)
VIDEO = Pace(EACH, frozenset({"video"}), 2_500_000)
RULES = Rules("wwan0", UTC, {TV: "tv"}, {}, categories=CATEGORIES, paces=(VIDEO,), measure=Fraction(1, 4))
START = int(datetime(2026, 6, 1, 8, tzinfo=UTC).timestamp())
FILMS = Whose(TV, "video")
MB = 1_000_000


class Evening:
    """A household under a pace, second by second; what holds follows from the layer, as in the pipeline."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules, self.at, self.slice = rules, float(START), MeasureSlice()
        self.other: Decision | None = None  # of a layer that counts more
        self.holds = True
        self.move({})

    def move(self, served: dict[ClientKey, dict[str, Volume]]) -> None:
        reading = Reading(1, self.at, {}, dict(ACCOUNTS), service_names=NAMES)
        tick = Tick(
            self.rules, Moment(self.at, trusted=True), Observation(reading), Step(None, None, None, reading), {}, {}
        )
        self.slice = measuring.advance(self.slice, tick, self.around(served))
        self.at += 1

    def around(self, served: dict[ClientKey, dict[str, Volume]]) -> Around:
        layer = saver.layer(self.rules.paces, measuring.entries(self.slice.free, self.rules.paces))
        hierarchies = {
            account: self.rules.hierarchy(Subject(SubjectKind.CLIENT, key)) for account, key in ACCOUNTS.items()
        }
        decisions = decide([layer], hierarchies, words_of(NAMES, CATEGORIES))
        if self.other:
            decisions = {account: dict.fromkeys(NAMES, self.other) for account in ACCOUNTS}
        rates = {account: {VIDEO.share: Paced(0x5A01, VIDEO.rate)} for account in decisions} if self.holds else {}
        return Around(served, decisions, rates)

    def watch(self, seconds: int, rate: int = MB, service: str = "netflix", client: ClientKey = TV) -> None:
        for _ in range(seconds):
            self.move({client: {service: Volume(rate, rate // 50)}})

    def silent(self, seconds: int = 31) -> None:
        for _ in range(seconds):
            self.move({})

    @property
    def sample(self) -> Sample:
        return sum((each for key, each in self.slice.kept.samples.items() if key[1:] == FILMS), NO_SAMPLE)


def test_one_of_four_films_of_a_client_is_not_paced_and_what_it_costs_is_told_apart() -> None:
    evening, rested = Evening(), list[bool]()
    for _ in range(16):
        is_free = FILMS in evening.slice.free
        rested.append(is_free)
        evening.watch(100, 4 * MB if is_free else MB)
        evening.silent()
    assert [sum(rested[start : start + 4]) for start in range(0, 16, 4)] == [1, 1, 1, 1]
    assert len({tuple(rested[start : start + 4]) for start in range(0, 16, 4)}) > 1, "by lot"
    assert evening.sample == Sample(12 * 100 * MB * 51 // 50, 1200.0, 4 * 400 * MB * 51 // 50, 400.0)


def test_a_film_has_one_rate_from_its_first_byte_to_its_last() -> None:
    evening = Evening()
    for _ in range(8):
        before = evening.slice.free
        for _ in range(10):
            evening.watch(20)
            evening.silent(25)
            assert evening.slice.free is before
        evening.silent(10)


def test_what_is_looked_at_for_less_than_a_minute_takes_no_turn() -> None:
    evening = Evening()
    for _ in range(5):
        evening.watch(10)
        evening.silent()
    assert evening.slice.kept.turns[FILMS].number == 0
    evening.watch(20)
    evening.silent()
    assert evening.slice.kept.turns[FILMS].number == 1


def test_time_between_two_segments_is_watched_and_time_after_the_last_is_not() -> None:
    evening = Evening()
    for _ in range(10):
        evening.move({TV: {"netflix": Volume(5 * MB)}})
        evening.silent(5)
    evening.silent(100)
    assert evening.sample.held_seconds + evening.sample.free_seconds == 1 + 9 * 6


def test_thumbnails_are_bytes_and_nobody_watches_them() -> None:
    evening = Evening()
    evening.watch(100, 15_000)
    assert (evening.sample.held_bytes + evening.sample.free_bytes) == 100 * 15_300
    assert evening.sample.held_seconds + evening.sample.free_seconds == 0


@pytest.mark.parametrize("kind", [DecisionKind.PACE, DecisionKind.BLOCK, DecisionKind.ALLOW])
def test_of_what_somebody_else_decided_nothing_is_learned(kind: DecisionKind) -> None:
    evening = Evening()
    evening.other = Decision(kind, LayerName.RULES, "a rule", 1_000_000)
    evening.watch(100)
    assert evening.slice.kept.samples == {}


def test_while_the_pace_waits_for_the_end_of_a_film_nothing_is_learned() -> None:
    evening = Evening()
    evening.holds = False
    evening.watch(100)
    assert evening.sample.held_seconds == 0


def test_other_services_and_the_router_are_left_out() -> None:
    evening = Evening()
    evening.watch(100, service="line")
    evening.watch(100, client=ROUTER)
    assert evening.slice.kept.samples == {}


def test_each_evening_adds_up_what_the_day_saved_and_it_never_falls() -> None:
    evening, added = Evening(replace(RULES, measure=Fraction(1, 2))), list[int]()
    for day in range(20):
        evening.at = float(START + day * 86400)
        for _ in range(2):
            evening.watch(300, 4 * MB if FILMS in evening.slice.free else MB)
            evening.silent()
        added.append(evening.slice.kept.saved.get("video", 0))
    assert added[0] == 0
    assert added == sorted(added)
    assert added[-1] == pytest.approx(12 * 300 * 3 * MB * 1.02, rel=0.5)
    evening.at = float(START + 80 * 86400)
    evening.move({})
    assert evening.slice.kept.samples == {}
    assert evening.slice.kept.saved["video"] >= added[-1]


def test_switched_off_nobody_rests_and_what_was_learned_is_kept() -> None:
    evening = Evening()
    for _ in range(3):
        evening.watch(100)
        evening.silent()
    learned = evening.slice.kept.samples
    evening.rules = replace(RULES, measure=NEVER)
    evening.move({})
    assert (evening.slice.free, evening.slice.kept.samples, evening.slice.kept.since) == (frozenset(), learned, 0)
    before = evening.slice
    evening.move({})
    assert evening.slice is before


def test_after_a_restart_the_turns_go_on() -> None:
    evening = Evening()
    for _ in range(6):
        evening.watch(100)
        evening.silent()
    free, kept = evening.slice.free, evening.slice.kept
    evening.slice = MeasureSlice(kept)
    evening.watch(1)
    assert evening.slice.free == free


def test_a_second_in_which_nothing_is_watched_changes_nothing() -> None:
    evening = Evening()
    evening.watch(100)
    evening.silent()
    before = evening.slice
    evening.move({PHONE: {"line": Volume(MB)}})
    assert evening.slice is before
