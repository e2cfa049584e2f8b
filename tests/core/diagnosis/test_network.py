# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of facts about the network and the daemon. Pure: each row is one thing wrong."""

from dataclasses import replace

import pytest

from esimshaper.core.model.box import (
    DaemonStatus,
    Feature,
    Flowtable,
    Interface,
    LeaseFile,
    MarkAccess,
    MarkUse,
    Service,
    Severity,
    TcFilter,
    Wanted,
)
from tests.core.diagnosis.healthy_box import (
    GOOD,
    LAN,
    LOOKS_AGAIN,
    LOOKS_AT_UPLOADS,
    MARKED,
    REDIRECTS,
    WAN,
    assert_one_finding,
    complaints,
)

NETWORK = {
    "no WAN": (
        {"interfaces": (LAN,)},
        ("wan", Severity.WARNING, "wwan0 (wan.interface) does not exist now", "ip link"),
    ),
    "strange WAN": (
        {"interfaces": (replace(WAN, type=772), LAN)},
        ("wan", Severity.PROBLEM, "bytes would not be counted", "wan.interface"),
    ),
    "tunnel as WAN": (
        {"interfaces": (replace(WAN, type=65534, kind="wireguard"), LAN)},
        ("wan", Severity.WARNING, "would not be counted, though they are billed", "modem"),
    ),
    "WAN has another name now": (
        {"interfaces": (replace(WAN, name="wwan1"), LAN)},
        (
            "wan",
            Severity.WARNING,
            "wwan0 (wan.interface) does not exist now",
            "wwan1 may be the modem: if so, write that name under wan.interface",
        ),
    ),
    "a way past the WAN": (
        {
            "wanted": Wanted("wwan0", ("br0",), detour="devices reach the Internet by qmimux0"),
            "default_routes": ("qmimux0",),
        },
        ("wan", Severity.WARNING, "Devices reach the Internet by qmimux0.", "ip route get 8.8.8.8"),
    ),
    "WAN in a bridge of its own": (
        {"interfaces": (replace(WAN, master=9), LAN, Interface(9, "br-wan", 1, "bridge", up=False))},
        ("wan", Severity.WARNING, "wwan0 is a port of br-wan", "write br-wan under wan.interface"),
    ),
    "LAN that is a port": (
        {"interfaces": (WAN, replace(LAN, kind="", master=9), Interface(9, "br9", 1, "bridge", up=False))},
        ("lan", Severity.WARNING, "br0 is a port of br9", "write br9 under lan.interfaces"),
    ),
    "LAN on the WAN": (
        {"interfaces": (replace(WAN, type=1), replace(LAN, kind="vlan", base=WAN.index))},
        ("wan", Severity.PROBLEM, "br0 stands on wwan0", "vlan"),
    ),
    "LAN of a type that is not understood": (
        {"interfaces": (WAN, replace(LAN, type=772))},
        ("lan", Severity.PROBLEM, "br0 has a link type that the meter does not know (772)", "lan.interfaces"),
    ),
    "LAN down": (
        {"interfaces": (WAN, replace(LAN, up=False))},
        ("lan", Severity.NOTE, "br0 is down", "ip link set br0 up"),
    ),
    "gateway inside the modem": (
        {"gateways": ("192.168.8.1", "fe80::1", "100.64.0.1")},
        ("unbilled", Severity.NOTE, "192.168.8.1", "wan: {unbilled: [192.168.8.1]}"),
    ),
    "gateway inside the modem, in use": (
        {"gateways": ("192.168.8.1",), "daemon_status": DaemonStatus("1.0", remotes={"192.168.8.1": 1_070_000})},
        ("unbilled", Severity.WARNING, "1.07 MB", "wan: {unbilled: [192.168.8.1]}"),
    ),
    "tc offload": (
        {"interfaces": (replace(WAN, offloads=True), LAN)},
        ("offload", Severity.WARNING, "are not counted", "ethtool -K wwan0 hw-tc-offload off"),
    ),
    "SQM beside no limits": (
        {"interfaces": (replace(WAN, root="cake"), LAN)},
        ("qdisc", Severity.NOTE, "(cake; SQM?), and keeps it. Uploads that it drops are not billed", ""),
    ),
    "SQM that was set up": (
        {
            "interfaces": (WAN, LAN, Interface(9, "ifb4wwan0", 1, kind="ifb")),
            "shaper_files": ("/etc/sqm/wwan0.iface.conf",),
        },
        (
            "qdisc",
            Severity.WARNING,
            "to shape wwan0 (ifb4wwan0, /etc/sqm/wwan0.iface.conf; SQM?). Its download half cannot start",
            "systemctl disable --now sqm@wwan0; write its rates under wan",
        ),
    ),
    "wondershaper that was set up": (
        {"shaper_files": ("/etc/systemd/wondershaper.conf",)},
        ("qdisc", Severity.WARNING, "wondershaper.conf; SQM?)", "systemctl disable --now wondershaper; write"),
    ),
    "SQM in the way": (
        {"interfaces": (replace(WAN, root="htb"), LAN), "wanted": Wanted("wwan0", ("br0",), shapes=True)},
        ("qdisc", Severity.WARNING, "dropped instead of queued", "replace_qdisc: true"),
    ),
    "SQM to be replaced": (
        {
            "interfaces": (replace(WAN, root="cake"), LAN),
            "wanted": Wanted("wwan0", ("br0",), shapes=True, replaces_qdisc=True),
        },
        ("qdisc", Severity.NOTE, "which ours replaces", ""),
    ),
    "a LAN without a name": (
        {"interfaces": (WAN, LAN, Interface(4, "wlan1", 1))},
        ("lan", Severity.NOTE, "wlan1 is neither WAN nor LAN", "lan.interfaces"),
    ),
    "a VPN without a name": (
        {"interfaces": (WAN, LAN, Interface(4, "wg0", 65534, kind="wireguard")), "default_routes": ("wwan0", "wg0")},
        ("tunnels", Severity.NOTE, "booked to `router`", "tunnels: [{interface: wg0, port: 51820}]"),
    ),
    "464XLAT without a name": (
        {
            "interfaces": (WAN, LAN, Interface(4, "clat", 65534, kind="tun", program="tayga")),
            "default_routes": ("wwan0", "clat"),
        },
        ("tunnels", Severity.WARNING, "booked to `unattributed`", "write under wan: tunnels: [{interface: clat}]"),
    ),
    "6in4 without a name": (
        {"interfaces": (WAN, LAN, Interface(4, "he6", 776, kind="sit"))},
        ("tunnels", Severity.NOTE, "(sit): the bytes", "tunnels: [{interface: he6}]"),
    ),
    "VXLAN without a name": (
        {"interfaces": (WAN, LAN, Interface(4, "vx", 1, kind="vxlan"))},
        ("tunnels", Severity.NOTE, "`unattributed` (downloads)", "tunnels: [{interface: vx}]"),
    ),
    "a proxy in TUN mode": (
        {"interfaces": (WAN, LAN, Interface(4, "tun7", 65534, kind="tun", program="sing-box"))},
        ("tunnels", Severity.WARNING, "belongs to sing-box, a proxy", "for: everyone"),
    ),
    "a transparent proxy": (
        {"proxies": ("nft rule 4 of ip nat pre",)},
        ("tunnels", Severity.WARNING, "nft rule 4 of ip nat pre turns connections of devices round", "for: everyone"),
    ),
    "a proxy": (
        {"proxy_programs": ("squid",)},
        ("tunnels", Severity.NOTE, "squid runs here", "past the proxy"),
    ),
    "a VPN by the port of HTTPS": (
        {
            "interfaces": (WAN, LAN, Interface(4, "tun0", 65534, kind="tun", program="openvpn")),
            "wanted": Wanted("wwan0", ("br0",), tunnels=("tun0",), shared_ports=(("tun0", 443),)),
        },
        ("tunnels", Severity.NOTE, "which is also that of HTTPS", "protocol: udp, peer: ADDRESS"),
    ),
    "a VPN that is not there": (
        {"wanted": Wanted("wwan0", ("br0",), tunnels=("wg0",))},
        ("tunnels", Severity.NOTE, "wg0 (wan.tunnels) does not exist now", "ip link"),
    ),
    "no forwarding": ({"forwarding": False}, ("lan", Severity.WARNING, "does not forward", "net.ipv4.ip_forward=1")),
    "a program that is not attached": (
        {"daemon_status": DaemonStatus("1.0", ("not counting at wan_egress of wwan0: broken",))},
        ("daemon", Severity.WARNING, "not counting at wan_egress of wwan0: broken.", "journalctl"),
    ),
    "a full disk that the daemon met": (
        {"daemon_status": DaemonStatus("1.0", problems=("history cannot be saved: no space",))},
        ("daemon", Severity.WARNING, "history cannot be saved", "journalctl"),
    ),
    "devices on another interface": (
        {"daemon_status": DaemonStatus("1.0", events={"wan_out_unmarked": 12345})},
        ("daemon", Severity.WARNING, "12,345 bytes", "lan.interfaces"),
    ),
    "a configuration that the daemon may not read": (
        {
            "unreadable": ("/etc/x.yaml",),
            "service": Service("loaded", "enabled", "active", user="esimshaper"),
            "wanted": Wanted("wwan0", ("br0",), files=("/etc/x.yaml",)),
        },
        (
            "configuration",
            Severity.PROBLEM,
            "runs as esimshaper, who may not read /etc/x.yaml",
            "chmod o+r /etc/x.yaml",
        ),
    ),
    "leases that the daemon may not read": (
        {"unreadable": ("/x",), "service": Service("loaded", "enabled", "active", user="esimshaper")},
        ("leases", Severity.WARNING, "clients get no host names", "namei -l /x"),
    ),
    "too many devices": (
        {"daemon_status": DaemonStatus("1.0", events={"lan_clients_full": 1})},
        ("daemon", Severity.WARNING, "more devices than there is room for", "meter.max_clients"),
    ),
    "WAN down": ({"interfaces": (replace(WAN, up=False), LAN)}, ("wan", Severity.NOTE, "down", "ip link set wwan0 up")),
    "WAN is LAN too": (
        {"wanted": Wanted("wwan0", ("wwan0", "br0"))},
        ("wan", Severity.PROBLEM, "taken for clients", "lan.interfaces"),
    ),
    "WAN in the LAN's bridge": (
        {"interfaces": (replace(WAN, master=3), LAN)},
        ("wan", Severity.PROBLEM, "port of the LAN's bridge br0", "ip link set wwan0 nomaster"),
    ),
    "another default route": (
        {"default_routes": ("wlan0", "wwan0")},
        ("wan", Severity.NOTE, "leaves by wlan0", "ip route show default"),
    ),
    "no LAN": ({"interfaces": (WAN,)}, ("lan", Severity.WARNING, "br0 (lan.interfaces) does not exist now", "ip link")),
    "no lease file": (
        {"leases": (LeaseFile("/x", "No such file"),)},
        ("leases", Severity.NOTE, "counted all the same", "lan.leases"),
    ),
    "something else as a lease file": (
        {"leases": (LeaseFile("/x", size=9),)},
        ("leases", Severity.WARNING, "/x: 0 leases understood, so clients get no host names", "lan.leases"),
    ),
    "empty lease file": (
        {"leases": (LeaseFile("/x"),)},
        ("leases", Severity.NOTE, "/x is empty: no client has a host name", ""),
    ),
    "lease file without a lease": (
        {"leases": (LeaseFile("/x", size=9, format="Kea"),)},
        ("leases", Severity.NOTE, "/x is a file of Kea without a lease", ""),
    ),
}


