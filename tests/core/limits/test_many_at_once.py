# SPDX-License-Identifier: GPL-2.0-or-later
"""Many devices that change at once, in the pipeline: one line that names some of them, and is about each."""

from dataclasses import replace

import pytest

from esimshaper.core.commands import override
from esimshaper.core.limits.notices import NAMED, SUMMED_UP
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.happenings import Happening, Told
from esimshaper.core.model.identity import Account, ClientKey, Identity
from esimshaper.core.model.limits import EVERYONE, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.reading import Observation
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import chosen, note_not_saved, note_saved
from tests.core.limits_router import ACCOUNTS, ALICE, BOB, DAY, OWNERS, TV, Router, client, plan, quota

MORE = {Account(200 + number): ClientKey(f"02:00:00:00:01:{number:02x}") for number in range(9)}
EVERYBODY = Account(1000)
NUMBER = 3 + len(MORE)


def crowd(*quotas, monkeypatch: pytest.MonkeyPatch) -> Router:
    router = Router(*quotas)
    router.reading = replace(router.reading, owners={**OWNERS, **MORE}, everyone=EVERYBODY)
    monkeypatch.setitem(ACCOUNTS, "WHOLE", EVERYBODY)
    for number in MORE:
        monkeypatch.setitem(ACCOUNTS, f"M{number}", number)
    return router


def test_a_plan_that_is_used_up_is_two_lines(monkeypatch):
    router = crowd(plan(1000), monkeypatch=monkeypatch)
    outcome = router.tick(WHOLE=1000)
    first, second = router.announced
    assert first == "everyone has used up 1.00 KB (plan, until 2027-02-01 00:00)"
    begin = f"{NUMBER} devices are blocked now (plan: 1.00 KB used of 1.00 KB, blocked until 2027-02-01 00:00): alice, "
    assert second.startswith(begin)
    assert second.endswith(f" and {NUMBER - NAMED} more")
    (of_all,) = (notice for notice in outcome.booking.notices if notice.clients)
    assert {ALICE, TV, *MORE.values()} <= set(of_all.clients)
    assert of_all.subject == Subject(SubjectKind.EACH_CLIENT)


def test_devices_that_change_alike_share_a_line_and_others_have_their_own(monkeypatch):
    router = crowd(quota(limit=500), monkeypatch=monkeypatch)
    router.tick(**{f"M{number}": 500 for number in MORE})
    reached, *states = router.announced
    assert reached.startswith(f"{len(MORE)} devices have used up 500 B (daily, until tomorrow 00:00): ")
    assert len(states) == 1
    router.tick(DAY)
    assert [text.split(" (")[0].split(":")[0] for text in router.announced[2:]] == [
        f"{len(MORE)} devices have 500 B again",
        f"{len(MORE)} devices are no longer blocked",
    ]


def test_few_devices_have_a_line_each(monkeypatch):
    router = crowd(quota(limit=500, action=plan().action), monkeypatch=monkeypatch)
    router.tick(**{f"M{number}": 500 for number in list(MORE)[: SUMMED_UP - 1]})
    assert sum("is blocked now" in text for text in router.announced) == SUMMED_UP - 1
    assert not [text for text in router.announced if "devices" in text]


def test_a_device_finds_the_line_that_is_about_many(monkeypatch):
    router = crowd(plan(1000), monkeypatch=monkeypatch)
    told = router.tick(WHOLE=1000).booking.happenings
    (own,) = chosen(told, 0, frozenset({client(ALICE)}))
    assert (own.kind, own.quota, own.at) == ("blocked", "plan", int(router.now))
    assert [each.kind for each in chosen(told, 0, frozenset({client(ALICE), EVERYONE}))] == ["quota-reached", "blocked"]
    assert chosen(told, int(router.now) + 1, None) == ()


def test_what_happened_is_kept_until_it_is_saved_though_it_was_announced():
    router = Router(quota(limit=500))
    router.use(A=500)
    state, outcome = advance(router.state, router.rules, router.now, Observation(router.reading))
    failed = note_not_saved(state, router.rules)
    assert (failed.saving.notices, failed.saving.happenings) == ((), outcome.booking.happenings)
    assert note_saved(state, outcome.booking).saving.happenings == ()


def test_messages_of_the_daemon_get_the_time_and_the_client_of_the_tick():
    router = Router()
    told = (Told("client-new", "new client tv", "tv"), Told("counting", "counting at wwan0"))
    state, outcome = advance(router.state, router.rules, router.now, Observation(router.reading, told=told))
    assert outcome.booking.happenings == (
        Happening(int(router.now), "client-new", "new client tv", (client(TV),)),
        Happening(int(router.now), "counting", "counting at wwan0"),
    )


def test_a_message_alone_waits_for_the_save_of_the_minute():
    router = Router()
    router.tick()
    idle = Observation(router.reading, told=(Told("counting", "counting at wwan0"),))
    router.state, outcome = advance(router.state, router.rules, router.now, idle)
    assert outcome.booking is None
    later = router.tick(60)
    assert [each.kind for each in later.booking.happenings] == ["counting"]


def test_a_gap_and_a_restart_of_the_box_are_said(monkeypatch):
    router = Router()
    router.tick(A=1)
    router.restart()
    assert [each.text for each in router.tick(7200, A=2).booking.happenings] == [
        "nobody read the counters for 2h 0m: what was used then is counted now, all at once"
    ]
    router.reboot()
    (lost,) = router.tick(5).booking.happenings
    assert (lost.kind, "the box was started again" in lost.text) == ("counters-lost", True)


def test_a_block_by_hand_is_on_record():
    router = Router()
    router.tick(A=1)
    router.state = override(router.state, client(ALICE), OverrideKind.BLOCK)
    assert [each.text for each in router.tick().booking.happenings] == ["alice is blocked now: blocked by hand"]
    assert router.reading.accounts[Account(2)] == Counters(1, 0, 1, 1)


def test_what_is_set_by_hand_is_on_record_also_where_nobody_changes():
    router = Router()
    router.tick(A=1)
    until = int(router.now) + 7200
    router.state = override(router.state, client(ALICE), OverrideKind.ALLOW, until)
    router.state = override(router.state, client(ALICE), None)
    router.state = override(router.state, EVERYONE, OverrideKind.BLOCK)
    router.state = override(router.state, EVERYONE, None)
    told = [each for each in router.tick().booking.happenings if each.kind == "by-hand"]
    assert [each.text for each in told] == [
        "alice is allowed by hand for 2h 0m",
        "alice is no longer allowed by hand",
        "everyone is blocked by hand",
        "everyone is no longer blocked by hand",
    ]
    assert [each.subjects for each in told] == [(client(ALICE),)] * 2 + [(EVERYONE,)] * 2


def test_a_host_name_cannot_write_to_the_terminal_of_who_reads_the_journal():
    assert Identity(BOB, "", "bobs\x1b-laptop").called == f"bobs\N{REPLACEMENT CHARACTER}-laptop ({BOB[-5:]})"
