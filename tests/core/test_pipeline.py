# SPDX-License-Identifier: GPL-2.0-or-later
"""The pipeline: when something is saved, and what the State says after a tick."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.commands import override, resume
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, ClientKey, Identity, Lease, Neighbour
from esimshaper.core.model.limits import (
    Level,
    OverrideKind,
    Subject,
    SubjectKind,
)
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Baseline, Booked, Booking, State
from esimshaper.core.pipeline import advance, drain
from esimshaper.core.saving.booking import SAVE_BYTES, final, note_not_saved, note_saved
from tests.core.limits_router import Router, quota

ALICE = ClientKey("02:00:00:00:00:10")
BOB = ClientKey("02:00:00:00:00:11")
A = Account(2)
OWNERS = {Account(0): UNATTRIBUTED, Account(1): ROUTER, A: ALICE, Account(3): BOB}
POLICY = Rules("wwan0", ZoneInfo("Asia/Tokyo"), {ALICE: "alice-phone"})
NOW = 1_800_000_000.0


def seen(boottime: float, down: int = 0, epoch: int = 7) -> Observation:
    return Observation(Reading(epoch, boottime, {A: Counters(down, down // 10, down // 100, down // 1000)}, OWNERS))


def tick(state: State, boottime: float, down: int, epoch: int = 7) -> tuple[State, Booking | None]:
    state, outcome = advance(state, POLICY, NOW + boottime, seen(boottime, down, epoch))
    return state, outcome.booking


@pytest.fixture
def quiet() -> State:
    """Started at boot time 1000 and saved."""
    state, booking = tick(State(), 1000, 0)
    return note_saved(state, booking)


def month_bytes(booking: Booking) -> int:
    return sum(row.counters.total_bytes for row in booking.rows if row.resolution is Resolution.MONTH)


def test_one_tick_tells_it_all():
    lease = Lease(ALICE, "192.168.8.20", "pixel")
    first, _ = advance(State(), POLICY, NOW, replace(seen(1000, 0), leases=(lease,)))
    state, _ = advance(first, POLICY, NOW + 2, replace(seen(1002, 1000), leases=(lease,)))
    assert state.baseline.meter.totals == {ALICE: Counters(1000, 100, 10, 1)}
    assert state.baseline.meter.wan == {"wwan0": Counters(1000, 100, 10, 1)}
    assert state.rates.by_client == {ALICE: Counters(500, 50, 5, 0)}
    assert state.names.identities[ALICE] == Identity(ALICE, "alice-phone", "pixel", ("192.168.8.20",))
    assert state.names.identities.keys() == {ALICE, BOB, ROUTER, UNATTRIBUTED}
    assert state.saving.unsaved_bytes == 1100
    assert state.meter.reading == seen(1002, 1000).reading


def test_identities_are_made_anew_only_when_something_may_name_somebody_else(quiet):
    same, _ = tick(quiet, 1001, 1000)
    assert same.names.identities is quiet.names.identities
    lease = Lease(BOB, "192.168.8.21", "pixel")
    leased, _ = advance(same, POLICY, NOW, replace(seen(1002), leases=(lease,)))
    assert leased.names.identities[BOB] == Identity(BOB, hostname="pixel", addresses=(lease.address,))
    near = Neighbour(ALICE, "fe80::10", "br0")
    moved, _ = advance(leased, POLICY, NOW, replace(seen(1003), leases=(lease,), neighbours=(near,)))
    assert moved.names.identities[ALICE].addresses == (near.address,)
    renamed, _ = advance(moved, replace(POLICY, names={BOB: "bob"}), NOW, seen(1004))
    assert renamed.names.identities[BOB].name == "bob"
    carol = ClientKey("02:00:00:00:00:12")
    reading = replace(seen(1005).reading, owners={**OWNERS, Account(4): carol})
    joined, _ = advance(renamed, POLICY, NOW, Observation(reading))
    assert carol in joined.names.identities


def test_new_maps_are_saved_at_once(quiet):
    _, booking = tick(quiet, 1001, 10, epoch=8)
    assert booking.baseline.meter.epoch == 8


def test_an_idle_router_writes_nothing(quiet):
    for number in range(1, 200):
        quiet, booking = tick(quiet, 1000 + number, 0)
        assert booking is None


def test_something_is_saved_every_minute(quiet):
    state, booking = tick(quiet, 1059, 1000)
    assert booking is None
    _, booking = tick(state, 1060, 1000)
    assert month_bytes(booking) == 1100
    assert booking.baseline.meter.totals == {ALICE: Counters(1000, 100, 10, 1)}


def test_five_megabytes_are_saved_at_once(quiet):
    state, booking = tick(quiet, 1001, 4_545_000)
    assert booking is None
    _, booking = tick(state, 1002, 4_546_000)
    assert month_bytes(booking) == 4_546_000 + 454_600
    exactly = Observation(Reading(7, 1001.0, {A: Counters(SAVE_BYTES)}, OWNERS))
    assert advance(quiet, POLICY, NOW, exactly)[1].booking


def test_no_second_booking_is_handed_out_before_the_first_is_known(quiet):
    state, booking = tick(quiet, 1001, 10_000_000)
    state, none = tick(state, 1100, 20_000_000)
    assert none is None
    state = note_saved(state, booking)
    assert state.saving.unsaved_bytes == 11_000_000
    _, following = tick(state, 1101, 20_000_000)
    assert month_bytes(following) == 11_000_000


def test_a_failed_save_is_tried_again_in_a_minute_with_everything(quiet):
    state, _ = tick(quiet, 1001, 10_000_000)
    state = note_not_saved(state, POLICY)
    assert state.saving.failed
    state, early = tick(state, 1030, 20_000_000)
    assert early is None, "a full disk is not asked every second"
    state, again = tick(state, 1061, 20_000_000)
    assert month_bytes(again) == 22_000_000
    state = note_saved(state, again)
    assert (state.saving.pending, state.saving.unsaved_bytes, state.saving.failed) == ({}, 0, False)


def test_a_first_save_that_failed_is_repeated_even_when_nothing_moves():
    state, booking = tick(State(), 1000, 0)
    assert booking is not None
    _, again = tick(note_not_saved(state, POLICY), 1060, 0)
    assert again.baseline.meter.epoch == 7


def test_a_restart_goes_on_where_the_saved_baseline_ends(quiet):
    state, booking = tick(quiet, 1060, 1000)
    state = resume(booking.baseline, booking.identities)
    state, booking = tick(state, 1070, 1500)
    assert month_bytes(booking) == 550
    assert not any(row.estimated for row in booking.rows)
    assert state.baseline.meter.totals == {ALICE: Counters(1500, 150, 15, 1)}


def test_a_long_time_unread_is_called_estimated(quiet):
    state = resume(quiet.baseline)
    _, booking = tick(state, 1301, 1000)
    assert all(row.estimated for row in booking.rows)
    _, booking = tick(state, 1300, 1000)
    assert not any(row.estimated for row in booking.rows), "five minutes are one bucket"


def test_a_power_cut_is_noted_even_before_anything_moves(quiet):
    _, booking = tick(resume(quiet.baseline), 30, 0, epoch=8)
    assert {row.client for row in booking.rows if row.estimated} == set(OWNERS.values())


def test_an_orderly_unload_leaves_no_doubt(quiet):
    baseline = final(quiet, POLICY, clean=True).baseline
    assert baseline.meter.clean
    state, booking = tick(resume(baseline), 1010, 1000, epoch=8)
    assert booking.rows
    assert not any(row.estimated for row in booking.rows)
    assert not state.baseline.meter.clean


def test_a_final_booking_has_everything_that_is_pending(quiet):
    state, _ = tick(quiet, 1001, 1000)
    booking = final(state, POLICY)
    assert month_bytes(booking) == 1100
    assert booking.baseline == state.baseline
    assert final(State(), POLICY) is None


def test_history_that_opens_late_is_not_booked_twice():
    early, _ = tick(State(), 1000, 5000)
    state = resume(Baseline(Booked(7, {A: Counters(4000, 400, 40, 4)}, OWNERS)), state=early)
    _, booking = tick(state, 1001, 5000)
    assert month_bytes(booking) == 1100
    _, booking = tick(resume(None, state=early), 1061, 5000)
    assert month_bytes(booking) == 5500, "what was counted before there was a database is saved once there is"


def test_the_last_of_maps_is_what_was_handed_out_so_its_notices_are_told_once_saved_or_not():
    router = Router(quota(limit=500)).use(A=600)
    state, booking = drain(State(), router.rules, router.now, Observation(router.reading))
    assert state.saving.booking == booking
    assert [notice.kind.value for notice in booking.notices] == ["quota-reached", "client-state"]
    assert note_saved(state, booking).saving.notices == note_not_saved(state, router.rules).saving.notices == ()


def test_settings_that_cannot_be_read_cost_nobody_its_standing():
    router = Router(quota())
    router.tick(A=500)
    limits = router.state.baseline.limits
    router.restart(quotas=(), knows_quotas=False)
    outcome = router.tick(A=520)
    assert router.state.baseline.limits == limits
    assert (outcome.policies, router.state.saving.notices) == ({}, ())


def test_a_clock_set_back_delays_no_save(quiet):
    _, outcome = advance(quiet, POLICY, NOW - 1e9, seen(1060, 1000))
    assert outcome.booking is not None


def test_a_reading_twice_changes_no_rate(quiet):
    state, _ = tick(quiet, 1010, 1000)
    again, outcome = advance(state, POLICY, NOW + 1010, seen(1010, 1000))
    assert (again, outcome.booking) == (state, None)


def test_memory_stays_small_while_nothing_can_be_saved(quiet):
    state = quiet
    for hour in range(24 * 5):  # the older days are thinned to one entry each
        for quarter in range(4):
            state, booking = tick(state, 1000 + 60 + hour * 3600 + quarter * 900, 1000 * (hour * 4 + quarter + 1))
            state = note_not_saved(state, POLICY) if booking else state
    assert len(state.saving.pending) < 100
    assert state.saving.unsaved_bytes == state.baseline.meter.totals[ALICE].total_bytes


def test_client_that_was_blocked_before_it_was_ever_seen_is_said_to_be_blocked(quiet):
    stranger = Subject(SubjectKind.CLIENT, "02:00:00:00:00:99")
    state, _ = advance(override(quiet, stranger, OverrideKind.BLOCK), POLICY, NOW, seen(1002))
    assert state.limits.states[stranger].level is Level.BLOCKED


def test_when_nothing_moved_nobody_stands_otherwise_and_nothing_is_worked_out_again(quiet):
    rules = replace(POLICY, quotas=(quota(limit=500),))
    still, again = advance(quiet, rules, NOW + 1, seen(1003))
    quieter, once_more = advance(still, rules, NOW + 2, seen(1004))
    assert quieter.limits.outcome is still.limits.outcome
    assert once_more.policies == again.policies != {}
    announced = replace(seen(1005), reading=replace(seen(1005).reading, announced={A: 500}))
    moved, _ = advance(quieter, rules, NOW + 3, announced)
    assert moved.limits.outcome is not quieter.limits.outcome
