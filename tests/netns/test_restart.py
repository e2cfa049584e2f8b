# SPDX-License-Identifier: GPL-2.0-or-later
"""Killed, stopped, unplugged: no byte twice, none lost, nothing of others touched, nothing of ours left."""

import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.world import LAN4
from tests.netns.router import Router, bytes_of

ROOT = Path(__file__).parents[2]
EVERY_BLOCK = 'clients: [{name: alice, mac: "02:00:00:00:00:10"}]\n'


def test_killed_again_and_again_under_load_no_byte_is_lost_or_counted_twice(
    make_router: Callable[..., Router],
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, EVERY_BLOCK).start()
        before = router.measure()
        at_once = [
            client.start(move, lab.servers4[0], 40_000_000)
            for client in lab.clients
            for move in (traffic.tcp_down, traffic.tcp_up)
        ]
        scraped = [router.scrape()]
        for _ in range(6):
            router.kill()
            router.start()
            scraped.append(router.scrape())
        for each in at_once:
            each.result(300)
        after, saved = router.measure_with(router.history)
        moved = after - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert bytes_of(saved) == bytes_of(after.sum)
    for earlier, later in pairwise(scraped):
        falling = [name for name, value in earlier.items() if "bytes_total" in name and later.get(name, 0) < value]
        assert not falling, "a counter fell over a restart"


def test_traffic_while_the_daemon_is_down_is_counted_by_the_next_one(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        before = router.measure()
        assert router.stop() == 0
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 1_000_000)
        router.start()
        moved = router.measure() - before
    assert moved.sum.down_bytes > 1_000_000
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)


def test_restart_adopts_the_filters_that_are_there(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        before = filters(lab)
        router.kill()
        router.start()
        assert filters(lab) == before
        assert len(before) == 4


def test_wan_that_comes_back_with_another_link_type_is_counted_on(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        client = lab.clients[0]
        client.call(traffic.tcp_down, lab.servers4[0], 300_000)
        for kind in (WanKind.TAP, WanKind.TUN, WanKind.VETH):
            earlier = router.totals()
            lab.recreate_wan(kind)
            wait_until(
                "attaching again", lambda: router.get("/v1/status")["wan"]["attached"] and len(filters(lab)) == 4
            )
            before = router.measure()
            client.call(traffic.tcp_down, lab.servers4[0], 300_000)
            client.call(traffic.tcp_up, lab.servers6[0], 300_000)
            moved = router.measure() - before
            assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
            for name, counters in earlier.items():
                assert before.totals[name].down_bytes >= counters.down_bytes, "totals go on"


def test_wan_that_is_not_there_yet_is_said_and_attached_when_it_comes(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        lab.router.ip("link set wan0 down", "link set wan0 name later0")
        router = make_router(lab).start(attached=False)
        assert router.get("/v1/status")["wan"]["problems"] == ["interface wan0 is not there"]
        lab.router.ip("link set later0 name wan0", "link set wan0 up")
        wait_until("attaching", lambda: router.get("/v1/status")["wan"]["attached"], timeout=3)


def test_filter_that_somebody_removed_is_mended_within_seconds(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        lab.router.run(["tc", "filter", "del", "dev", "wan0", "ingress"])
        wait_until("mending", lambda: "somebody removed our filter" in router.log.read_text(), timeout=15)
        assert len(filters(lab)) == 4
        assert router.get("/v1/status")["wan"]["attached"]


def test_unload_removes_exactly_ours(make_router: Callable[..., Router], bpffs: Path) -> None:
    with Lab(WanKind.TUN) as lab:
        lab.router.run(["tc", "qdisc", "add", "dev", "br0", "clsact"])
        drop_nothing = ["protocol", "ip", "prio", "77", "u32", "match", "u32", "0", "0", "classid", "1:1"]
        lab.router.run(["tc", "filter", "add", "dev", "br0", "ingress", *drop_nothing])
        empty = lab.router.run(["tc", "qdisc", "show"])
        foreign = lab.router.run(["tc", "filter", "show", "dev", "br0", "ingress"])
        router = make_router(lab).start()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        before = router.totals()

        refused = router.run("unload", "--config", str(router.config))
        assert refused.returncode == 1
        assert "running" in refused.stderr
        assert len(filters(lab)) == 4

        router.stop()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        removed = router.json("unload", "--config", str(router.config))["removed"]
        assert len(removed) == 6  # four filters, the clsact of wan0, the maps
        assert lab.router.run(["tc", "qdisc", "show"]) == empty
        assert lab.router.run(["tc", "filter", "show", "dev", "br0", "ingress"]) == foreign
        assert not (bpffs / "pins").exists()
        assert router.json("unload", "--config", str(router.config))["removed"] == []

        router.start()
        rows = router.get("/v1/history", by="day")["rows"]
        assert sum(row["down_bytes"] for row in rows) > sum(c.down_bytes for c in before.values()) + 100_000
        assert not any(row["estimated"] for row in rows)


def test_unload_finds_our_filters_also_when_the_pins_are_gone(make_router: Callable[..., Router], bpffs: Path) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        shutil.rmtree(bpffs / "pins")
        refused = router.run("unload", "--config", str(router.config))
        assert (refused.returncode, "running" in refused.stderr) == (1, True)
        assert len(filters(lab)) == 4
        router.stop()
        done = router.json("unload", "--config", str(router.config))
        assert filters(lab) == []
        assert len(done["removed"]) == 4
        left = [note.split(": ")[1] for note in done["notes"] if "clsact" in note]
        assert left == ["tc qdisc del dev br0 clsact", "tc qdisc del dev wan0 clsact"]
        for command in left:
            lab.router.run(command.split())
        assert router.json("unload", "--config", str(router.config))["removed"] == []
        assert not (bpffs / "pins").exists()


def test_other_sizes_are_other_maps_and_take_over_what_the_old_ones_counted(
    make_router: Callable[..., Router], bpffs: Path
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 500_000)
        router.stop()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 500_000)
        router.configure("meter: {max_flows: 2000}\n")
        router.start()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 500_000)
        after, saved = router.measure_with(router.history)
        generations = [path.name for path in (bpffs / "pins").iterdir() if path.name.startswith("v")]
    assert len(generations) == 1
    assert bytes_of(saved) == bytes_of(before.sum + (after.bill - before.bill).total)


def test_programs_of_another_version_take_over_without_a_gap(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        before, labels = router.measure(), filters(lab)
        copy = router.place / "copy"
        for folder in ("esimshaper", "bpf"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        at_once = [
            client.start(move, lab.servers4[0], 60_000_000)
            for client in lab.clients
            for move in (traffic.tcp_down, traffic.tcp_up)
        ]
        for number in range(2):
            with (copy / "bpf" / "meter.c").open("a") as source:
                source.write(f"/* version {number} */\n")
            router.stop()
            router.environment |= {"PYTHONPATH": str(copy), "PYTHONSAFEPATH": "1"}
            router.start()
            assert not set(filters(lab)) & set(labels)
            labels = filters(lab)
        for each in at_once:
            each.result(300)
        moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)


def test_lan_that_is_deleted_and_returns_is_counted_again(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, EVERY_BLOCK).start()
        lab.router.ip("link del br0")
        wait_until("a LAN that is gone", lambda: "interface br0 is not there" in problems(router))
        lab.router.ip(
            "link add br0 type bridge forward_delay 0",
            f"addr add {LAN4}.1/24 dev br0",
            *(f"link set lan{number} master br0" for number in range(len(lab.clients))),
            "link set br0 up",
        )
        wait_until("a LAN that is back", lambda: not problems(router), timeout=3)
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
    assert bytes_of(moved.totals["alice"]) == bytes_of(moved.bill.of(lab.servers4[0]))


def test_a_zone_that_an_upgrade_took_away_stops_no_counting_and_is_said(make_router: Callable[..., Router]) -> None:
    quota = "{name: d, for: each-client, limit: 1MB, period: day, then: block}"
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, f"timezone: US/Pacific\nquotas: [{quota}]\n").start()
        assert router.stop() == 0
        zones = router.place / "zones"  # as of a Debian without tzdata-legacy: no US/Pacific there
        (zones / "America").mkdir(parents=True)
        shutil.copy("/usr/share/zoneinfo/America/Los_Angeles", zones / "America")
        router.environment["PYTHONTZPATH"] = str(zones)
        router.start()
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
        assert router.get("/v1/status")["configuration"]["accepted"] is False
        offset = router.get("/v1/quotas")["quotas"][0]["renews"][-6:]
    assert moved.sum.down_bytes > 100_000
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert offset in ("-08:00", "-07:00")
    assert "time zone US/Pacific: days and months begin by America/Los_Angeles instead" in router.log.read_text()


@pytest.mark.parametrize("name", ["history.db", "history.db-journal"])
def test_a_pipe_in_the_place_of_the_history_stops_no_counting_and_is_said(
    make_router: Callable[..., Router], name: str
) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab)
        os.mkfifo(router.place / "state" / name)
        router.start()
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 100_000)
        moved = router.measure() - before
        problem = router.get("/v1/status")["storage"]["problem"]
    assert moved.sum.down_bytes > 100_000
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert f"{name} is a pipe and not a file" in problem


