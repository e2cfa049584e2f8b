# SPDX-License-Identifier: GPL-2.0-or-later
"""Tally when the clock steps, or less counts as used: no second window for nothing, and nothing stays reached."""

from dataclasses import replace

from esimshaper.core.commands import grant
from esimshaper.core.model.counts import Budget
from esimshaper.core.model.limits import Direction, Period, PeriodUnit, Window
from tests.core.limits_router import ALICE, DAY, MIDNIGHT, SLOW, A, Router, client, quota

MONDAY = int(MIDNIGHT) + 3 * DAY
TODAY = Window(int(MIDNIGHT), int(MIDNIGHT) + DAY)
TOMORROW = Window(TODAY.end, TODAY.end + DAY)


def test_a_clock_set_back_gives_no_second_window():
    router = Router(quota(warn_at=(400,)))
    router.tick(A=600)
    router.now -= DAY
    router.tick(A=650)
    tally = router.tally()
    assert tally.window == Window(TODAY.start - DAY, TODAY.start)
    assert (tally.used, tally.warned, tally.reached) == (650, 400, True)


def test_a_clock_that_comes_back_finds_its_window_as_it_left_it():
    router = Router(quota())
    router.tick(A=600)
    for step, used in ((-3 * DAY, 600), (-400 * DAY, 600), (403 * DAY, 600)):
        router.now += step
        router.tick()
        assert (router.tally().used, router.tally().reached) == (used, True)
    router.now -= DAY
    router.tick(A=650)
    router.now += DAY
    router.tick(A=670)
    assert (router.tally().window, router.tally().used) == (TODAY, 670)
    assert len([told for told in router.announced if "used up" in told]) == 1


def test_a_clock_that_was_ahead_for_a_while_gives_no_second_window_and_takes_none():
    router = Router(quota())
    router.tick(A=300)
    router.now += 400 * DAY
    router.tick(A=400)
    assert router.tally().used == 100
    router.restart()
    router.now -= 400 * DAY
    router.tick(A=410)
    assert (router.tally().window, router.tally().used) == (TODAY, 410)
    router.now += DAY
    router.tick(A=420)
    assert (router.tally().window, router.tally().used) == (TOMORROW, 10)


def test_a_window_that_began_with_the_one_before_comes_back_with_its_own_bytes():
    router = Router(quota())
    router.now = MONDAY + DAY / 2
    router.tick(A=100)
    router.tick(DAY, A=150)
    router.restart(quotas=(quota(period=Period(PeriodUnit.WEEK)),))
    router.tick(A=180)
    assert (router.tally().window.start, router.tally().used) == (MONDAY, 80)
    for step in (-7 * DAY, 7 * DAY):
        router.now += step
        router.tick()
    assert (router.tally().window.start, router.tally().used) == (MONDAY, 80)


def test_around_midnight_each_window_counts_what_was_used_while_it_was_read():
    router = Router(quota())
    router.tick(43198, A=300)
    router.tick(2, A=350)
    router.now -= 60
    router.tick(A=370)
    assert (router.tally().window, router.tally().used) == (TODAY, 370)
    router.tick(59, A=380)
    assert (router.tally().window, router.tally().used) == (TOMORROW, 80)


def test_without_a_trusted_clock_a_window_ends_by_boot_time_only():
    router = Router(quota())
    router.tick(A=600)
    router.trusted = False
    router.now += 400 * DAY
    router.tick(43198)
    assert router.tally().used == 600
    router.tick(1)
    assert router.tally().used == 0


def test_a_reboot_into_the_wrong_year_opens_no_window():
    router = Router(quota())
    router.tick(A=600)
    router.reboot()
    router.trusted, router.now = False, 0.0
    router.tick(A=10)
    assert (router.tally().window, router.tally().used) == (TODAY, 610)
    router.trusted, router.now = True, MIDNIGHT + DAY + 5
    router.tick(A=20)
    assert (router.tally().window, router.tally().used) == (TOMORROW, 10)


def test_the_first_trusted_clock_ever_moves_what_was_used_before_it():
    """A new box in 1970 has let bytes through already; they count for the day that it really is."""
    router = Router(quota())
    router.trusted, router.now = False, 100.0
    router.tick(A=300)
    router.restart()
    router.trusted, router.now = True, MIDNIGHT + 10
    router.tick(A=350)
    assert (router.tally().window, router.tally().used) == (TODAY, 350)


