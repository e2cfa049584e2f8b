# SPDX-License-Identifier: GPL-2.0-or-later
"""The address of the metrics, if it cannot be had: bytes are counted all the same, and it is tried again."""

import json
import socket
from collections.abc import Callable

import pytest

from esimshaper.lab import Lab
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import Router

WRITTEN = "127.0.0.1:19473"
RETRIED = 15
"""Seconds; it is looked around each ten."""


def start(router: Router, listen: str = WRITTEN) -> Router:
    """At work, with metrics at that address."""
    router.config.write_text(router.config.read_text().replace(WRITTEN, listen))
    return router.start()


def problem(router: Router) -> str:
    return router.get("/v1/status")["metrics"]["problem"] or ""


def listening(router: Router) -> str:
    return router.lab.router.run(["ss", "-Hltn"])


@pytest.fixture
def router(make_router: Callable[..., Router], lab: Lab) -> Router:
    return make_router(lab)


def test_a_port_that_is_taken_is_said_once_and_served_when_it_is_free(router: Router, lab: Lab) -> None:
    with lab.router.call(socket.create_server, ("127.0.0.1", 19473)):
        start(router)
        said = f"cannot serve metrics on {WRITTEN}: Address already in use"
        assert problem(router) == said
        assert f"Prometheus: {said}" in router.run("status").stdout
        ready = router.get("/v1/status")["program"]["uptime_seconds"]
        wait_until(
            "the next try",
            lambda: router.get("/v1/status")["program"]["uptime_seconds"] > ready + 11,
            timeout=RETRIED,
        )
        assert problem(router) == said
    wait_until("metrics", lambda: not problem(router), timeout=RETRIED)
    assert router.scrape()["esimshaper_config_last_reload_successful"] == 1
    log = router.log.read_text()
    assert log.count(said) == 1
    assert "`ss -ltnp sport = :19473` shows who uses it" in log


def test_an_edit_of_something_else_does_not_wait_for_the_address(router: Router, lab: Lab) -> None:
    with lab.router.call(socket.create_server, ("127.0.0.1", 19473)):
        start(router)
        text = router.config.read_text()
        router.config.write_text(f"{text}timezone: Asia/Tokyo\n")
        assert router.run("reload").stdout.splitlines() == [
            "timezone: UTC -> Asia/Tokyo",
            f"note: {problem(router)}",
            "in force now",
        ]
        with lab.router.call(socket.create_server, ("127.0.0.1", 19474)):
            router.config.write_text(text.replace(WRITTEN, "127.0.0.1:19474"))
            assert "cannot serve metrics on 127.0.0.1:19474: Address already in use" in router.run("reload").stderr
    wait_until("metrics", lambda: not problem(router), timeout=RETRIED)


def test_an_address_of_a_bridge_that_is_not_there_yet_is_served_when_it_is(router: Router, lab: Lab) -> None:
    start(router, "192.0.2.1:19473")
    assert problem(router).startswith("cannot serve metrics on 192.0.2.1:19473")
    lab.router.ip("link add br-late type bridge", "addr add 192.0.2.1/24 dev br-late", "link set br-late up")
    try:
        wait_until("metrics", lambda: not problem(router), timeout=RETRIED)
        assert "192.0.2.1:19473" in listening(router)
    finally:
        lab.router.ip("link del br-late")


def test_everywhere_in_ipv6_without_ipv6_is_no_reason_not_to_count(router: Router, lab: Lab) -> None:
    router.environment["PYTHONPATH"] = f"{router.place}:{router.environment['PYTHONPATH']}"
    (router.place / "sitecustomize.py").write_text(WITHOUT_IPV6)
    start(router, "[::]:19473")
    assert problem(router) == "cannot serve metrics on [::]:19473: Address family not supported by protocol"
    assert "0.0.0.0 is everywhere in IPv4" in router.log.read_text()


WITHOUT_IPV6 = """\
import errno, os, socket
real = socket.socket.__init__
def without(self, family=-1, *rest, **named):
    if family == socket.AF_INET6:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    real(self, family, *rest, **named)
socket.socket.__init__ = without
"""


def test_a_link_local_address_is_served_at_its_interface(router: Router, lab: Lab) -> None:
    shown = json.loads(lab.router.run(["ip", "-j", "-6", "addr", "show", "dev", lab.lan_interface]))
    every = [each for bridge in shown for each in bridge.get("addr_info", ())]
    address = next(each["local"] for each in every if each.get("scope") == "link")
    start(router, f"[{address}%{lab.lan_interface}]:19473")
    assert not problem(router)
    assert f"[{address}]%{lab.lan_interface}:19473" in listening(router)
