# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.notify.bridge`: keeps a home automation up to date by MQTT, until it is killed.

The channel comes as JSON on standard input. Each 30 s the daemon is asked, and what is another state is told. Owns its
connection to the broker.
"""

import json
import logging
import select
import socket
import sys
from collections.abc import Mapping
from typing import Any

from esimshaper.edge.host.paths import notify_socket
from esimshaper.notify.broker import Broker
from esimshaper.notify.entities import Entity, config, entities, notices_config
from esimshaper.notify.jobs import Daemon, NoDaemonError
from esimshaper.notify.letter import Report, UndeliveredError
from esimshaper.notify.secrets import UnreadableError

LOOK_SECONDS, RETRY_SECONDS = 30.0, 30.0

log = logging.getLogger(__name__)


class Unheard(Report):
    """Says and counts nothing: nobody waits for the steps, and a broker is in the house."""

    def watch(self, connection: socket.socket | None) -> None:
        """Nothing."""

    def _say(self, document: Mapping[str, Any]) -> None:
        """Nothing."""


class Bridge:
    """channel: one of the kind mqtt."""

    def __init__(self, channel: Mapping[str, Any], daemon: Daemon) -> None:
        self._channel, self._daemon = channel, daemon
        self._topic = str(channel.get("topic") or "esimshaper")
        self._prefix = str(channel.get("discovery") or "")
        self._broker: Broker | None = None
        self._known: dict[str, Entity] = {}
        self._problem = ""

    def run(self) -> None:
        """Runs until the process is killed."""
        while True:
            self.step(LOOK_SECONDS)

    def step(self, seconds: float) -> None:
        """Tells what is new, and stays connected for so many seconds."""
        try:
            broker = self._broker or self._open()
            self._tell(broker)
            if not broker.work(seconds):
                self.close()
        except (UndeliveredError, UnreadableError) as error:
            self.close()
            if str(error) != self._problem:
                log.warning("home automation is not told for now: %s", error)
            self._problem = str(error)
            select.select([], [], [], min(seconds, RETRY_SECONDS))

    def close(self) -> None:
        """Leaves the broker, which then says that we are gone."""
        if self._broker:
            self._broker.close()
        self._broker = None

    def _open(self) -> Broker:
        status = f"{self._topic}/status"
        self._broker = broker = Broker(self._channel, Unheard(), last_will=(status, "offline"))
        self._known.clear()  # another broker, or one that has forgotten
        broker.publish(status, "online", retain=True)
        if self._prefix:
            broker.publish(f"{self._prefix}/event/esimshaper/notice/config", notices_config(self._topic), retain=True)
        return broker

    def _tell(self, broker: Broker) -> None:
        try:
            found = {each.id: each for each in entities(self._daemon.home())}
        except NoDaemonError:  # it is started again, and has the same to say
            return
        for each in found.values():
            before = self._known.get(each.id)
            if self._prefix and (before is None or before.name != each.name):
                broker.publish(self._place(each), config(each, self._topic), retain=True)
            if before is None or before.state != each.state:
                broker.publish(f"{self._topic}/{each.id}", json.dumps(each.state, ensure_ascii=False), retain=True)
        for gone in self._known.keys() - found.keys():
            if self._prefix:
                broker.publish(self._place(self._known[gone]), "", retain=True)
            broker.publish(f"{self._topic}/{gone}", "", retain=True)
        self._known = found

    def _place(self, entity: Entity) -> str:
        return f"{self._prefix}/{entity.component}/esimshaper/{entity.id}/config"


def main() -> int:
    """Runs until it is killed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    Bridge(json.load(sys.stdin)["channel"], Daemon(notify_socket())).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
