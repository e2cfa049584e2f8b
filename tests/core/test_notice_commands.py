# SPDX-License-Identifier: GPL-2.0-or-later
"""A notice is in the outbox of the Booking that announces it; leases count once they are saved."""

from dataclasses import replace

import pytest

from esimshaper.core import notice_commands
from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings, Weekly
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.history import Sums
from esimshaper.core.model.identity import Lease
from esimshaper.core.model.notices import Notice, NoticeKind, Severity
from esimshaper.core.model.notify_requests import ResultCommand
from esimshaper.core.model.outbox import Fate
from esimshaper.core.model.results import Result
from tests.core.limits_router import BOB, DAY, MIDNIGHT, Router, plan, quota

SMS = Channel("sms", ChannelKind.SMS, least=Severity.ALARM)
COMMAND = Channel("command", ChannelKind.COMMAND, least=Severity.INFO)
SETTINGS = NoticeSettings((COMMAND, SMS))


@pytest.fixture
def router() -> Router:
    """Nothing was used yet of 1,000 bytes for everyone."""
    router = Router(plan(1000), notices=SETTINGS)
    router.tick()
    return router


def fates(router: Router, channel: str) -> list[Fate]:
    return [each.fate for each in router.state.notices.kept.jobs if each.channel == channel]


def leased(router: Router) -> list[str]:
    router.state, jobs = notice_commands.lease(router.state, router.rules)
    return [each.channel for each in jobs]


def test_what_is_announced_is_in_the_outbox_of_the_same_booking(router):
    booking = router.tick(A=100, WHOLE=2000).booking
    announced = [each.text for each in booking.notices]
    assert announced
    assert [each.text for each in booking.baseline.notices.entries] == announced
    grave = {each.number for each in booking.baseline.notices.entries if each.severity is Severity.ALARM}
    assert grave
    assert {each.notice for each in booking.baseline.notices.deliveries if each.channel == "sms"} == grave


def test_a_device_that_is_not_listed_is_told_of_by_its_host_name():
    router = Router(quota(limit=500), notices=SETTINGS)
    router.leases = (Lease(BOB, "192.168.8.31", "pixel"),)
    router.tick()
    router.tick(B=400)
    booking = router.tick(B=800).booking
    assert {each.client for each in booking.baseline.notices.entries} == {"pixel (00:11)"}


def test_a_restart_repeats_no_message(router):
    router.tick(WHOLE=2000)
    router.tick(40)
    assert leased(router) == ["command", "sms"]
    router.tick()
    for number in (1, 2):
        router.state = notice_commands.finish(
            router.state, router.rules, ResultCommand(number, Result.SENT, steps=("done",))
        )
    router.tick()
    router.restart()
    router.tick(600)
    assert leased(router) == []
    counts = router.state.notices.kept.counts
    assert (counts["command", "sent"], counts["sms", "sent"]) == (1, 1)


def test_a_lease_of_a_daemon_that_is_gone_is_what_nobody_knows(router):
    router.tick(WHOLE=2000)
    router.tick(40)
    leased(router)
    router.tick()
    router.restart()
    router.tick()
    assert fates(router, "sms") == [Fate.UNKNOWN]


def test_a_lease_ends_by_boot_time_whatever_the_clock_does(router):
    router.tick(WHOLE=2000)
    router.tick(40)
    leased(router)
    router.tick()
    router.now -= 7200
    router.trusted = False
    router.tick(140)
    assert fates(router, "sms") == [Fate.UNKNOWN]


def test_only_a_saved_lease_counts_and_others_are_given_back(router):
    router.tick(WHOLE=2000)
    router.tick(40)
    before = router.state.notices.kept
    router.state, jobs = notice_commands.lease(router.state, router.rules)
    assert notice_commands.saved_leases(router.disk, jobs) == frozenset()
    router.state = notice_commands.give_back(router.state, [each.number for each in jobs])
    assert router.state.notices.kept == before
    router.state, jobs = notice_commands.lease(router.state, router.rules)
    router.tick()
    assert notice_commands.saved_leases(router.disk, jobs) == {each.number for each in jobs}


def test_a_test_has_steps_and_frees_a_channel_that_could_not_be(router):
    router.state, (job,) = notice_commands.test(router.state, router.rules, "sms", "router")
    router.tick()
    leased(router)
    said = ResultCommand(job.number, Result.IMPOSSIBLE, "no modem", ("looked for a modem",))
    router.state = notice_commands.finish(router.state, router.rules, said)
    router.tick()
    assert router.state.notices.steps[job.number] == ("looked for a modem",)
    assert router.state.notices.kept.state_of("sms").impossible
    router.state, _ = notice_commands.test(router.state, router.rules, "", "router")
    assert not router.state.notices.kept.state_of("sms").impossible


def test_a_test_needs_a_channel_and_few_are_under_way(router):
    with pytest.raises(Unusable, match="there is no channel `mail`"):
        notice_commands.test(router.state, router.rules, "mail", "router")
    for _ in range(3):
        router.state, _ = notice_commands.test(router.state, router.rules, "", "router")
    with pytest.raises(Unusable, match="tests are under way already"):
        notice_commands.test(router.state, router.rules, "sms", "router")
    router.rules = Router().rules
    with pytest.raises(Unusable, match="there is no channel"):
        notice_commands.test(router.state, router.rules, "", "router")


def test_what_the_journal_has_already_is_told_by_channels_alone(router):
    notice = Notice(NoticeKind.ASKED, "alice asks for more", data={"bytes": 5})
    router.state = notice_commands.tell(router.state, notice)
    booking = router.tick().booking
    assert booking.notices == ()
    assert [each.kind for each in booking.baseline.notices.entries] == [NoticeKind.ASKED]
    assert router.state.notices.new == ()


def test_the_digest_of_a_week_is_told_once_by_every_channel_but_sms(router):
    monday = int(MIDNIGHT) + 3 * DAY + 8 * 3600
    router.rules = replace(router.rules, notices=replace(SETTINGS, weekly=Weekly(0, 480)))
    assert not notice_commands.week_due(router.state, router.rules)
    router.tick(monday - router.now + 5)
    assert notice_commands.week_due(router.state, router.rules)
    ranges = notice_commands.week_ranges(router.state, router.rules)
    assert len(ranges) == 14
    router.state = notice_commands.tell_week(router.state, router.rules, [Sums()] * 14)
    router.tick()
    assert not notice_commands.week_due(router.state, router.rules)
    told = {each.number for each in router.state.notices.kept.entries if each.kind is NoticeKind.WEEK}
    assert len(told) == 1
    assert {each.channel for each in router.state.notices.kept.deliveries if each.notice in told} == {"command"}
    assert notice_commands.tell_week(router.state, router.rules, ()) is router.state


def test_nothing_is_kept_where_nobody_is_told():
    router = Router(plan(1000))
    router.tick(WHOLE=2000)
    router.state = notice_commands.tell(router.state, Notice(NoticeKind.ASKED, "x"))
    router.tick()
    assert (router.state.notices.kept.entries, router.state.notices.new) == ((), ())


def test_the_slice_stays_the_same_while_nothing_is_due(router):
    router.tick(WHOLE=2000)
    router.tick(40)
    before = router.state.notices
    router.tick()
    assert router.state.notices is before
