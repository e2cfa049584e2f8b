# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on interfaces, filters and leases. Pure; the rules are those of findings.py."""

from esimshaper.core.diagnosis.tunnels import is_tunnel
from esimshaper.core.model.box import BoxFacts, Finding, Findings, Flowtable, Interface, TcFilter, Wanted
from esimshaper.core.model.kernel import ETHERNET, FILTER_PRIORITY, LINK_TYPES, OURS
from esimshaper.core.model.links import MODEM_NAMES, bridge_owner
from esimshaper.core.model.tunnels import TUNNEL_KINDS, VPN_KINDS
from esimshaper.core.model.uplinks import AUTO, NO_UPLINK

TUNNELS = VPN_KINDS | {*TUNNEL_KINDS}
"""A tunnel is the wrong uplink: the carrier bills the outer packet, which is longer than the inner one."""

VIRTUAL_KINDS = frozenset({"bridge", "bond", "dummy", "ifb", "veth", "team", "vrf", "tun"}) | TUNNELS
"""An interface of these kinds is never a modem, and seldom one by which devices come in."""

NEVER_A_MODEM = VIRTUAL_KINDS - {"veth", "dummy"}
"""The same, where a default route says that the interface leads out."""

CLAT_PROGRAMS = ("clat_ingress", "clat_egress")
"""The two programs of NetworkManager's own 464XLAT (src/core/bpf/clat.bpf.c there), which is younger than Debian 13."""

LEASE_FORMATS = "dnsmasq, Kea, ISC dhcpd, systemd-networkd or odhcpd"


def _wan(facts: BoxFacts) -> Findings:
    if facts.wanted is None or facts.interfaces is None:
        return
    name = facts.wanted.wan
    link = _link(facts, name)
    if name == AUTO:
        inside = sorted({*(facts.default_routes or ())} & {*facts.wanted.lans})
        swapped = f" The default route leaves by {inside[0]}, which is named under lan." if inside else ""
        sentence = f"{NO_UPLINK[:1].upper()}{NO_UPLINK[1:]}. Nothing is counted until one does.{swapped}"
        yield Finding.warning("wan", sentence, _modem_hint(facts, facts.wanted))
        return
    if link is None:
        sentence = (
            f"The interface {name} (wan.interface) does not exist now: nothing is counted there until it appears."
        )
        ways = ", ".join(facts.default_routes or ())
        out = f" The default route leaves by {ways}, where nothing is counted." if ways else ""
        yield Finding.warning("wan", f"{sentence}{out}", _modem_hint(facts, facts.wanted))
        return
    if link.type not in LINK_TYPES:
        sentence = f"{name} has a link type that the meter does not know ({link.type}): its bytes would not be counted."
        yield Finding.problem(
            "wan", sentence, "name the interface that carries IP, Ethernet or PPP under wan.interface"
        )
    elif link.kind in TUNNELS:
        sentence = (
            f"{name} is a tunnel ({link.kind}): the headers that a tunnel adds to each packet would not be counted, "
            "though they are billed."
        )
        yield Finding.warning("wan", sentence, "name the modem's own interface under wan.interface")
    else:
        by = f", which {facts.wanted.found_by} names," if facts.wanted.found_by else ""
        yield Finding.ok("wan", f"{facts.wanted.called(name)}{by} can be metered ({LINK_TYPES[link.type]}).")
    for other, where in facts.wanted.stacked.items():
        yield Finding.ok("wan", f"{other} is counted at {where}.")
    yield from _wan_as_lan(facts, facts.wanted, link)
    if not link.up:
        yield Finding.note("wan", f"{name} is down: there is nothing to count yet.", f"ip link set {name} up")
    yield from _ways_out(facts, facts.wanted)


def _ways_out(facts: BoxFacts, wanted: Wanted) -> Findings:
    """Default routes that leave by another interface than the WAN."""
    routes = set(facts.default_routes or ())
    counted = {wanted.wan, *wanted.other_uplinks, *wanted.stacked}
    inside = sorted(routes & {*wanted.lans})
    others = sorted(other for other in routes - counted if not _is_tunnel(facts, other))
    if inside and not routes & counted:
        sentence = (
            f"The default route leaves by {', '.join(inside)}, which is named under lan, and none leaves by "
            f"{wanted.wan} (wan.interface): WAN and LAN are swapped."
        )
        hint = f"write {inside[0]} under wan.interface, and the side of your devices under lan.interfaces"
        yield Finding.problem("wan", sentence, hint)
    elif detour := wanted.detour:
        yield Finding.warning("wan", f"{detour[:1].upper()}{detour[1:]}.", "ip route get 8.8.8.8")
    elif others:
        sentence = f"A default route leaves by {', '.join(others)}: bytes on that route are not counted."
        yield Finding.note(
            "wan",
            sentence,
            "this is right for a link without a bill, such as hotel Wi-Fi; if it is not one: ip route show default",
        )


