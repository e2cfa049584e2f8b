# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a notice: gathered, silenced, taken back, held, folded, tried again, given up."""

from dataclasses import replace
from datetime import UTC
from itertools import pairwise

import pytest

from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Level
from esimshaper.core.model.notices import Notice, NoticeKind, Severity
from esimshaper.core.model.outbox import Around, Fate, Form
from esimshaper.core.model.results import Result
from esimshaper.core.model.time_of_day import Hours, parse_span
from esimshaper.core.notices import stage
from tests.core.notices.town import MAIL, NOON, PUSH, SMS, Town, alarm, client, plain, state

QUIET = NoticeSettings(quiet=Hours((parse_span("22:00-07:00"),), UTC, "22:00-07:00"))
HOUR = 3600
OUT = plain(NoticeKind.PLAN_OUT, plan="trip", rate=0)
LOW = plain(NoticeKind.PLAN_LOW, plan="trip", left=1, rate=0)


def test_what_belongs_together_is_one_message_after_half_a_minute():
    town = Town()
    town.hear(alarm("tv"))
    town.wait(20)
    town.hear(alarm("tv", kind=NoticeKind.ALARM_MORE), plain(NoticeKind.LINK_SLOW))
    assert town.told() == []
    town.wait(10)
    assert town.told() == [("email", "group", ["tv alarm 1", "tv alarm-more 1"])]
    town.wait(20)
    assert town.told() == [("email", "one", ["link-slow {}"])]


def test_what_comes_next_about_the_same_waits_five_minutes_and_what_is_grave_does_not():
    town = Town()
    town.hear(alarm("tv"))
    town.wait(30)
    assert len(town.told()) == 1
    town.hear(alarm("tv", kind=NoticeKind.ALARM_MORE))
    town.wait(200)
    assert town.told() == []
    town.wait(100)
    assert len(town.told()) == 1
    town.hear(alarm("tv", 2, "upload"))
    town.wait(10)
    assert town.told() == [("email", "one", ["tv alarm 2"])]


def test_what_was_withdrawn_before_anybody_heard_of_it_delays_nothing():
    town = Town()
    town.hear(state("tv"))
    town.wait(30)
    town.hear(state("tv", Level.OPEN))
    town.wait(10)
    town.hear(state("tv"))
    town.wait(30)
    assert town.told() == [("email", "one", ["tv blocked"])]


def test_a_notice_is_taken_once():
    town = Town((MAIL, SMS))
    town.hear(alarm("tv"))
    before = town.kept
    town.hear(alarm("tv"))
    assert town.kept == before
    town.wait(30)
    assert len(town.told()) == 2


def test_a_channel_hears_what_is_grave_enough_for_it():
    town = Town((replace(MAIL, least=Severity.ALARM), replace(PUSH, least=Severity.WARNING)))
    town.hear(alarm("tv"), OUT, plain(NoticeKind.GRANTED, client("phone")))
    town.wait(30)
    assert {(channel, text) for channel, _, (text,) in town.told()} == {
        ("email", OUT.text),
        ("apprise-1", OUT.text),
        ("apprise-1", "tv alarm 1"),
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (state("tv"), state("tv", Level.OPEN)),
        (plain(NoticeKind.UPLINK_LOST, uplink="wan"), plain(NoticeKind.UPLINK_BACK, uplink="wan")),
        (plain(NoticeKind.TROUBLE, message="x"), plain(NoticeKind.TROUBLE_OVER, message="x")),
        (plain(NoticeKind.QUOTA_REACHED, quota="q"), plain(NoticeKind.QUOTA_RENEWED, quota="q")),
    ],
)
def test_what_is_undone_before_anybody_heard_of_it_is_withdrawn(first, second):
    town = Town()
    town.hear(first)
    town.wait(5)
    town.hear(second)
    town.wait(HOUR)
    assert (town.told(), town.fates()) == ([], ["withdrawn", "withdrawn"])
    assert town.kept.counts == {("email", "withdrawn"): 2}


def test_what_was_told_is_not_withdrawn_and_its_end_is_told_too():
    town = Town()
    town.hear(state("tv"))
    town.wait(30)
    assert len(town.told()) == 1
    town.hear(state("tv", Level.OPEN))
    town.wait(400)
    assert town.told() == [("email", "one", ["tv open"])]


def test_what_nobody_has_taken_can_still_be_withdrawn_and_what_somebody_has_cannot():
    town = Town()
    town.hear(state("tv"))
    town.wait(30)
    town.hear(state("tv", Level.OPEN))
    assert (town.lease(), town.fates()) == ((), ["withdrawn", "withdrawn"])
    town.hear(state("phone"))
    town.wait(30)
    (job,) = town.lease()
    town.hear(state("phone", Level.OPEN))
    town.finish(job)
    assert town.fates()[2:] == ["sent", "waiting"]


def test_another_thing_of_the_same_kind_withdraws_nothing():
    town = Town()
    town.hear(state("tv"), state("phone", Level.OPEN), plain(NoticeKind.UPLINK_LOST, uplink="a"))
    town.hear(plain(NoticeKind.UPLINK_BACK, uplink="b"))
    town.wait(30)
    assert "withdrawn" not in town.fates()


