# SPDX-License-Identifier: GPL-2.0-or-later
"""A channel that is down: what is tried of it, and how all the rest gets out in the end."""

import pytest

from esimshaper.core.model.notices import NoticeKind
from esimshaper.core.model.results import Result
from tests.core.notices.test_stage import HOUR, LOW, OUT, QUIET
from tests.core.notices.town import MAIL, NOON, SMS, Town, alarm, client, plain


def test_a_channel_that_is_down_forms_no_more_messages_and_works_again_with_all_of_it():
    town = Town()
    town.hear(OUT)
    town.wait(10)
    while town.kept.state_of("email").failures < 5:
        for job in town.lease():
            town.finish(job, Result.FAILED, "no answer")
        town.wait(60, step=60)
    for number in range(4):
        town.hear(plain(NoticeKind.PLAN_EXPIRES, client(f"c{number}")))
    town.wait(600)
    assert len(town.kept.jobs) == 1
    town.wait(2 * HOUR + 1500, step=60)
    assert town.told() == [("email", "one", [OUT.text])]
    town.wait(60)
    assert [form for _, form, _ in town.told()] == ["digest"]
    assert town.kept.state_of("email").failures == 0


@pytest.mark.parametrize("channel", [MAIL, SMS])
def test_a_channel_that_was_down_until_its_messages_were_no_news_any_more_is_tried_with_the_next_one(channel):
    town = Town((channel,))
    town.hear(alarm("tv"))
    while town.now < NOON + 3 * HOUR:
        for job in town.lease():
            town.finish(job, Result.FAILED, "no answer")
        town.wait(60, step=60)
    assert town.kept.state_of(channel.name).failures == 5
    assert not any(job.fate.is_open for job in town.kept.jobs)
    town.hear(OUT)
    town.wait(60)
    assert town.told() == [(channel.name, "one", [OUT.text])]
    assert town.kept.state_of(channel.name).failures == 0


def test_a_channel_that_went_down_in_the_evening_is_tried_at_night_with_an_alarm():
    town = Town(settings=QUIET, now=NOON + 9 * HOUR)
    town.hear(LOW)
    while town.now < NOON + 10 * HOUR:
        for job in town.lease():
            town.finish(job, Result.FAILED, "no answer")
        town.wait(60, step=60)
    assert town.kept.state_of("email").failures == 5
    town.wait(5 * HOUR, step=60)
    assert town.told() == [], "nobody is woken for what waits since the evening"
    town.hear(alarm("tv", 1, "upload"))
    town.wait(60)
    assert town.told() == [("email", "one", ["tv alarm 1"])]
    town.hear(alarm("phone", 2, "upload"))
    town.wait(60)
    assert town.told() == [("email", "one", ["phone alarm 2"])]
    town.wait(5 * HOUR, step=60)
    assert [text for _, _, (text,) in town.told()] == [LOW.text]
