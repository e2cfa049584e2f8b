# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner on the page: who is let in, and that each request is carried out once. Real scrypt, SQLite and ticks."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from esimshaper.core.model.channels import NOBODY_TOLD
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.name_requests import AllowNameCommand, NamesAsked
from esimshaper.core.model.page_requests import (
    AnswerCommand,
    AskCommand,
    AsksQuery,
    Credential,
    LimitsQuery,
    LoginCommand,
    LogoutCommand,
    MeQuery,
    NameCommand,
    OwnerCommand,
    OwnerQuery,
    PageQuery,
    Peer,
    SessionsQuery,
)
from esimshaper.core.model.requests import (
    ClientsQuery,
    GrantCommand,
    QuotasQuery,
    UndoCommand,
    WebLogoutCommand,
    WebPasswordCommand,
    WebQuery,
)
from esimshaper.core.model.state import State
from esimshaper.core.report.withheld import names_document
from esimshaper.core.settings.values import Lan, Listen, MeterRoom, Metrics, Settings, Wan, Web
from esimshaper.daemon import page_answers
from esimshaper.daemon.answers import Answers
from esimshaper.daemon.page_answers import PageAnswers
from esimshaper.daemon.page_desk import PageDesk
from esimshaper.daemon.page_owner import Owner
from esimshaper.daemon.snapshots import Snapshots
from esimshaper.edge.host import secret
from esimshaper.edge.http.control import Declined
from esimshaper.edge.http.routes import BadParameter
from tests import synthetic_router
from tests.daemon.test_answers import Life
from tests.synthetic_router import ALICE, PIXEL, RULES

PASSWORD = "correct horse"  # noqa: S105
OVERHEARD = "hers"
HERS, HIS = Peer("192.168.8.20"), Peer("192.168.8.31")
DEVICES = {HERS.address: ALICE, HIS.address: PIXEL}


class House:
    """The daemon's side of the page, over a state that changes at each command; ticks and saves are left out."""

    def __init__(self, place: Path) -> None:
        self.life = Life(place)
        self.state = synthetic_router.state()
        self.changes = 0
        self.allowed: list[AllowNameCommand] = []
        self.notices = NOBODY_TOLD
        facts = lambda: replace(synthetic_router.facts(), notices=self.notices)  # noqa: E731
        state = lambda: self.state  # noqa: E731
        self.config = place / "esimshaper.yaml"
        self.config.write_text("wan: {interface: wwan0}\nquotas:\n  - {name: daily}\n\nmetrics: {listen: 'x'}\n")
        reloader = self.reloader = SimpleNamespace(rules=RULES)
        meter = SimpleNamespace(flows=lambda *_args, **_parts: (0, ()))  # nothing goes on in the kernel
        storage, stopping = self.life.storage, self.life.stopping
        answers = Answers(self.life.loop, storage, meter, reloader, state, facts, self.change, stopping)  # type: ignore[arg-type]
        snapshots = Snapshots(storage, SimpleNamespace(saves=0), state, facts, answers.on_loop, stopping)  # type: ignore[arg-type]
        room = (MeterRoom(253, 65536), ())
        listen = Metrics(Listen("127.0.0.1", 1))
        self.settings = Settings(Wan("wwan0"), Lan(("br0",), (), 0), "UTC", (), listen, *room, web=Web())
        owner = Owner(state, facts, self.change, answers.on_loop, answers.with_change, self.answer_names)
        settings = lambda: self.settings  # noqa: E731
        self.page = PageAnswers(snapshots, settings, self.config, answers, owner, self.change)
        self.desk = PageDesk(answers, state, facts, self.change, settings)

    def answer_names(self, asked: NamesAsked) -> dict[str, Any]:
        self.allowed += [asked] if isinstance(asked, AllowNameCommand) else []
        return names_document(synthetic_router.facts())

    async def change(self, change: Any) -> None:
        self.state = change(self.state)
        self.changes += 1

    def log_in(self, peer: Peer = HERS, password: str = PASSWORD) -> Credential:
        return Credential(peer, self.page.answer(LoginCommand(peer, password))["token"])

    def wait(self, seconds: int) -> None:
        time = self.state.clock.time + seconds
        self.state = replace(self.state, clock=replace(self.state.clock, time=time))


