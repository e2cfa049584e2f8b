# SPDX-License-Identifier: GPL-2.0-or-later
"""Uplinks that stand on one another, have other names or are renamed, and ways past them: the sum stays the bill."""

from collections.abc import Callable

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import Router, bytes_of

NAT = 'add rule ip esimshaper_lab postrouting oifname "{}" masquerade'
MODEM = "wwp0s20f0u2i4-modem"
"""Longer than a name of the kernel may be; systemd gives such names to USB modems, as alternative ones."""


def uplink(router: Router) -> tuple[str, list[str]]:
    """The uplink, and the interfaces on which a program counts as on an uplink."""
    status = router.get("/v1/status")
    counted = {each["interface"] for each in status["programs"] if each["hook"] == "wan_egress" and each["attached"]}
    return status["wan"]["interface"], sorted(counted)


def move_bytes(lab: Lab) -> None:
    """Both ways, both families, both devices, large packets and single ones."""
    for number, client in enumerate(lab.clients):
        for server in (lab.servers4[number], lab.servers6[number]):
            client.call(traffic.tcp_down, server, 100_000)
            client.call(traffic.tcp_up, server, 100_000)
            client.call(traffic.ping, server, count=3)


def counts_each_byte_once(router: Router) -> None:
    before = router.measure()
    move_bytes(router.lab)
    moved, lab = router.measure() - before, router.lab
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    for number, client in enumerate(lab.clients):
        billed = moved.bill.of(lab.servers4[number], lab.servers6[number])
        assert billed.total_bytes > 400_000
        assert bytes_of(moved.totals[client.mac]) == bytes_of(billed)


def test_interfaces_that_stand_on_one_another_count_each_byte_once_also_when_they_appear(
    make_router: Callable[..., Router],
) -> None:
    with Lab(WanKind.TAP) as lab:
        router = make_router(lab)
        router.config.write_text(router.config.read_text().replace("wan0}", '"wan*"}'))
        router.start()
        gateway4, gateway6 = lab.internet.ipv4, lab.internet.ipv6
        lab.router.ip(
            "link add link wan0 name wan0.1 type macvlan mode bridge",
            "addr add 100.64.0.3/24 dev wan0.1",
            "addr add 2001:db8:64::3/64 dev wan0.1 nodad",
            "link set wan0.1 up",
            f"route add {lab.servers4[1]} via {gateway4} dev wan0.1",
            f"route add {lab.servers6[1]} via {gateway6} dev wan0.1",
        )
        lab.router.run(["nft", NAT.format("wan0.1")])
        wait_until("both", lambda: uplink(router) == ("wan0.1", ["wan0", "wan0.1"]))
        counts_each_byte_once(router)
        lab.router.ip(
            "link del wan0.1",
            "addr flush dev wan0",
            f"link add wan-br address {lab.router.mac} type bridge forward_delay 0 mcast_snooping 0",
            "link set wan0 master wan-br",
            "link set wan-br up",
            f"addr add {lab.router.ipv4}/24 dev wan-br",
            f"addr add {lab.router.ipv6}/64 dev wan-br nodad",
            f"route add default via {gateway4}",
            f"route replace ::/0 via {gateway6}",
        )
        # The carrier forgets the MAC of wan0.1, or it asks for it some seconds later, which a bridge gives to nobody.
        lab.internet.run(["ip", "-6", "neigh", "flush", "dev", "gw0"])
        lab.router.run(["nft", NAT.format("wan-br")])
        wait_until("the bridge alone", lambda: uplink(router) == ("wan-br", ["wan-br"]))
        counts_each_byte_once(router)
        said = "wan0 is counted at wan-br, which has the IP packets of its ports."
        assert said in router.run("status").stdout
        assert said in router.run("doctor", "--config", str(router.config)).stdout
        router.run("block", lab.clients[0].mac)
        before = router.measure()
        with pytest.raises(OSError):
            lab.clients[0].call(traffic.tcp_up, lab.servers4[0], 50_000, timeout=3)
        assert (router.measure() - before).bill.of(lab.servers4[0]).up_bytes == 0


def rename(lab: Lab, old: str, new: str) -> None:
    lab.router.ip(f"link set {old} down", f"link set {old} name {new}", f"link set {new} up")
    lab.router.ip(f"addr replace {lab.router.ipv6}/64 dev {new} nodad")
    lab.router.ip(f"route replace default via {lab.internet.ipv4}", f"route replace ::/0 via {lab.internet.ipv6}")
    lab.router.run(["nft", NAT.format(new)])