def test_a_clock_that_steps_back_and_right_again_blocks_nobody_below_its_limit():
    router = Router(quota())
    router.tick(A=400)
    router.tick(DAY, A=600)
    router.now -= DAY
    router.tick()
    assert (router.tally().used, router.tally().reached) == (600, True), "both days may have been this one"
    router.now += DAY
    router.tick()
    assert (router.tally().window, router.tally().used) == (TOMORROW, 200)
    assert (router.tally().reached, router.level()) == (False, "open")


def test_a_clock_that_steps_back_to_what_was_granted_there_blocks_nobody_below_its_limit():
    router = Router(quota(warn_at=(400, 450)))
    router.tick(A=20)
    router.state = grant(router.state, router.rules, client(ALICE), 100)
    router.tick(DAY, A=520)
    assert (router.tally().used, router.tally().warned, router.tally().reached) == (500, 450, True)
    router.now -= DAY
    router.tick()
    assert (router.tally().used, router.tally().warned, router.tally().reached) == (420, 400, False)
    assert router.level() == "open"
    router.now += DAY
    router.tick()
    assert (router.tally().used, router.tally().reached) == (500, True)


def test_a_limit_is_not_reached_any_more_when_less_counts_as_used_again():
    """A reading may hold an upload that another limit refuses, and our own queue may drop what waits in it."""
    router = Router(quota(warn_at=(400,)))
    router.tick(A=100)
    router.tick(A=600)
    assert (router.tally().reached, router.level()) == (True, "blocked")
    router.tick(A=110)
    assert (router.tally().used, router.tally().warned, router.tally().reached) == (110, 0, False)
    assert router.level() == "open"
    router.tick(A=420)
    assert router.announced[-1] == "alice has used 420 B of 500 B (daily, until tomorrow 00:00)"


def test_a_window_that_is_found_again_below_zero_warns_nobody():
    """An upload that is refused between two readings is taken off in a window that knows nothing of it."""
    router = Router(quota(warn_at=(400,)))
    router.tick(A=100)
    router.tick(DAY, A=150)
    router.now -= DAY
    router.tick()
    router.tick(DAY, A=90)
    assert (router.tally().window, router.tally().used, router.tally().warned) == (TOMORROW, -10, 0)
    assert router.announced == []


def test_a_limit_that_an_upload_went_past_is_reached_though_that_is_taken_off_again_and_told_once():
    router = Router(quota())
    router.tick(A=100)
    router.use(A=1600)
    router.reading = replace(router.reading, announced={A: 500})
    router.tick()
    router.tick(A=100)
    assert (router.tally().used, router.tally().reached) == (100, True)
    for step in (-DAY, DAY):
        router.now += step
        router.tick()
        assert (router.tally().used, router.tally().reached) == (100, True)
    assert [words.partition(" (")[0] for words in router.announced if "(" in words] == ["alice has used up 500 B"]


def test_a_limit_that_ends_at_the_same_count_in_another_direction_is_not_reached_with_it():
    """New maps count from zero in all directions, so equal limits end at equal counts."""
    download = quota("down", limit=2_000_000, direction=Direction.DOWNLOAD, action=SLOW)
    upload = quota("up", limit=2_000_000, direction=Direction.UPLOAD)
    router = Router(download, upload)
    router.reading = replace(
        router.reading, budgets={A: Budget(2_100_000, 2_000_000, 100_000)}, announced={A: 2_000_000}
    )
    router.tick()
    assert (router.tally("down").reached, router.tally("up").reached) == (True, False)
    assert router.level() == "throttled"


def test_a_clock_that_steps_back_and_right_again_finds_its_window_less_what_was_granted_in_it():
    router = Router(quota())
    router.tick(A=400)
    router.state = grant(router.state, router.rules, client(ALICE), 100)
    router.tick(A=450)
    for step in (-DAY, DAY):
        router.now += step
        router.tick()
    tally = router.tally()
    assert (tally.window, tally.used, tally.granted, tally.allowed) == (TODAY, 350, 0, 500)


def test_a_clock_that_steps_back_and_right_again_repeats_no_warning():
    router = Router(quota(warn_at=(400,)))
    router.tick(A=450)
    told = list(router.announced)
    for step in (-DAY, DAY):
        router.now += step
        router.tick()
    assert (router.tally().window, router.tally().warned) == (TODAY, 400)
    assert router.announced == told
