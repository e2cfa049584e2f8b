# SPDX-License-Identifier: GPL-2.0-or-later
"""A film has one rate from its first byte to its last, in a class that no other film or client has."""

from collections.abc import Mapping
from datetime import UTC

from esimshaper.core.model.decisions import Decision, DecisionKind, Decisions, LayerName
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ROUTER, Account, ClientKey
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import Volume
from esimshaper.core.model.shaping import DEFAULT, QDISC, SILENCE, Paced, PacingSlice, Side, Wire
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.shaping import pacing, tree
from esimshaper.core.shaping.tree import Demand, Link, wanted
from tests.core.shaping.fake_tc import ALICE, BOB, EVERYONE, ids

OWNERS = {ALICE: ClientKey("02:00:00:00:00:10"), BOB: ClientKey("02:00:00:00:00:11")}
YOUTUBE, NETFLIX, UPDATES = 3, 4, 5
FREE = Account(9)
SD, SLOWER = 2_500_000, 1_500_000


def pace(rate: int, share: str = "video") -> Decision:
    return Decision(DecisionKind.PACE, LayerName.SAVER, "a test says so", rate=rate, share=share)


def of_alice(*decisions: Decision) -> Decisions:
    return {ALICE: dict(zip((YOUTUBE, NETFLIX, UPDATES), decisions, strict=False))}


