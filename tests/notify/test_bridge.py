# SPDX-License-Identifier: GPL-2.0-or-later
"""A home automation hears by a real mosquitto what there is, what changes, and that the sender is gone."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs python3-paho-mqtt")

from esimshaper.lab.namespaces import wait_until
from esimshaper.notify.bridge import Bridge
from esimshaper.notify.entities import entities, id_of
from esimshaper.notify.jobs import Daemon
from tests.notify.brokers import Listener, mosquitto
from tests.notify.daemon import StandIn, step_until
from tests.notify.test_mqtt import channel

TV = {"name": "tv \u5c45\u9593", "key": "02:00:00:00:00:11", "today_bytes": 62, "level": "open", "reason": ""}
QUOTA = {"quota": "daily", "subject": "client/tv", "used_bytes": 1, "limit_bytes": 3, "left_bytes": 2, "renews": None}
PLAN = {"name": "trip", "used_bytes": 1, "left_bytes": 4, "cost": "990", "currency": "JPY", "ends": None}


def home(**tv: Any) -> dict[str, Any]:
    return {"clients": [{**TV, "alarms": [], **tv}], "quotas": [QUOTA], "plans": [PLAN], "alarms": 0}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with mosquitto(tmp_path_factory.mktemp("mosquitto")) as found:
        yield found


@pytest.fixture
def house(port: int, tmp_path: Path) -> Iterator[Any]:
    """A daemon that says `state`, and whoever listens at the broker."""
    listener = Listener(port)
    daemon = StandIn(tmp_path / "notify.sock", []).start()
    state = home()
    daemon.more = lambda path, body: state if path == "/v1/notify/home" else None
    bridge = Bridge(channel(port), Daemon(daemon.path))
    yield state, listener, bridge
    bridge.close()
    listener.close()
    daemon.stop()


def heard(bridge: Bridge, what: str, is_so: Callable[[], bool]) -> None:
    def look() -> bool:
        bridge.step(0.05)
        return is_so()

    wait_until(what, look)


def test_home_assistant_finds_all_entities_and_hears_what_changes(house):
    state, listener, bridge = house
    key = id_of("client", TV["key"])
    heard(bridge, "the state", lambda: f"esimshaper/{key}_state" in listener.latest)
    wanted = [(each.component, each.id) for each in entities(home())]
    for component, name in wanted:
        place = f"homeassistant/{component}/esimshaper/{name}/config"
        wait_until(place, lambda place=place: place in listener.latest)
        told = json.loads(listener.latest[place])
        assert (told["state_topic"], told["availability_topic"]) == (f"esimshaper/{name}", "esimshaper/status")
        assert "state" in json.loads(listener.latest[told["state_topic"]])
    assert "tv \u5c45\u9593" in listener.latest[f"homeassistant/sensor/esimshaper/{key}_today/config"]
    assert listener.latest["esimshaper/status"] == "online"
    before = len(listener.all)
    state["clients"][0].update(level="blocked", alarms=["surge"])
    heard(bridge, "an alarm", lambda: '"ON"' in listener.latest[f"esimshaper/{key}_alarm"])
    heard(bridge, "blocked", lambda: "blocked" in listener.latest[f"esimshaper/{key}_state"])
    assert len(listener.all) == before + 2, "what is as it was is not told again"


def test_what_is_gone_is_taken_away_and_a_lost_connection_is_told_by_the_broker(house):
    state, listener, bridge = house
    key = id_of("plan", "trip")
    heard(bridge, "the plan", lambda: f"esimshaper/{key}_left" in listener.latest)
    state["plans"].clear()
    config = f"homeassistant/sensor/esimshaper/{key}_left/config"
    heard(bridge, "its end", lambda: listener.latest[config] == "")
    bridge._broker._client.socket().shutdown(socket.SHUT_RDWR)  # without a goodbye
    wait_until("the last will", lambda: listener.latest["esimshaper/status"] == "offline")
    heard(bridge, "it is back", lambda: listener.latest["esimshaper/status"] == "online")


def test_the_sender_keeps_the_bridge_while_the_settings_have_a_broker(port, sender_of, monkeypatch):
    daemon, sender = sender_of()
    monkeypatch.setenv("ESIMSHAPER_NOTIFY", str(daemon.path))
    daemon.more = lambda path, body: home() if path == "/v1/notify/home" else None
    daemon.channels.append(channel(port, topic="house", discovery=""))
    listener = Listener(port)
    step_until(sender, "a state", lambda: "house/alarms" in listener.latest)
    sender._helpers.end()
    wait_until("its end", lambda: listener.latest["house/status"] == "offline")
    listener.close()
    assert not [each for each in listener.latest if each.startswith("homeassistant/") and "house" in each]
