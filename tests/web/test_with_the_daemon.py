# SPDX-License-Identifier: GPL-2.0-or-later
"""The page and the daemon's own answers together: each screen has all that it reads, each form does what it says."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.model.approval import Approval, ApprovalSlice, ApprovalState, Use
from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.decisions import Decision, DecisionKind, LayerName, LowDataMode
from esimshaper.core.model.name_requests import AllowNameCommand
from esimshaper.core.model.notice_choices import AS_WRITTEN, NoticeChoices
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.watch import SLOW_RATE, AlarmKind, Answer, Episode, Mute
from esimshaper.core.settings.values import Web
from esimshaper.edge.http import page
from esimshaper.web.app import App
from esimshaper.web.daemon import Daemon
from esimshaper.web.render import SCREENS
from tests.daemon.test_page_owner import HERS, HIS, PASSWORD, House, furnished, granted
from tests.synthetic_router import ALICE, PIXEL
from tests.synthetic_services import counted
from tests.web.stand_in import HOST, Browser

PARTS = {"{key}": ALICE, "{name}": "living-room"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from furnished(tmp_path, monkeypatch)


@pytest.fixture
def app(house: House, tmp_path: Path) -> Iterator[App]:
    house.settings = replace(house.settings, web=Web(names=(HOST,)))
    listener = page.serve(house.page.answer, tmp_path / "web.sock")
    yield App(Daemon(tmp_path / "web.sock"))
    listener.stop()


def owner(app: App) -> Browser:
    browser = Browser(app, HIS.address)
    assert browser.log_in(PASSWORD).status == 303
    return browser


@pytest.mark.parametrize("name", [name for name, screen in SCREENS.items() if screen.path])
def test_each_screen_has_all_that_it_reads(app: App, name: str) -> None:
    screen = SCREENS[name]
    browser = owner(app) if screen.owner else Browser(app, HERS.address)
    path = screen.path
    for part, value in PARTS.items():
        path = path.replace(part, value)
    answer = browser.get(path)
    assert answer.status == 200, answer.text


def test_a_question_goes_to_the_owner_and_the_answer_comes_back(app: App, house: House) -> None:
    before = granted(house.state)
    phone, tablet = Browser(app, HERS.address), owner(app)
    fields = phone.get("/").form("/ask")
    assert phone.post("/ask", {**fields, "bytes": "300000000", "text": "<b>train</b>"}).status == 303
    home = tablet.get("/home")
    assert "<b>train" not in home.text
    answer = home.form("/answer")
    for _ in range(2):
        assert tablet.post("/answer", {**answer, "bytes": "100000000"}).status == 303
    assert granted(house.state) == before + 100_000_000
    assert phone.get("/").status == 200


def test_to_take_back_nothing_is_answered_in_a_sentence(app: App, house: House) -> None:
    tablet = owner(app)
    for nothing in (*(False for _ in house.state.limits.kept.acts), True):
        home = tablet.get("/home")
        assert ("Take it back" in home.text) is not nothing
        # Another browser can have taken it back meanwhile.
        answer = tablet.post("/undo", home.form("/language"))
        assert answer.status == 303
        said = tablet.get(answer.headers["location"]).text
        assert ("There is nothing that could be taken back." in said) is nothing
        assert ("The last change was taken back." in said) is not nothing


def test_each_act_of_a_form_is_carried_out(app: App, house: House) -> None:
    tablet, before = owner(app), granted(house.state)
    for path, fields in (
        ("/grant", {"subject": f"client/{ALICE}", "bytes": "300"}),
        ("/block", {"subject": f"client/{PIXEL}", "seconds": "600"}),
        ("/allow", {"subject": f"client/{PIXEL}", "seconds": "600"}),
        ("/name", {"client": PIXEL, "name": "Kitchen"}),
    ):
        form = tablet.get("/home").form("/language")
        assert tablet.post(path, {**form, **fields}).status == 303, path
    assert granted(house.state) == before + 300
    assert [each.kind.value for each in house.state.limits.kept.overrides if each.subject.id == PIXEL] == ["allow"]
    assert house.state.page.kept.names == {PIXEL: "Kitchen"}
    tablet.post("/logout", {**tablet.get("/home").form("/language"), "all": "yes"})
    assert house.state.page.kept.sessions == ()


def test_a_refused_name_is_answered_by_a_tap_once(app: App, house: House) -> None:
    tablet = owner(app)
    form = tablet.get("/home").form("/language")
    for _ in range(2):
        sent = {**form, "name": "login.example.com", "seconds": "3600"}
        assert tablet.post("/names/allow", sent).status == 303
    assert house.allowed == [AllowNameCommand("login.example.com", 3600)]
    form = tablet.get("/home").form("/language")
    assert tablet.post("/names/refuse", {**form, "name": "login.example.com"}).status == 303
    assert house.allowed[1:] == [AllowNameCommand("login.example.com", None)]


def test_alarms_are_answered_by_a_tap_once(app: App, house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = int(house.state.clock.time)
    surge = Episode(
        12, PIXEL, (AlarmKind.SURGE,), now - 60, now, bytes=62, told=True, text="moved 62 B in the last minute"
    )
    kept = replace(house.state.watch.kept, episodes=(surge,))
    house.state = replace(house.state, watch=replace(house.state.watch, kept=kept))
    tablet = owner(app)
    assert "Moved 62 B in the last minute." in tablet.get("/home").text
    fine = {**tablet.get("/alarms").form("/alarms/fine"), "number": "12"}
    mute = {**tablet.get("/alarms").form("/alarms/mute"), "kind": "surge"}
    for _ in range(2):
        assert tablet.post("/alarms/fine", fine).status == 303
        assert tablet.post("/alarms/mute", mute).status == 303
    assert [each.answer for each in house.state.watch.kept.episodes] == [Answer.FINE]
    assert house.state.watch.kept.mutes == (Mute(AlarmKind.SURGE, PIXEL, now + 7 * 86400),)
    assert "You said that it is fine." in tablet.get("/alarms").text
    assert "Moved 62 B" not in tablet.get("/home").text
    unmute = tablet.get("/alarms").form("/alarms/unmute")
    assert "You are told of it again." in tablet.follow(tablet.post("/alarms/unmute", unmute)).text
    assert house.state.watch.kept.mutes == ()
    told = [
        each.getMessage().partition(": ")[2] for each in caplog.records if "the owner, on the page" in each.getMessage()
    ]
    label = house.state.names.identities[PIXEL].label
    assert told == ["alarm 12 is fine", f"mute surge of {label} for 604800 s", f"tell of surge of {label} again"]


def waits(house: House) -> None:
    """A service of ALICE waits from now on, as it would after a tick."""
    now = int(house.state.clock.time)
    use = Use(now - 60, now, down=140_000_000, all_down=140_000_000, days=1, waits=now - 30, number=1)
    house.reloader.rules = replace(house.reloader.rules, approval=Approval(above=10**8))
    kept = ApprovalState(since=1, uses={(ALICE, "netflix"): use}, number=2)
    house.state = replace(house.state, approval=ApprovalSlice(kept, threshold=10**8, rate=128_000))


def test_a_service_that_waits_is_asked_for_on_the_device_and_answered_by_a_tap_once(
    app: App, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    waits(house)
    phone, tablet = Browser(app, HERS.address), owner(app)
    form = {**phone.get("/").form("/ask-service"), "service": "netflix"}
    for _ in range(2):
        assert phone.post("/ask-service", form).status == 303
    assert "You asked for it at" in phone.get("/").text
    assert "1 service waits for your word." in tablet.get("/home").text
    shown = tablet.get("/approvals")
    assert "It was asked for on the device at" in shown.text
    approve = {**shown.form("/review/approve"), "subject": ""}
    for _ in range(2):
        assert tablet.post("/review/approve", approve).status == 303
    [answer] = house.state.approval.kept.answers
    assert (answer.subject.id, answer.service, answer.approved) == (ALICE, "netflix", True)
    assert "netflix" not in phone.get("/").text
    refuse = {**tablet.get("/approvals").form("/review/refuse"), "number": "1"}
    assert "It is stopped now." in tablet.follow(tablet.post("/review/refuse", refuse)).text
    assert "The owner has stopped it until" in phone.get("/").text
    again = {**tablet.get("/approvals").form("/review/forget"), "number": "1"}
    assert tablet.post("/review/forget", again).status == 303
    assert house.state.approval.kept.answers == ()
    told = [each.getMessage().partition(": ")[2] for each in caplog.records if "on the page" in each.getMessage()]
    assert told[-3:] == [
        "approve service 1 of `review`",
        "refuse service 1 of `review`",
        "ask about service 1 of `review` again",
    ]
    assert sum("asks for netflix" in each.getMessage() for each in caplog.records) == 1


def test_what_is_not_held_back_cannot_be_asked_for(app: App, house: House) -> None:
    waits(house)
    phone = Browser(app, HERS.address)
    form = phone.get("/").form("/ask-service")
    assert phone.post("/ask-service", {**form, "service": "youtube"}).status == 400
    other = Browser(app, HIS.address)
    assert "netflix" not in other.get("/").text
    assert other.post("/ask-service", {**other.get("/").form("/language"), "service": "netflix"}).status == 400


def test_an_alarm_is_slowed_and_stopped_by_a_tap(app: App, house: House) -> None:
    now = int(house.state.clock.time)
    surge = Episode(12, PIXEL, (AlarmKind.SURGE,), now - 60, now, told=True, text="moved 62 B in the last minute")
    kept = replace(house.state.watch.kept, episodes=(surge,))
    house.state = replace(house.state, watch=replace(house.state.watch, kept=kept))
    tablet = owner(app)
    assert tablet.post("/alarms/slow", {**tablet.get("/alarms").form("/alarms/slow"), "seconds": "1800"}).status == 303
    assert [each.rate for each in house.state.limits.kept.overrides if each.subject.id == PIXEL] == [SLOW_RATE]
    assert "It was stopped or slowed down." in tablet.get("/alarms").text
    assert tablet.post("/block", {**tablet.get("/alarms").form("/block"), "seconds": "1800"}).status == 303
    assert [each.kind.value for each in house.state.limits.kept.overrides if each.subject.id == PIXEL] == ["block"]


def test_what_is_told_and_when_is_chosen_by_a_tap(app: App, house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house.notices = NoticeSettings((Channel("email", ChannelKind.EMAIL),))
    tablet = owner(app)
    for path, fields in (
        ("/notices/least", {"min": "alarm"}),
        ("/notices/quiet", {"begin": "23:30", "end": "06:15"}),
    ):
        assert tablet.post(path, {**tablet.get("/alarms").form(path), **fields}).status == 303, path
    alarms = tablet.get("/alarms")
    assert "Only alarms are told." in alarms.text
    assert "Quiet hours: 23:30-06:15." in alarms.text
    assert house.state.notices.kept.choices == NoticeChoices("23:30-06:15", {"email": Severity.ALARM})
    refused = tablet.post("/notices/quiet", {**alarms.form("/notices/quiet"), "begin": "29:30", "end": "06:15"})
    assert refused.status == 400
    for path, field in (("/notices/least", "min"), ("/notices/quiet", "hours")):
        tablet.post(path, {**tablet.get("/alarms").form(path), field: "settings"})
    assert house.state.notices.kept.choices == AS_WRITTEN
    said = [each.getMessage().partition(": ")[2] for each in caplog.records if "on the page from" in each.getMessage()]
    assert said[-4:] == [
        "tell by email from alarm on",
        "quiet hours 23:30-06:15",
        "tell by email as in the settings",
        "quiet hours as in the settings",
    ]


def test_low_data_mode_is_switched_and_a_held_service_is_asked_for_and_let_pass(app: App, house: House) -> None:
    house.state = counted(house.state)
    phone, tablet = Browser(app, HERS.address), owner(app)
    switch = tablet.get("/low-data").form("/low-data/switch")
    for _ in range(2):
        assert tablet.post("/low-data/switch", {**switch, "mode": "on"}).status == 303
    assert [each.mode for each in house.state.rules.kept.low_data] == [LowDataMode.ON]
    row = {3: Decision(DecisionKind.BLOCK, LayerName.LOW_DATA, "switched on by hand", metered_only=True)}
    accounts = [each for each, client in house.state.meter.reading.owners.items() if client == ALICE]
    name = house.state.meter.reading.service_names[3]
    house.state = replace(house.state, rules=replace(house.state.rules, decisions=dict.fromkeys(accounts, row)))
    assert phone.post("/ask-for", {**phone.get("/").form("/ask-for"), "service": "nothing"}).status == 400
    assert phone.post("/ask-for", {**phone.get("/").form("/ask-for"), "service": name}).status == 303
    home = tablet.get("/home")
    assert tablet.post("/answer", {**home.form("/answer"), "bytes": "300"}).status == 400, "not with bytes"
    assert tablet.post("/answer", {**tablet.get("/home").form("/answer"), "seconds": "3600"}).status == 303
    (allowed,) = house.state.rules.kept.hand
    assert (allowed.what, allowed.kind) == (name, DecisionKind.ALLOW)
    assert allowed.until == allowed.at + 3600
    assert allowed.subject.id == ALICE
