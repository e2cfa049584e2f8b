# SPDX-License-Identifier: GPL-2.0-or-later
"""What nft and `ip rule` say about marks and flowtables, against the real nft."""

from pathlib import Path

import pytest

from esimshaper.core.model.box import Flowtable, MarkAccess
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.tunnels import TunnelEnd
from esimshaper.edge.nft import program, proxies, scripts
from esimshaper.edge.probe import nft as probe_nft
from tests.edge.probe.boxes import needs_root, nft, on_a_box

# Marks and offload

MARK_RULES = {
    "meta mark set 0x1": (MarkAccess.WRITES, 0xFFFFFFFF),
    "meta mark set ct mark": (MarkAccess.WRITES, 0xFFFFFFFF),
    "meta mark set mark or 0x1": (MarkAccess.WRITES, 0x1),
    "meta mark set mark xor 0xf0": (MarkAccess.WRITES, 0xF0),
    "meta mark set mark and 0xff000000 or 0x100": (MarkAccess.WRITES, 0x00FFFFFF),
    "meta mark set ip saddr map { 192.0.2.1 : 0x5 }": (MarkAccess.WRITES, 0xFFFFFFFF),
    "meta mark 0x1 accept": (MarkAccess.READS, 0xFFFFFFFF),
    "meta mark { 0x1, 0x2 } accept": (MarkAccess.READS, 0xFFFFFFFF),
    "meta mark and 0xff == 0x1 accept": (MarkAccess.READS, 0xFF),
    "ct mark set mark": None,
    "ip saddr 192.0.2.1 accept": None,
}


@needs_root
def test_nft_rules_are_read_down_to_the_bits_of_the_mark_that_they_touch() -> None:
    found = on_a_box("probe_nft.mark_uses()", nft(*MARK_RULES))
    assert [(use.access, use.bits) for use in found] == [expected for expected in MARK_RULES.values() if expected]
    assert all(" of ip t c" in use.where for use in found)


@needs_root
def test_marks_of_the_routers_own_packets_are_left_alone() -> None:
    assert on_a_box("probe_nft.mark_uses()", nft("meta mark set 0x1", hook="output")) == ()


@needs_root
def test_an_ip_rule_with_a_mark_is_found_and_not_fwmark_is_left_alone() -> None:
    setup = """
ip rule add fwmark 0x1 table 100 priority 500
ip -6 rule add fwmark 0x100/0xf00 table 100 priority 501
ip rule add not fwmark 0xca6c table 100 priority 502
"""
    found = on_a_box("probe_network.fwmark_rules()", setup)
    assert [(use.where, use.bits) for use in found] == [
        ("ip rule 500 (fwmark 0x1)", 0xFFFFFFFF),
        ("ip rule 501 (fwmark 0x100)", 0xF00),
    ]


@needs_root
def test_rules_that_turn_connections_round_to_a_program_here_are_proxies_but_those_of_dns() -> None:
    setup = """
nft 'add table t; add chain t c { type nat hook prerouting priority -100; }'
nft 'add chain t o { type nat hook output priority -100; }'
nft 'add rule t c tcp dport { 80, 443 } redirect to :12345'
nft 'add rule t c udp dport 53 redirect to :5353'
nft 'add rule t c tcp dport 22 dnat to 192.0.2.1'
nft 'add rule t o tcp dport 80 redirect to :12345'
"""
    assert [each.partition(" of ")[2] for each in on_a_box("proxies.rules()", setup)] == ["ip t c"]


@needs_root
def test_rules_that_change_the_far_end_to_an_address_of_the_router_are_proxies() -> None:
    setup = """
ip link add br0 type bridge
ip addr add 192.0.2.1/24 dev br0
ip addr add 2001:db8::1/64 dev br0 nodad
ip link set br0 up
nft 'add table inet t; add chain inet t o { type nat hook output priority -100; }'
nft 'add rule inet t o tcp dport 80 dnat ip to 192.0.2.1:3128'
nft 'add chain inet t c { type nat hook prerouting priority -100; }'
nft 'add rule inet t c tcp dport 80 dnat ip to 192.0.2.1:3128'
nft 'add rule inet t c tcp dport 81 dnat ip to 192.0.2.9:80'
nft 'add rule inet t c udp dport 53 dnat ip to 192.0.2.1'
nft 'add rule inet t c tcp dport 82 dnat ip6 to [2001:db8::1]:3128'
"""
    assert [each.partition(" of ")[2] for each in on_a_box("proxies.rules()", setup)] == ["inet t c", "inet t c"]


