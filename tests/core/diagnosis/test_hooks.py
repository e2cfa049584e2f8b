# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of who stands beside our programs: filters, flowtables, marks. Pure: each row is one thing wrong."""

from dataclasses import replace

import pytest

from esimshaper.core.model.box import (
    DaemonStatus,
    Flowtable,
    Interface,
    MarkAccess,
    MarkUse,
    Severity,
    TcFilter,
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

BESIDE_US = {
    "old ingress qdisc": (
        {"ingress_qdiscs": ("wwan0",)},
        (
            "filters",
            Severity.PROBLEM,
            "nothing can be counted there",
            "stop that program; tc qdisc del dev wwan0 ingress; then write its rates under wan, for example `download:",
        ),
    ),
    "old ingress qdisc at the LAN": (
        {"ingress_qdiscs": ("br0",)},
        ("filters", Severity.PROBLEM, "uploads could not be counted", "tc qdisc del dev br0 ingress"),
    ),
    "earlier filter": (
        {"filters": (TcFilter("wwan0", "ingress", 1, "u32"),)},
        ("filters", Severity.WARNING, "may not be counted", "tc filter show dev wwan0 ingress"),
    ),
    "earlier filter at the LAN": (
        {"filters": (TcFilter("br0", "ingress", 9, "u32"),)},
        ("filters", Severity.WARNING, "`unattributed`", "tc filter show dev br0 ingress"),
    ),
    "tcx": (
        {"filters": (TcFilter("wwan0", "egress", 0, "tcx"),)},
        ("filters", Severity.WARNING, "runs before the meter", "bpftool"),
    ),
    "our place taken": (
        {"filters": (TcFilter("wwan0", "ingress", 10, "bpf", "other"),)},
        ("filters", Severity.PROBLEM, "in the place of the meter", "tc filter show"),
    ),
    "no second look": (
        {"filters": (LOOKS_AT_UPLOADS,)},
        ("receivers", Severity.WARNING, "br0 egress: esimshaper's program is not there", "journalctl -u esimshaper"),
    ),
    "no place for a second look": (
        {"filters": (LOOKS_AT_UPLOADS, TcFilter("br0", "egress", 10, "u32"))},
        (
            "receivers",
            Severity.WARNING,
            "u32 (priority 10) of another program is in the place",
            "filter show dev br0 e",
        ),
    ),
    "packets taken before the second look": (
        {"filters": (LOOKS_AT_UPLOADS, LOOKS_AGAIN, TcFilter("br0", "egress", 1, "matchall"))},
        ("receivers", Severity.WARNING, "limits of their receiver do not hold", "a priority above 10"),
    ),
    "second look made blind": (
        {
            "filters": (REDIRECTS, TcFilter("wwan0", "ingress", 99, "u32")),
        },
        ("receivers", Severity.WARNING, "If it ends with `ok`", "`action continue`: tc filter show dev wwan0 ingress"),
    ),
    "XDP": ({"interfaces": (replace(WAN, xdp=True), LAN)}, ("filters", Severity.WARNING, "XDP", "xdp off")),
    "hardware flowtable": (
        {"flowtables": (Flowtable("inet fw f", hardware=True),)},
        ("offload", Severity.PROBLEM, "bytes would not be counted", "flags offload"),
    ),
    "flowtable at a port of the bridge": (
        {
            "interfaces": (WAN, LAN, Interface(5, "lan1", 1, master=LAN.index)),
            "flowtables": (Flowtable("inet fw f", hardware=False, devices=("lan1", "wwan0")),),
        },
        ("offload", Severity.PROBLEM, "carries connections from lan1 past br0", "write lan1 under lan.interfaces"),
    ),
    "uploads that lost their account": (
        {
            "daemon_status": DaemonStatus("1.0", events={"account_lost": 12345}),
            "filters": (TcFilter("br0", "ingress", 49152, "matchall"),),
        },
        (
            "marks",
            Severity.WARNING,
            "12,345 uploaded bytes lost the number of their client inside this box, to the tc filter matchall",
            "write `mark_mask: 0xff000000` under lan, then systemctl restart esimshaper, which loses nothing; or have",
        ),
    ),
    "uploads that lost their account where others need all of the mark": (
        {
            "daemon_status": DaemonStatus("1.0", events={"account_lost": 1}),
            "rules": (MarkUse("ip rule 100", MarkAccess.READS, 0xFFFFFFFF),),
        },
        ("marks", Severity.WARNING, "to a tc filter of another program", "have that filter end with `continue`"),
    ),
    "bits of somebody else in the mark of uploads": (
        {
            "daemon_status": DaemonStatus("1.0", events={"mark_foreign": 12345}),
            "wanted": MARKED,
            "mark_uses": (MarkUse("nft rule 3", MarkAccess.WRITES, 0x40),),
        },
        ("marks", Severity.WARNING, "wrote into the bits 0xff000000 of their mark", "`mark_mask: 0xff000000`"),
    ),
    "mark overwritten": (
        {"mark_uses": (MarkUse("nft rule 3", MarkAccess.WRITES, 0xFFFFFFFF),), "wanted": MARKED},
        ("marks", Severity.PROBLEM, "0xff000000", "& 0xff000000 | VALUE"),
    ),
    "mark written by iptables-legacy": (
        {"legacy_mark_uses": (MarkUse("iptables-legacy rule 1", MarkAccess.WRITES, 0xFFFFFFFF),), "wanted": MARKED},
        ("marks", Severity.PROBLEM, "iptables-legacy rule 1 changes bits 0xff000000", "lan.mark_mask"),
    ),
    "mark compared": (
        {"rules": (MarkUse("ip rule 100", MarkAccess.READS, 0xFFFFFFFF),), "wanted": MARKED},
        ("marks", Severity.WARNING, "no longer match", "0x00ffffff"),
    ),
    "mark unreadable": (
        {"mark_uses": (MarkUse("nft rule 3", MarkAccess.UNREADABLE, 0),), "wanted": MARKED},
        ("marks", Severity.WARNING, "its bits cannot be listed", "iptables-save"),
    ),
}


@pytest.mark.parametrize(("change", "expected"), BESIDE_US.values(), ids=BESIDE_US.keys())
def test_one_thing_in_our_way_is_one_complaint_with_its_consequence_and_a_hint(change, expected) -> None:
    assert_one_finding(complaints(replace(GOOD, **change)), *expected)
