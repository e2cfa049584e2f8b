# SPDX-License-Identifier: GPL-2.0-or-later
"""Clock: a clock that is not trusted is never ahead, and a trusted one has the last word."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.meter.clock import following, moment
from esimshaper.core.model.state import ClockSlice
from esimshaper.core.model.tick import Moment

NOON = 1_800_000_000.0
SAVED = ClockSlice(NOON, 1000.0, trusted=True)


@pytest.mark.parametrize("wall", [NOON + 10, NOON - 1e9, NOON + 1e9])
def test_a_trusted_clock_counts_wherever_it_goes(wall):
    assert moment(SAVED, 1010.0, wall, trusted=True) == Moment(wall, trusted=True)


@pytest.mark.parametrize("wall", [NOON + 10, 0.0, NOON + 1e9])
def test_without_trust_time_goes_on_by_boot_time(wall):
    assert moment(SAVED, 1010.0, wall, trusted=False) == Moment(NOON + 10, trusted=True)


def test_after_a_reboot_time_goes_on_from_what_was_saved():
    assert moment(SAVED, 30.0, 5.0, trusted=False) == Moment(NOON + 30, trusted=True)


OFF = 10 * 86400
KEPT = replace(SAVED, kept=True)


def test_hardware_clock_that_was_right_says_how_long_the_box_was_off():
    now = moment(KEPT, 30.0, 5.0, trusted=False, hardware=NOON + OFF)
    assert NOON + OFF - 500 < now.time < NOON + OFF
    assert now.was_trusted, "the window of before is over"
    later = following(KEPT, now, 30.0, trusted=False, hardware=NOON + OFF)
    assert (later.settled, later.waits, later.kept) == (True, False, True)
    assert moment(later, 31.0, 5.0, trusted=False, hardware=NOON + OFF + 1).time == now.time + 1, "once is enough"


@pytest.mark.parametrize("hardware", [None, 0.0, 946_684_800.0, NOON - 1, NOON + 401 * 86400, NOON + 3e9])
def test_hardware_clock_that_is_missing_empty_or_years_ahead_opens_nothing(hardware):
    now = moment(KEPT, 30.0, 5.0, trusted=False, hardware=hardware)
    assert now.time == NOON + 30
    later = following(KEPT, now, 30.0, trusted=False, hardware=hardware)
    assert later.waits
    corrected = moment(later, 31.0, 5.0, trusted=False, hardware=NOON + OFF)
    assert (corrected.time > NOON + 31) == (hardware is None), "one that jumps is set by somebody"


def test_hardware_clock_that_was_never_seen_right_is_not_believed():
    for before in (SAVED, replace(KEPT, trusted=False)):
        assert moment(before, 30.0, 5.0, trusted=False, hardware=NOON + OFF).time == NOON + 30
    for hardware, kept in ((NOON + 50, True), (NOON + 70, False), (NOON + 9 * 3600, False), (None, False)):
        at = moment(SAVED, 1010.0, NOON, trusted=True, hardware=hardware)
        assert following(SAVED, at, 1010.0, trusted=True, hardware=hardware).kept is kept


def test_the_first_start_ever_takes_the_clock_as_it_is():
    assert moment(ClockSlice(), 30.0, 5.0, trusted=False) == Moment(5.0, trusted=False)
    of_version_1 = ClockSlice(boottime=10.0)
    assert moment(of_version_1, 30.0, 5.0, trusted=False) == Moment(5.0, trusted=False)


def test_the_first_trusted_time_settles_what_was_not_sure():
    unsure = replace(SAVED, trusted=False, time=5.0)
    assert moment(unsure, 1010.0, NOON, trusted=True) == Moment(NOON, trusted=True, was_trusted=False)
    assert moment(ClockSlice(), 1010.0, NOON, trusted=True).was_trusted
    assert moment(SAVED, 1010.0, NOON, trusted=True).was_trusted


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5), st.booleans()), max_size=8))
def test_without_trust_time_is_never_ahead_and_never_goes_back(steps):
    """Each step: the box is off for a while (or not), then runs for a while."""
    baseline, truth, boottime = SAVED, NOON, 1000.0
    for off, running, reboots in steps:
        truth += running + (off if reboots else 0)
        boottime = running if reboots else boottime + running
        now, _, _ = moment(baseline, boottime, 0.0, trusted=False)
        assert baseline.time <= now <= truth + 1e-3
        baseline = replace(baseline, time=now, boottime=boottime)
