# SPDX-License-Identifier: GPL-2.0-or-later
"""How much of DNS is refused: of the last hour, not of one page, and not across a process that began anew."""

from esimshaper.core.saver.refusals import HOUR, LEAST_ANSWERS, Look, Looks, looked, percent_refused, refused_within


def after(*looks: tuple[float, int, int]) -> Looks:
    kept: Looks = ()
    for each in looks:
        kept = looked(kept, Look(*each))
    return kept


def test_it_is_the_part_of_what_was_answered_since():
    assert percent_refused(after((0, 1000, 0), (60, 1200, 90))) == 45
    assert percent_refused(after((0, 0, 0), (60, 400, 1))) == 0


def test_one_page_says_nothing():
    assert percent_refused(()) is None
    assert percent_refused(after((0, 0, 0), (60, LEAST_ANSWERS - 1, LEAST_ANSWERS - 1))) is None


def test_what_is_over_an_hour_ago_is_forgotten():
    looks = after((0, 0, 0), (60, 1000, 900), (HOUR + 61, 2000, 1000))
    assert percent_refused(looks) is None
    assert percent_refused(after((0, 0, 0), (60, 1000, 900), (HOUR + 60, 2000, 1000))) == 10


def test_a_process_that_began_anew_begins_anew():
    assert after((0, 1000, 900), (60, 10, 0)) == (Look(60, 10, 0),)


def test_they_are_counted_within_the_hour_and_what_nobody_saw_is_no_number():
    looks = after((0, 1000, 100), (60, 1200, 190), (HOUR, 1300, 200))
    assert refused_within(looks, HOUR) == 100
    assert refused_within(looks, HOUR + 1) == 10
    assert refused_within(looks, HOUR + 61) is None
    assert refused_within((), 0) is None