def test_other_names_work_everywhere_and_a_renamed_interface_goes_on(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN) as lab:
        alice, bob = lab.clients
        lab.router.ip(f"link property add dev wan0 altname {MODEM}", "link property add dev br0 altname house")
        router = make_router(lab, "on_failure: closed\n")
        router.config.write_text(router.config.read_text().replace("wan0}", f"{MODEM}}}").replace("[br0]", "[house]"))
        router.start()
        assert "somebody removed" not in router.log.read_text()
        counts_each_byte_once(router)
        names = {each["interface"] for each in router.get("/v1/status")["programs"]}
        assert names == {MODEM, "house"}
        assert f'esimshaper_wan_receive_bytes_total{{interface="{MODEM}"}}' in router.scrape()
        router.run("block", bob.mac)
        with pytest.raises(ConnectionRefusedError):
            bob.call(traffic.tcp_up, lab.servers4[1], 1000, timeout=30)
        router.run("block", "--clear", bob.mac)
        assert "is another name" not in router.run("doctor", "--config", str(router.config)).stdout
        lab.router.ip(f"link property del dev wan0 altname {MODEM}")
        for old, new in (("wan0", "modem0"), ("br0", "lan9")):
            rename(lab, old, new) if old == "wan0" else lab.router.ip(f"link set {old} name {new}")
        wait_until("the new name", lambda: router.get("/v1/status")["wan"]["device"] == "modem0")
        counts_each_byte_once(router)
        assert f"WAN {MODEM} (modem0): metering\n" in router.run("status").stdout
        assert bob.call(traffic.ping, lab.servers4[1], count=1).down
        for alarm in ("not counting", "somebody removed", "reach the Internet by modem0"):
            assert alarm not in router.log.read_text()
        router.stop()
        written = router.config.read_text()
        router.config.write_text(written.replace(MODEM, "wan0").replace("house", "br0"))
        router.start()  # it knows them by their numbers, and the names that they had
        assert uplink(router) == ("wan0", ["wan0"])
        counts_each_byte_once(router)
        router.stop()
        router.config.write_text(written.replace("house", "br0"))
        lab.router.ip(f"link property add dev modem0 altname {MODEM}")
        router.start()
        rename(lab, "modem0", "wan0")
        wait_until("the old name", lambda: router.get("/v1/status")["wan"]["device"] == "wan0")
        router.kill()
        lab.recreate_wan()
        with pytest.raises(ConnectionRefusedError):
            alice.call(traffic.tcp_up, lab.servers4[0], 1000, timeout=30)
        lab.router.ip(f"link property add dev wan0 altname {MODEM}")
        router.start()
        counts_each_byte_once(router)
        rename(lab, "wan0", "modem0")
        router.stop()
        router.run("unload")
        for device in ("modem0", "lan9"):
            assert "clsact" not in lab.router.run(["tc", "qdisc", "show", "dev", device])


def test_way_past_the_uplink_is_said_once_in_status_journal_and_metrics(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab)
    router.start()
    lab.clients[0].call(traffic.ping, lab.servers4[0], count=1)  # else no device is known

    def said() -> tuple[list[str], float]:
        status = router.get("/v1/status")["wan"]
        return status["detour"]["interfaces"], router.scrape()["esimshaper_default_route_counted"]

    wait_until("no detour", lambda: said() == ([], 1))
    assert "WAN wan0: metering\n" in router.run("status").stdout
    # A VPN's two halves of all addresses, which leave the default route where it is.
    lab.router.ip("tuntap add dev qmimux0 mode tun", "link set qmimux0 up")
    lab.router.ip("route add 0.0.0.0/1 dev qmimux0", "route add 128.0.0.0/1 dev qmimux0")
    wait_until("the detour", lambda: said() == (["qmimux0"], 0), timeout=15)
    shown = router.run("status").stdout
    assert "WAN wan0: metering, but devices go out by qmimux0" in shown
    assert "WAN wan0: metering\n" not in shown
    lab.router.ip("link del qmimux0")
    wait_until("no detour", lambda: said() == ([], 1), timeout=15)
    # Rules by the mark: a second uplink as mwan3 has it; before it, what tproxy needs, which leads nowhere outside.
    lab.router.ip("route add local default dev lo table 100", "rule add pref 2001 fwmark 0x1 lookup 100")
    lab.router.ip("tuntap add dev wan1 mode tun", "link set wan1 up", "route add default dev wan1 table 2")
    lab.router.ip("rule add pref 2002 fwmark 0x200/0x3f00 lookup 2")
    wait_until("the second uplink", lambda: said() == (["wan1"], 0), timeout=15)
    lab.router.ip("rule del pref 2002", "rule del pref 2001", "link del wan1")
    wait_until("no detour", lambda: said() == ([], 1), timeout=15)
    journal = router.log.read_text()
    assert journal.count("devices reach the Internet by qmimux0") == 1
    assert journal.count("devices reach the Internet by counted interfaces again") == 2
    router.run("unload")