def _modem_hint(facts: BoxFacts, wanted: Wanted) -> str:
    """Under which name the modem may be found: ModemManager and the kernel rename it at times."""
    routes = facts.default_routes or ()
    search = "plug in or start the modem; `ip link show` lists the interfaces"
    found = [
        link.name
        for link in facts.interfaces or ()
        if link.name not in wanted.lans
        and not link.master
        and link.kind not in (NEVER_A_MODEM if link.name in routes else VIRTUAL_KINDS)
        and link.type in LINK_TYPES
        and (link.name.startswith(MODEM_NAMES) or link.name in routes)
    ]
    if not found:
        return search
    return f"{' or '.join(found)} may be the modem: if so, write that name under wan.interface; if not, {search}"


def _is_tunnel(facts: BoxFacts, name: str) -> bool:
    link = _link(facts, name)
    return link is not None and is_tunnel(link)


def _wan_as_lan(facts: BoxFacts, wanted: Wanted, wan: Interface) -> Findings:
    if wan.name in wanted.lans:
        sentence = f"{wan.name} is named under wan and under lan: hosts of the Internet would be taken for clients."
        yield Finding.problem("wan", sentence, f"remove {wan.name} from lan.interfaces")
    bridge = next(
        (link for link in facts.interfaces or () if link.index == wan.master and link.name in wanted.lans), None
    )
    if bridge is not None:
        sentence = (
            f"{wan.name} is a port of the LAN's bridge {bridge.name}: bridged bytes would be booked to no client."
        )
        yield Finding.problem("wan", sentence, f"ip link set {wan.name} nomaster")


def _lan(facts: BoxFacts) -> Findings:
    if facts.wanted is None or facts.interfaces is None:
        return
    missing = [name for name in facts.wanted.lans if _link(facts, name) is None]
    for name in missing:
        sentence = (
            f"The interface {name} (lan.interfaces) does not exist now: until it appears, bytes of its devices are "
            "booked to `unattributed`."
        )
        yield Finding.warning("lan", sentence, "ip link show")
    if facts.wanted.lans and not missing:
        yield Finding.ok("lan", f"The interfaces of the LAN exist: {', '.join(facts.wanted.lans)}.")
    yield from _unnamed_interfaces(facts, facts.wanted)
    if facts.forwarding is False:
        sentence = "This box does not forward IPv4: devices behind it do not reach the Internet."
        yield Finding.warning(
            "lan",
            sentence,
            "sysctl -w net.ipv4.ip_forward=1; write it into a file in /etc/sysctl.d to keep it after a restart",
        )


def _unnamed_interfaces(facts: BoxFacts, wanted: Wanted) -> Findings:
    """Interfaces that are not named in the configuration, and by which devices may come in."""
    named = {wanted.wan, *wanted.lans, *(facts.default_routes or ())}
    bases = {link.base for link in facts.interfaces or () if link.kind != "veth"}  # the base of a veth is its other end
    for link in facts.interfaces or ():
        free = link.up and not link.master and link.name not in named and link.index not in bases
        if free and link.kind == "bridge" and (whose := bridge_owner(link.name)):
            sentence = (
                f"{link.name} is a bridge of {whose}: what its guests use is booked to `unattributed`, and only limits "
                "for everyone hold it."
            )
            yield Finding.note("lan", sentence, f"add {link.name} to lan.interfaces: then each guest is a device")
        elif free and link.type == ETHERNET and (link.kind == "bridge" or link.kind not in VIRTUAL_KINDS):
            sentence = f"{link.name} is neither WAN nor LAN: bytes of devices there are booked to `unattributed`."
            yield Finding.note("lan", sentence, f"if devices use it, add {link.name} to lan.interfaces")


def _link(facts: BoxFacts, name: str) -> Interface | None:
    return next((link for link in facts.interfaces or () if link.name == name), None)


