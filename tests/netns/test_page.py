# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page is told of the device that looks: by real addresses, neighbours and limits."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.router import Router

SETTINGS = """
quotas: [{name: daily, for: each-client, limit: 500MB, period: day, then: block}]
web: {}
"""


@pytest.fixture
def router(lab: Lab, make_router: Callable[..., Router]) -> Router:
    return make_router(lab, SETTINGS).start()


def ask(router: Router, path: str, **params: str) -> dict[str, Any]:
    return control_client.get(router.place / "run" / "web.sock", path, params)


def me(router: Router, address: str) -> dict[str, Any]:
    return ask(router, "/v1/me", address=address)


def ping_router(host: Host, router: str) -> None:
    host.run(["ping", "-c", "1", "-W", "5", router])


@pytest.fixture
def handed_on(lab: Lab) -> Iterator[Callable[[], str]]:
    """Takes the address of alice's phone away, and gives it to bob's laptop."""
    alice, bob = lab.clients
    own = f"{alice.ipv4}/24"

    def hand_on() -> str:
        alice.ip(f"addr del {own} dev eth0")
        bob.ip(f"addr add {own} dev eth0", "neigh flush dev eth0")  # so it asks anew for the router, as DHCP clients do
        bob.run(["ping", "-c", "1", "-W", "5", "-I", alice.ipv4, _router(lab)])
        return alice.ipv4

    yield hand_on
    bob.ip(f"addr del {own} dev eth0")
    alice.ip(f"addr add {own} dev eth0", f"route replace default via {_router(lab)}")
    ping_router(alice, _router(lab))


def _router(lab: Lab) -> str:
    return lab.clients[0].ipv4.rpartition(".")[0] + ".1"


def test_a_device_sees_its_own_numbers_and_nobody_elses(router: Router, lab: Lab, handed_on: Callable[[], str]) -> None:
    alice, bob = lab.clients
    page = ask(router, "/v1/page")
    assert page["hosts"][:2] == ["data.internal", _router(lab)]
    assert page["clock"] in ("ok", "unset")
    for number, client in enumerate(lab.clients):
        client.run(["ping", "-c", str(number + 2), "-i", "0.2", "-s", "1000", lab.servers4[0]])
        ping_router(client, _router(lab))
    wait_until("both", lambda: all(me(router, each.ipv4)["today"]["total_bytes"] for each in lab.clients))
    seen = me(router, alice.ipv4)
    assert (seen["client"], seen["state"]["level"]) == (alice.mac, "ok")
    assert len(seen["hours"]) == 24
    assert [each["name"] for each in seen["quotas"]] == ["daily"]

    address = handed_on()
    assert me(router, address)["client"] == bob.mac, "it is bob's now, at once"
    assert me(router, "203.0.113.77")["client"] is None, "behind another router, or from a VPN"
    assert me(router, _router(lab))["client"] is None, "the router itself"


def test_a_blocked_device_reaches_the_router_and_is_told_why(router: Router, lab: Lab) -> None:
    alice = lab.clients[0]
    ping_router(alice, _router(lab))
    control_client.post(router.socket, "/v1/block", {"subject": alice.mac, "seconds": 600})
    with lab.router.call(socket.create_server, ("", 0)) as page:
        address = (_router(lab), page.getsockname()[1])
        with alice.call(socket.create_connection, address, 60), page.accept()[0] as connection:
            assert connection.getpeername()[0] == alice.ipv4
    state = me(router, alice.ipv4)["state"]
    assert (state["level"], state["cause"]) == ("stopped", "hand")
    assert state["until"] is not None
