# SPDX-License-Identifier: GPL-2.0-or-later
"""Uplinks that stand on one another, in kinds that only Debian's own kernel has: each byte counts once.

kernel.py runs this in a virtual machine, as it does on_debian_kernel.py; the daemon is that of this checkout.
"""

from collections.abc import Callable, Iterator

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.mounts import mounted_bpffs
from tests.netns.router import Router, bytes_of
from tests.system.kernel import PATIENCE

COMPILES_SLOWLY = f"""\
from esimshaper.cli.main import main
from esimshaper.edge.bpf import compiler
compiler.COMPILE_SECONDS = {PATIENCE}
main()
"""
TAG4, TAG6 = "100.66.0", "2001:db8:66::"
"""Addresses on the VLAN: .1 is the carrier, .2 the router."""


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    with Lab(WanKind.TAP) as lab, mounted_bpffs() as bpffs:
        router = Router(lab, tmp_path_factory.mktemp("router"), bpffs / "pins")
        router.config.write_text(router.config.read_text().replace("wan0}", '"wan*"}'))
        try:
            router.start(program=("-c", COMPILES_SLOWLY), patience=PATIENCE)
            yield router
        finally:
            router.close()


def at(lab: Lab, device: str) -> list[str]:
    """The addresses and routes of the uplink, at `device`."""
    return [
        "addr flush dev wan0",
        f"link set {device} up",
        f"addr add {lab.router.ipv4}/24 dev {device}",
        f"addr add {lab.router.ipv6}/64 dev {device} nodad",
        f"route replace default via {lab.internet.ipv4}",
        f"route replace ::/0 via {lab.internet.ipv6}",
    ]


def vlan(lab: Lab) -> None:
    """The first device's servers are reached without a tag, the second one's with a tag."""
    lab.internet.ip(
        "link add link gw0 name gw0.5 type vlan id 5",
        f"addr add {TAG4}.1/24 dev gw0.5",
        f"addr add {TAG6}1/64 dev gw0.5 nodad",
        "link set gw0.5 up",
        f"route replace {lab.clients[1].ipv6}/128 via {TAG6}2",
    )
    lab.router.ip(
        "link add link wan0 name wan0.5 type vlan id 5",
        f"addr add {TAG4}.2/24 dev wan0.5",
        f"addr add {TAG6}2/64 dev wan0.5 nodad",
        "link set wan0.5 up",
        f"route add {lab.servers4[1]} via {TAG4}.1",
        f"route add {lab.servers6[1]} via {TAG6}1",
    )


def without_vlan(lab: Lab) -> None:
    lab.internet.ip(f"route del {lab.clients[1].ipv6}/128", "link del gw0.5")
    lab.router.ip("link del wan0.5")


def bond(lab: Lab) -> None:
    lab.router.ip(
        "link add wan-bond type bond mode active-backup",
        "link set wan0 down",
        "link set wan0 master wan-bond",
        f"link set wan-bond address {lab.router.mac}",
        *at(lab, "wan-bond"),
    )


def ipvlan(lab: Lab) -> None:
    lab.router.ip("link add link wan0 name wan-ip type ipvlan mode l2", *at(lab, "wan-ip"))


def without(name: str) -> Callable[[Lab], None]:
    def back(lab: Lab) -> None:
        lab.router.ip(f"link del {name}", f"link set wan0 address {lab.router.mac}", *at(lab, "wan0"))

    return back


STACKS = {
    "vlan": (vlan, without_vlan, ["wan0"], "wan0.5 is counted at wan0, which sees all of its packets."),
    "bond": (bond, without("wan-bond"), ["wan-bond"], "wan0 is counted at wan-bond, which has the IP packets"),
    "ipvlan": (ipvlan, without("wan-ip"), ["wan0"], "wan-ip is counted at wan0, which sees all of its packets."),
}


def counted(router: Router) -> list[str]:
    programs = router.get("/v1/status")["programs"]
    return sorted(each["interface"] for each in programs if each["hook"] == "wan_egress" and each["attached"])


def everything(client: Host, server: str) -> None:
    client.call(traffic.tcp_down, server, 200_000)
    client.call(traffic.tcp_up, server, 200_000)
    client.call(traffic.fragments, server)
    client.call(traffic.ping, server, count=3)


@pytest.mark.parametrize("kind", STACKS)
def test_each_byte_counts_once_in_a_stack_that_appears_while_running(router: Router, kind: str) -> None:
    lab = router.lab
    build, take_away, at_last, said = STACKS[kind]
    for name in ("wan0.5", "wan-bond", "wan-ip"):
        lab.router.run(["nft", f"add rule ip esimshaper_lab postrouting oifname {name} masquerade"])
    build(lab)
    try:
        wait_until("the stack", lambda: said in router.run("status").stdout, timeout=30)
        assert counted(router) == at_last
        before = router.measure()
        for number, client in enumerate(lab.clients):
            for server in (lab.servers4[number], lab.servers6[number]):
                everything(client, server)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert moved.totals["unattributed"] == Counters()
        for number, client in enumerate(lab.clients):
            billed = moved.bill.of(lab.servers4[number], lab.servers6[number])
            assert billed.total_bytes > 800_000
            assert bytes_of(moved.totals[client.mac]) == bytes_of(billed)
        router.run("block", lab.clients[1].mac)
        before = router.measure()
        with pytest.raises(OSError):
            lab.clients[1].call(traffic.tcp_up, lab.servers4[1], 100_000, timeout=5)
        assert (router.measure() - before).bill.of(lab.servers4[1]).up_bytes == 0
    finally:
        router.run("block", "--clear", lab.clients[1].mac)
        take_away(lab)
        wait_until("what was before", lambda: counted(router) == ["wan0"], timeout=30)
