# SPDX-License-Identifier: GPL-2.0-or-later
"""Translators on the router, with the real tayga: what leaves by the other family is still each device's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.clat import Clat, Nat64
from tests.netns.limits import passes, state_of
from tests.netns.router import Router, bytes_of

ROW = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}, {name: bob, mac: "02:00:00:00:00:11"}]\n'
LIMITED = 3_000_000
LIMIT = "quotas: [{name: daily, for: client/alice, limit: 3MB, period: month, then: block}]\n"


def everything(client: Host, server: str) -> None:
    client.call(traffic.tcp_down, server, 400_000)
    client.call(traffic.tcp_up, server, 300_000)
    client.call(traffic.udp_up, server, 60_000, packet=100)
    client.call(traffic.udp_down, server, 60_000, packet=300)
    client.call(traffic.fragments, server)
    client.call(traffic.ping, server)
    client.call(traffic.port_unreachable, server)


def with_translator(place: Path, name: str) -> None:
    """A file beside the configuration, with the line that doctor names."""
    (place / "conf.d").mkdir()
    (place / "conf.d" / "translator.yaml").write_text(f"wan: {{tunnels: [{{interface: {name}}}]}}\n")


def check_that_each_pays_for_its_own(router: Router, clat: Clat) -> None:
    lab = clat.lab
    alice, bob = lab.clients
    before = router.measure()
    both = [client.start(everything, client, clat.inside(lab.servers4[n])) for n, client in enumerate((alice, bob))]
    for each in both:
        each.result(300)
    lab.router.call(traffic.tcp_down, clat.inside(lab.servers4[2]), 100_000)
    bob.call(traffic.tcp_down, lab.servers6[3], 100_000)
    moved = router.measure() - before
    by_server = [moved.bill.of(clat.outside(server)) for server in lab.servers4[:3]]
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    assert bytes_of(moved.totals["alice"]) == bytes_of(by_server[0])
    assert bytes_of(moved.totals["bob"]) == bytes_of(by_server[1] + moved.bill.of(lab.servers6[3]))
    assert moved.totals["router"].total_bytes >= by_server[2].total_bytes > 100_000
    assert "translated_unknown" not in {event["reason"] for event in router.get("/v1/status")["events"]}


def test_ipv6_only_devices_pay_for_what_leaves_as_ipv4(make_router: Callable[..., Router], tmp_path: Path) -> None:
    with Lab(WanKind.TUN) as lab, Nat64(lab) as nat64:
        router = make_router(lab, ROW)
        said = router.run("doctor", "--config", str(router.config)).stdout
        assert "nat64 is a translator of this router" in said
        assert "write under wan: tunnels: [{interface: nat64}]" in said
        with_translator(tmp_path, nat64.interface)
        check_that_each_pays_for_its_own(router.start(), nat64)


def test_ipv4_that_leaves_as_ipv6_is_each_clients_to_the_byte_and_held_to_its_limit(
    make_router: Callable[..., Router], tmp_path: Path
) -> None:
    with Lab(WanKind.TUN) as lab, Clat(lab) as clat:
        with_translator(tmp_path, clat.interface)
        router = make_router(lab, ROW + LIMIT).start()
        before = router.measure()
        check_that_each_pays_for_its_own(router, clat)
        alice, bob = lab.clients
        with pytest.raises(OSError):
            alice.call(traffic.tcp_down, lab.servers4[0], 10_000_000, timeout=3)
        wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=5)
        assert not passes(alice, lab.servers4[1])
        assert passes(bob, lab.servers4[1])
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        alices = next(each for each in router.get("/v1/clients")["clients"] if each["client"] == "alice")
        passed = moved.totals["alice"].total_bytes - alices["wasted_bytes"]
        assert LIMITED - 1500 < passed <= LIMITED + 5000, "and the resets that end her connections"