def furnished(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house with a password, whose kernel knows DEVICES."""

    def known(address: str, _lan: object) -> SimpleNamespace | None:
        return SimpleNamespace(mac=DEVICES[address]) if address in DEVICES else None

    monkeypatch.setattr(page_answers, "at_this_moment", known)
    monkeypatch.setattr(secret, "COST", 2**4)
    made = House(place)
    made.desk.answer(WebPasswordCommand(PASSWORD))
    yield made
    made.life.end()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from furnished(tmp_path, monkeypatch)


def declined(house: House, request: Any) -> Declined:
    with pytest.raises(Declined) as caught:
        house.page.answer(request)
    return caught.value


def granted(state: State) -> int:
    return sum(each.granted for each in state.limits.kept.tallies if each.subject.id == ALICE and each.quota == "daily")


def grant(by: Credential, request: str = "request-1", size: int = 300) -> OwnerCommand:
    return OwnerCommand(by, GrantCommand("alice-phone", size, None), request)


def test_nobody_gets_in_before_there_is_a_password(house):
    house.state = synthetic_router.state()
    assert declined(house, LoginCommand(HERS, "")).status.startswith("403")
    assert house.page.answer(PageQuery())["password_set"] is False


def test_the_password_opens_and_is_kept_nowhere(house):
    by = house.log_in()
    assert len(by.token) == 32
    assert by.token not in repr(house.state.page)
    assert PASSWORD not in repr(house.state.page)
    clients = house.page.answer(OwnerQuery(by, ClientsQuery()))["clients"]
    assert {each["key"] for each in clients} >= {ALICE, PIXEL}


@pytest.mark.parametrize(
    ("peer", "token"), [(HERS, ""), (HERS, "0" * 32), (HIS, OVERHEARD), (Peer("203.0.113.9"), OVERHEARD)]
)
def test_without_a_session_of_ones_own_nothing_of_others_is_told_and_nothing_done(house, peer, token):
    by = Credential(peer, house.log_in().token if token == OVERHEARD else token)
    before = house.changes
    for request in (
        OwnerQuery(by, ClientsQuery()),
        OwnerQuery(by, AsksQuery()),
        OwnerQuery(by, SessionsQuery()),
        OwnerQuery(by, LimitsQuery()),
        grant(by),
        LogoutCommand(by, everyone=True),
    ):
        assert declined(house, request).status.startswith("401")
    assert house.changes == before


def test_who_guesses_waits_and_even_the_right_password_waits_with_it(house, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(5):
        assert declined(house, LoginCommand(HIS, "wrong")).status.startswith("401")
    late = declined(house, LoginCommand(HIS, PASSWORD))
    assert (late.status[:3], late.details) == ("429", {"seconds": 30})
    assert house.log_in(HERS), "another device does not wait"
    house.wait(30)
    assert house.log_in(HIS)
    told = [each.getMessage() for each in caplog.records]
    assert sum("a wrong password on the page from" in each for each in told) == 5
    assert sum("has logged in" in each for each in told) == 2


def test_after_twenty_wrong_passwords_the_owner_is_told_and_nobody_gets_in(house, caplog):
    for number in range(20):
        declined(house, LoginCommand(Peer(f"203.0.113.{number}"), "wrong"))
    assert declined(house, LoginCommand(HERS, PASSWORD)).status.startswith("429")
    assert [each for each in caplog.records if "20 wrong passwords" in each.getMessage()]
    assert house.desk.answer(WebQuery())["wait_seconds"] > 0
    house.desk.answer(WebPasswordCommand("another one"))
    assert house.log_in(HERS, "another one"), "on the router the owner helps himself"


def test_guessing_beside_each_other_gives_no_further_guess(house):
    def guess(_: int) -> str:
        return declined(house, LoginCommand(HIS, "wrong")).status[:3]

    with ThreadPoolExecutor(8) as people:
        statuses = list(people.map(guess, range(8)))
    assert statuses.count("401") == 5


def test_logging_out_ends_the_session(house):
    hers, his = house.log_in(HERS), house.log_in(HIS)
    house.page.answer(LogoutCommand(hers))
    assert declined(house, OwnerQuery(hers, AsksQuery())).status.startswith("401")
    sessions = house.page.answer(OwnerQuery(his, SessionsQuery()))["sessions"]
    assert [(each["client"], each["current"]) for each in sessions] == [(PIXEL, True)]
    house.page.answer(LogoutCommand(his, everyone=True))
    assert house.desk.answer(WebQuery())["sessions"] == []


def test_the_router_itself_ends_sessions_of_one_device_or_of_all(house):
    house.log_in(HERS), house.log_in(HIS)
    assert [each["client"] for each in house.desk.answer(WebLogoutCommand("alice-phone"))["sessions"]] == [PIXEL]
    with pytest.raises(BadParameter, match="nobody is logged in from `alice-phone`"):
        house.desk.answer(WebLogoutCommand("alice-phone"))
    assert house.desk.answer(WebLogoutCommand())["sessions"] == []


def test_a_double_tap_grants_once_and_both_have_the_same_answer(house, caplog):
    caplog.set_level(logging.INFO)
    by, before = house.log_in(), granted(house.state)
    with ThreadPoolExecutor(2) as taps:
        one, other = taps.map(house.page.answer, [grant(by), grant(by)])
    assert granted(house.state) == before + 300
    assert sorted((one["repeated"], other["repeated"])) == [False, True]
    assert one["done"] == other["done"] == "grant 300 B to alice-phone"
    assert {**house.page.answer(grant(by)), "repeated": False} in (one, other)
    acts = [each.getMessage() for each in caplog.records if "the owner, on the page" in each.getMessage()]
    assert acts == ["the owner, on the page from alice-phone (192.168.8.20): grant 300 B to alice-phone"]


def test_two_owners_at_once_both_get_what_they_asked_for(house):
    hers, his, before = house.log_in(HERS), house.log_in(HIS), granted(house.state)
    with ThreadPoolExecutor(2) as owners:
        list(owners.map(house.page.answer, [grant(hers, "request-1"), grant(his, "request-2", 500)]))
    assert granted(house.state) == before + 800


def test_a_request_of_before_a_restart_is_not_done_again(house, tmp_path):
    by, before = house.log_in(), granted(house.state)
    house.page.answer(grant(by))
    kept = house.state
    house.life.end()
    (tmp_path / "second").mkdir()
    other = House(tmp_path / "second")
    other.state = kept
    try:
        again = other.page.answer(grant(by))
        assert (again["repeated"], again["done"]) == (True, "grant 300 B to alice-phone")
        assert granted(other.state) == before + 300
    finally:
        other.life.end()


def test_what_is_refused_may_be_sent_again(house):
    by = house.log_in()
    nobody = OwnerCommand(by, GrantCommand("nobody", 1, None), "request-1")
    with pytest.raises(BadParameter, match="there is no device"):
        house.page.answer(nobody)
    assert house.page.answer(grant(by, "request-1"))["repeated"] is False


def test_an_act_of_the_page_can_be_undone_there(house):
    by, before = house.log_in(), granted(house.state)
    house.page.answer(grant(by))
    house.page.answer(OwnerCommand(by, UndoCommand(), "request-2"))
    assert granted(house.state) == before


def ask(peer: Peer = HERS, request: str = "asking-1", size: int = 300) -> AskCommand:
    return AskCommand(peer, size, "for the video call", request)


def test_a_device_asks_and_sees_the_answer(house, caplog):
    caplog.set_level(logging.INFO)
    before = granted(house.state)
    house.page.answer(ask())
    assert house.page.answer(ask())["repeated"] is True
    assert declined(house, ask(request="asking-2")).status.startswith("429")
    seen = house.page.answer(MeQuery(HERS))["asked"]
    assert (seen["bytes"], seen["text"], seen["answer"]) == (300, "for the video call", None)
    assert house.page.answer(MeQuery(HIS))["asked"] is None
    assert house.page.answer(PageQuery())["asks_open"] == 1
    assert "alice-phone asks for 300 B: for the video call" in caplog.text

    by = house.log_in(HIS)
    (asked,) = house.page.answer(OwnerQuery(by, AsksQuery()))["asks"]
    answer = OwnerCommand(by, AnswerCommand(asked["id"], 100), "answer-01")
    for _ in range(2):
        house.page.answer(answer)
    assert granted(house.state) == before + 100, "the owner gives less than was asked for, and once"
    assert house.page.answer(MeQuery(HERS))["asked"]["answer"]["bytes"] == 100
    assert house.page.answer(PageQuery())["asks_open"] == 0


def test_no_is_an_answer_too(house):
    by, before = house.log_in(), granted(house.state)
    house.page.answer(ask())
    house.page.answer(OwnerCommand(by, AnswerCommand(1, 0), "answer-01"))
    assert house.page.answer(MeQuery(HERS))["asked"]["answer"]["bytes"] == 0
    assert granted(house.state) == before


def test_an_address_that_is_no_device_asks_in_vain(house):
    assert declined(house, ask(Peer("203.0.113.9"))).status.startswith("403")
    assert house.page.answer(MeQuery(Peer("203.0.113.9")))["client"] is None


def test_the_owner_names_devices(house):
    by = house.log_in()
    name = OwnerCommand(by, NameCommand(PIXEL, "Kitchen"), "name-0001")
    assert house.page.answer(name)["done"] == f"call {PIXEL} Kitchen"
    assert house.state.page.kept.names == {ClientKey(PIXEL): "Kitchen"}
    with pytest.raises(BadParameter, match="is not one device"):
        house.page.answer(OwnerCommand(by, NameCommand("everyone", "x"), "name-0002"))


def test_limits_are_shown_with_the_file_and_its_lines(house):
    seen = house.page.answer(OwnerQuery(house.log_in(), LimitsQuery()))
    assert (seen["file"], seen["written"]) == (str(house.config), "quotas:\n  - {name: daily}")
    assert seen["quotas"] == house.page.answer(OwnerQuery(house.log_in(), QuotasQuery()))["quotas"]


def test_the_desk_says_where_the_page_is(house):
    listen = (Listen("192.168.8.1", 80), Listen("fd00::1", 8080))
    house.settings = replace(house.settings, web=Web(listen, ("data.internal",)))
    seen = house.desk.answer(WebQuery())
    assert seen["urls"] == ["http://192.168.8.1/", "http://[fd00::1]:8080/", "http://data.internal/"]
    assert (seen["on"], seen["password_set"]) == (True, True)
    house.settings = replace(house.settings, web=None)
    assert house.desk.answer(WebQuery())["on"] is False
