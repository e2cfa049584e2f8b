# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions are the browser's own and end; whoever guesses waits, longer each time, and nobody guesses on for ever."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.page import PageState, Password
from esimshaper.core.page import owner

ALICE, BOB, NOW = "02:00:00:00:00:10", "02:00:00:00:00:11", 1_000_000
PASSWORD = Password(b"salt", b"hash", 2)


def guess(kept: PageState, who: str, now: int, times: int = 1) -> PageState:
    for _ in range(times):
        kept = owner.tried(kept, who, now)
    return kept


def test_five_wrong_passwords_cost_half_a_minute_and_each_further_one_twice_as_long():
    kept = guess(PageState(), ALICE, NOW, 4)
    assert owner.wait_seconds(kept, ALICE, NOW) == 0
    waits = []
    for _ in range(8):
        kept = guess(kept, ALICE, NOW)
        waits.append(owner.wait_seconds(kept, ALICE, NOW))
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert owner.wait_seconds(kept, ALICE, NOW + 899) == 1
    assert owner.wait_seconds(kept, ALICE, NOW + 900) == 0
    assert owner.wait_seconds(kept, BOB, NOW) == 0, "another device does not wait for it"


def test_twenty_an_hour_are_all_that_anybody_has():
    kept = PageState()
    for number in range(20):
        kept = guess(kept, f"device {number}", NOW + number)
    assert owner.is_besieged(kept, NOW + 20)
    assert owner.wait_seconds(kept, "device 99", NOW + 20) == 3580
    assert owner.wait_seconds(kept, "device 99", NOW + 3600) == 0


def test_the_right_password_takes_its_try_back():
    kept = guess(PageState(), ALICE, NOW, 4)
    kept = owner.logged_in(guess(kept, ALICE, NOW), ALICE, "token", NOW)
    assert kept.guesses == ()
    assert len(kept.failed) == 4
    assert owner.wait_seconds(guess(kept, ALICE, NOW), ALICE, NOW) == 0


def test_a_session_is_of_one_browser_and_ends_after_twelve_hours():
    kept = owner.logged_in(guess(PageState(), ALICE, NOW), ALICE, "token", NOW)
    assert owner.session_of(kept, "token", ALICE, NOW + 12 * 3600 - 1)
    assert not owner.session_of(kept, "token", ALICE, NOW + 12 * 3600)
    assert not owner.session_of(kept, "token", BOB, NOW), "a token that was overheard"
    assert not owner.session_of(kept, "other", ALICE, NOW)
    assert not owner.session_of(kept, "token", ALICE, NOW - 13 * 3600), "the clock was set back"


def test_logging_out_ends_one_session_those_of_a_device_or_all():
    kept = PageState()
    for who, token in ((ALICE, "a"), (ALICE, "b"), (BOB, "c")):
        kept = owner.logged_in(guess(kept, who, NOW), who, token, NOW)

    def left(after: PageState) -> list[str]:
        return [each.token for each in after.sessions]

    assert [each.until == NOW for each in owner.left(kept, "a", NOW).sessions] == [True, False, False]
    assert not owner.session_of(owner.left(kept, "a", NOW), "a", ALICE, NOW)
    assert left(owner.logged_out(kept, who=ALICE)) == ["c"]
    assert left(owner.logged_out(kept)) == []
    assert len({each.number for each in kept.sessions}) == 3


def test_no_guest_locks_the_owner_out():
    kept = owner.logged_in(guess(PageState(), ALICE, NOW), ALICE, "token", NOW)
    later = NOW + 60 * 86400  # the session is over since long
    for begun in (kept, owner.left(kept, "token", NOW)):
        full = begun
        for number in range(25):
            full = guess(full, f"guest {number}", later)
        assert owner.wait_seconds(full, BOB, later) > 3000
        assert owner.wait_seconds(full, ALICE, later) == 0, "the owner has been here before"
        wrong = guess(full, ALICE, later, 5)
        assert owner.wait_seconds(wrong, ALICE, later) == 30, "and waits for own mistakes only"
        assert wrong.failed == full.failed
        assert len(owner.logged_in(guess(full, ALICE, later), ALICE, "new", later).failed) == 20
        for out in (owner.logged_out(full, ALICE), owner.logged_out(full)):
            assert owner.wait_seconds(out, ALICE, later) > 3000, "a device that was lost is like any other"


def test_a_browser_is_known_for_ninety_days_and_only_the_last_ones_are():
    kept = owner.logged_in(guess(PageState(), ALICE, NOW), ALICE, "token", NOW)
    kept = owner.logged_in(guess(kept, ALICE, NOW), ALICE, "other", NOW + 60)
    over = NOW + 12 * 3600 + 60
    assert [each.token for each in owner.remembered(kept, over)] == ["other"]
    assert owner.remembered(kept, over + 90 * 86400) == ()
    for number in range(40):
        kept = owner.logged_in(guess(kept, str(number), over), str(number), str(number), over)
    assert len(kept.sessions) == 32
    assert len(owner.live_sessions(kept, over)) == 32


def test_another_password_ends_all_sessions_and_all_waiting():
    kept = owner.logged_in(guess(PageState(), ALICE, NOW), ALICE, "token", NOW)
    kept = guess(kept, BOB, NOW, 30)
    assert owner.with_password(kept, PASSWORD) == PageState(PASSWORD)


def test_what_is_kept_is_bounded():
    kept = PageState()
    for number in range(500):
        kept = owner.logged_in(owner.tried(kept, f"{number}", NOW), f"{number}", f"{number}", NOW)
        kept = owner.tried(kept, f"guesser {number}", NOW)
    assert (len(kept.sessions), len(kept.guesses), len(kept.failed)) == (32, 256, 20)


@given(st.lists(st.tuples(st.sampled_from([ALICE, BOB]), st.integers(0, 4000)), max_size=60))
def test_nobody_tries_more_than_twenty_an_hour_whatever_the_times(steps):
    """Whoever asks first whether it may, as the daemon does."""
    kept, now, tries = PageState(), NOW, []
    for who, pause in steps:
        now += pause
        if not owner.wait_seconds(kept, who, now):
            kept = owner.tried(kept, who, now)
            tries.append(now)
    for at in tries:
        assert sum(at - 3600 < each <= at for each in tries) <= 20


def test_a_clock_that_was_set_back_locks_nobody_out_for_longer():
    kept = guess(PageState(), ALICE, NOW, 12)
    assert owner.wait_seconds(kept, ALICE, NOW - 10**6) <= 900
    assert owner.wait_seconds(replace(kept, failed=(NOW,) * 20), BOB, NOW - 10) == 0
