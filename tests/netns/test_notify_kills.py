# SPDX-License-Identifier: GPL-2.0-or-later
"""`kill -9` of the real daemon and of esimshaper-notify, between any two words that they say: what people get by mail
from a real server, and by SMS from Debian's own ModemManager.

    a client uses up quotas, one after the other -> outbox -> esimshaper-notify -> mail server, modem
                                                                               both kill at a chosen moment
"""

import email
import email.policy
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiosmtpd", reason="needs python3-aiosmtpd")
pytest.importorskip("dbusmock", reason="needs python3-dbusmock")

from esimshaper.core.model.outbox import Fate, Outbox
from esimshaper.demo.modem_manager import RealManager
from esimshaper.edge.history.database import History
from esimshaper.lab import Lab, WanKind
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.phone import Phone
from esimshaper.lab.system_bus import private_bus
from tests.certificates import Authority
from tests.netns.limits import download, quotas
from tests.netns.router import Router
from tests.notify.test_mail import Server, context
from tests.notify.test_sms import ALICE, Line

QUOTAS = 8
STEP = 1_000_000
NAME = re.compile(r"\bstep-\d\b")
KNOWN = 3
"""Kills at a moment that is known, of mail and of SMS."""
AT_RANDOM = 6
"""Kills at random moments."""


class Killer:
    """Kills one of the two processes, or both, when something has happened so many times. Whoever asks waits."""

    def __init__(self, fates: dict[int, tuple[str, str]]) -> None:
        self._fates, self._happened = fates, count(1)
        self.kill: Callable[[str], None] = lambda who: None

    def before(self, which: int) -> None:
        self._at("before", which)

    def after(self, which: int) -> None:
        self._at("after", which)

    def next(self) -> int:
        return next(self._happened)

    def _at(self, moment: str, which: int) -> None:
        when, who = self._fates.get(which, ("", ""))
        if when == moment:
            self.kill(who)


class Office:
    """Takes mails. `killer` acts when one is there, before that is said and after it."""

    def __init__(self, killer: Killer) -> None:
        self.mails: list[tuple[str, str]] = []
        self._killer = killer

    @property
    def named(self) -> set[str]:
        """The notices of which a mail has told."""
        return set(NAME.findall("\n".join(text for _, text in self.mails)))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body
        self.mails.append((str(mail["Message-ID"]), f"{mail['Subject']}\n{body.get_content()}"))
        number = self._killer.next()
        self._killer.before(number)
        server.loop.call_later(0.01, self._killer.after, number)
        return "250 OK"


class Mobile(Phone):
    """A modem whose network takes SMS; the killer acts before the modem says so, and after it."""

    killer: Killer

    def _take(self, pdu: str) -> str:
        answer = super()._take(pdu)
        number = self.killer.next()
        self.killer.before(number)
        threading.Timer(0.01, self.killer.after, (number,)).start()
        return answer


class Sender:
    """esimshaper-notify. It may be killed alone, or with the delivery that it has begun, as systemd does."""

    def __init__(self, router: Router, bus: str) -> None:
        socket = str(router.socket.with_name("notify.sock"))
        self._environment = router.environment | {"ESIMSHAPER_NOTIFY": socket, "DBUS_SYSTEM_BUS_ADDRESS": bus}
        self._log = router.place / "notify.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "esimshaper.notify"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def kill(self, *, children: bool) -> None:
        if self._process:
            there = _children(self._process.pid) if children else []
            self._process.kill()
            for child in there:  # each is a session of its own
                with suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _children(process: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


class Pair:
    """Both processes. Who is killed is started again by the next look of `mend`."""

    def __init__(self, router: Router, sender: Sender) -> None:
        self.router, self._sender = router, sender
        self._dead: set[str] = set()
        self._lock = threading.Lock()
        self.kills: Counter[str] = Counter()

    def kill(self, who: str) -> None:
        """who: daemon, sender, or sender-alone, whose delivery goes on."""
        with self._lock:
            self.kills[who] += 1
            if who == "daemon" and self.router.process and self.router.process.poll() is None:
                self.router.kill()
            elif who != "daemon":
                self._sender.kill(children=who == "sender")
            self._dead.add(who.removesuffix("-alone"))

    def mend(self) -> None:
        with self._lock:
            if "daemon" in self._dead:
                self.router.start()
            if "sender" in self._dead:
                self._sender.start()
            self._dead.clear()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with private_bus(tmp_path, quiet=True) as bus:
        made = Line(RealManager(bus), Mobile)
        yield made
        made.phone.close()
        made.manager.hand.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[Office, int, Path]]:
    authority = Authority(tmp_path)
    taken = Office(Killer({1: ("before", "sender"), 2: ("before", "daemon"), 3: ("after", "sender-alone")}))
    server = Server(taken, "127.0.0.1", 0, tls_context=context(*authority.sign("mail")), require_starttls=True)
    server.start()
    yield taken, server.port, authority.certificate
    server.stop()


