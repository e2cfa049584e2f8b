# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody gets what nobody pays for: whatever a device and its far end try, a block holds and who gets a byte has it."""

from collections.abc import Callable

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns import tricks
from tests.netns.limits import CLIENTS, download, passes, quotas, row_of, state_of
from tests.netns.router import Measure, Router, bytes_of

MOST = 64_000
"""Bytes that a trick may bring past a block."""
EACH_1MB = "name: daily, for: each-client, limit: 1MB, period: day, then: block"


def settled(router: Router, before: Measure) -> Measure:
    """What moved since, once nothing waits any longer: the sum is the bill."""
    found: list[Measure] = []

    def is_whole() -> bool:
        found.append(router.measure() - before)
        return bytes_of(found[-1].sum) == bytes_of(found[-1].bill.total)

    wait_until("the sum", is_whole, timeout=10)
    return found[-1]


def blocked(router: Router, client: Host, name: str) -> None:
    assert router.run("block", name).returncode == 0
    wait_until("the block", lambda: state_of(router, name) == "blocked", timeout=5)
    assert not passes(client, router.lab.servers4[0])


def test_forwarded_port_of_a_device_is_its_own_and_ends_with_its_block(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, CLIENTS).start()
        alice, server = lab.clients[0], lab.servers4[0]
        tricks.forward_port(lab, alice)
        before = router.measure()
        listening = alice.start(tricks.drain_from, alice.call(tricks.listener, tricks.PORT))
        lab.internet.call(tricks.send_udp, server, lab.router.ipv4, 1000)
        assert listening.result() == 1_000_000
        moved = settled(router, before)
        assert moved.totals["alice"].down_bytes >= 1_028_000
        assert moved.totals.get("unattributed", moved.totals["alice"]).down_bytes in (0, 1_028_000)

        blocked(router, alice, "alice")
        listening = alice.start(tricks.drain_from, alice.call(tricks.listener, tricks.PORT))
        lab.internet.call(tricks.send_udp, server, lab.router.ipv4, 1000)
        assert listening.result() == 0
        assert settled(router, before).totals["alice"].down_bytes >= 2 * 1_028_000
        assert router.scrape()['esimshaper_datapath_events_total{reason="lan_blocked"}'] >= 1000


def test_forwarded_port_counts_for_the_quota(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, quotas(EACH_1MB)).start()
        alice, server = lab.clients[0], lab.servers4[0]
        tricks.forward_port(lab, alice)
        before = router.measure()
        listening = alice.start(tricks.drain_from, alice.call(tricks.listener, tricks.PORT))
        lab.internet.call(tricks.send_udp, server, lab.router.ipv4, 3000)
        assert 900_000 <= listening.result() <= 1_000_000
        settled(router, before)
        assert state_of(router, "alice") == "blocked"
        assert row_of(router, "daily", "client/alice")["used_bytes"] >= 3000 * 1028


@pytest.mark.parametrize("mac", ["01:02:03:04:05:06", "00:00:00:00:00:00"])
def test_source_address_that_no_device_has_brings_nothing(make_router: Callable[..., Router], mac: str) -> None:
    with Lab(WanKind.TUN) as lab, tricks.plain_lan(lab) as guest:
        router = make_router(lab, quotas(EACH_1MB))
        router.config.write_text(router.config.read_text().replace("[br0]", "[br0, lan9]"))
        router.start()
        before = router.measure()
        tricks.write_source(guest, mac)
        got = download(guest, lab.servers4[0], 5_000_000, timeout=3)
        moved = settled(router, before)
        assert got == 0
        assert moved.totals[guest.mac].down_bytes >= 900_000
        assert state_of(router, guest.mac) == "blocked"
        assert guest.call(tricks.drain, 9999, ask=lab.servers4[0], seconds=0.5) == 0


def test_fragments_last_one_first_are_who_gets_them(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, quotas(EACH_1MB)).start()
        alice, server = lab.clients[0], lab.servers4[0]
        before = router.measure()
        serving = lab.internet.start(tricks.serve_fragments, server, 100, 8, backwards=True)
        wait_until("the server", lambda: _listens(lab, tricks.PORT))
        got = alice.call(tricks.drain, 5000, ask=server)
        serving.result()
        moved = settled(router, before)
        assert 800_000 <= got <= 1_000_000
        assert row_of(router, "daily", "client/alice")["used_bytes"] >= 0.9e6
        assert state_of(router, "alice") == "blocked"
        assert moved.totals["alice"].down_bytes >= got


def test_who_sends_as_a_neighbour_is_charged_for_what_he_gets_and_it_is_told(
    make_router: Callable[..., Router],
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, quotas("name: daily, for: each-client, limit: 5MB, period: day, then: block")).start()
        alice, bob = lab.clients
        alice.call(traffic.ping, lab.servers4[0], count=1)
        before = router.measure()
        tricks.write_source(bob, alice.mac)
        assert bob.call(traffic.tcp_down, lab.servers4[1], 4_000_000).down == 4_000_000
        moved = settled(router, before)
        assert moved.totals["bob"].down_bytes >= 4_000_000
        assert moved.totals["alice"].down_bytes < 100_000
        assert row_of(router, "daily", "client/alice")["used_bytes"] < 500_000
        assert row_of(router, "daily", "client/bob")["used_bytes"] >= 4_000_000
        assert router.scrape()['esimshaper_client_strayed_bytes_total{client="alice"}'] >= 4_000_000
        said = "downloads that alice asked for go to another device, bob, and count for bob"
        wait_until("the message", lambda: said in router.log.read_text(), timeout=5)
        assert "Downloads that alice asked for went to bob: 4." in router.run("status").stdout
        assert download(bob, lab.servers4[1], 4_000_000, timeout=3) < 1_000_000
        assert download(alice, lab.servers4[0], 2_000_000) == 2_000_000


FOREIGN = "filter add dev {} prio {} protocol all u32 match u32 0 0 flowid 1:1"


def test_second_look_that_is_refused_or_blind_is_said_with_what_to_do(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        filters = (FOREIGN.format("br0 egress", 10), FOREIGN.format("wan0 ingress", 99))
        for line in ("qdisc add dev br0 clsact", "qdisc add dev wan0 clsact", *filters):
            lab.router.run(["tc", *line.split()])
        router = make_router(lab, CLIENTS).start()
        assert "counting at br0, without a second look at downloads" in router.log.read_text()
        status, doctor = router.run("status").stdout, router.run("doctor", "--config", str(router.config)).stdout
        assert "so nothing looks there at who gets a download" in status
        assert "WAN wan0: metering" in status
        words = " ".join(doctor.split())
        assert "br0 egress: u32 (priority 10) of another program is in the place of esimshaper's program" in words
        assert "wan0 ingress: u32 (priority 99) of another program runs behind esimshaper's program" in words
        lab.router.run(["tc", "filter", "del", "dev", "br0", "egress", "prio", "10"])
        programs = lambda: router.get("/v1/status")["programs"]  # noqa: E731
        wait_until("the second look", lambda: all(each["attached"] for each in programs()), timeout=15)
        assert "so nothing looks there" not in router.run("status").stdout


def _listens(lab: Lab, port: int) -> bool:
    return f":{port} " in lab.internet.run(["ss", "-Hlun"])
