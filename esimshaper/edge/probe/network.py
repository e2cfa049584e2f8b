# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: rtnetlink by pyroute2: interfaces, qdiscs and filters of others, routes and fwmark rules of this namespace.

Reads only. It never uses /sys/class/net, which may show another namespace than that of the process.
"""

from collections.abc import Iterator
from socket import AF_INET, AF_INET6
from typing import Any

from pyroute2 import IPRoute

from esimshaper.core.model.box import Interface, MarkAccess, MarkUse, TcFilter, Wanted
from esimshaper.core.model.kernel import EGRESS, INGRESS, OURS
from esimshaper.core.model.links import is_private
from esimshaper.core.model.shaping import DEFAULT, QDISC
from esimshaper.edge.bpf import syscall
from esimshaper.edge.probe import ethtool, programs

PARENTS = {"ingress": INGRESS, "egress": EGRESS}
ROOT = 0xFFFFFFFF  # include/uapi/linux/pkt_sched.h

# include/uapi/linux/if.h, fib_rules.h
IFF_UP = 1
FIB_RULE_INVERT = 2

LOCAL_TABLE = 255


def interfaces() -> tuple[Interface, ...]:
    """All interfaces of this network namespace."""
    behind = programs.behind_interfaces()
    with IPRoute() as route:
        roots = _roots(route)
        return tuple(
            Interface(
                index=message["index"],
                name=message.get_attr("IFLA_IFNAME"),
                type=message["ifi_type"],
                kind=message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or "",
                up=bool(message["flags"] & IFF_UP),
                master=message.get_attr("IFLA_MASTER") or 0,
                xdp=bool(message.get_nested("IFLA_XDP", "IFLA_XDP_ATTACHED")),
                offloads=_offloads(message.get_attr("IFLA_IFNAME")),
                root=roots.get(message["index"], ""),
                queue=message.get_attr("IFLA_QDISC") or "",
                base=message.get_attr("IFLA_LINK") or 0,
                other_names=_other_names(message),
                program=behind.get(message.get_attr("IFLA_IFNAME"), ""),
            )
            for message in route.get_links()
        )


def _other_names(message: Any) -> tuple[str, ...]:  # noqa: ANN401 - a message of pyroute2, which has no types
    properties = message.get_attr("IFLA_PROP_LIST")
    return tuple(properties.get_attrs("IFLA_ALT_IFNAME")) if properties else ()


def _roots(route: IPRoute) -> dict[int, str]:
    """The kinds of root qdiscs of other programs, by the number of the interface.

    A qdisc that the kernel chose has no handle, and ours has the handle QDISC.
    """
    return {
        message["index"]: message.get_attr("TCA_KIND")
        for message in route.get_qdiscs()
        if message["parent"] == ROOT and message["handle"] not in (0, QDISC)
    }


def _offloads(interface: str) -> bool:
    try:
        return ethtool.features(interface).get("hw-tc-offload", False)
    except OSError:  # the interface has no card that could answer, or has just vanished
        return False


def ingress_qdiscs(wanted: Wanted) -> tuple[str, ...]:
    """Those of our interfaces that have the old `ingress` qdisc: clsact cannot be added beside it."""
    with IPRoute() as route:
        indexes = {name: index for name in _names(wanted) for index in route.link_lookup(ifname=name)}
        held = {message["index"] for message in route.get_qdiscs() if message.get_attr("TCA_KIND") == "ingress"}
    return tuple(name for name, index in indexes.items() if index in held)


def filters(wanted: Wanted) -> tuple[TcFilter, ...]:
    """The filters on the hooks of the meter, tcx programs among them; one entry for each priority and kind."""
    with IPRoute() as route:
        found = [
            one
            for name, direction in (
                (wanted.wan, "ingress"),
                (wanted.wan, "egress"),
                *((name, side) for name in wanted.lans for side in PARENTS),
            )
            for index in route.link_lookup(ifname=name)
            for one in _hook(route, index, name, direction)
        ]
    return tuple(dict.fromkeys(found))


def _hook(route: IPRoute, index: int, name: str, direction: str) -> Iterator[TcFilter]:
    for number in syscall.tcx_programs(index, egress=direction == "egress"):
        yield TcFilter(name, direction, 0, "tcx", syscall.program_name(number))
    for message in route.get_filters(index=index, parent=PARENTS[direction]):
        if not message["handle"]:  # an entry without a handle stands for a whole priority, and has no name
            continue
        if message.get_attr("TCA_CHAIN"):  # packets reach another chain only by a filter of chain 0
            continue
        kind = message.get_attr("TCA_KIND")
        program = message.get_nested("TCA_OPTIONS", "TCA_BPF_NAME") if kind == "bpf" else None
        if message.get_nested("TCA_OPTIONS", "TCA_U32_CLASSID") == DEFAULT:
            program = f"{OURS} redirect"  # of arriving packets to the IFB
        yield TcFilter(name, direction, message["info"] >> 16, kind, program or "")


def _names(wanted: Wanted) -> tuple[str, ...]:
    return tuple(dict.fromkeys((wanted.wan, *wanted.lans)))


def default_routes() -> tuple[str, ...]:
    """The interfaces of all default routes: of every table, IPv4 and IPv6, also of routes with several next hops."""
    with IPRoute() as route:
        names = {message["index"]: message.get_attr("IFLA_IFNAME") for message in route.get_links()}
        indexes = [
            index
            for family in (AF_INET, AF_INET6)
            for message in route.get_routes(family=family)
            if not message["dst_len"] and message.get_attr("RTA_TABLE") != LOCAL_TABLE
            for index in (
                message.get_attr("RTA_OIF"),
                *(hop["oif"] for hop in message.get_attr("RTA_MULTIPATH") or ()),
            )
        ]
    return tuple(dict.fromkeys(names[index] for index in indexes if index in names))


def gateways(wanted: Wanted) -> tuple[str, ...]:
    """The addresses of the next hops of default routes by the WAN."""
    with IPRoute() as route:
        wan = set(route.link_lookup(ifname=wanted.wan))
        found = [
            message.get_attr("RTA_GATEWAY")
            for family in (AF_INET, AF_INET6)
            for message in route.get_routes(family=family)
            if not message["dst_len"] and message.get_attr("RTA_OIF") in wan
        ]
    return tuple(dict.fromkeys(filter(None, found)))


def private_lans(wanted: Wanted) -> tuple[str, ...]:
    """Those of the LAN's interfaces that have a private IPv4 address."""
    known = addresses()
    return tuple(name for name in wanted.lans if any(map(is_private, known.get(name, ()))))


def addresses() -> dict[str, tuple[str, ...]]:
    """The IPv4 addresses of all interfaces, by name."""
    found: dict[str, tuple[str, ...]] = {}
    with IPRoute() as route:
        names = {message["index"]: message.get_attr("IFLA_IFNAME") for message in route.get_links()}
        for message in route.get_addr(family=AF_INET):
            name = names.get(message["index"], "")
            found[name] = (*found.get(name, ()), message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS"))
    return found


def fwmark_rules() -> tuple[MarkUse, ...]:
    """The `ip rule`s that choose a routing table by the mark.

    Inverted rules (`not fwmark`) are left out: they match packets of clients with or without our mark.
    """
    with IPRoute() as route:
        rules = [message for family in (AF_INET, AF_INET6) for message in route.get_rules(family=family)]
    return tuple(
        MarkUse(f"ip rule {message.get_attr('FRA_PRIORITY')} (fwmark {mark:#x})", MarkAccess.READS, mask)
        for message in rules
        if (mark := message.get_attr("FRA_FWMARK")) is not None
        and (mask := message.get_attr("FRA_FWMASK"))
        and not message["flags"] & FIB_RULE_INVERT
    )