@pytest.mark.parametrize(
    ("around", "notice"),
    [
        (Around(everyone=True), state("tv")),
        (Around(everyone=True), alarm("tv", 1, "upload")),
        (Around(plan_out=True), alarm("tv", 1, "surge")),
        (Around(plan_out=True), alarm("tv", 1, "pace")),
        (Around(blocked=frozenset({ClientKey("tv")})), alarm("tv", 1, "surge")),
    ],
)
def test_what_something_graver_says_is_silent(around, notice):
    town = Town(around=around)
    town.hear(notice, OUT)
    town.wait(30)
    assert town.told() == [("email", "one", [OUT.text])]
    assert town.fates() == ["silent", "sent"]


def test_the_cut_of_an_alarm_and_the_state_that_follows_are_one_and_its_end_is_told():
    town = Town((SMS,), around=Around(blocked=frozenset({ClientKey("tv")})))
    town.hear(alarm("tv", 7, "surge", level="blocked"), state("tv"))
    town.wait(10)
    assert town.told() == [("sms", "one", ["tv alarm 7"])]
    town.hear(alarm("tv", 7, kind=NoticeKind.ALARM_END))
    town.wait(400)
    assert town.told() == [("sms", "one", ["tv alarm-end 7"])]


def test_of_the_end_of_a_silent_alarm_nobody_hears():
    town = Town(around=Around(plan_out=True))
    town.hear(alarm("tv", 3))
    town.around = Around()
    town.hear(alarm("tv", 3, kind=NoticeKind.ALARM_END))
    town.wait(60)
    assert (town.told(), town.fates()) == ([], ["silent", "silent"])


def test_in_quiet_hours_only_alarms_are_told_and_the_rest_comes_as_one_message_afterwards():
    town = Town(settings=QUIET, now=NOON + 11 * HOUR)
    town.hear(LOW, alarm("tv", 1, "surge"))
    town.hear(alarm("phone", 2, "upload"))
    town.wait(HOUR)
    assert town.told() == [("email", "one", ["phone alarm 2"])]
    town.wait(7 * HOUR - 60, step=300)
    assert town.told() == []
    town.wait(120)
    assert town.told() == [("email", "digest", [LOW.text, "tv alarm 1"])]


def test_what_failed_before_the_quiet_hours_is_not_tried_in_them():
    town = Town(settings=QUIET, now=NOON + 10 * HOUR - 40)
    town.hear(LOW)
    town.wait(30)
    (job,) = town.lease()
    town.finish(job, Result.FAILED, "no answer")
    town.wait(9 * HOUR - 60, step=300)
    assert town.lease() == ()
    town.wait(120)
    assert town.told() == [("email", "one", [LOW.text])]


def test_while_the_link_is_cut_mail_waits_and_sms_goes_and_afterwards_mail_is_one_digest():
    town = Town((MAIL, SMS), around=Around(link=False))
    for number in range(4):
        town.hear(plain(NoticeKind.GRANTED, client(f"c{number}")))
    town.wait(60)
    assert [channel for channel, _, _ in town.told()] == ["sms"]
    town.around = Around()
    town.wait(60)
    ((channel, form, texts),) = town.told()
    assert (channel, form, len(texts)) == ("email", "digest", 4)


def test_a_cap_keeps_a_part_for_alarms_and_the_rest_comes_in_the_morning():
    town = Town((replace(MAIL, per_day=5),))
    for number in range(7):
        town.hear(plain(NoticeKind.GRANTED, client(f"c{number}")))
        town.wait(60)
    assert len(town.told()) == 4
    town.hear(OUT)
    town.wait(60)
    assert town.told() == [("email", "one", [OUT.text])]
    town.hear(plain(NoticeKind.PLAN_PAYS, plan="trip"))
    town.wait(60)
    assert town.told() == []
    town.wait(20 * HOUR, step=300)
    ((_, form, texts),) = town.told()
    assert (form, len(texts)) == ("digest", 4)


def test_beyond_the_cap_no_sms_is_sent_ever():
    town = Town((replace(SMS, per_day=2),))
    for number in range(4):
        town.hear(alarm("tv", number, "upload"))
        town.wait(600)
    assert len(town.told()) == 2
    town.wait(2 * 24 * HOUR, step=600)
    assert town.told() == []
    assert town.kept.counts["sms", "over"] == 2


def test_what_is_no_news_any_more_goes_into_the_digest_but_not_what_is_slight():
    town = Town(around=Around(link=False))
    town.hear(alarm("tv"), plain(NoticeKind.UPLINK_BACK, uplink="wan"))
    town.wait(3 * HOUR, step=300)
    assert town.fates() == ["held", "expired"]
    town.around = Around()
    town.wait(24 * HOUR, step=300)
    assert town.told() == [("email", "digest", ["tv alarm 1"])]


