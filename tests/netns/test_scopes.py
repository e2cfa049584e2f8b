# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that name uplinks, or a plan, in the real daemon: no byte beyond, and none of another uplink or plan."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.limits import CLIENTS, passes, quotas, row_of
from tests.netns.router import Router
from tests.netns.test_plans import ONE, TWO, Modems
from tests.netns.test_second_uplink import SecondUplink
from tests.netns.test_uplinks import HOME, LIMIT, Two, flood

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
    with pytest.raises(ConnectionResetError):
        alice.call(traffic.tcp_down, two.first_server, 2_000_000, timeout=60)
    two.agree()
    assert not passes(alice, two.first_server)
    assert passes(alice, two.other_server)
    alice.call(traffic.tcp_down, two.other_server, 500_000)
    state = row_of(router, "daily", "client/alice")["state"]
    assert (state["level"], state["uplinks"]) == ("blocked", ["cellular"])
    assert "blocked at cellular until" in state["reason"]
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
