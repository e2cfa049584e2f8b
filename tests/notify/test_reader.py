# SPDX-License-Identifier: GPL-2.0-or-later
"""What carriers say comes by Debian's own ModemManager, and is proposed to the daemon; strangers propose nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("jeepney", reason="needs python3-jeepney")
pytest.importorskip("dbusmock", reason="needs python3-dbusmock")

from jeepney import DBusAddress, new_signal

from esimshaper.demo.modem_manager import RealManager
from esimshaper.edge.modems.bus import Bus
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.phone import delivered
from esimshaper.lab.system_bus import private_bus
from esimshaper.notify import matcher, reader
from esimshaper.notify.jobs import Daemon
from esimshaper.notify.modem import MESSAGING
from tests.notify.daemon import StandIn, step_until
from tests.notify.test_sms import Line
from tests.tools import find

RULE = {"from": ["docomo", "1580"], "match": r"\u6b8b\u308a(?P<left>[\d.]+)(?P<unit>[GM]B)"}
TEXT = "\u30c7\u30fc\u30bf\u91cf\u306e\u6b8b\u308a\uff14\uff0e\uff15\uff27\uff22\u3067\u3059"
GIVES = {"left": 4_500_000_000}

Start = Callable[..., reader.Reader]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    find("ModemManager")
    with private_bus(tmp_path_factory.mktemp("reader")) as bus:
        line = Line(RealManager(bus))
        yield line
        line.phone.close()
        line.manager.hand.close()


@pytest.fixture
def daemon(tmp_path: Any) -> Iterator[StandIn]:
    made = StandIn(tmp_path / "notify.sock", []).start()
    yield made
    made.stop()


@pytest.fixture
def start(office: Line, daemon: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(reader, "PAUSE_SECONDS", 0.02)
    made: list[reader.Reader] = []

    def begin(*rules: dict[str, Any]) -> reader.Reader:
        made.append(reader.Reader(rules or (RULE,), Daemon(daemon.path), office.manager.bus.address))
        made[-1].step(0.01)
        return made[-1]

    yield begin
    for each in made:
        each.close()


def read_until(one: reader.Reader, what: str, is_so: Callable[[], bool]) -> None:
    def look() -> bool:
        if not is_so():
            one.step(0.05)
        return is_so()

    wait_until(what, look, timeout=10)


def test_what_the_carrier_says_is_proposed_and_taken_out_of_the_modem_and_nothing_else_is(office, daemon, start):
    one = start()
    office.phone.receive(delivered("mallory", TEXT), delivered("docomo", "hello"), delivered("docomo", TEXT))
    read_until(one, "a proposal", lambda: bool(daemon.proposals) and len(office.left()) == 2)
    (told,) = daemon.proposals
    assert (told["source"], told["from"], told["gives"]) == ("sms", "docomo", GIVES)
    assert told["at"].startswith("2026-11-30T12:00:00")
    assert "4.5GB" in told["text"]


def test_a_message_in_two_parts_is_read_once_it_is_whole_and_one_that_is_never_whole_holds_nobody_up(
    office, daemon, start
):
    one = start()
    before = len(office.left())
    office.phone.receive(delivered("1580", TEXT[:9], (1, 2)))
    read_until(one, "a look", lambda: len(office.left()) == before + 1)
    office.phone.receive(delivered("docomo", TEXT))
    read_until(one, "a proposal", lambda: len(daemon.proposals) == 1)
    office.phone.receive(delivered("1580", TEXT[9:], (2, 2)))
    read_until(one, "the whole", lambda: len(daemon.proposals) == 2)
    assert [each["from"] for each in daemon.proposals] == ["docomo", "1580"]
    assert daemon.proposals[1]["gives"] == GIVES


def test_messages_of_others_that_stay_in_the_modem_hide_nothing_that_comes(office, daemon, start, monkeypatch):
    monkeypatch.setattr(reader, "MOST_MESSAGES", 2)
    before = len(office.left())
    one = start()
    office.phone.receive(*[delivered("mallory", f"hello {number}") for number in range(3)])
    read_until(one, "the others", lambda: len(office.left()) == before + 3)
    office.phone.receive(delivered("docomo", TEXT))
    read_until(one, "a proposal", lambda: len(daemon.proposals) == 1)


def test_a_signal_of_a_stranger_on_the_bus_proposes_nothing(office, daemon, start):
    one = start()
    forger = Bus(office.manager.bus.address)
    try:
        forger.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", "su", ("a.b", 0))
        there = DBusAddress("/org/freedesktop/ModemManager1/Modem/0", bus_name="a.b", interface=MESSAGING)
        signal = new_signal(there, "Added", "ob", ("/org/freedesktop/ModemManager1/SMS/999", True))
        forger._socket.sendall(signal.serialise(serial=9))
        office.phone.receive(delivered("docomo", TEXT))
        read_until(one, "the true one", lambda: bool(daemon.proposals))
    finally:
        forger.close()
    assert len(daemon.proposals) == 1


def test_a_rule_that_takes_for_ever_costs_its_message_and_no_other(office, daemon, start, monkeypatch):
    monkeypatch.setattr(matcher, "SECONDS", 1.0)
    one = start({"from": ["mallory"], "match": r"(a+)+$", "gives": "left"}, RULE)
    office.phone.receive(delivered("mallory", "a" * 40 + "!"), delivered("docomo", TEXT))
    read_until(one, "a proposal", lambda: len(daemon.proposals) == 1)


def test_the_daemon_is_away_and_hears_of_it_later(office, daemon, start, monkeypatch):
    monkeypatch.setattr(reader, "RETRY_SECONDS", 0.05)
    one = start()
    daemon.stop()
    before = len(office.left())
    office.phone.receive(delivered("docomo", TEXT))
    read_until(one, "the message", lambda: len(office.left()) > before)
    one.step(0.05)
    daemon.start()
    read_until(one, "a proposal", lambda: len(daemon.proposals) == 1 and len(office.left()) == before)


def test_modemmanager_is_started_again_and_messages_are_read_on(office, daemon, start, monkeypatch):
    monkeypatch.setattr(reader, "RETRY_SECONDS", 0.05)
    one = start()
    office.manager.kill()
    one.step(0.05)
    office.manager.begin()
    office.plug()
    office.phone.receive(delivered("docomo", TEXT))
    read_until(one, "a proposal", lambda: len(daemon.proposals) == 1)


def test_a_code_is_dialled_at_its_time_and_after_one_that_was_never_answered(office, daemon, start, monkeypatch):
    monkeypatch.setattr(reader, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(reader, "USSD_SECONDS", 1.0)
    code = {"ussd": "*100#", "every": 0.1, "match": r"used (?P<used>\d+) (?P<unit>MB)"}
    office.phone.ussd = ""
    one = start(code)
    office.phone.ussd = "You have used 800 MB. Top up: *200#"
    read_until(one, "a proposal", lambda: bool(daemon.proposals))
    told = daemon.proposals[0]
    assert (told["source"], told["from"], told["gives"]) == ("ussd", "*100#", {"used": 800_000_000})


def test_the_sender_reads_while_the_settings_have_rules(office, sender_of, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", office.manager.bus.address)
    daemon, sender = sender_of()
    monkeypatch.setenv("ESIMSHAPER_NOTIFY", str(daemon.path))
    daemon.read.append(RULE)
    office.phone.receive(delivered("docomo", TEXT))
    step_until(sender, "a proposal", lambda: len(daemon.proposals) == 1)
