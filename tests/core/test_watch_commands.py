# SPDX-License-Identifier: GPL-2.0-or-later
"""What people say to alarms, and what the daemon answers about them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from esimshaper.core import watch_commands
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ClientKey, Identity
from esimshaper.core.model.limits import Override, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.requests import AlarmFineCommand, AlarmMuteCommand, AlarmsQuery
from esimshaper.core.model.state import ClockSlice, NamesSlice, State
from esimshaper.core.model.watch import (
    SLOW_RATE,
    AlarmKind,
    Allowance,
    Answer,
    Episode,
    Learned,
    Mute,
    Peaks,
    Watch,
    WatchLevel,
    WatchSlice,
    WatchState,
)
from esimshaper.core.report.alarms import alarms_document, alarms_told, open_alarms
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.watch import learning
from esimshaper.edge.http.routes import ROUTES, BadParameter
from esimshaper.views.alarms import alarms_page
from esimshaper.views.page import plain_lines

TV, PHONE = ClientKey("02:00:00:00:00:11"), ClientKey("02:00:00:00:00:12")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
SURGE = Episode(
    7, TV, (AlarmKind.SURGE,), AT - 600, AT, bytes=60_000_000, told=True, text="moved 60.0 MB in the last minute: 6 %"
)
OVER = Episode(6, PHONE, (AlarmKind.UPLOAD,), AT - 9000, AT - 8000, AT - 7000, bytes=25_000_000, text="sent much")
PACE = Episode(8, ClientKey(""), (AlarmKind.PACE,), AT, AT + 60, bytes=5, told=True, text="will have used up 1.00 GB")
KEPT = WatchState(
    learned={TV: Learned(24, AT // 3600), PHONE: Learned(3, AT // 3600)},
    episodes=(OVER, replace(SURGE, peaks=Peaks(60_000_000, 60_000_000, 60_000_000))),
    mutes=(Mute(AlarmKind.ASLEEP, PHONE, AT + 86400),),
    counts={AlarmKind.SURGE: 2},
)
STATE = State(
    ClockSlice(float(AT)),
    names=NamesSlice({TV: Identity(TV, "tv"), PHONE: Identity(PHONE, "", "Pixel")}),
    watch=WatchSlice(KEPT, allowance=Allowance(10**9, "daily")),
)
FACTS = DaemonFacts(NOW, "1", "wwan0", NOW, watch=Watch(WatchLevel.NORMAL))


def test_what_is_fine_is_normal_from_now_on_and_saved():
    after = watch_commands.fine(STATE, 7)
    assert after.watch.kept.episodes[-1].answer is Answer.FINE
    assert learning.normal(after.watch.kept.learned[TV]).minute == 60_000_000
    assert after.saving.urgent


def test_what_is_slowed_is_held_for_a_time_and_teaches_nothing():
    blocked = Override(Subject(SubjectKind.CLIENT, TV), OverrideKind.BLOCK)
    before = replace(STATE, limits=replace(STATE.limits, kept=replace(STATE.limits.kept, overrides=(blocked,))))
    after = watch_commands.slow(before, 7, 3600)
    held = Override(Subject(SubjectKind.CLIENT, TV), OverrideKind.ALARM, AT + 3600, SLOW_RATE)
    assert after.limits.kept.overrides == (held,)
    assert after.limits.inputs is None
    assert after.watch.kept.episodes[-1].answer is Answer.CUT
    assert after.watch.kept.learned == KEPT.learned
    assert after.saving.urgent
    assert watch_commands.fine(after, 7).limits.kept.overrides == ()


@pytest.mark.parametrize("client", ["", "router"])
def test_what_is_no_device_cannot_be_slowed(client):
    kept = replace(KEPT, episodes=(replace(SURGE, client=ClientKey(client)),))
    with pytest.raises(Unusable, match="no device that could be slowed"):
        watch_commands.slow(replace(STATE, watch=WatchSlice(kept)), 7, 60)


def test_an_alarm_that_is_not_there_is_refused():
    with pytest.raises(Unusable, match="there is no alarm 99"):
        watch_commands.fine(STATE, 99)


def test_a_mute_replaces_one_of_the_same_and_can_be_taken_back():
    once = watch_commands.mute(STATE, AlarmKind.ASLEEP, PHONE, 60)
    assert once.watch.kept.mutes == (Mute(AlarmKind.ASLEEP, PHONE, AT + 60),)
    every = watch_commands.mute(once, None, None, 60)
    assert len(every.watch.kept.mutes) == 2
    assert watch_commands.mute(every, AlarmKind.ASLEEP, PHONE, None).watch.kept.mutes == (Mute(None, None, AT + 60),)
    with pytest.raises(Unusable, match="not muted"):
        watch_commands.mute(STATE, AlarmKind.SURGE, None, None)


def test_mutes_are_bounded():
    full = replace(KEPT, mutes=tuple(Mute(AlarmKind.SURGE, ClientKey(str(number)), AT) for number in range(64)))
    with pytest.raises(Unusable, match="muted already"):
        watch_commands.mute(replace(STATE, watch=WatchSlice(full)), None, TV, 60)


def test_the_document_has_all_of_it():
    document = alarms_document(STATE, FACTS, 20)
    assert [each["number"] for each in document["open"]] == [7]
    assert [each["number"] for each in document["past"]] == [6]
    (muted,) = document["muted"]
    assert (muted["kind"], muted["client"], muted["until_unix"]) == ("asleep", PHONE, AT + 86400)
    assert document["allowance"] == {"bytes": 10**9, "of": "daily"}
    assert (document["level"], document["learning"]) == ("normal", [PHONE])
    assert alarms_document(STATE, FACTS, 0)["past"] == []


def test_metrics_have_open_alarms_and_how_many_there_were():
    assert open_alarms(STATE) == {("tv", "surge"): 1}
    assert alarms_told(STATE)["surge",] == 2
    assert len(alarms_told(STATE)) == len(AlarmKind)


def test_people_read_what_goes_on_and_what_was():
    told = replace(STATE, watch=WatchSlice(replace(KEPT, episodes=(OVER, SURGE, PACE))))
    text = "\n".join(plain_lines(alarms_page(alarms_document(told, FACTS, 20))))
    assert "8: everyone will have used up 1.00 GB" in text
    assert "7: tv moved 60.0 MB in the last minute: 6 %; 60.0 MB since 11:50" in text
    assert "it is fine: `esimshaper alarms fine 7`" in text
    assert "slow it: `esimshaper alarms slow 7`" in text
    assert "(upload)" in text
    assert "asleep of 02:00:00:00:00:12 is muted until Tue 12:00" in text
    assert "What is usual is not known yet of 1 device: 02:00:00:00:00:12" in text


def test_quiet_and_off_are_said():
    quiet = alarms_page(alarms_document(State(), FACTS, 20))
    assert "Nothing abnormal goes on." in "\n".join(plain_lines(quiet))
    off = alarms_page(alarms_document(State(), replace(FACTS, watch=Watch()), 20))
    assert "Nobody looks for abnormal use" in "\n".join(plain_lines(off))


@pytest.mark.parametrize(
    ("method", "path", "params", "request_"),
    [
        ("GET", "/v1/alarms", {}, AlarmsQuery(20)),
        ("GET", "/v1/alarms", {"limit": "5"}, AlarmsQuery(5)),
        ("POST", "/v1/alarms/fine", {"number": 12}, AlarmFineCommand(12)),
        (
            "POST",
            "/v1/alarms/mute",
            {"kind": "surge", "client": "tv", "seconds": 60},
            AlarmMuteCommand(AlarmKind.SURGE, "tv", 60),
        ),
        ("POST", "/v1/alarms/mute", {"clear": True}, AlarmMuteCommand(None, "", None)),
    ],
)
def test_routes_give_requests(method, path, params, request_):
    assert ROUTES[method, path](params) == request_


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/alarms/fine", {}),
        ("/v1/alarms/fine", {"number": 0}),
        ("/v1/alarms/mute", {"kind": "noise", "seconds": 60}),
        ("/v1/alarms/mute", {"kind": "surge"}),
        ("/v1/alarms/mute", {"kind": "surge", "seconds": 60, "clear": True}),
    ],
)
def test_routes_refuse_what_makes_no_sense(path, params):
    with pytest.raises(BadParameter):
        ROUTES["POST", path](params)