def test_so_are_those_of_iptables_which_nft_has_in_its_text_only() -> None:
    """As nft 1.0.6 printed what iptables-nft 1.8.9 had made; the second rule is Docker's for a published port."""
    listing = """table ip nat { # handle 1
	chain PREROUTING { # handle 1
		type nat hook prerouting priority dstnat; policy accept;
		iifname "br0" tcp dport 80 counter packets 0 bytes 0 dnat to 192.168.77.1:3128 # handle 4
		iifname != "docker0" tcp dport 8080 counter packets 0 bytes 0 dnat to 172.17.0.2:8080 # handle 5
	}
}
"""
    assert list(proxies.parse_dnat(listing, "192.168.77.1".__eq__)) == ["nft rule 4 of ip nat PREROUTING"]


@needs_root
def test_rules_that_give_packets_the_address_of_the_router_are_found() -> None:
    chain = "nft 'add table t; add chain t c { type nat hook postrouting priority 100; }'\n"
    rule = "nft 'add rule t c oifname \"wan0\" {}'"
    found = [on_a_box("probe_nft.source_nat()", chain + each) for each in ("", *map(rule.format, NAT))]
    assert found == [False, *NAT.values()]


NAT = {"masquerade": True, "snat to 192.0.2.1": True, "accept": False}


def test_rules_of_iptables_that_turn_connections_round_are_proxies() -> None:
    """As `nft -j` shows a rule of iptables-nft that it cannot translate."""
    rule = {"family": "ip", "table": "nat", "chain": "XRAY", "handle": 4, "expr": [{"xt": {"name": "TPROXY"}}]}
    assert list(proxies.parse({"nftables": [{"rule": rule}]})) == ["nft rule 4 of ip nat XRAY"]


@needs_root
def test_our_own_tables_are_no_program_of_somebody_else() -> None:
    closed = scripts.failsafe(["wwan0"], [3], [TunnelEnd(17, 51820)], "wwan0")
    ours = scripts.reject(["wwan0"], scripts.Blocked({ClientKey("02:00:00:00:00:01"): None}), scripts.Known()) + closed
    assert on_a_box("probe_nft.mark_uses()", f"nft -f - <<'END'\n{ours}END") == ()


@needs_root
def test_marks_that_come_from_maps_and_sets_are_found() -> None:
    rules = """
table inet t {
    map whose { type ipv4_addr : mark; elements = { 192.0.2.1 : 0x1 } }
    set some { type mark; elements = { 0x1 } }
    map verdicts { type mark : verdict; elements = { 0x1 : accept } }
    chain c {
        type filter hook prerouting priority mangle
        meta mark set ip saddr map @whose
        meta mark @some accept
        meta mark & 0xff == @some accept
        meta mark vmap @verdicts
        meta mark set numgen inc mod 2 offset 0x100
    }
}
"""
    found = on_a_box("probe_nft.mark_uses()", f"nft -f - <<'END'\n{rules}END")
    everything = 0xFFFFFFFF
    assert [(use.access, use.bits) for use in found] == [
        (MarkAccess.WRITES, everything),
        (MarkAccess.READS, everything),
        (MarkAccess.READS, 0xFF),
        (MarkAccess.READS, everything),
        (MarkAccess.WRITES, everything),
    ]


FLOWTABLES = """table inet fw {
	flowtable soft {
		hook ingress priority filter
		devices = { eth0, wwan0 }
	}

	flowtable hard {
		hook ingress priority filter
		devices = { eth0, wwan0 }
		flags offload
		counter
	}
}
table ip other {
	flowtable soft {
		hook ingress priority filter + 10
		devices = { eth1 }
		counter
	}
}
"""


def test_only_flowtables_with_flags_offload_are_hardware_and_each_says_where_it_is() -> None:
    """Text as of nft 1.0.6 (flowtable_print_declaration of its src/rule.c)."""
    assert probe_nft.parse_flowtables(FLOWTABLES) == (
        Flowtable("inet fw soft", hardware=False, devices=("eth0", "wwan0")),
        Flowtable("inet fw hard", hardware=True, devices=("eth0", "wwan0")),
        Flowtable("ip other soft", hardware=False, devices=("eth1",)),
    )


def test_marks_of_iptables_cannot_be_read_and_are_called_unreadable() -> None:
    """As `nft -j` shows a rule of iptables-nft: the name of the target without its options."""
    rule = {
        "family": "ip",
        "table": "mangle",
        "chain": "PREROUTING",
        "handle": 4,
        "expr": [{"xt": {"type": "target", "name": "MARK"}}],
    }
    (use,) = probe_nft.parse_mark_uses({"nftables": [{"rule": rule}]})
    assert use.access is MarkAccess.UNREADABLE


def test_without_nft_the_reason_names_the_package(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "SBIN", str(tmp_path))
    with pytest.raises(RuntimeError, match="apt install nftables"):
        probe_nft.mark_uses()
