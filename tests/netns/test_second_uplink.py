# SPDX-License-Identifier: GPL-2.0-or-later
"""Another uplink than the first, with the real daemon: it is counted and limited all the same, also without classes."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.second_uplink import SecondUplink
from tests.netns.limits import passes, quotas, row_of, state_of
from tests.netns.router import Router, bytes_of
from tests.netns.test_reload import edit, post


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


def test_another_uplink_is_counted_and_limited_from_its_first_packet(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    rows = (
        "name: daily, for: client/alice, limit: 2MB, period: month, then: block",
        "name: slow, for: client/bob, limit: 1MB, used: 2MB, period: month, then: {throttle: 1mbit}",
    )
    router = make_router(lab, quotas(*rows)).start()
    (alice, bob), server = lab.clients, lab.servers4[0]
    alice.call(traffic.tcp_down, server, 1_000_000)
    first, uplink = router.measure(), SecondUplink(lab)
    edit(router, "interface: wan0", "interface: wan1")
    assert post(router) == ["wan.interface: wan0 -> wan1"]
    tc = {name: lab.router.run(["tc", "qdisc", "show", "dev", name]) for name in ("wan0", "wan1")}
    assert ("htb" in tc["wan0"], "clsact" in tc["wan0"]) == (False, False)
    assert ("htb" in tc["wan1"], "clsact" in tc["wan1"]) == (True, True)
    assert [name for name in lab.router.run(["ip", "-br", "link"]).split() if name.startswith("ifb")] == ["ifb-wan1"]

    uplink.take()
    began = time.monotonic()
    bob.call(traffic.tcp_down, server, 200_000)
    assert time.monotonic() - began > 1, "bob is throttled there too"
    with pytest.raises(OSError):
        alice.call(traffic.tcp_down, server, 30_000_000, timeout=5)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=5)
    assert not passes(alice, server)
    assert 'oifname "wan1"' in lab.router.run(["nft", "list", "table", "inet", "esimshaper"])

    def counted() -> tuple[float, float]:
        scraped = router.scrape()
        down, up = (scraped[f'esimshaper_wan_{way}_bytes_total{{interface="wan1"}}'] for way in ("receive", "transmit"))
        return down, up

    wait_until("the last packets", lambda: counted() == uplink.bytes(), timeout=10)
    moved = router.measure() - first
    assert bytes_of(moved.totals["alice"] + moved.totals["bob"]) == uplink.bytes()
    assert row_of(router, "daily", "client/alice")["used_bytes"] >= 2_000_000


@pytest.mark.parametrize("rate", ["", ", upload: 40mbit"])
def test_a_modem_beside_the_uplink_is_limited_too_and_what_it_sends_is_not_taken_for_dropped(
    make_router: Callable[..., Router], lab: Lab, tmp_path: Path, rate: str
) -> None:
    other = SecondUplink(lab)
    lab.recreate_wan()  # the newest is the uplink; wan1 fits as well
    lab.router.ip(f"route replace {lab.servers4[5]} via 100.65.0.1 dev wan1")
    rows = (
        "name: cut, for: client/alice, limit: 1MB, period: month, then: block",
        "name: slow, for: client/bob, limit: 100KB, period: month, then: {throttle: 1mbit}",
    )
    router = make_router(lab, quotas(*rows))
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "wan.yaml").write_text(f'wan: {{interface: "wan*"{rate}}}\n')
    router.start()
    (alice, bob), server = lab.clients, lab.servers4[5]
    assert router.get("/v1/status")["wan"]["interface"] == "wan0"
    assert passes(alice, server)
    assert passes(bob, server)
    for client in (alice, bob):  # throttled from here on; so classes are there
        client.call(traffic.tcp_up, server, 200_000)
    router.settle()
    before = other.bytes()
    began = time.monotonic()
    bob.call(traffic.tcp_up, server, 300_000)
    assert 0.4e6 <= 8 * (other.bytes()[1] - before[1]) / (time.monotonic() - began) <= 1.3e6
    with pytest.raises(OSError):
        alice.call(traffic.tcp_up, server, 3_000_000, timeout=5)
    wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=5)
    assert not passes(alice, server)
    totals = router.measure().totals
    assert bytes_of(totals["alice"] + totals["bob"]) == other.bytes()
    assert row_of(router, "cut", "client/alice")["used_bytes"] == totals["alice"].total_bytes
    assert totals["alice"].total_bytes <= 1_002_000, "resets, and acknowledgements that were on their way"


def test_where_somebody_elses_qdisc_is_at_the_root_who_is_throttled_is_held_to_the_rate_all_the_same(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    lab.router.run(["tc", "qdisc", "add", "dev", "wan0", "root", "handle", "1:", "htb"])
    router = make_router(
        lab, quotas("name: slow, for: client/bob, limit: 1MB, used: 2MB, period: month, then: {throttle: 1mbit}")
    )
    router.start()
    bob, server = lab.clients[1], lab.servers4[0]
    for move in (traffic.tcp_up, traffic.tcp_down):
        before, began = lab.carrier.settle(), time.monotonic()
        bob.call(move, server, 300_000)
        moved = lab.carrier.settle() - before
        assert 0.4e6 <= 8 * moved.total.total_bytes / (time.monotonic() - began) <= 1.5e6
    assert "throttled uploads are dropped instead of queued" in router.log.read_text()