def test_a_failure_is_tried_again_later_and_later_until_it_is_no_news():
    town = Town()
    town.hear(alarm("tv"))
    town.wait(30)
    tries = []
    keys = set()
    while town.now < NOON + 3 * HOUR:
        for job in town.lease():
            tries.append(town.now)
            keys.add(job.key)
            town.finish(job, Result.FAILED, "no answer")
        town.wait(5, step=5)
    waits = [after - before for before, after in pairwise(tries)]
    assert len(keys) == 1
    assert [low <= wait <= high for wait, (low, high) in zip(waits, [(8, 17), (48, 77), (240, 365)], strict=False)]
    assert waits == sorted(waits)
    assert len(tries) == 5
    assert town.fates() == ["held"]


def test_what_nobody_knows_is_sent_again_by_mail_with_the_same_key_and_by_sms_not():
    town = Town((MAIL, SMS, PUSH))
    town.hear(OUT)
    town.wait(10)
    taken = {job.channel: job for job in town.lease()}
    for job in taken.values():
        town.finish(job, Result.UNKNOWN)
    town.wait(120)
    (again,) = town.lease()
    assert (again.channel, again.key, again.attempts) == ("email", taken["email"].key, 2)
    assert (town.fates("sms"), town.fates("apprise-1")) == (["unknown"], ["unknown"])


def test_a_word_that_comes_late_counts_if_it_was_sent():
    town = Town((SMS,))
    town.hear(OUT)
    town.wait(10)
    (job,) = town.lease()
    town.finish(job, Result.UNKNOWN)
    town.finish(job, Result.FAILED)
    assert town.fates("sms") == ["unknown"]
    town.finish(job, Result.SENT)
    town.finish(job, Result.FAILED)
    assert town.fates("sms") == ["sent"]


def test_what_cannot_be_is_said_once():
    town = Town((SMS,))
    town.hear(OUT)
    town.wait(10)
    (job,) = town.lease()
    town.finish(job, Result.IMPOSSIBLE, "no modem")
    town.hear(LOW)
    town.wait(600)
    assert (town.lease(), town.fates("sms")) == ((), ["impossible", "impossible"])
    assert town.kept.state_of("sms").error == "no modem"


def test_a_channel_that_is_taken_out_of_the_settings_is_told_nothing_more():
    town = Town((MAIL, PUSH))
    town.hear(OUT)
    town.wait(10)
    town.hear(LOW)
    town.settings = replace(town.settings, channels=(PUSH,))
    town.wait(400)
    assert town.fates() == ["withdrawn", "withdrawn"]


def test_beyond_the_bytes_of_a_day_only_alarms_go():
    town = Town(settings=NoticeSettings(day_bytes=1000))
    town.hear(LOW)
    town.wait(30)
    town.told()
    town.kept = replace(town.kept, day=stage.times.day_of(town.now, UTC), day_bytes=1000)
    town.hear(plain(NoticeKind.GRANTED, client("tv")), OUT)
    town.wait(600)
    assert town.told() == [("email", "one", [OUT.text])]
    town.wait(24 * HOUR, step=300)
    assert [form for _, form, _ in town.told()] == ["digest"]


def test_a_test_goes_out_at_once_whatever_holds_the_rest_back():
    town = Town((MAIL, SMS), settings=QUIET, now=NOON + 11 * HOUR, around=Around(link=False))
    notice = stage.test_notice("router", town.now)
    town.kept, numbers = stage.at_once(town.kept, notice, ["email", "sms"], Form.TEST, town.now, "salt")
    taken = town.lease()
    assert [(job.number, job.form.value) for job in taken] == [(number, "test") for number in numbers]
    town.finish(taken[0], Result.FAILED, "no answer")
    town.finish(taken[1])
    town.wait(HOUR)
    assert (town.fates(), town.fates("sms"), town.lease()) == (["refused"], ["sent"], ())


def test_a_message_that_waits_outlives_any_number_of_others_that_were_sent():
    town = Town((MAIL, PUSH))
    town.hear(OUT)
    town.wait(10)
    (job,) = [each for each in town.kept.jobs if each.channel == "email"]
    sent = [job._replace(number=job.number + at, channel="apprise-1", fate=Fate.SENT) for at in range(1, 300)]
    town.kept = replace(town.kept, jobs=(job, *sent), job_number=job.number + 300)
    town.settle()
    assert town.kept.jobs[0] == job
    assert len(town.kept.jobs) == stage.KEPT_JOBS
    assert [each.number for each in town.kept.jobs] == sorted(each.number for each in town.kept.jobs)


def test_the_outbox_stays_small_and_what_waits_goes_last():
    town = Town((MAIL,), around=Around(link=False))
    town.hear(OUT)
    for number in range(250):
        town.now += 1
        town.hear(Notice(NoticeKind.TROUBLE_OVER, f"{number}", EVERYONE))
    assert len(town.kept.entries) <= stage.KEPT_ENTRIES
    assert len(town.kept.deliveries) <= stage.KEPT_ENTRIES


def test_a_command_knows_best_whether_it_can_go():
    town = Town((Channel("command", ChannelKind.COMMAND),), around=Around(link=False))
    town.hear(OUT)
    town.wait(10)
    assert len(town.told()) == 1
