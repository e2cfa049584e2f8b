# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.notify.reader`: reads what carriers say, by SMS and USSD, and proposes it to the daemon.

    signals of ModemManager, or a minute without any  ->  all messages that are there  ->  rules  ->  proposal
    a rule's time                                      ->  its code is dialled          ->  rules  ->  proposal

The rules come as JSON on standard input. A signal says only that something has changed: what a message says is asked of
the owner of ModemManager's name, so nobody else on the bus can forge one. It owns its connection to the bus.
"""

import json
import logging
import select
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from esimshaper.edge.host import clock
from esimshaper.edge.host.paths import notify_socket
from esimshaper.edge.modems.bus import PROPERTIES, Bus, BusError, NotAnsweredError, RefusedError
from esimshaper.notify import matcher, modem, readings
from esimshaper.notify.jobs import Daemon, DeniedError, NoDaemonError

LOOK_SECONDS, PAUSE_SECONDS, RETRY_SECONDS = 60.0, 0.5, 10.0
FIRST_SECONDS = 600.0
"""From the start until a code is dialled for the first time: a modem takes a while to be in a network."""

USSD_SECONDS = 45.0
MOST_MESSAGES = 64
RECEIVED, DELIVER = 3, 1
NOT_YET = (0, 2)
"""MMSmsState (NOT_YET: unknown, receiving) and MMSmsPduType. A message whose last part never comes holds nobody up."""

Rules = Sequence[Mapping[str, Any]]

log = logging.getLogger(__name__)


class Reader:
    """rules: as the daemon names them (`read`)."""

    def __init__(self, rules: Rules, daemon: Daemon, address: str | None = None) -> None:
        self._messages = [each for each in rules if each.get("from")]
        self._codes = [each for each in rules if each.get("ussd")]
        self._daemon, self._address = daemon, address
        self._bus: Bus | None = None
        self._done: set[str] = set()  # paths of messages, which ModemManager gives to no other as long as it runs
        self._looked, self._is_due = float("-inf"), True
        now = clock.monotonic()
        self._dial_at = [now + min(FIRST_SECONDS, float(each["every"])) for each in self._codes]

    def run(self) -> None:
        """Runs until the process is killed."""
        while True:
            self.step(LOOK_SECONDS)

    def step(self, seconds: float) -> None:
        """Waits for something to happen, so many seconds at most, and reads what has come."""
        try:
            self._work(seconds)
        except (BusError, NotAnsweredError, RefusedError, NoDaemonError) as error:
            self.close()
            log.warning("messages of carriers are not read for now: %s", error)
            select.select([], [], [], min(seconds, RETRY_SECONDS))

    def close(self) -> None:
        """Leaves the bus."""
        if self._bus:
            self._bus.close()
        self._bus = None

    def _work(self, seconds: float) -> None:
        bus = self._bus or self._open()
        now = clock.monotonic()
        due = min([self._looked + (PAUSE_SECONDS if self._is_due else LOOK_SECONDS), *self._dial_at])
        if now < due:
            self._hear(bus, min(seconds, due - now))
            return
        self._dial(bus, now)
        self._looked, self._is_due = now, False
        if self._messages:
            self._look(bus)

    def _open(self) -> Bus:
        self._bus = bus = Bus(self._address)
        bus.watch(modem.NAME, {"path_namespace": modem.ROOT})
        self._start_over(bus)
        return bus

    def _start_over(self, bus: Bus) -> None:
        """ModemManager has come, or gone: its messages are numbered anew."""
        bus.find_owner(modem.NAME)
        self._done.clear()
        self._is_due = True

    def _hear(self, bus: Bus, seconds: float) -> None:
        for each in bus.signals(seconds):
            if each.member == "NameOwnerChanged":
                self._start_over(bus)
            self._is_due |= each.sender == modem.NAME

    def _look(self, bus: Bus) -> None:
        if not bus.find_owner(modem.NAME):
            return
        for path, interfaces in modem.modems(bus):
            if modem.MESSAGING in interfaces:
                (messages,) = bus.call(modem.NAME, path, modem.MESSAGING, "List")
                # What stays there, of others, must not hide what has come.
                for each in [each for each in messages if each not in self._done][:MOST_MESSAGES]:
                    self._read(bus, path, str(each))

    def _read(self, bus: Bus, path: str, message: str) -> None:
        """Takes a message that is whole, and removes it if it was of use."""
        try:
            (found,) = bus.call(modem.NAME, message, PROPERTIES, "GetAll", "s", (modem.SMS,))
        except RefusedError:  # it is gone
            return
        if found.get("State") in NOT_YET:
            return
        if found.get("State") != RECEIVED or found.get("PduType") != DELIVER:  # one that we have sent
            self._done.add(message)
            return
        sender, text = str(found.get("Number") or ""), str(found.get("Text") or "")
        rules = [each for each in self._messages if readings.is_from(each, sender)]
        if text and rules and self._propose("sms", sender, str(found.get("Timestamp") or ""), text, rules):
            _remove(bus, path, message)
        self._done.add(message)

    def _dial(self, bus: Bus, now: float) -> None:
        for number, rule in enumerate(self._codes):
            if now < self._dial_at[number]:
                continue
            self._dial_at[number] = now + float(rule["every"])
            if answer := _answer(bus, str(rule["ussd"])):
                self._propose("ussd", str(rule["ussd"]), "", answer, [rule])

    def _propose(self, source: str, sender: str, at: str, text: str, rules: Rules) -> bool:
        """Whether a rule fits, and the daemon has heard of it. Raises NoDaemonError: it will hear later."""
        plain = readings.plain(text)
        try:
            found = matcher.first_match([str(each["match"]) for each in rules], plain)
        except TimeoutError as error:
            log.warning("a message from %r is not read: %s", sender[: readings.MOST_SHOWN], error)
            return False
        gives = readings.given(rules[found[0]], found[1]) if found else None
        if gives is None:
            return False
        told = {"source": source, "from": sender[: readings.MOST_SHOWN], "at": at, "gives": gives}
        try:
            self._daemon.propose({**told, "text": plain[: readings.MOST_SHOWN]})
        except DeniedError as error:
            log.warning("the daemon does not take what %r says: %s", told["from"], error)
            return False
        return True


def _remove(bus: Bus, path: str, message: str) -> None:
    try:
        bus.call(modem.NAME, path, modem.MESSAGING, "Delete", "o", (message,))
    except (RefusedError, NotAnsweredError) as error:
        log.warning("a message stays in the modem: %s", error)


def _answer(bus: Bus, code: str) -> str:
    """What the carrier answers to a code; empty where it does not. Many SIMs for data only know none."""
    bus.find_owner(modem.NAME)
    paths = [path for path, interfaces in modem.modems(bus) if modem.USSD in interfaces]
    for path in paths[:1]:
        _cancel(bus, path)  # one that was never answered refuses all that come after it
        try:
            (answer,) = bus.call(modem.NAME, path, modem.USSD, "Initiate", "s", (code,), seconds=USSD_SECONDS)
        except (RefusedError, NotAnsweredError) as error:
            log.warning("the carrier does not answer %s: %s", code, error)
            _cancel(bus, path)
            continue
        return str(answer)
    return ""


def _cancel(bus: Bus, path: str) -> None:
    try:
        bus.call(modem.NAME, path, modem.USSD, "Cancel")
    except (RefusedError, NotAnsweredError):
        return  # there was none


def main() -> int:
    """Runs until it is killed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    Reader(json.load(sys.stdin)["read"], Daemon(notify_socket())).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