def problems(router: Router) -> list[str]:
    found: list[str] = router.get("/v1/status")["wan"]["problems"]
    return found


def test_second_daemon_is_refused(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab).start()
        second = router.run("run", "--config", str(router.config))
        assert second.returncode == 1
        assert "running already" in second.stderr
        assert router.get("/v1/status")["wan"]["attached"]


FOREIGN = {
    "filter": (
        ["clsact"],
        ["ingress", "protocol", "all", "prio", "10", "u32", "match", "u32", "0", "0", "classid", "1:1"],
    ),
    "qdisc": (["ingress"], ["parent", "ffff:", "prio", "5", "u32", "match", "u32", "0", "0", "classid", "1:1"]),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_somebody_else_has_at_our_place_is_left_and_said(make_router: Callable[..., Router], kind: str) -> None:
    qdisc, filter_ = FOREIGN[kind]
    with Lab(WanKind.TUN) as lab:
        lab.router.run(["tc", "qdisc", "add", "dev", "wan0", *qdisc])
        lab.router.run(["tc", "filter", "add", "dev", "wan0", *filter_])
        before = lab.router.run(["tc", "filter", "show", "dev", "wan0", "ingress"])
        router = make_router(lab).start(attached=False)
        status = router.get("/v1/status")
        assert not status["wan"]["attached"]
        assert any("somebody else" in problem or "shuts clsact out" in problem for problem in status["wan"]["problems"])
        assert lab.router.run(["tc", "filter", "show", "dev", "wan0", "ingress"]) == before


def filters(lab: Lab) -> list[str]:
    """Our filters as tc shows them: interface, direction and the label with epoch and digest."""
    found = []
    for interface, side in (("br0", "ingress"), ("br0", "egress"), ("wan0", "ingress"), ("wan0", "egress")):
        command = lab.router.command(["tc", "filter", "show", "dev", interface, side])
        shown = subprocess.run(command, text=True, capture_output=True, check=False).stdout
        found += [f"{interface} {side} {line}" for line in shown.splitlines() if "esimshaper " in line]
    return found