def _earlier_filters(facts: BoxFacts) -> Findings:
    """Programs of others that may take packets away before they reach the meter."""
    if facts.wanted is None:
        return
    wan = facts.wanted.wan
    for name in set(facts.ingress_qdiscs or ()) - {wan}:  # shapers.py has that of the WAN
        sentence = (
            f"{name} has an `ingress` qdisc of another program where clsact belongs: uploads could not be counted."
        )
        hint = f"stop that program, or remove the qdisc: tc qdisc del dev {name} ingress"
        yield Finding.problem("filters", sentence, hint)
    for other in facts.filters or ():
        if other.direction == "egress" and other.interface != wan:
            continue  # at the LAN: see receivers.py
        if other.priority == FILTER_PRIORITY and not other.name.startswith(f"{OURS} "):
            sentence = (
                f"{other.interface} {other.direction}: a filter of another program is in the place of the meter: "
                "nothing is counted."
            )
            hint = (
                f"give that filter a priority above {FILTER_PRIORITY}: tc filter show dev {other.interface} "
                f"{other.direction}"
            )
            yield Finding.problem("filters", sentence, hint)
        if other.priority >= FILTER_PRIORITY:
            continue
        if other.kind == "tcx" and other.name in CLAT_PROGRAMS:
            yield _translated_early(other)
            continue
        lost = "may not be counted" if other.interface == wan else "may be booked to `unattributed`"
        what = f"{other.kind} {other.name}".strip()
        sentence = (
            f"{other.interface} {other.direction}: {what} (priority {other.priority}) runs before the meter: packets "
            f"that it takes {lost}."
        )
        hint = f"give it a priority above {FILTER_PRIORITY}: tc filter show dev {other.interface} {other.direction}"
        yield Finding.warning(
            "filters", sentence, hint if other.kind != "tcx" else f"bpftool net show dev {other.interface}"
        )
    for name in (wan, *facts.wanted.lans):
        link = _link(facts, name)
        if link is not None and link.xdp:
            sentence = f"{name} has an XDP program of another program: packets that it takes cannot be counted."
            yield Finding.warning("filters", sentence, f"if nothing needs it: ip link set dev {name} xdp off")


def _translated_early(program: TcFilter) -> Finding:
    sentence = (
        f"{program.interface} {program.direction}: NetworkManager itself translates there (464XLAT, {program.name}), "
        "and lets no packet on to the meter, not even one that it leaves as it is: nothing is counted or limited."
    )
    hint = (
        "nmcli connection modify NAME ipv4.clat no; then install clatd, and write under wan: "
        "tunnels: [{interface: clat}]"
    )
    return Finding.problem("filters", sentence, hint)


def _offload(facts: BoxFacts) -> Findings:
    names = {facts.wanted.wan, *facts.wanted.lans} if facts.wanted else set()
    for link in facts.interfaces or ():
        if link.offloads and (not names or link.name in names):
            sentence = (
                f"The network card of {link.name} may execute tc rules itself (hw-tc-offload): packets that it handles "
                "are not counted."
            )
            hint = f"ethtool -K {link.name} hw-tc-offload off"
            yield Finding.warning("offload", sentence, hint)
    for table in facts.flowtables or ():
        if table.hardware:
            sentence = (
                f"The flowtable {table.name} hands connections over to the hardware: their bytes would not be counted."
            )
            yield Finding.problem(
                "offload",
                sentence,
                "remove `flags offload` from the definition of the flowtable; a flowtable in software does no harm",
            )
        yield from _short_cut(facts, table)


def _short_cut(facts: BoxFacts, table: Flowtable) -> Findings:
    """What a flowtable takes at a port of a bridge never gets to the bridge, nor to our programs there."""
    links = {link.index: link for link in facts.interfaces or ()}
    lans = facts.wanted.lans if facts.wanted else ()
    for link in links.values():
        bridge = links.get(link.master)
        if link.name not in table.devices or link.name in lans or bridge is None or bridge.name not in lans:
            continue
        sentence = (
            f"The flowtable {table.name} carries connections from {link.name} past {bridge.name}: their uploads would "
            "be `unattributed`, and limits of their device would not hold there."
        )
        yield Finding.problem(
            "offload", sentence, f"write {link.name} under lan.interfaces as well, beside {bridge.name}"
        )


def _leases(facts: BoxFacts) -> Findings:
    hint = "write the path of the DHCP server's lease file under lan.leases"
    for file in facts.leases or ():
        if file.problem:
            sentence = (
                f"{file.path} cannot be read ({file.problem}): clients get no host names from it. Their bytes are "
                "counted all the same."
            )
            yield Finding.note("leases", sentence, hint)
        elif file.path in (facts.unreadable or ()):
            continue
        elif file.leases:
            count = f"{file.leases} lease{'s' * (file.leases != 1)} of {file.format}"
            yield Finding.ok("leases", f"{file.path} gives clients their host names ({count} understood).")
        elif file.format or not file.size:
            what = f"a file of {file.format} without a lease" if file.format else "empty"
            yield Finding.note("leases", f"{file.path} is {what}: no client has a host name from it now.")
        else:
            sentence = (
                f"{file.path}: 0 leases understood, so clients get no host names from it. It is no lease file of "
                f"{LEASE_FORMATS}."
            )
            yield Finding.warning("leases", sentence, hint)


CHECKS = (_wan, _lan, _earlier_filters, _offload, _leases)
