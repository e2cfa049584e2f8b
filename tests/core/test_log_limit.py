# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage repeats: a journal stays readable whatever flaps, and nothing goes by unsaid."""

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.log_limit import BURST, SPELL_SECONDS, ended, heard

DAY = 24 * 3600


def live(moments: list[float], until: float, look: float = 10) -> tuple[list[float], list[tuple[float, int, float]]]:
    """When which messages were told, each being its own moment, and the sums, at looks every `look` seconds."""
    spells, told, sums = {}, [], []
    coming, now = sorted(moments), 0.0
    while now <= until:
        while coming and coming[0] <= now:
            moment = coming.pop(0)
            spells, at_once = heard(spells, "link", moment, moment)
            told += [moment] if at_once else []
        spells, over = ended(spells, now)
        sums += [(now, number, last) for number, last in over]
        now += look
    return told, sums


def test_the_first_few_are_told_at_once_and_the_others_in_one_sum():
    told, sums = live([float(n) for n in range(50)], 2 * SPELL_SECONDS)
    assert told == [float(n) for n in range(BURST)]
    assert sums == [(SPELL_SECONDS, 50 - BURST, 49.0)]


def test_a_few_now_and_then_are_all_told():
    moments = [n * SPELL_SECONDS / BURST * 1.1 for n in range(100)]
    assert live(moments, moments[-1] + DAY) == (moments, [])


def test_a_cause_that_goes_on_all_day_takes_two_lines_in_ten_minutes():
    told, sums = live([float(n) for n in range(DAY)], DAY)
    assert len(told) + len(sums) <= BURST + 2 * DAY / SPELL_SECONDS


def test_after_a_quiet_spell_it_is_told_as_at_first():
    again = [10 * SPELL_SECONDS + n for n in range(3)]
    told, _ = live([*range(50), *again], 20 * SPELL_SECONDS)
    assert told[-3:] == again


def test_what_is_about_something_else_is_told():
    spells = {}
    for _ in range(2 * BURST):
        spells, told = heard(spells, "link", "x", 0)
    assert not told
    assert heard(spells, "disk", "y", 0)[1]


def test_nothing_is_kept_of_what_has_become_quiet():
    spells = {}
    for number in range(1000):
        spells, _ = heard(spells, f"about {number}", "x", number)
    assert ended(spells, 1000 + SPELL_SECONDS)[0] == {}


@given(st.lists(st.floats(0, 5 * SPELL_SECONDS), max_size=200))
def test_every_message_is_told_or_in_a_sum_and_the_last_one_is_told_as_itself(moments):
    told, sums = live(moments, 20 * SPELL_SECONDS)
    assert len(told) + sum(number for _, number, _ in sums) == len(moments)
    assert max(moments, default=None) == max([*told, *(last for *_, last in sums)], default=None)
