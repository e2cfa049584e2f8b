# SPDX-License-Identifier: GPL-2.0-or-later
"""A transparent proxy on the router: its bytes are the router's, which is said; who is blocked does not pass by it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.limits import state_of
from tests.netns.proxy import Proxy
from tests.netns.router import Router, bytes_of


def test_blocked_device_does_not_go_on_by_a_proxy_of_the_router(make_router: Callable[..., Router]) -> None:
    rows = "clients: [{name: alice, mac: '02:00:00:00:00:10'}, {name: bob, mac: '02:00:00:00:00:11'}]\n"
    with Lab(WanKind.TUN) as lab, Proxy(lab):
        if Path("/proc/sys/net/bridge").exists():  # else a reset does not reach a device behind a bridge
            lab.router.sysctl(**{f"bridge__bridge-nf-call-{tables}": 0 for tables in ("iptables", "ip6tables")})
        router = make_router(lab, rows).start()
        alice, bob = lab.clients
        before = router.measure()
        alice.call(traffic.tcp_down, lab.servers4[0], 200_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert moved.totals.get("alice", Counters()).total_bytes < 1000
        assert moved.totals["router"].total_bytes > 200_000
        said = "turns connections of devices round to a program of this router"
        assert said in " ".join(router.run("status").stdout.split())
        findings = router.run("doctor", "--config", str(router.config)).stdout
        assert said in findings
        assert "a transparent proxy" in findings

        going = alice.start(traffic.tcp_down, lab.servers4[0], 200_000_000, timeout=20)
        assert router.run("block", "alice", "--socket", str(router.socket)).returncode == 0
        wait_until("the state", lambda: state_of(router, "alice") == "blocked", timeout=5)
        with pytest.raises(ConnectionResetError):
            going.result(300)
        with pytest.raises(OSError, match="No route to host"):
            alice.call(traffic.tcp_down, lab.servers4[0], 1000, timeout=3)
        bob.call(traffic.tcp_down, lab.servers4[0], 100_000)
        assert router.run("block", "--clear", "alice", "--socket", str(router.socket)).returncode == 0
        wait_until("the state", lambda: state_of(router, "alice") == "open", timeout=5)
        alice.call(traffic.tcp_down, lab.servers4[0], 1000)
