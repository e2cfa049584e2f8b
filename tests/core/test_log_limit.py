# SPDX-License-Identifier: GPL-2.0-or-later
"""The rate limit of log messages: the journal stays readable whatever flaps, and no message is lost without a sum."""

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.log_limit import BURST, INTERVAL_SECONDS, admit, sum_up

DAY = 24 * 3600


def live(moments: list[float], until: float, look: float = 10) -> tuple[list[float], list[tuple[float, int, float]]]:
    """The moments of messages that were logged, and the sums, if sums are asked for every `look` seconds."""
    intervals, logged, sums = {}, [], []
    coming, now = sorted(moments), 0.0
    while now <= until:
        while coming and coming[0] <= now:
            moment = coming.pop(0)
            intervals, at_once = admit(intervals, "link", moment, moment)
            logged += [moment] if at_once else []
        intervals, over = sum_up(intervals, now)
        sums += [(now, number, last) for number, last in over]
        now += look
    return logged, sums


def test_the_first_few_are_logged_at_once_and_the_others_in_one_sum():
    logged, sums = live([float(n) for n in range(50)], 2 * INTERVAL_SECONDS)
    assert logged == [float(n) for n in range(BURST)]
    assert sums == [(INTERVAL_SECONDS, 50 - BURST, 49.0)]


def test_a_few_now_and_then_are_all_logged():
    moments = [n * INTERVAL_SECONDS / BURST * 1.1 for n in range(100)]
    assert live(moments, moments[-1] + DAY) == (moments, [])


def test_a_cause_that_goes_on_all_day_takes_two_lines_in_ten_minutes():
    logged, sums = live([float(n) for n in range(DAY)], DAY)
    assert len(logged) + len(sums) <= BURST + 2 * DAY / INTERVAL_SECONDS


def test_after_a_quiet_interval_messages_are_logged_as_at_first():
    again = [10 * INTERVAL_SECONDS + n for n in range(3)]
    logged, _ = live([*range(50), *again], 20 * INTERVAL_SECONDS)
    assert logged[-3:] == again


def test_a_message_on_another_topic_is_logged():
    intervals = {}
    for _ in range(2 * BURST):
        intervals, logged = admit(intervals, "link", "x", 0)
    assert not logged
    assert admit(intervals, "disk", "y", 0)[1]


def test_nothing_is_kept_of_a_topic_that_has_become_quiet():
    intervals = {}
    for number in range(1000):
        intervals, _ = admit(intervals, f"about {number}", "x", number)
    assert sum_up(intervals, 1000 + INTERVAL_SECONDS)[0] == {}


@given(st.lists(st.floats(0, 5 * INTERVAL_SECONDS), max_size=200))
def test_every_message_is_logged_or_in_a_sum_and_the_last_one_is_logged_as_itself(moments):
    logged, sums = live(moments, 20 * INTERVAL_SECONDS)
    assert len(logged) + sum(number for _, number, _ in sums) == len(moments)
    assert max(moments, default=None) == max([*logged, *(last for *_, last in sums)], default=None)
