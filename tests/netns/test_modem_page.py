# SPDX-License-Identifier: GPL-2.0-or-later
"""What ends in the modem is not billed: nobody is charged for it, and a plan that is used up leaves it reachable."""

from collections.abc import Callable

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, traffic
from tests.netns.router import Router, bytes_of

ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}]\n'
PLAN = "quotas: [{name: plan, for: everyone, limit: 300KB, period: month, then: block}]\n"


def to_the_modem(router: Router) -> int:
    events = router.get("/v1/status")["events"]
    return sum(event["bytes"] for event in events if event["reason"] == "unbilled")


def test_pages_of_the_modem_cost_nothing_and_stay_when_the_plan_is_used_up(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    """The last server is the modem's page here, in both families: the lab's bill tells it from the others."""
    (alice, _), page = lab.clients, (lab.servers4[7], lab.servers6[7])
    router = make_router(lab, f"{ROW}{PLAN}")
    written = router.config.read_text()
    router.config.write_text(written.replace("wan0}", f'wan0, unbilled: [{page[0]}, "{page[1]}"]}}'))
    before = router.start().measure()
    for server in page:
        alice.call(traffic.tcp_down, server, 300_000)
        alice.call(traffic.tcp_up, server, 300_000)
        alice.call(traffic.fragments, server)
    alice.call(traffic.tcp_down, lab.servers4[0], 100_000)
    lab.router.run(["ping", "-c1", "-W2", page[0]])
    moved = router.measure() - before
    modem = moved.bill.of(*page)
    assert modem.total_bytes > 1_200_000
    assert to_the_modem(router) == modem.total_bytes
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total - modem)
    assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0]))
    assert "the modem itself (wan.unbilled), not billed: 1." in router.run("status").stdout
    with pytest.raises(OSError):
        alice.call(traffic.tcp_up, lab.servers4[0], 400_000, timeout=1)
    for server in page:
        assert alice.call(traffic.tcp_down, server, 10_000).down == 10_000
    router.run("block", "alice")
    before = router.measure()
    for server in page:
        with pytest.raises(OSError):
            alice.call(traffic.tcp_down, server, 10_000, timeout=1)
    moved = router.measure() - before
    assert moved.bill.of(*page) == Counters()
    router.run("unload")
