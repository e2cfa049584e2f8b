# SPDX-License-Identifier: GPL-2.0-or-later
"""MQTT with a real mosquitto: open, with a password, with TLS, and one that is not there."""

import gc
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs python3-paho-mqtt")

from esimshaper.core.model.results import Result
from esimshaper.lab.namespaces import wait_until
from esimshaper.notify.channels import mqtt
from esimshaper.notify.letter import Report, UndeliveredError
from tests.certificates import Authority
from tests.notify.brokers import Listener, mosquitto
from tests.notify.daemon import job, letter
from tests.tools import find


def channel(port: int, **more: Any) -> dict[str, Any]:
    given = {"name": "mqtt", "kind": "mqtt", "host": "127.0.0.1", "port": port, "security": "none"}
    return {**given, "topic": "esimshaper", "discovery": "homeassistant", **more}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with mosquitto(tmp_path_factory.mktemp("mosquitto")) as found:
        yield found


@pytest.fixture
def listener(port: int) -> Iterator[Listener]:
    made = Listener(port)
    yield made
    made.close()


def undelivered(to: dict[str, Any]) -> UndeliveredError:
    with pytest.raises(UndeliveredError) as raised:
        mqtt.deliver(letter(), to, Report())
    return raised.value


def test_a_whole_job_by_mqtt(port, listener, sender_of):
    daemon, sender = sender_of(channel(port))
    assert daemon.deliver(sender, job(channel="mqtt")) == ["sent"]
    wait_until("the notice", lambda: "esimshaper/notice" in listener.latest)
    told = json.loads(listener.latest["esimshaper/notice"])
    assert (told["event_type"], told["notices"]) == ("alarm", job()["notices"])
    assert daemon.results[1]["bytes"] > len(listener.latest["esimshaper/notice"])


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("code", "result"), [(3, Result.FAILED), (5, Result.IMPOSSIBLE)])
def test_a_broker_that_has_no_time_now_is_asked_again_and_one_that_wants_nobody_is_not(code, result):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.send(bytes((0x20, 2, 0, code)))  # CONNACK of MQTT 3.1.1

        thread = threading.Thread(target=serve)
        thread.start()
        assert undelivered(channel(listening.getsockname()[1])).result is result
        thread.join()


# paho lets a connection go without closing it where the handshake fails. In the child that delivers, its end closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_with_tls_and_a_password_lets_in_who_knows_it_and_is_told_nothing_else(tmp_path):
    ours, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    certificate, key = ours.sign("broker")
    passwords = tmp_path / "passwords"
    subprocess.run([find("mosquitto_passwd"), "-b", "-c", passwords, "router", "correct horse"], check=True)
    (tmp_path / "password").write_text("correct horse\n")
    settings = [f"certfile {certificate}", f"keyfile {key}", f"password_file {passwords}", "allow_anonymous false"]
    with mosquitto(tmp_path, *settings) as port:
        secret = {"file": str(tmp_path / "password")}
        to = channel(port, security="tls", ca=str(ours.certificate), user="router", password=secret)
        mqtt.deliver(letter(), to, Report())
        (tmp_path / "password").write_text("wrong horse")
        assert undelivered(to).result is Result.IMPOSSIBLE
        error = undelivered({**to, "ca": str(stranger.certificate)})
    assert (error.result, "certificate of 127.0.0.1 is not right" in str(error)) == (Result.FAILED, True)
    assert undelivered(channel(port)).result is Result.FAILED, "it is gone"
    del error  # it holds the connection
    gc.collect()
