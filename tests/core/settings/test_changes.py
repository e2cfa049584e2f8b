# SPDX-License-Identifier: GPL-2.0-or-later
"""Changed settings: what an edited configuration would change, in the words of the file."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from esimshaper.core.settings.changes import changes, needs_restart
from esimshaper.core.settings.values import Settings
from tests.core.settings.parsing import settings_of

DAILY = {
    "name": "daily",
    "for": "each-client",
    "limit": "500MB",
    "period": "day",
    "then": {"throttle": "256kbit"},
    "direction": "both",
    "warn_at": ["80%"],
    "used": "0B",
}
TREE = {
    "wan": {"interface": "wwan0", "replace_qdisc": False, "upload": "10mbit"},
    "lan": {"interfaces": ["br0"], "leases": [], "mark_mask": 0xFF000000},
    "timezone": "Asia/Tokyo",
    "clients": [
        {"name": "alice", "mac": "02:00:00:00:00:10", "group": "family"},
        {"name": "tv", "mac": "02:00:00:00:00:11"},
    ],
    "metrics": {"listen": "127.0.0.1:19473"},
    "meter": {"max_flows": 65536},
    "router": {"reserve": "5MB", "reachable": []},
    "services": {"names": "on", "metrics": "everyone"},
    "on_failure": "open",
    "quotas": [DAILY, {**DAILY, "name": "tvs", "for": "client/tv"}],
}


def settings(edit: Callable[[Any], object] | None = None) -> Settings:
    tree = copy.deepcopy(TREE)
    if edit:
        edit(tree)
    return settings_of(tree)


EDITS: dict[str, Callable[[Any], object]] = {
    "wan.interface: wwan0 -> wwan1": lambda tree: tree["wan"].update(interface="wwan1"),
    "wan.upload: 10.0 Mbit/s -> none": lambda tree: tree["wan"].pop("upload"),
    "wan.download: none -> 40.0 Mbit/s": lambda tree: tree["wan"].update(download="40mbit"),
    "saver.pace: none -> youtube at 1.50 Mbit/s for client/tv, video at 2.50 Mbit/s for each-client": lambda tree: (
        tree.update(
            saver={
                "pace": [
                    {"for": "tv", "only": ["youtube"], "rate": "1500kbit"},
                    {"for": "each-client", "only": "video", "rate": "2500kbit"},
                ]
            }
        )
    ),
    "services.metrics: everyone -> clients": lambda tree: tree["services"].update(metrics="clients"),
    "wan.replace_qdisc: no -> yes": lambda tree: tree["wan"].update(replace_qdisc=True),
    "wan.tunnels: none -> wg0 with port 51820": lambda tree: tree["wan"].update(
        tunnels=[{"interface": "wg0", "port": 51820}]
    ),
    "wan.tunnels: none -> clat without a port, tun0 with port 443 of udp to 203.0.113.1": lambda tree: tree[
        "wan"
    ].update(
        tunnels=[
            {"interface": "clat"},
            {"interface": "tun0", "port": 443, "protocol": "udp", "peer": "203.0.113.1"},
        ]
    ),
    "on_failure: open -> closed": lambda tree: tree.update(on_failure="closed"),
    "metrics.tls: none -> certificate /c, key /k, client_ca none": lambda tree: tree["metrics"].update(
        tls={"certificate": "/c", "key": "/k"}
    ),
    "lan.interfaces: br0 -> br0, wlan0": lambda tree: tree["lan"]["interfaces"].append("wlan0"),
    "lan.leases: none -> /run/leases": lambda tree: tree["lan"]["leases"].append("/run/leases"),
    "metrics.listen: 127.0.0.1:19473 -> [::]:80": lambda tree: tree["metrics"].update(listen="[::]:80"),
    "metrics.tls: none -> certificate /a.crt, key /a.key, client_ca none": lambda tree: tree["metrics"].update(
        tls={"certificate": "/a.crt", "key": "/a.key"}
    ),
    "web: none -> on, at port 80 of the LAN": lambda tree: tree.update(web={"listen": []}),
    "web: none -> on, at 192.168.8.1:80": lambda tree: tree.update(web={"listen": ["192.168.8.1:80"]}),
    "router.reserve: 5.00 MB -> 20.0 MB": lambda tree: tree["router"].update(reserve="20MB"),
    "router.reachable: none -> 198.51.100.7/32, 2001:db8::/48": lambda tree: tree["router"].update(
        reachable=["198.51.100.7", "2001:db8::/48"]
    ),
    "meter.max_flows: 65536 -> 1024": lambda tree: tree["meter"].update(max_flows=1024),
    "client kid: new (02:00:00:00:00:12, group family)": lambda tree: tree["clients"].append(
        {"name": "kid", "mac": "02:00:00:00:00:12", "group": "family"}
    ),
    "client tv: renamed to telly": lambda tree: (
        tree["clients"][1].update(name="telly"),
        tree["quotas"][1].update({"for": "client/telly"}),
    ),
    "client alice: group family -> none": lambda tree: tree["clients"][0].pop("group"),
    "client alice: removed; the device is counted under its address 02:00:00:00:00:10": lambda tree: tree[
        "clients"
    ].pop(0),
    "quota plan: new, 10.0 GB per month for everyone, then block": lambda tree: tree["quotas"].append(
        {**DAILY, "name": "plan", "for": "everyone", "limit": "10GB", "period": "month", "then": "block", "warn_at": []}
    ),
    "quota tvs: removed, with its usage": lambda tree: tree["quotas"].pop(),
    "quota tvs: for client/tv -> group/family": lambda tree: tree["quotas"][1].update({"for": "group/family"}),
    "quota tvs: limit 500 MB -> 1.00 GB, warn_at 400 MB -> 800 MB": lambda tree: tree["quotas"][1].update(limit="1GB"),
    "quota tvs: limit 500000000 B -> 500000001 B, warn_at 400000000 B -> 400000001 B": lambda tree: (
        tree["quotas"][1].update(limit="500000001B")
    ),
    "quota tvs: period day -> 30 days from 2026-11-01T09:00:00": lambda tree: tree["quotas"][1].update(
        period={"days": 30, "from": "2026-11-01T09:00:00"}
    ),
    "quota tvs: timezone Asia/Tokyo -> UTC": lambda tree: tree["quotas"][1].update(timezone="UTC"),
    "quota tvs: direction both -> upload": lambda tree: tree["quotas"][1].update(direction="upload"),
    "quota tvs: then throttle 256 kbit/s -> notify": lambda tree: tree["quotas"][1].update(then="notify"),
    "quota tvs: warn_at 400 MB -> none": lambda tree: tree["quotas"][1].update(warn_at=[]),
    "quota tvs: used 1.00 MB has no effect, as the quota counts already "
    "(`esimshaper correct tvs 1MB` sets it)": lambda tree: tree["quotas"][1].update(used="1MB"),
}


@pytest.mark.parametrize("line", EDITS)
def test_each_edit_is_one_line_and_nothing_else_changes(line: str) -> None:
    assert changes(settings(), settings(EDITS[line])) == (line,)


def test_another_period_says_what_stays_used_and_how_it_begins_anew() -> None:
    monthly = settings(lambda tree: tree["quotas"][1].update(period="month"))
    stay = "2.41 GB used so far stay (`esimshaper restart tvs` begins at nothing)"
    assert changes(settings(), monthly, {"tvs": 2_410_000_000}) == (f"quota tvs: period day -> month, {stay}",)
    assert changes(settings(), monthly, {"tvs": 0}) == ("quota tvs: period day -> month",)


def test_settings_that_say_the_same_change_nothing() -> None:
    assert changes(settings(), settings(lambda tree: tree["quotas"][0].update(limit="0.5GB"))) == ()


def test_every_change_of_the_settings_is_listed() -> None:
    edited = settings(lambda tree: tree.update(timezone="UTC"))
    assert changes(settings(), edited) == (
        "timezone: Asia/Tokyo -> UTC",
        "quota daily: timezone Asia/Tokyo -> UTC",
        "quota tvs: timezone Asia/Tokyo -> UTC",
    )


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        ("lan", "mark_mask", 0x0000FF00),
        ("meter", "max_flows", 1024),
        ("meter", "max_clients", 100),
        ("services", "names", "off"),
    ],
)
def test_what_the_maps_were_made_for_needs_a_restart(block: str, key: str, value: int | str) -> None:
    (problem,) = needs_restart(settings(), settings(lambda tree: tree[block].update({key: value})))
    assert problem.path == (block, key)
    assert f"{block}.{key} cannot change while the daemon runs" in problem.message
    assert "systemctl restart esimshaper" in problem.hint


def test_a_mask_with_more_bits_is_one_problem_though_more_clients_fit() -> None:
    problems = needs_restart(settings(), settings(lambda tree: tree["lan"].update(mark_mask=0xFFF00000)))
    assert [problem.path for problem in problems] == [("lan", "mark_mask")]


@pytest.mark.parametrize("line", [line for line in EDITS if not line.startswith("meter")])
def test_everything_else_is_changed_while_the_daemon_runs(line: str) -> None:
    assert needs_restart(settings(), settings(EDITS[line])) == ()
