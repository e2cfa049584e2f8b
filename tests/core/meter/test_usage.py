# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage: no byte is lost, none is counted twice, each has one owner."""

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.meter.usage import book_reading, budget_deltas, usage_between
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.state import Booked
from esimshaper.core.model.tick import Step

ALICE = ClientKey("02:00:00:00:00:10")
BOB = ClientKey("02:00:00:00:00:11")
A = Account(2)
OWNERS = {Account(0): UNATTRIBUTED, Account(1): ROUTER, A: ALICE}

counters = st.builds(Counters, *(st.integers(0, 2**50) for _ in range(4)))
accounts = st.dictionaries(st.integers(0, 8).map(Account), counters)
owners = st.dictionaries(
    st.integers(0, 8).map(Account), st.sampled_from([ALICE, BOB, ROUTER, UNATTRIBUTED, ClientKey("10.0.0.9")])
)
readings = st.builds(Reading, epoch=st.integers(1, 2), boottime=st.floats(0, 1e6), accounts=accounts, owners=owners)


def bytes_down(count: int) -> Counters:
    return Counters(down_bytes=count, down_packets=1)


def step(booked: Booked | None, reading: Reading) -> Step:
    return Step.between(booked, None, reading)


def after(baseline: Booked | None, reading: Reading, wan: str = "wwan0") -> Booked:
    return book_reading(step(baseline, reading), usage_between(step(baseline, reading)), wan)


def test_the_first_reading_books_all_that_the_kernel_counted():
    reading = Reading(7, 10.0, {A: bytes_down(500)}, OWNERS)
    assert usage_between(step(None, reading)) == {ALICE: bytes_down(500)}


def test_only_what_is_new_is_booked_and_silence_is_left_out():
    baseline = after(None, Reading(7, 10.0, {A: Counters(500, 50, 5, 1), Account(1): bytes_down(9)}, OWNERS))
    reading = Reading(7, 11.0, {A: Counters(700, 60, 7, 2), Account(1): bytes_down(9)}, OWNERS)
    assert usage_between(step(baseline, reading)) == {ALICE: Counters(200, 10, 2, 1)}


def test_after_a_reboot_the_counters_begin_at_zero():
    baseline = after(None, Reading(7, 10.0, {A: bytes_down(500)}, OWNERS))
    again = Reading(8, 3.0, {A: bytes_down(600)}, OWNERS)
    assert usage_between(step(baseline, again)) == {ALICE: bytes_down(600)}
    assert after(baseline, again).totals == {ALICE: bytes_down(600)}
    assert after(baseline, again).wan == {"wwan0": bytes_down(600)}


def test_a_recycled_account_belongs_to_its_new_owner_from_the_last_reading_on():
    baseline = after(None, Reading(7, 10.0, {A: Counters(500, 0, 5, 0)}, OWNERS))
    baseline = after(baseline, Reading(7, 11.0, {A: Counters(800, 0, 8, 0)}, OWNERS | {A: BOB}))
    assert baseline.totals == {ALICE: Counters(500, 0, 5, 0), BOB: Counters(300, 0, 3, 0)}


def test_an_account_without_owner_is_unattributed_and_not_lost():
    assert usage_between(step(None, Reading(7, 1.0, {Account(5): bytes_down(3)}, OWNERS))) == {
        UNATTRIBUTED: bytes_down(3)
    }


def test_a_misread_counter_is_neither_negative_nor_counted_twice():
    baseline = after(None, Reading(7, 1.0, {A: Counters(500, 100, 5, 1)}, OWNERS))
    misread = Reading(7, 2.0, {A: Counters(20, 110, 5, 1)}, OWNERS)
    assert usage_between(step(baseline, misread)) == {ALICE: Counters(0, 10, 0, 0)}
    missing = after(after(baseline, misread), Reading(7, 3.0, {}, OWNERS))
    back = Reading(7, 4.0, {A: Counters(510, 110, 6, 1)}, OWNERS)
    assert after(missing, back).totals == {ALICE: Counters(510, 110, 6, 1)}


def test_a_wan_of_another_name_keeps_what_went_over_the_first():
    baseline = after(None, Reading(7, 1.0, {A: bytes_down(500)}, OWNERS), wan="wwan0")
    baseline = after(baseline, Reading(7, 2.0, {A: Counters(750, 0, 3, 0)}, OWNERS), wan="usb0")
    assert baseline.wan == {"wwan0": Counters(500, 0, 1, 0), "usb0": Counters(250, 0, 2, 0)}


@given(st.lists(st.tuples(readings, st.sampled_from(["wwan0", "usb0"])), min_size=1, max_size=8))
def test_clients_and_interfaces_always_have_the_same_sum(history):
    baseline = None
    for reading, wan in history:
        usage = usage_between(step(baseline, reading))
        assert all(min(c.down_bytes, c.up_bytes, c.down_packets, c.up_packets) >= 0 for c in usage.values())
        baseline = book_reading(step(baseline, reading), usage, wan)
        assert sum(baseline.totals.values(), Counters()) == sum(baseline.wan.values(), Counters())


@given(readings, readings)
def test_a_reading_seen_twice_moves_nothing(first, second):
    baseline = after(after(None, first), second)
    assert usage_between(step(baseline, second)) == {}


@given(readings)
def test_totals_are_the_kernels_counters(reading):
    assert sum(after(None, reading).totals.values(), Counters()) == sum(reading.accounts.values(), Counters())


def test_time_unread_is_known_only_where_it_can_be():
    reading = Reading(7, 500.0, {}, OWNERS)
    assert step(None, reading).unread_seconds is None
    assert step(Booked(7, {}, {}, boottime=460.0), reading).unread_seconds == 40
    assert step(Booked(6, {}, {}, boottime=460.0), reading).unread_seconds is None
    assert step(Booked(6, {}, {}, boottime=460.0, clean=True), reading).unread_seconds == 40
    assert step(Booked(6, {}, {}, boottime=9000.0, clean=True), reading).unread_seconds == 500


def test_only_maps_that_vanished_without_notice_leave_losers():
    reading = Reading(7, 500.0, {}, OWNERS)
    assert step(Booked(6, {}, OWNERS), reading).losers == {UNATTRIBUTED, ROUTER, ALICE}
    assert not step(Booked(6, {}, OWNERS, clean=True), reading).losers
    assert not step(Booked(7, {}, OWNERS), reading).losers
    assert not step(None, reading).losers


def test_a_budget_that_is_the_same_has_no_delta():
    before, after = ({A: Budget(5, 3, 2), Account(3): Budget(count)} for count in (7, 9))
    step = Step.between(Booked(1, {}, {}, budgets=before), None, Reading(1, 2.0, {}, OWNERS, budgets=after))
    assert budget_deltas(step) == {Account(3): Budget(2)}


def test_a_reading_at_the_moment_of_the_booked_one_leaves_no_time_unread():
    for boottime, gap in ((50.0, 0.0), (50.5, 0.5), (4.0, 4.0)):
        step = Step.between(Booked(1, {}, {}, clean=True, boottime=50.0), None, Reading(2, boottime, {}, OWNERS))
        assert step.unread_seconds == gap


def test_what_is_booked_has_the_time_of_its_reading_and_budgets_that_it_leaves_out():
    before = Booked(1, {}, {}, boottime=1.0, budgets={A: Budget(5)})
    reading = Reading(1, 2.0, {}, OWNERS, budgets={Account(3): Budget(9)})
    booked = book_reading(Step.between(before, None, reading), {}, "wwan0")
    assert (booked.boottime, booked.budgets) == (2.0, {A: Budget(5), Account(3): Budget(9)})
