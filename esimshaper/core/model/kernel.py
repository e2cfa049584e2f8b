# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the kernel: numbers and names that several edges and rooms share. Pure: values only."""

OURS = "esimshaper"
"""First word of the labels of our filters and programs; a fresh start knows them by it (R20 in DESIGN.md)."""

FILTER_PRIORITY = 10
"""Priority of our filters. A filter with a lower number runs before them, and may take packets away uncounted."""

INGRESS, EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
"""The two sides of a clsact qdisc, as parents of filters (include/uapi/linux/pkt_sched.h)."""

ETH_P_ALL = 3
"""The protocol of a filter that sees every packet (include/uapi/linux/if_ether.h)."""

NO_MARK = 0
"""The default of lan.mark_mask, as in esimshaper.schema.json: no bit of the packet mark is ours."""

CARRIED_ACCOUNTS = 4095
"""So many accounts fit into what a packet carries without the mark (TC_INDEX_ACCOUNT in bpf/carried.h)."""

ETHERNET = 1

WITHOUT_LINK_HEADER = {
    512: "PPP",
    519: "raw IP",
    65534: "tun",
    768: "IP tunnel",
    769: "IPv6 tunnel",
    776: "SIT tunnel",
    778: "GRE tunnel",
    823: "GRE tunnel over IPv6",
}
"""ARPHRD numbers (include/uapi/linux/if_arp.h) of links whose packets start with the IP header."""

LINK_TYPES = {ETHERNET: "Ethernet", **WITHOUT_LINK_HEADER}
"""The types of links that can be metered, by their ARPHRD number."""


def mark_shift(mask: int) -> int:
    """By how many bits the account is shifted to the left in the packet mark: to the lowest bit of lan.mark_mask.

    0 where no bit is ours.
    """
    return max(0, (mask & -mask).bit_length() - 1)


METERED_HINT = "ANDROID_METERED"
"""What DHCP option 43 says of a metered link (AOSP DhcpResults; NetworkManager and ChromeOS read it as well)."""
