# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device sees of itself: its own numbers and limits, why it is slow or stopped, and nothing of others."""

import json
from dataclasses import replace

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import ClientState, Level, Subject, SubjectKind
from esimshaper.core.model.plan_state import PlansSlice
from esimshaper.core.model.services import Volume
from esimshaper.core.model.uplinks import ONLY_UPLINK
from esimshaper.core.model.watch import AlarmKind, Answer, Episode, WatchSlice, WatchState
from esimshaper.core.report.frame import Document
from esimshaper.core.report.me import Shown, Used, me_document, nobody_document, page_document, revision_of
from tests import synthetic_router as router
from tests.synthetic_router import ALICE, BARE, NOW, PIXEL, TV
from tests.synthetic_services import counted

EVERYTHING = Shown()
HOUR = int(NOW.timestamp()) // 3600 * 3600
USED = Used(
    Counters(9_000, 1_000),
    {"youtube": Volume(8_000, 500)},
    Counters(90_000, 10_000),
    [(HOUR - 3600, Counters(5, 6)), (HOUR, Counters(7, 8))],
)


def me(key: ClientKey, shown: Shown = EVERYTHING, **changes) -> Document:
    return me_document(replace(counted(router.state()), **changes), router.facts(), shown, key, USED)


def test_a_throttled_device_hears_which_limit_it_is_and_until_when():
    seen = me(ALICE)
    assert (seen["client"], seen["name"], seen["group"]) == (ALICE, "alice-phone", None)
    assert seen["state"] | {"until_unix": 0, "reason": ""} == {
        "level": "slow",
        "cause": "quota",
        "reason": "",
        "quota": "daily",
        "limit_bytes": 500_000_000,
        "period": "day",
        "shared": False,
        "rate_bits_per_second": 256_000,
        "until": "2026-11-24T00:00:00+09:00",
        "until_unix": 0,
        "services": [],
    }
    assert [(each["name"], each["shared"], each["left_bytes"]) for each in seen["quotas"]] == [
        ("daily", False, 0),
        ("alice-trip", False, 2 * 2**30),
        ("plan", True, 10**10 - 6_123_456_789),
    ]


@pytest.mark.parametrize(
    ("key", "level", "cause"),
    [(BARE, "stopped", "hand"), (PIXEL, "ok", ""), ("02:00:00:00:00:99", "ok", "")],
)
def test_each_state_has_its_cause(key, level, cause):
    state = me(ClientKey(key))["state"]
    assert (state["level"], state["cause"]) == (level, cause)


def test_a_block_by_hours_has_its_own_cause():
    asleep = ClientState(Level.BLOCKED, "blocked until 07:00 (hours)", until=HOUR + 7200, by_hours=True)
    state = router.state()
    state = replace(state, limits=replace(state.limits, states={Subject(SubjectKind.CLIENT, TV): asleep}))
    seen = me_document(state, router.facts(), EVERYTHING, TV, USED)
    assert (seen["state"]["cause"], seen["state"]["until_unix"], seen["group"]) == ("hours", HOUR + 7200, "living-room")


def test_what_is_not_counted_is_not_called_good():
    nothing = replace(router.state().meter, attachments=())
    state = me(PIXEL, meter=nothing)["state"]
    assert (state["level"], state["cause"]) == ("unknown", "not_counted")


def test_the_numbers_are_its_own():
    seen = me(ALICE)
    assert (seen["today"]["total_bytes"], seen["month"]["total_bytes"]) == (10_000, 100_000)
    assert [each["total_bytes"] for each in seen["hours"]] == [11, 15]
    assert seen["now"] == {"down_bits_per_second": 12_000_000, "up_bits_per_second": 320_000}
    assert [(each["service"], each["total_bytes"]) for each in seen["services"]] == [
        ("youtube", 8_500),
        ("unnamed", 1_500),
    ]


