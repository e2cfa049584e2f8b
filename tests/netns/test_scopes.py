# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that name uplinks, or a plan, in the real daemon: no byte beyond, and none of another uplink or plan."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.limits import CLIENTS, passes, quotas, row_of
from tests.netns.router import Router
from tests.netns.test_plans import ONE, TWO, Modems
from tests.netns.test_second_uplink import SecondUplink
from tests.netns.test_uplinks import HOME, LIMIT, Two, flood
from tests.netns.vpn import Vxlan

UP = "direction: upload, period: month, then: block"
PLANS = f"""
plans:
  - {{name: asia, iccid: "{ONE}", currency: JPY, meters: []}}
  - {{name: japan, iccid: "{TWO}", currency: JPY, meters: []}}
"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


def used(router: Router, quota: str, subject: str = "group/home") -> int:
    return int(row_of(router, quota, subject)["used_bytes"])


def uploads(two: Two) -> dict[str, int]:
    """By uplink, what its carrier counted since `compare`."""
    return {name: up - two.before[0][name][1] for name, (_, up) in two.billed().items()}


def sends(client: Host, server: str, size: int) -> int:
    """How much a program got rid of within three seconds: all, or nothing that it knows of."""
    sent = 0

    def send() -> None:
        nonlocal sent
        with contextlib.suppress(OSError):
            sent = traffic.tcp_up(server, size, timeout=3).up

    client.call(send)
    return sent


def test_limits_that_name_uplinks_let_no_byte_beyond_at_two_at_once(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    """One of them has no bill, and is named all the same."""
    hotel = f"name: hotel, for: group/home, limit: {LIMIT // 3}B, uplink: hotel, {UP}"
    both = f"name: both, for: group/home, limit: {LIMIT}B, uplink: [hotel, cellular], {UP}"
    two = Two(make_router(lab, quotas(hotel, both, clients=HOME)), free="hotel")
    router, (alice, bob) = two.start().router, lab.clients
    flood(two)
    two.agree()
    sent = uploads(two)
    assert LIMIT // 3 - 1_228 < sent["hotel"] == used(router, "hotel") <= LIMIT // 3
    assert LIMIT - 1_228 < sum(sent.values()) == used(router, "both") <= LIMIT
    assert not passes(bob, two.other_server)

    router.kill()
    flood(two)
    assert uploads(two) == sent, "no daemon is needed for it"
    router.start()
    two.agree()
    router.run("grant", "group/home", "2MB")
    wait_until("the grant", lambda: passes(alice, two.first_server), timeout=10)
    lab.router.ip("link del wan1")
    wait_until("it is gone", lambda: not router.get("/v1/status")["uplinks"][1]["attached"], timeout=20)
    two.other = SecondUplink(lab)
    two.route()
    wait_until("wan1 is counted again", lambda: router.get("/v1/status")["uplinks"][1]["attached"], timeout=20)
    flood(two)
    wait_until("what passed", lambda: used(router, "both") > LIMIT + 2_000_000 - 1_228, timeout=10)
    assert used(router, "both") <= LIMIT + 2_000_000
    assert LIMIT // 3 < used(router, "hotel") <= LIMIT // 3 + 2_000_000


def test_a_device_that_is_cut_at_one_uplink_goes_on_at_the_other(make_router: Callable[..., Router], lab: Lab) -> None:
    row = "name: daily, for: each-client, limit: 500KB, uplink: cellular, period: month, then: block"
    two = Two(make_router(lab, quotas(row)))
    router, alice = two.start().router, lab.clients[0]
    alice.call(traffic.tcp_down, two.other_server, 1_000_000)
    assert used(router, "daily", "client/alice") == 0
    first6, other6 = lab.servers6[0], lab.servers6[5]
    two.other.carry6(other6)
    two.router.settle()
    two.compare()
    alice.call(traffic.tcp_down, other6, 300_000)
    alice.call(traffic.udp_up, other6, 100_000)
    assert used(router, "daily", "client/alice") == 0
    alice.call(traffic.tcp_down, first6, 100_000)
    two.agree()
    assert (
        100_000
        < used(router, "daily", "client/alice")
        == sum(two.billed()["cellular"]) - sum(two.before[0]["cellular"])
    )
    with pytest.raises(ConnectionResetError):
        alice.call(traffic.tcp_down, two.first_server, 2_000_000, timeout=60)
    two.agree()
    assert [passes(alice, each) for each in (two.first_server, first6)] == [False, False]
    assert [passes(alice, each) for each in (two.other_server, other6)] == [True, True]
    alice.call(traffic.tcp_down, two.other_server, 500_000)
    state = row_of(router, "daily", "client/alice")["state"]
    assert (state["level"], state["uplinks"]) == ("blocked", ["cellular"])
    assert "blocked at cellular until" in state["reason"]
    two.agree()


def test_a_tunnel_is_held_as_the_uplink_that_it_goes_by(make_router: Callable[..., Router], lab: Lab) -> None:
    """What comes in goes on by the first one: the tunnel is in both at once."""
    row = "name: hotel, for: each-client, limit: 400KB, uplink: hotel, period: month, then: block"
    two = Two(make_router(lab, quotas(row)))
    (alice, bob), inside, end = lab.clients, lab.servers4[1], lab.servers4[7]
    with Vxlan(lab, end, (inside,)) as tunnel:
        text = two.router.config.read_text()
        two.router.config.write_text(text.replace("wan0}", f"wan0, tunnels: [{tunnel.setting}]}}"))
        router = two.start().router
        alice.call(traffic.tcp_up, inside, 200_000)
        two.agree()
        assert used(router, "hotel", "client/alice") == 0
        lab.router.ip(f"route replace {end} via 100.65.0.1 dev wan1")
        alice.call(traffic.tcp_up, inside, 200_000)
        two.agree()
        assert 200_000 < used(router, "hotel", "client/alice") < 230_000
        assert not sends(alice, inside, 1_000_000)
        two.agree()
        assert used(router, "hotel", "client/alice") < 430_000, "what the tunnel adds is known a tick later"
        assert not sends(alice, inside, 20_000)
        assert sends(bob, inside, 20_000)
        lab.router.ip(f"route replace {end} via {lab.internet.ipv4} dev wan0")
        assert sends(bob, inside, 20_000)
        assert sends(alice, inside, 20_000)
        two.agree()


def test_a_quota_of_a_plan_goes_with_its_esim(make_router: Callable[..., Router], lab: Lab) -> None:
    rows = [
        f"name: {plan}, for: everyone, limit: 1MB, plan: {plan}, period: month, then: block"
        for plan in ("asia", "japan")
    ]
    router = make_router(lab, quotas(*rows, clients=CLIENTS) + PLANS)
    report = router.place / "modems.json"
    router.environment["ESIMSHAPER_MODEMS"] = str(report)
    (alice, _), server = lab.clients, lab.servers4[0]

    def both() -> tuple[int, int]:
        return used(router, "asia", "everyone"), used(router, "japan", "everyone")

    with Modems(report) as modems:
        modems.have(ONE)
        router.start()
        wait_until("its plan", lambda: router.get("/v1/plan")["uplinks"][0]["plan"] == "asia", timeout=20)
        alice.call(lambda: traffic.tcp_down(server, 300_000))
        router.settle()
        first = both()
        assert first[0] > 300_000
        modems.have(TWO)
        wait_until("the other one", lambda: router.get("/v1/plan")["uplinks"][0]["plan"] == "japan", timeout=20)
        router.await_tick()
        before = both()
        with contextlib.suppress(OSError):
            alice.call(lambda: traffic.tcp_down(server, 3_000_000, timeout=20))
        router.settle()
        asia, japan = both()
        assert asia == before[0]
        assert japan >= 1_000_000
        assert not passes(alice, server)
        router.kill()
        router.start()
        assert both()[0] == asia
        modems.have(ONE)
        wait_until("the first again", lambda: passes(alice, server), timeout=20)
        modems.have(TWO)
        wait_until("the second again", lambda: not passes(alice, server), timeout=20)
