# SPDX-License-Identifier: GPL-2.0-or-later
"""The installed package on Debian's own kernel, with what other kernels may lack: fq_codel, flowtables, WireGuard.

kernel.py runs this in a virtual machine; `make test` does not, as it takes minutes.
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.policy_ipsec import PolicyIpsec
from tests.netns.router import Measure, bytes_of
from tests.netns.strongswan import StrongSwan
from tests.netns.vpn import FourInSix, KernelVpn, Vpn
from tests.system.debian import CONFIG, SERVICE, Debian
from tests.system.kernel import DISK_IN_GUEST, PATIENCE

FLOWTABLE = """table inet fast {
    flowtable known { hook ingress priority 0; devices = { br0, wan0 }; }
    chain forward {
        type filter hook forward priority 0;
        meta l4proto { tcp, udp } flow add @known
    }
}
"""


@pytest.fixture(scope="module")
def router() -> Iterator[Debian]:
    """A Debian in which the service is enabled, started with the system."""
    with Lab(WanKind.TUN) as lab, Debian(DISK_IN_GUEST, lab) as debian:
        wait_until("the first tick", debian.is_at_work, timeout=PATIENCE)
        yield debian


def restart(router: Debian, extra: str) -> None:
    router.configure(extra)
    router.run("systemctl", "restart", SERVICE)
    wait_until("the first tick", router.is_at_work, timeout=PATIENCE)


def everything(client: Host, *servers: str) -> None:
    for server in servers:
        client.call(traffic.tcp_down, server, 1_000_000)
        client.call(traffic.tcp_up, server, 500_000)
        client.call(traffic.quic, server, up=50_000, down=200_000)
        client.call(traffic.fragments, server)
        client.call(traffic.ping, server)


def test_the_service_starts_with_the_system_and_the_bill_is_right(router: Debian):
    lab, before = router.lab, router.measure()
    for number, client in enumerate(lab.clients):
        everything(client, lab.servers4[number], lab.servers6[number])
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    for number, name in enumerate(("alice-phone", "tv")):
        assert bytes_of(moved.totals[name]) == bytes_of(moved.bill.of(lab.servers4[number], lab.servers6[number]))


def test_what_bytes_were_for_has_its_name(router: Debian):
    wait_until("a name", lambda: router.is_named("r1.googlevideo.com"), timeout=60)


def offloaded() -> bool:
    return "[OFFLOAD]" in Path("/proc/thread-self/net/nf_conntrack").read_text()


def test_flows_that_a_flowtable_forwards_are_billed_all_the_same_and_cut(router: Debian):
    lab, (alice, bob) = router.lab, router.lab.clients
    lab.router.run(["nft", "-f", "-"], text_in=FLOWTABLE)
    before = router.measure()
    moving = [client.start(everything, client, lab.servers4[number]) for number, client in enumerate((alice, bob))]
    wait_until("a flow in the flowtable", lambda: lab.router.call(offloaded), timeout=60)
    for each in moving:
        each.result(PATIENCE)
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    for number, name in enumerate(("alice-phone", "tv")):
        assert bytes_of(moved.totals[name]) == bytes_of(moved.bill.of(lab.servers4[number]))
    restart(router, "quotas: [{name: cut, for: client/alice-phone, limit: 30MB, period: month, then: block}]")
    before = router.measure()
    (quota,) = router.get("/v1/quotas")["quotas"]
    left = quota["limit_bytes"] - quota["used_bytes"]
    with pytest.raises(OSError):
        alice.call(traffic.tcp_up, lab.servers4[0], left + 5_000_000, timeout=PATIENCE)
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert left * 0.8 < moved.bill.of(lab.servers4[0]).up_bytes <= left
    router.run("nft", "delete", "table", "inet", "fast")  # by its own nft: that of Debian 12 crashes on 6.12


def leaves(router: Debian) -> list[dict[str, Any]]:
    """Of both directions: what the kernel says of fq_codel in the leaves."""
    found = (router.run("tc", "-j", "qdisc", "show", "dev", device) for device in ("wan0", "ifb-wan0"))
    return [queue for said in found for queue in json.loads(said) if queue["kind"] == "fq_codel"]


def test_a_throttled_client_has_fq_codel_of_its_rate_and_pays_for_no_drop(router: Debian):
    lab, (alice, bob) = router.lab, router.lab.clients
    restart(
        router, "quotas: [{name: slow, for: client/alice-phone, limit: 1KB, period: month, then: {throttle: 1mbit}}]"
    )
    alice.call(traffic.ping, lab.servers4[0])
    wait_until("its leaves", lambda: len(leaves(router)) >= 2, timeout=30)
    shown = leaves(router)
    options = [queue["options"] for queue in shown]
    assert {one["flows"] for one in options} == {64}
    assert {round(one["target"] / 1000) for one in options} >= {18}  # milliseconds: one and a half frames at 1 Mbit/s
    began = time.monotonic()
    alice.call(traffic.tcp_down, lab.servers4[0], 375_000)
    assert 2.5 < time.monotonic() - began < 6
    before = router.measure()
    alice.call(traffic.udp_up, lab.servers4[0], 400_000)
    after = router.measure()
    moved = after - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.bill.total.up_bytes < 400_000
    assert [queue["handle"] for queue in leaves(router)] == [queue["handle"] for queue in shown]
    bob.call(traffic.tcp_down, lab.servers4[1], 1_000_000)
    assert [told["MESSAGE"] for told in router.journal("PRIORITY=4") if "ESIMSHAPER_QUOTA" not in told] == []


SQM = {
    "fq_codel": (
        "qdisc add dev wan0 root handle 1: htb default 1",
        "class add dev wan0 parent 1: classid 1:1 htb rate 2mbit",
        "qdisc add dev wan0 parent 1:1 fq_codel limit 20",
    ),
    "cake": ("qdisc add dev wan0 root cake bandwidth 2mbit memlimit 64k",),
}


@pytest.mark.parametrize("kind", SQM)
def test_what_sqm_drops_on_the_uplink_is_charged_to_nobody(router: Debian, kind: str):
    """Nothing is throttled, so the root qdisc stays that of somebody else; the sandbox must let the tap be opened."""
    lab = router.lab
    restart(router, "quotas: [{name: plan, for: everyone, limit: 1GB, period: month, then: block}]\n")
    for command in SQM[kind]:
        lab.router.run(["tc", *command.split()])
    try:
        before, known = router.measure(), router.get("/v1/status")["uplink_drops"]["bytes"]
        lab.clients[0].call(traffic.udp_up, lab.servers4[0], 2_000_000, bits=8_000_000)
        lab.clients[1].call(traffic.tcp_up, lab.servers6[1], 300_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        drops = router.get("/v1/status")["uplink_drops"]
        assert drops["means"] == "tap"
        assert drops["bytes"] > known
        assert drops["estimated_bytes"] == 0
    finally:
        lab.router.run(["tc", "qdisc", "del", "dev", "wan0", "root"])


def wireguard(lab: Lab) -> Vpn:
    return KernelVpn(lab, lab.servers4[7], (lab.servers4[0], lab.servers6[0]))


def four_in_six(lab: Lab) -> Vpn:
    return FourInSix(lab, lab.servers6[7], (lab.servers4[0],))


@pytest.mark.parametrize("kind", [wireguard, four_in_six])
def test_a_tunnel_of_the_kernel_in_the_router_is_billed_to_whom_it_serves(router: Debian, kind: Callable[[Lab], Vpn]):
    lab, (alice, _) = router.lab, router.lab.clients
    with kind(lab) as vpn:
        restart(router, f"wan: {{tunnels: [{vpn.setting}]}}")
        before = router.measure()
        for server in vpn.through:
            alice.call(traffic.tcp_down, server, 1_000_000)
            alice.call(traffic.tcp_up, server, 500_000)
            alice.call(traffic.udp_down, server, 60_000, packet=300)
            alice.call(traffic.ping, server)
        router.settle()
        moved = router.measure() - before
        router.run("esimshaper", "block", "client/alice-phone")
        with pytest.raises(OSError):
            alice.call(traffic.tcp_up, vpn.through[0], 100_000, timeout=5)
        router.run("esimshaper", "allow", "--clear", "client/alice-phone")
    inside = moved.bill.of(vpn.endpoint)
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert inside.total_bytes > 1_500_000 * len(vpn.through)
    assert moved.totals["alice-phone"].total_bytes == pytest.approx(inside.total_bytes, rel=0.01)


NEAR, FAR = "ppp-wan", "ppp-far"
PPPD = "pppd nodetach noauth nodefaultroute noccp novj nolock +ipv6"


@pytest.fixture
def ppp(router: Debian) -> Iterator[None]:
    """Two real pppd talk to each other over a pseudo-terminal; the far one is the carrier, with some of the servers."""
    lab = router.lab
    far = " ".join(lab.internet.command([*PPPD.split(), "notty", "ifname", FAR, "100.65.0.1:100.65.0.2"]))
    near = lab.router.popen([*PPPD.split(), "ifname", NEAR, "pty", far, "100.65.0.2:100.65.0.1"])
    try:
        wait_until("the link", lambda: near.poll() is None and on_both_ends(lab), timeout=60)
        lab.router.ip(f"route replace {lab.servers4[5]} dev {NEAR}", f"route replace {lab.servers6[5]} dev {NEAR}")
        lab.internet.ip(*(f"route replace {client.ipv6} dev {FAR}" for client in lab.clients))
        lab.router.run(["nft", f"add rule ip esimshaper_lab postrouting oifname {NEAR} masquerade"])
        set_uplink(router, "wan0", NEAR)
        yield
    finally:
        set_uplink(router, NEAR, "wan0")
        near.terminate()
        near.wait(300)


def on_both_ends(lab: Lab) -> bool:
    """Whether the link is up with both families."""
    ends = ((lab.router, NEAR), (lab.internet, FAR))
    shown = [host.run(["ip", "-o", "addr", "show"]) for host, _ in ends]
    return all(
        {"inet", "inet6"} <= {line.split()[2] for line in said.splitlines() if line.split()[1] == name}
        for said, (_, name) in zip(shown, ends, strict=True)
    )


def set_uplink(router: Debian, old: str, new: str) -> None:
    router.run("sed", "-i", f"s/^  interface: {old}/  interface: {new}/", CONFIG)
    restart(router, "")


def ppp_bill(lab: Lab) -> Counters:
    """What the kernel of the far end has counted: IP packets, and a few of pppd itself before the link is up."""
    (link,) = json.loads(lab.internet.run(["ip", "-j", "-s", "link", "show", "dev", FAR]))
    got, sent = link["stats64"]["rx"], link["stats64"]["tx"]
    return Counters(sent["bytes"], got["bytes"], sent["packets"], got["packets"])


def test_a_real_ppp_link_is_billed_to_the_byte_and_cut(router: Debian, ppp: None):
    lab, (alice, bob) = router.lab, router.lab.clients
    before, billed = router.totals(), ppp_bill(lab)
    for client in (alice, bob):
        for server in (lab.servers4[5], lab.servers6[5]):
            client.call(traffic.tcp_down, server, 300_000)
            client.call(traffic.tcp_up, server, 200_000)
            client.call(traffic.fragments, server)
            client.call(traffic.ping, server)

    def moved() -> Counters:
        router.await_tick()
        return sum(router.totals().values(), Counters()) - sum(before.values(), Counters())

    wait_until("the same bytes at both ends", lambda: bytes_of(moved()) == bytes_of(ppp_bill(lab) - billed), timeout=60)
    assert moved().down_bytes > 1_200_000
    assert router.totals()["unattributed"] == before.get("unattributed", Counters())
    router.run("esimshaper", "block", "client/alice-phone")
    blocked = ppp_bill(lab)
    for server in (lab.servers4[5], lab.servers6[5]):
        with pytest.raises(OSError):
            alice.call(traffic.tcp_up, server, 100_000, timeout=5)
    assert ppp_bill(lab).up_bytes == blocked.up_bytes
    router.run("esimshaper", "allow", "--clear", "client/alice-phone")


def settled(router: Debian, before: Measure) -> Measure:
    """What moved since, once no byte waits for its receiver any longer."""
    found: list[Measure] = []

    def is_whole() -> bool:
        found.append(router.measure() - before)
        return bytes_of(found[-1].sum) == bytes_of(found[-1].bill.total)

    try:
        wait_until("the sum", is_whole, timeout=60)
    except TimeoutError as problem:
        problem.add_note(f"{found[-1]}\n{router.get('/v1/status')}")
        raise
    return found[-1]


IPSEC = {"ESP": PolicyIpsec, "ESP in UDP": partial(PolicyIpsec, in_udp=True), "strongSwan": StrongSwan}


@pytest.mark.parametrize("kind", IPSEC)
def test_what_ipsec_unpacks_is_billed_once_and_is_whose_it_is(router: Debian, kind: str):
    """The tunnel of all devices has one flow, which is that of whoever sent last."""
    lab, (alice, tv) = router.lab, router.lab.clients
    server = lab.servers4[3]
    with IPSEC[kind](lab, server):
        restart(router, "")
        assert tv.call(traffic.ping, server, count=2).down, "the tunnel itself"
        router.settle()
        before = router.measure()
        loading = alice.start(traffic.tcp_down, server, 1_000_000)
        while not loading.done():
            tv.call(traffic.ping, server, count=5)
        alice.call(traffic.tcp_up, server, 300_000)
        moved = settled(router, before)
        pings = moved.totals["tv"]
        assert moved.totals["alice-phone"].down_bytes > 1_040_000
        assert moved.totals["alice-phone"].up_bytes > 310_000
        assert pings.down_bytes < 1.3 * pings.up_bytes + 5_000
        assert moved.totals["unattributed"] == Counters()
        (finding,) = (
            one
            for one in json.loads(router.try_run("esimshaper", "doctor", "--json").stdout)["findings"]
            if one["check"] == "ipsec"
        )
        assert "IPsec policies" in finding["sentence"]
        router.run("esimshaper", "block", "client/alice-phone")
        with pytest.raises(OSError):
            alice.call(traffic.tcp_down, server, 100_000, timeout=5)
        router.run("esimshaper", "allow", "--clear", "client/alice-phone")


TUNNELS = {
    "sit": "type sit local {0} remote {1} ttl 64",
    "ipip": "type ipip local {0} remote {1} ttl 64",
    "gre": "type gre local {0} remote {1} ttl 64 key 7 csum",
    "gretap": "type gretap local {0} remote {1} ttl 64",
    "geneve": "type geneve id 7 remote {1}",
    "ip6tnl": "type ip6tnl mode any local {2} remote {3}",
    "ip6gre": "type ip6gre local {2} remote {3}",
    "ip6gretap": "type ip6gretap local {2} remote {3}",
}
ONLY = {"sit": 6, "ipip": 4}
"""Families inside, where not both."""


def connect(lab: Lab, number: int, kind: str) -> list[str]:
    """A tunnel between router and internet host; the servers that are reached by it."""
    name, servers = f"tun{number}", [lab.servers4[number], lab.servers6[number]]
    for last, host, far in ((2, lab.router, lab.internet), (1, lab.internet, lab.router)):
        host.ip(
            f"link add {name} " + TUNNELS[kind].format(host.ipv4, far.ipv4, host.ipv6, far.ipv6),
            f"addr add 10.97.{number}.{last}/24 dev {name}",
            f"addr add fd97:{number}::{last}/64 dev {name} nodad",
            f"link set {name} up",
        )
    servers = [one for one in servers if ONLY.get(kind) != (4 if ":" in one else 6)]
    lab.router.ip(
        *(f"route add {one} {f'via fd97:{number}::1' if ':' in one else f'via 10.97.{number}.1'}" for one in servers)
    )
    rule = f"type nat hook postrouting priority srcnat; oifname {name} masquerade"
    chains = "\n".join(f"table {family} {name} {{ chain post {{ {rule}\n}}\n}}" for family in ("ip", "ip6"))
    lab.router.run(["nft", "-f", "-"], text_in=chains + "\n")
    return servers


def test_merged_segments_in_each_tunnel_of_the_kernel_count_with_all_their_headers(router: Debian):
    lab, alice = router.lab, router.lab.clients[0]
    for number, kind in enumerate(TUNNELS):
        servers = connect(lab, number, kind)
        before = router.measure()
        for server in servers:
            alice.call(traffic.tcp_down, server, 200_000)
            alice.call(traffic.tcp_up, server, 200_000)
        moved = settled(router, before)
        assert moved.bill.total.total_bytes > len(servers) * 420_000, kind
        lab.router.ip(*(f"route del {one}" for one in servers), f"link del tun{number}")
        lab.internet.ip(f"link del tun{number}")
    events = {event["reason"] for event in router.get("/v1/status")["events"]}
    assert "wan_segments_unknown" not in events
