# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection to an MQTT broker, by paho-mqtt 1.6 (Debian 12) or 2.1 (Debian 13), in one thread. Owns its socket."""

import ssl
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as mqtt

from esimshaper.core.model.results import Result
from esimshaper.edge.host import clock
from esimshaper.notify.letter import Document, Report, UndeliveredError, tls_context
from esimshaper.notify.secrets import secret

PORTS = {"tls": 8883, "none": 1883}
KEEPALIVE = 60
ANSWER_SECONDS = 20.0
_STEP = 0.2
_LATER = (3, 136, 137, 151)
"""`Server unavailable` of MQTT 3.1.1; and of MQTT 5, which paho 2 speaks of: that, `Server busy`, `Quota exceeded`."""


class Broker:
    """Connects when made. Raises UndeliveredError. last_will: topic and payload that others get when it is lost."""

    def __init__(self, channel: Document, report: Report, last_will: tuple[str, str] | None = None) -> None:
        self.host, security = str(channel["host"]), str(channel.get("security") or "tls")
        port = int(channel.get("port") or PORTS[security])
        self._refused: str | None = None  # an empty text once the broker has said yes
        self._acknowledged: set[int] = set()
        self._is_later = False
        self._is_lost = False
        self._client = client = _client(str(channel.get("client_id") or ""))
        if channel.get("user"):
            client.username_pw_set(str(channel["user"]), secret(channel["password"]))
        if security == "tls":
            client.tls_set_context(tls_context(channel))
        if last_will:
            client.will_set(*last_will, qos=1, retain=True)
        client.on_connect, client.on_publish, client.on_disconnect = self._connected, self._published, self._lost
        try:
            self._connect(port, report)
        except UndeliveredError:
            self.close()
            raise

    def close(self) -> None:
        """Says goodbye: no last will is told."""
        self._client.disconnect()
        self._client.loop(_STEP)

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Returns once the broker has it. Raises UndeliveredError."""
        said = self._client.publish(topic, payload, qos=1, retain=retain)
        if said.rc == mqtt.MQTT_ERR_SUCCESS:
            self._await(lambda: said.mid in self._acknowledged)
        if said.mid not in self._acknowledged:
            raise UndeliveredError(Result.UNKNOWN, f"{self.host} did not say whether it has taken it")
        self._acknowledged.discard(said.mid)

    def work(self, seconds: float) -> bool:
        """Hears what has come, for so long at most; False once the connection is lost."""
        end = clock.monotonic() + seconds
        while not self._is_lost and (left := end - clock.monotonic()) > 0:
            if self._client.loop(min(left, _STEP)) != mqtt.MQTT_ERR_SUCCESS:
                return False
        return not self._is_lost

    def _connect(self, port: int, report: Report) -> None:
        try:
            self._client.connect(self.host, port, KEEPALIVE)
        except ssl.SSLCertVerificationError as error:
            why = f"the certificate of {self.host} is not right: {error.verify_message}"
            raise UndeliveredError(Result.FAILED, why) from None
        except (OSError, ValueError) as error:
            raise UndeliveredError(Result.FAILED, f"{self.host} does not answer at port {port}: {error}") from None
        report.watch(self._client.socket())
        report.step(f"{self.host} answers at port {port}")
        self._await(lambda: self._refused is not None)
        if self._refused is None:
            raise UndeliveredError(Result.FAILED, f"{self.host} does not speak MQTT at port {port}")
        if self._refused:
            result = Result.FAILED if self._is_later else Result.IMPOSSIBLE
            raise UndeliveredError(result, f"{self.host} does not let us in: {self._refused}")
        report.step("the broker lets us in")

    def _await(self, is_so: Callable[[], bool]) -> None:
        end = clock.monotonic() + ANSWER_SECONDS
        while not is_so() and clock.monotonic() < end and self._client.loop(_STEP) == mqtt.MQTT_ERR_SUCCESS:
            pass

    def _connected(self, _client: Any, _data: Any, _flags: Any, code: Any, *_: Any) -> None:  # noqa: ANN401 - paho's
        is_refused = code.is_failure if hasattr(code, "is_failure") else code != 0
        said = code.getName() if hasattr(code, "getName") else mqtt.connack_string(code)
        self._refused = str(said) if is_refused else ""
        self._is_later = getattr(code, "value", code) in _LATER

    def _published(self, _client: Any, _data: Any, number: int, *_: Any) -> None:  # noqa: ANN401
        self._acknowledged.add(number)

    def _lost(self, *_: Any) -> None:  # noqa: ANN401
        self._is_lost = True


def _client(name: str) -> Any:  # noqa: ANN401 - versions have different types
    versions = getattr(mqtt, "CallbackAPIVersion", None)
    return mqtt.Client(versions.VERSION2, client_id=name) if versions else mqtt.Client(client_id=name)
