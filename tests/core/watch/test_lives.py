# SPDX-License-Identifier: GPL-2.0-or-later
"""The made-up lives that the watch is measured on, and the watch beside a little of one; `make bench` takes weeks."""

import pytest

from bench import lives, other_lives, third_lives, watching
from bench.lives import HOMES, MB, STEP, STEPS_A_DAY
from bench.watched import RIVALS, Alarm, Watched, about, by_step, rival
from esimshaper.core.model.watch import LEARNING_HOURS, Learned

MORNING, NOON = 10 * 3600 // STEP, 12 * 3600 // STEP


def test_the_same_seed_makes_the_same_life_and_another_one_another():
    first, again, other = (lives.life(seed, 2, HOMES[0], leaky=True) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for others in (other_lives, third_lives):
        assert others.life(1, 2, leaky=True) == others.life(1, 2, leaky=True)


@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_a_home_uses_about_what_its_plan_has(home):
    used = [lives.days_used(lives.life(seed, 3, home, leaky=False)) * MB / home.allowance for seed in range(3)]
    assert 0.3 < sum(used) / len(used) < 3


def test_an_alarm_is_about_a_leak_of_its_client_and_time():
    leak = lives.Leak("tv", "update", 100, 200, 5)
    assert about(Alarm("tv", 150, "surge"), [leak]) is leak
    assert about(Alarm("tv", 99, "surge"), [leak]) is None
    assert about(Alarm("phone", 150, "surge"), [leak]) is None


@pytest.mark.parametrize("name", RIVALS)
def test_what_others_do_sees_a_leak_that_takes_all_of_the_day(name):
    made = lives.life(3, 2, HOMES[2], leaky=False)
    begin = 3 * STEPS_A_DAY // 2
    for step in range(begin, begin + 2 * 3600 // STEP):
        made.clients["phone-1"][step] = [12 * MB, 0]
    found = rival(name, made)
    assert any(each.client == "phone-1" and each.step >= begin for each in found)


@pytest.mark.parametrize("leak", watching.KNOWN.values(), ids=watching.KNOWN)
def test_a_known_leak_beside_ordinary_life_is_told_in_time_and_nothing_else(leak):
    made = lives.life(1, 1, HOMES[0], leaky=False)
    steps = list(by_step(made))
    watched = Watched(made.allowance, list(made.clients))
    watched.know(Learned(hours=LEARNING_HOURS))
    new = [notice for step in range(MORNING, NOON) for notice in watched.step(step, steps[step]).new]
    assert new == []
    found = watching.trial(watched, NOON, steps, "reader-1", leak)
    assert found.is_told
    assert found.noted is not None
    assert found.noted <= leak[2]
    assert watched.slice.kept.episodes == (), "the leak was in a copy"
