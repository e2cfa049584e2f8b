# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page is told of the device that looks: by real addresses, neighbours and limits."""

import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.router import PYTHON, Router

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


def _has_moved(router: Router, mac: str) -> bool:
    """Whether the daemon has read of the device, so that it may be commanded."""
    return mac in {each["client"] for each in router.get("/v1/clients")["clients"]}


def test_a_blocked_device_reaches_the_router_and_is_told_why(router: Router, lab: Lab) -> None:
    alice = lab.clients[0]
    ping_router(alice, _router(lab))
    wait_until(
        "alice is known", lambda: me(router, alice.ipv4)["client"] == alice.mac and _has_moved(router, alice.mac)
    )
    control_client.post(router.socket, "/v1/block", {"subject": alice.mac, "seconds": 600})
    with lab.router.call(socket.create_server, ("", 0)) as page:
        address = (_router(lab), page.getsockname()[1])
        with alice.call(socket.create_connection, address, 60), page.accept()[0] as connection:
            assert connection.getpeername()[0] == alice.ipv4
    state = me(router, alice.ipv4)["state"]
    assert (state["level"], state["cause"]) == ("stopped", "hand")
    assert state["until"] is not None


def post(router: Router, path: str, body: dict[str, Any], token: str = "", address: str = "") -> tuple[int, Any]:
    """Status and document of a request on web.sock; status 0 while nobody listens."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    target = f"{path}?address={address}" if address else path
    try:
        status, said = control_client.exchange(
            router.place / "run" / "web.sock", "POST", target, json.dumps(body).encode(), 60, headers=headers
        )
    except OSError:
        return 0, {}
    return status, json.loads(said)


def set_password(router: Router, password: str) -> None:
    command = router.lab.router.command([PYTHON, "-m", "esimshaper", "web", "password", "--socket", str(router.socket)])
    done = subprocess.run(
        command, env=router.environment, input=f"{password}\n", text=True, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the owner's password is set" in done.stdout
    assert password not in router.log.read_text() + done.stdout


def granted(router: Router, mac: str) -> int:
    rows = router.get("/v1/quotas")["quotas"]
    return sum(row["granted_bytes"] for row in rows if row["key"] == mac)


def test_what_the_owner_does_is_done_once_over_a_restart_and_a_kill(router: Router, lab: Lab) -> None:
    alice = lab.clients[0]
    ping_router(alice, _router(lab))
    alice.run(["ping", "-c", "1", "-W", "5", lab.servers4[0]])
    wait_until("alice", lambda: me(router, alice.ipv4)["quotas"] != [])
    assert post(router, "/v1/owner/login", {"password": "correct horse", "address": alice.ipv4})[0] == 403
    set_password(router, "correct horse")
    status, session = post(router, "/v1/owner/login", {"password": "correct horse", "address": alice.ipv4})
    assert status == 200
    grant = {"subject": alice.mac, "bytes": 300, "request": "request-1"}
    owner = {"token": session["token"], "address": alice.ipv4}
    assert post(router, "/v1/grant", grant, session["token"], lab.clients[1].ipv4)[0] == 401, "bound to the device"

    assert router.process
    router.process.send_signal(signal.SIGTERM)  # the form is sent again until it is said what has become of it
    answers: list[tuple[int, Any]] = []
    while router.process.poll() is None:
        answers.append(post(router, "/v1/grant", grant, **owner))
    router.process.wait(60)
    router.start()
    ping_router(alice, _router(lab))
    answers.append(post(router, "/v1/grant", grant, **owner))
    assert {status for status, _ in answers} <= {0, 200, 503}
    assert answers[-1][0] == 200
    assert granted(router, alice.mac) == 300

    assert post(router, "/v1/owner/login", {"password": "wrong", "address": alice.ipv4})[0] == 401
    router.kill()
    router.start()
    ping_router(alice, _router(lab))
    status, again = post(router, "/v1/grant", grant, **owner)
    assert (status, again["repeated"], granted(router, alice.mac)) == (200, True, 300)
    tries = [post(router, "/v1/owner/login", {"password": "wrong", "address": alice.ipv4})[0] for _ in range(5)]
    assert tries == [401, 401, 401, 401, 429], "the one of before the kill counts"
    log = router.log.read_text()
    assert log.count(f"grant 300 B to {alice.mac}") == 1
    assert "Traceback" not in log