class Clock:
    """Ticks of a second, in which `moved` of a service of Alice's has come."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slice = PacingSlice()
        self._seen = self._reading({}, OWNERS)
        self._bytes: dict[int, int] = {}

    def _reading(self, services: Mapping[int, Volume], owners: Mapping[Account, ClientKey]) -> Reading:
        return Reading(1, self.now, {}, owners, services={ALICE: services} if services else {})

    def tick(self, decisions: Decisions | None, *moved: int, seconds: float = 1.0, owners=OWNERS) -> "Clock":
        self.now += seconds
        for number in moved:
            self._bytes[number] = self._bytes.get(number, 0) + 100_000
        reading = self._reading({number: Volume(size, 1) for number, size in self._bytes.items()}, owners)
        step = Step(None, None, self._seen, reading)
        tick = Tick(Rules("wan0", UTC), Moment(self.now, trusted=True), Observation(reading, ()), step, {}, {})
        self.slice = pacing.advance(self.slice, tick, decisions)
        self._seen = reading
        return self

    @property
    def rate(self) -> int | None:
        held = self.slice.held.get(ALICE, {}).get("video")
        return held.rate if held else None


def test_services_of_a_share_have_one_class_and_those_of_another_client_another() -> None:
    row = {YOUTUBE: pace(SD), NETFLIX: pace(SD), UPDATES: pace(SLOWER, "updates")}
    held = Clock().tick({ALICE: row, BOB: row}).slice.held
    classes = [each for shares in held.values() for each in shares.values()]
    assert [set(shares) for shares in held.values()] == [{"video", "updates"}] * 2
    assert len({each.id for each in classes}) == 4
    assert {each.rate for each in classes} == {SD, SLOWER}


def test_nothing_is_held_before_it_is_known_what_is_wanted() -> None:
    assert Clock().tick(None).slice == PacingSlice()


def test_at_a_start_a_film_that_runs_stays_as_slow_as_the_daemon_before_had_it() -> None:
    assert Clock().tick(of_alice(pace(SD)), YOUTUBE).rate == SD


def test_a_film_that_runs_is_not_paced_before_it_is_over() -> None:
    clock, wish = Clock().tick({}), of_alice(pace(SD))
    for _ in range(10):
        assert clock.tick(wish, YOUTUBE).rate is None
    assert clock.tick(wish, seconds=SILENCE - 1).rate is None
    assert clock.tick(wish, seconds=1).rate == SD


def test_what_another_service_moves_does_not_keep_a_film_going() -> None:
    assert Clock().tick({}).tick(of_alice(pace(SD), pace(SD)), UPDATES).rate == SD


def test_a_film_keeps_its_rate_when_a_lower_one_is_wanted_and_gets_a_higher_one_at_once() -> None:
    clock = Clock().tick(of_alice(pace(SD))).tick(of_alice(pace(SD)), YOUTUBE)
    assert clock.tick(of_alice(pace(SLOWER)), YOUTUBE).rate == SD
    class_id = clock.slice.held[ALICE]["video"].id
    assert clock.tick(of_alice(pace(2 * SD)), YOUTUBE).slice.held[ALICE]["video"] == Paced(class_id, 2 * SD)
    assert clock.tick(of_alice(pace(SLOWER)), YOUTUBE).rate == 2 * SD
    assert clock.tick(of_alice(pace(SLOWER)), seconds=SILENCE).rate == SLOWER
    assert clock.tick({}, YOUTUBE).slice.held == {}, "nothing stands still where a pace ends"


def test_a_device_that_is_never_silent_has_its_rate_after_some_hours() -> None:
    clock, wish = Clock().tick({}), of_alice(pace(SD))
    clock.tick(wish, YOUTUBE)
    assert clock.tick(wish, YOUTUBE, seconds=pacing.LONGEST - 1).rate is None
    assert clock.tick(wish, YOUTUBE, seconds=1).rate == SD


def test_a_device_that_was_never_seen_is_held_by_drops_from_its_first_byte_until_it_has_a_class() -> None:
    wish = {FREE: {YOUTUBE: pace(SD)}}
    clock = Clock().tick(wish)
    assert clock.slice.held == {FREE: {"video": Paced(0, SD)}}
    assert clock.slice.classes == ()
    came = clock.tick(wish, owners=OWNERS | {FREE: ClientKey("02:00:00:00:00:12")}).slice
    assert came.held[FREE]["video"].id


def test_the_router_and_a_share_too_many_are_held_by_drops() -> None:
    shares = {number: pace(SD, f"share {number}") for number in range(pacing.SLOTS + 1)}
    held = Clock().tick({ALICE: shares, ACCOUNT_ROUTER: shares}, owners=OWNERS | {ACCOUNT_ROUTER: ROUTER}).slice.held
    assert sum(not each.id for each in held[ALICE].values()) == 1
    assert not any(each.id for each in held[ACCOUNT_ROUTER].values())


def test_a_share_keeps_its_class_when_another_ends() -> None:
    clock = Clock().tick(of_alice(pace(SD, "one"), pace(SD, "two")))
    before = clock.slice.held[ALICE]["two"]
    assert clock.tick({ALICE: {NETFLIX: pace(SD, "two")}}).slice.held == {ALICE: {"two": before}}


def test_a_tick_in_which_nothing_is_new_changes_nothing() -> None:
    wish = of_alice(pace(SD))
    clock = Clock().tick(wish)
    before = clock.slice
    assert clock.tick(wish).slice is before
    moved = clock.tick(wish, YOUTUBE).slice
    assert moved.held is before.held


def test_classes_of_services_are_no_other_classes() -> None:
    last = Account(pacing.MAX_ACCOUNT)
    wish = {account: {n: pace(SD, f"{n}") for n in range(pacing.SLOTS)} for account in (ALICE, BOB, last)}
    owners = dict.fromkeys(wish, ClientKey("02:00:00:00:00:10"))
    held = Clock().tick(wish, owners=owners).slice.classes
    assert len({each.id for each in held}) == 3 * pacing.SLOTS
    others = {*ids(ALICE), *ids(BOB), *ids(Account(tree.MAX_ACCOUNT), Account(tree.MAX_ACCOUNT + 1)), DEFAULT, QDISC}
    assert others.isdisjoint(each.id for each in held)
    assert all(QDISC < each.id < QDISC | QDISC >> 16 for each in held), "the leaf has the class's number as its major"
    beyond = Account(last + 1)
    assert not Clock().tick({beyond: wish[ALICE]}, owners={beyond: owners[ALICE]}).slice.classes


def test_a_class_of_services_has_its_rate_whatever_the_link_has_and_a_long_queue() -> None:
    wire = Wire(1500, 14)
    for link, rate in ((Link(wire=wire), SD), (Link(1_000_000, 1_000_000, wire), 1_000_000)):
        drawn = wanted(link, Demand(EVERYONE, paced=(Paced(QDISC | pacing.IDS, SD),)))
        for side in Side:
            found = (drawn.side(side) or {})[QDISC | pacing.IDS]
            assert found.ceil == tree.to_frame_rate(rate, wire)
            assert found.parent == tree.ROOT
            assert found.leaf
            assert 60_000 <= found.leaf.limit <= 100_000