def test_a_mail_comes_at_least_once_with_one_message_id_and_an_sms_at_most_once_whoever_is_killed(
    make_router: Callable[..., Router], line: Line, office: tuple[Office, int, Path]
) -> None:
    taken, port, certificate = office
    phone = line.phone
    assert isinstance(phone, Mobile)
    phone.killer = Killer({1: ("before", "sender"), 2: ("before", "daemon"), 3: ("after", "sender")})
    rows = (
        f"name: step-{each}, for: everyone, limit: {each + 1}MB, period: month, then: notify" for each in range(QUOTAS)
    )
    where = f"host: 127.0.0.1, port: {port}, ca: {certificate}, from: router@lab.example, to: owner@lab.example"
    told = f'  email: {{{where}, min: alarm, per_day: 100}}\n  sms: {{to: "{ALICE}", per_day: 100}}\n'
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, quotas(*rows) + "watch: off\nnotices:\n" + told).start()
        sender = Sender(router, line.manager.bus.address)
        sender.start()
        pair = Pair(router, sender)
        taken._killer.kill = phone.killer.kill = pair.kill
        try:
            use_up(lab, pair, taken, phone)
            wait_until("all of it", partial(settled, pair, taken, QUOTAS), timeout=300)
        finally:
            taken._killer.kill = phone.killer.kill = lambda who: None
            sender.kill(children=True)
        router.stop()
        with closing(History(router.place / "state" / "history.db")) as history:
            kept = history.load().notices
    judge(kept, taken, phone)
    assert min(pair.kills["daemon"], pair.kills["sender"] + pair.kills["sender-alone"]) >= KNOWN, pair.kills


def use_up(lab: Lab, pair: Pair, taken: Office, phone: Phone) -> None:
    """One quota after the other: first the kills at moments that are known, then those at random."""
    chance = random.Random(15)
    for number in range(QUOTAS):
        download(lab.clients[0], lab.servers4[0], STEP + 100_000)
        if number < KNOWN:
            wait_until("a mail and an SMS", partial(_came, number + 1, pair, taken, phone), timeout=180)
            pair.kill("daemon")  # the next one knows at once that nobody holds a lease any more
            pair.mend()
        if number == KNOWN - 1:  # a message that is hit three times would wait for minutes
            wait_until("the mails, again", partial(settled, pair, taken, KNOWN), timeout=240)
    for _ in range(AT_RANDOM):
        threading.Event().wait(chance.uniform(0.5, 4))  # messages are ripe after ten seconds
        pair.kill(chance.choice(["daemon", "sender", "sender-alone"]))
        pair.mend()


def _came(number: int, pair: Pair, taken: Office, phone: Phone) -> bool:
    pair.mend()
    return len(taken.mails) >= number and len(phone.sent) >= number


def settled(pair: Pair, taken: Office, number: int) -> bool:
    """So many notices have come by mail, and no message waits."""
    pair.mend()
    channels = pair.router.get("/v1/notify")["channels"]
    return len(taken.named) == number and not any(each["waiting"] for each in channels)


def judge(kept: Outbox, taken: Office, phone: Phone) -> None:
    ids: dict[str, set[str]] = {}
    for message, text in taken.mails:
        for name in NAME.findall(text):
            ids.setdefault(name, set()).add(message)
    assert len(ids) == QUOTAS, "each notice has come by mail"
    assert all(len(each) == 1 for each in ids.values()), "and always with the same Message-ID"
    assert len(taken.mails) > len({message for message, _ in taken.mails}), "what a kill has left unknown came again"
    texts = Counter(each.text for each in phone.sent)
    assert max(texts.values()) == 1, "no SMS came twice"
    jobs = [each for each in kept.jobs if each.channel == "sms"]
    assert len(phone.sent) <= len(jobs)
    assert all(each.attempts == 1 for each in jobs if each.fate is Fate.UNKNOWN), "what may have gone is not repeated"
    assert any(each.fate is Fate.UNKNOWN for each in jobs), "the modem's last word was lost"
