# SPDX-License-Identifier: GPL-2.0-or-later
"""SMS by Debian's own ModemManager, with a modem whose network takes them, refuses, or is pulled out."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("jeepney", reason="needs python3-jeepney")
pytest.importorskip("dbusmock", reason="needs python3-dbusmock")

from esimshaper.core.model.notify_facts import Messaging
from esimshaper.core.model.results import Result
from esimshaper.demo.modem_manager import RealManager
from esimshaper.edge.modems.bus import PROPERTIES
from esimshaper.edge.probe.notify import messaging
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.phone import Phone, Sent
from esimshaper.lab.system_bus import private_bus
from esimshaper.notify.channels import sms
from esimshaper.notify.letter import Report, UndeliveredError
from esimshaper.notify.modem import MESSAGING, NAME
from tests.notify.daemon import job, letter
from tests.tools import find

ALICE, BOB = "+819012345678", "+819087654321"
CHANNEL = {"name": "sms", "kind": "sms", "to": [ALICE]}

NUMBERS = itertools.count()


class Line:
    """A ModemManager with a modem in a network."""

    def __init__(self, manager: RealManager, kind: type[Phone] = Phone) -> None:
        self.manager, self._kind = manager, kind
        self.phone = self.plug()

    def plug(self) -> Phone:
        name = f"notify-{os.getpid()}-{next(NUMBERS)}"  # abstract, so it is for all of the machine
        self.phone = self._kind(name, "8981100012345678905")
        self.manager.use(name)
        self.manager.enable()
        wait_until("messages", self.takes_messages, timeout=40)
        return self.phone

    def takes_messages(self) -> bool:
        asked = self.manager.hand.call(NAME, self.manager.path, PROPERTIES, "GetAll", "s", (f"{NAME}.Modem",))
        return asked[0]["State"] >= 8 and any(each.startswith("AT+CNMI=") for each in self.phone.commands)

    def left(self) -> list[str]:
        """Messages that ModemManager still has."""
        (paths,) = self.manager.hand.call(NAME, self.manager.path, MESSAGING, "List")
        return list(paths)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    find("ModemManager")
    folder = tmp_path_factory.mktemp("line")
    with private_bus(folder) as bus:
        line = Line(RealManager(bus))
        yield line
        line.phone.close()
        line.manager.hand.close()


@pytest.fixture
def line(office: Line, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", office.manager.bus.address)
    office.phone.refuses = ""
    office.phone.sent.clear()
    return office


def undelivered(text: str, channel: dict[str, Any] = CHANNEL) -> UndeliveredError:
    with pytest.raises(UndeliveredError) as raised:
        sms.deliver(replace(letter(), text=text), channel, Report())
    return raised.value


@pytest.mark.parametrize(
    ("text", "coding"),
    [("tv: 62 MB in a minute (6 % of the day)", "gsm7"), ("\u5c45\u9593TV: 1\u5206\u306762MB", "ucs2")],
)
def test_an_sms_goes_out_in_one_part_and_stays_nowhere(line, text, coding):
    sms.deliver(replace(letter(), text=text), {**CHANNEL, "to": [ALICE, BOB]}, Report())
    assert line.phone.sent == [Sent(ALICE, text, coding), Sent(BOB, text, coding)]
    assert line.left() == []


def test_a_whole_job_by_sms_shows_no_number(line, sender_of):
    daemon, sender = sender_of(CHANNEL)
    assert daemon.deliver(sender, job(channel="sms")) == ["sent"]
    assert len(line.phone.sent) == 1
    assert ALICE not in str(daemon.results)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("+CMS ERROR: 332", Result.FAILED),  # the network does not answer
        ("+CMS ERROR: 330", Result.IMPOSSIBLE),  # nobody takes messages of this SIM
        ("+CMS ERROR: 302", Result.IMPOSSIBLE),  # not allowed
        ("ERROR", Result.FAILED),
    ],
)
def test_the_network_does_not_take_it(line, answer, result):
    line.phone.refuses = answer
    assert undelivered("tv").result is result
    assert line.left() == []


def test_nobody_says_whether_it_was_sent_and_so_it_is_not_sent_again(line, sender_of):
    line.phone.refuses = None
    daemon, sender = sender_of(CHANNEL)
    assert daemon.deliver(sender, job(channel="sms", deadline=6)) == ["unknown"]
    line.phone.close()
    line.plug()


def test_without_a_modem_it_waits(line):
    line.manager.kill()
    assert undelivered("tv").result is Result.FAILED
    line.manager.begin()
    error = undelivered("tv")
    assert (error.result, "no modem" in str(error)) == (Result.FAILED, True)
    line.plug()
    sms.deliver(letter(), CHANNEL, Report())


def test_doctor_says_what_is_missing_until_a_modem_takes_messages(line):
    address = line.manager.bus.address
    assert messaging(address) in (Messaging.READY, Messaging.UNASKED), (
        "without systemd no process of the sender is known"
    )
    line.manager.kill()
    assert messaging(address) is Messaging.NO_MANAGER
    line.manager.begin()
    assert messaging(address) is Messaging.NO_MODEM
    line.plug()


def test_without_a_bus_it_waits(line, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
    assert undelivered("tv").result is Result.FAILED