@pytest.mark.parametrize(("change", "expected"), NETWORK.values(), ids=NETWORK.keys())
def test_one_thing_wrong_is_one_complaint_with_its_consequence_and_a_hint(change, expected) -> None:
    assert_one_finding(complaints(replace(GOOD, **change)), *expected)


@pytest.mark.parametrize(
    "change",
    [
        {"mark_uses": (MarkUse("nft rule 3", MarkAccess.WRITES, 0x00FFFFFF),), "wanted": MARKED},
        {"rules": (MarkUse("ip rule 1", MarkAccess.READS, 0x100),), "wanted": MARKED},
        {
            "mark_uses": (MarkUse("nft rule 3", MarkAccess.WRITES, 0xFFFFFFFF),),
            "rules": (MarkUse("ip rule 1", MarkAccess.READS, 0xFFFFFFFF),),
        },
        {"filters": (TcFilter("wwan0", "egress", 20, "u32"), REDIRECTS, LOOKS_AT_UPLOADS, LOOKS_AGAIN)},
        {"filters": (TcFilter("wwan0", "ingress", 10, "bpf", "esimshaper wan_ingress_raw"),)},
        {"flowtables": (Flowtable("inet fw f", hardware=False, devices=("br0", "wwan0")),)},
        {
            "interfaces": (WAN, LAN, Interface(5, "lan1", 1, master=LAN.index)),
            "flowtables": (Flowtable("inet fw f", hardware=False, devices=("lan1", "wwan0")),),
            "wanted": Wanted("wwan0", ("br0", "lan1")),
        },
        {"interfaces": (replace(WAN, master=9), LAN)},
        {"interfaces": (WAN, LAN, Interface(4, "eth9", 1, offloads=True, up=False))},
        {
            "interfaces": (
                WAN,
                LAN,
                Interface(4, "ifb0", 1, kind="ifb"),
                Interface(5, "lan1", 1, master=3),
                Interface(6, "veth7", 1, "veth"),
            )
        },
        {
            "interfaces": (WAN, LAN, Interface(4, "wg0", 65534, kind="wireguard")),
            "default_routes": ("wwan0", "wg0"),
            "wanted": Wanted("wwan0", ("br0",), tunnels=("wg0",)),
        },
        {"interfaces": (WAN, replace(LAN, kind="vlan", base=4), Interface(4, "eth1", 1))},
        {"missing_features": frozenset({Feature.FQ_CODEL})},
        {"ipsec": None},
        {"service": None},
        {"may_ask": None, "service": None},
    ],
)
def test_what_does_no_harm_is_no_complaint(change) -> None:
    assert complaints(replace(GOOD, **change)) == []


def test_another_mark_mask_is_judged_by_its_own_bits() -> None:
    uses = (MarkUse("nft rule 3", MarkAccess.WRITES, 0xFF),)
    wanted = Wanted("wwan0", ("br0",), mark_mask=0x000000F0)
    (finding,) = complaints(replace(GOOD, wanted=wanted, mark_uses=uses))
    assert "0xf0" in finding.sentence