def test_nothing_is_about_another_device():
    others = ("Pixel", "02:00:00:00:00:1f", "02:00:00:00:00:11", "tv", "living-room", "192.168.8.31", "tv-week")
    seen = json.dumps(me(ALICE))
    assert not [each for each in others if each in seen]


def test_what_is_shared_can_be_hidden():
    seen = me(BARE, Shown(plan=False))
    assert [each["name"] for each in seen["quotas"]] == ["daily"]
    assert seen["plan"] is None


def test_the_words_of_a_hidden_limit_are_hidden_too():
    plan = replace(router.LIMITS.tallies[0], used=10**10 + 1, reached=True)
    state = router.state(limits=replace(router.LIMITS, tallies=(plan, *router.LIMITS.tallies[1:])))
    shown, hidden = (
        me_document(state, router.facts(), Shown(plan=each), PIXEL, USED)["state"] for each in (True, False)
    )
    assert (shown["level"], hidden["level"], hidden["cause"]) == ("stopped", "stopped", "quota")
    assert "10.0 GB" in shown["reason"]
    assert (hidden["reason"], hidden["limit_bytes"]) == ("a limit that is shared with others is used up", None)


def test_what_the_carrier_gives_is_told_where_the_plan_may_be_seen():
    slow = PlansSlice(rates={ONLY_UPLINK: 128_000})
    seen = me(ALICE, plans=slow)["carrier"]
    assert seen == {"bits_per_second": 128_000, "until": None, "until_unix": None}
    assert me(ALICE, Shown(plan=False), plans=slow)["carrier"] is None
    assert me(ALICE)["carrier"] is None


def test_an_address_of_nobody_is_told_nothing():
    seen = nobody_document(router.state(), router.facts())
    assert seen["client"] is None
    assert seen.keys() == {"version", "time", "time_unix", "revision", "zone", "clock", "client"}


def test_each_tick_is_another_revision():
    state = router.state()
    later = replace(state, clock=replace(state.clock, boottime=state.clock.boottime + 0.25))
    assert revision_of(state) != revision_of(later)


def test_the_page_may_be_asked_for_by_addresses_and_names_alone():
    seen = page_document(router.state(), router.facts(), Shown(names=("data.internal",)), ("192.168.8.1", "fd00::1"))
    assert seen["hosts"] == ["data.internal", "192.168.8.1", "[fd00::1]"]
    assert (seen["password_set"], seen["clock"], seen["tls"]) == (False, "ok", False)


def test_what_is_recorded_is_said_with_how_long_it_is_kept():
    kept = {Resolution.HOUR: 2400, Resolution.DAY: 1826}
    found = {each["what"]: each["seconds"] for each in me(ALICE, Shown(kept=kept))["recorded"]}
    assert (found["hours"], found["days"], found["months"]) == (2400 * 3600, 1826 * 86400, None)


def test_a_device_sees_its_own_alarms_of_which_the_owner_was_told_for_a_day_after_their_end():
    now, surge, told = int(NOW.timestamp()), (AlarmKind.SURGE,), {"told": True, "text": "moved much; most for secret"}
    episodes = (
        Episode(1, TV, surge, now - 60, now, **told),
        Episode(2, ALICE, surge, now - 90_000, now - 87_000, now - 86_500, **told),
        Episode(3, ALICE, surge, now - 8_000, now - 7_000, now - 6_100, bytes=7, answer=Answer.CUT, **told),
        Episode(4, ALICE, surge, now - 60, now),
        Episode(5, ALICE, (AlarmKind.UPLOAD,), now - 30, now, bytes=9, **told),
    )
    watch = WatchSlice(WatchState(episodes=episodes))
    seen = me(ALICE, watch=watch)["alarms"]
    assert [(each["kinds"], each["bytes"], each["until_unix"], each["answer"]) for each in seen] == [
        (["upload"], 9, None, ""),
        (["surge"], 7, now - 6_100, "cut"),
    ]
    assert "secret" not in json.dumps(me(ALICE, watch=watch))
    assert me(PIXEL, watch=watch)["alarms"] == []
