# SPDX-License-Identifier: GPL-2.0-or-later
"""What a home automation is told of, by MQTT: entities as Home Assistant finds them, and their states. Pure.

PREFIX/sensor/esimshaper/ID/config   what an entity is (https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery)
TOPIC/ID                             its state, as JSON
TOPIC/status                         online, or offline where the sender is gone
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from esimshaper.notify.letter import SEVERITIES

Document = Mapping[str, Any]
DATA = {"device_class": "data_size", "unit_of_measurement": "B"}


class Entity(NamedTuple):
    """component: Home Assistant's word. about: what it is, beside its name. state: what it says now."""

    id: str
    component: str
    name: str
    about: Mapping[str, Any]
    state: Mapping[str, Any]


def entities(home: Document) -> Iterator[Entity]:
    """All entities of the daemon's document, each with its state."""
    alarms = {"state": "ON" if home["alarms"] else "OFF", "number": home["alarms"]}
    yield Entity("alarms", "binary_sensor", "Alarms", {"device_class": "problem"}, alarms)
    for client in home["clients"]:
        key, name = id_of("client", client["key"]), client["name"]
        used = {"state": client["today_bytes"]}
        yield Entity(f"{key}_today", "sensor", f"{name} today", {**DATA, "state_class": "total_increasing"}, used)
        level = {"state": client["level"], "reason": client["reason"], "alarms": client["alarms"]}
        options = {"device_class": "enum", "options": ["open", "throttled", "blocked"]}
        yield Entity(f"{key}_state", "sensor", f"{name} state", options, level)
        alarm = {"state": "ON" if client["alarms"] else "OFF"}
        yield Entity(f"{key}_alarm", "binary_sensor", f"{name} alarm", {"device_class": "problem"}, alarm)
    for quota in home["quotas"]:
        said = {"state": quota["left_bytes"], "used": quota["used_bytes"], "limit": quota["limit_bytes"]}
        key = id_of("quota", f"{quota['quota']} {quota['subject']}")
        yield Entity(key, "sensor", f"{quota['quota']} of {quota['subject']} left", DATA, said)
    for plan in home["plans"]:
        key = id_of("plan", plan["name"])
        left = {"state": plan["left_bytes"], "used": plan["used_bytes"], "ends": plan["ends"]}
        if plan["left_bytes"] is not None:  # else it is unlimited
            yield Entity(f"{key}_left", "sensor", f"{plan['name']} left", DATA, left)
        money = {"device_class": "monetary", "unit_of_measurement": plan["currency"]}
        if plan["currency"]:
            yield Entity(f"{key}_cost", "sensor", f"{plan['name']} cost", money, {"state": plan["cost"]})


def id_of(kind: str, name: str) -> str:
    """Of letters, digits and underscores, and another one for each name."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:24]
    return f"{kind}_{plain}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def config(entity: Entity, topic: str) -> str:
    """What Home Assistant is told of an entity."""
    place = f"{topic}/{entity.id}"
    attributes = {"json_attributes_topic": place} if len(entity.state) > 1 else {}
    return json.dumps(
        {
            "name": entity.name,
            "unique_id": f"{topic}_{entity.id}",
            "object_id": f"{topic}_{entity.id}",
            "state_topic": place,
            "value_template": "{{ value_json.state }}",
            "availability_topic": f"{topic}/status",
            "device": {"identifiers": [topic], "name": topic, "manufacturer": "esimshaper"},
            **attributes,
            **entity.about,
        },
        ensure_ascii=False,
    )


def notices_config(topic: str) -> str:
    """What Home Assistant is told of notices, which are events: each letter at TOPIC/notice."""
    return json.dumps(
        {
            "name": "Notices",
            "unique_id": f"{topic}_notice",
            "state_topic": f"{topic}/notice",
            "event_types": list(SEVERITIES),
            "availability_topic": f"{topic}/status",
            "device": {"identifiers": [topic], "name": topic, "manufacturer": "esimshaper"},
        }
    )
