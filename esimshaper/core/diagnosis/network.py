# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage `doctor`: facts about interfaces, filters, marks and leases -> findings in plain words. Pure.

The half of esimshaper.core.diagnosis.box that needs to know which interfaces are meant; the same rules hold here.
"""

from esimshaper.core.model.box import BoxFacts, Finding, Findings, Link, MarkAccess, MarkUse, Wanted
from esimshaper.core.model.kernel import DEFAULT_MARK_MASK, ETHERNET, FILTER_PRIORITY, LINK_TYPES, OURS

# On these the carrier bills the outer packet, which is longer than the one that would be counted.
TUNNEL_KINDS = frozenset(
    {"wireguard", "ipip", "sit", "ip6tnl", "gre", "gretap", "ip6gre", "ip6gretap", "vti", "vti6", "xfrm"}
)

# Never a modem, and never where devices come in unless somebody says so.
VIRTUAL_KINDS = frozenset({"bridge", "bond", "dummy", "ifb", "veth", "team", "vrf", "vxlan", "tun"}) | TUNNEL_KINDS
# Names that systemd and the kernel give to modems and to phones that share their link.
MODEM_NAMES = ("ww", "usb", "ppp", "enx", "mhi", "rmnet", "qmimux")


def diagnose(facts: BoxFacts) -> tuple[Finding, ...]:
    """All findings about the network. Without a configuration only marks and offloads can be judged."""
    return tuple(finding for check in CHECKS for finding in check(facts))


def _wan(facts: BoxFacts) -> Findings:
    if facts.wanted is None or facts.links is None:
        return
    name = facts.wanted.wan
    link = _link(facts, name)
    if link is None:
        sentence = f"wan.interface {name} is not there now: its bytes are not counted until it appears."
        yield Finding.warning("wan", sentence, _elsewhere(facts, facts.wanted))
        return
    if link.type not in LINK_TYPES:
        sentence = f"{name} is of a link type that is not understood ({link.type}): its bytes would not be counted."
        yield Finding.problem(
            "wan", sentence, "name the interface that carries IP, Ethernet or PPP under wan.interface"
        )
    elif link.kind in TUNNEL_KINDS:
        sentence = (
            f"{name} is a tunnel ({link.kind}): what it adds around each packet is billed but would not be counted."
        )
        yield Finding.warning("wan", sentence, "name the modem's own interface under wan.interface")
    else:
        yield Finding.ok("wan", f"{name} is a link that can be metered ({LINK_TYPES[link.type]}).")
    yield from _roles(facts, facts.wanted, link)
    if not link.up:
        yield Finding.note("wan", f"{name} is down: nothing to count yet.", f"ip link set {name} up")
    others = sorted(other for other in set(facts.default_routes or ()) - {name} if not _is_tunnel(facts, other))
    if others:
        sentence = f"A default route leaves by {', '.join(others)}: bytes on that way are not counted."
        yield Finding.note("wan", sentence, "right if it is free, as hotel Wi-Fi; else see: ip route show default")


def _elsewhere(facts: BoxFacts, wanted: Wanted) -> str:
    """What the modem may be called now: ModemManager and the kernel give it another name at times."""
    plug = "ip link show, and plug in or start the modem"
    found = [
        link.name
        for link in facts.links or ()
        if link.name not in wanted.lans
        and not link.master
        and link.kind not in VIRTUAL_KINDS
        and link.type in LINK_TYPES
        and (link.name.startswith(MODEM_NAMES) or link.name in (facts.default_routes or ()))
    ]
    if not found:
        return plug
    return f"{' or '.join(found)} may be it: put that name under wan.interface; else {plug}"


def _is_tunnel(facts: BoxFacts, name: str) -> bool:
    link = _link(facts, name)
    return link is not None and (link.kind in TUNNEL_KINDS or link.kind == "tun")


def _roles(facts: BoxFacts, wanted: Wanted, wan: Link) -> Findings:
    if wan.name in wanted.lans:
        sentence = f"{wan.name} is under wan and under lan: the carrier's side would be taken for clients."
        yield Finding.problem("wan", sentence, "take it out of lan.interfaces")
    bridge = next((link for link in facts.links or () if link.index == wan.master and link.name in wanted.lans), None)
    if bridge is not None:
        sentence = f"{wan.name} is a port of the LAN's {bridge.name}: bridged bytes would belong to nobody."
        yield Finding.problem("wan", sentence, f"ip link set {wan.name} nomaster")


def _lan(facts: BoxFacts) -> Findings:
    if facts.wanted is None or facts.links is None:
        return
    missing = [name for name in facts.wanted.lans if _link(facts, name) is None]
    for name in missing:
        sentence = (
            f"lan.interfaces: {name} is not there now: until it appears, what passes it is booked to `unattributed`."
        )
        yield Finding.warning("lan", sentence, "ip link show")
    if facts.wanted.lans and not missing:
        yield Finding.ok("lan", f"{', '.join(facts.wanted.lans)} found.")
    yield from _forgotten(facts, facts.wanted)
    if facts.forwarding is False:
        sentence = "This box does not forward IPv4: devices behind it do not reach the internet."
        yield Finding.warning("lan", sentence, "sysctl -w net.ipv4.ip_forward=1, and in /etc/sysctl.d to keep it")


def _forgotten(facts: BoxFacts, wanted: Wanted) -> Findings:
    """Interfaces by which devices may come in that nobody has named."""
    named = {wanted.wan, *wanted.lans, *(facts.default_routes or ())}
    bases = {link.base for link in facts.links or () if link.kind != "veth"}  # a veth's is its other end
    for link in facts.links or ():
        free = link.up and not link.master and link.name not in named and link.index not in bases
        if free and link.type == ETHERNET and (link.kind == "bridge" or link.kind not in VIRTUAL_KINDS):
            sentence = f"{link.name} is neither WAN nor LAN: what devices there use is booked to `unattributed`."
            yield Finding.note("lan", sentence, "if there are devices, name it under lan.interfaces")


def _link(facts: BoxFacts, name: str) -> Link | None:
    return next((link for link in facts.links or () if link.name == name), None)


def _ways_past(facts: BoxFacts) -> Findings:
    """Whatever may take packets away before they reach the meter."""
    if facts.wanted is None:
        return
    wan = facts.wanted.wan
    for name in facts.ingress_qdiscs or ():
        sentence = f"{name} has an `ingress` qdisc of somebody else where clsact belongs: uploads could not be counted."
        hint = f"stop what made it, or remove it: tc qdisc del dev {name} ingress"
        yield Finding.problem("filters", sentence, hint)
    for other in facts.filters or ():
        if other.priority == FILTER_PRIORITY and not other.name.startswith(f"{OURS} "):
            sentence = (
                f"{other.interface} {other.direction}: a filter of somebody else is in our place: nothing is counted."
            )
            hint = f"give it a priority above {FILTER_PRIORITY}: tc filter show dev {other.interface} {other.direction}"
            yield Finding.problem("filters", sentence, hint)
        if other.priority >= FILTER_PRIORITY:
            continue
        lost = "may not be counted" if other.interface == wan else "may be booked to `unattributed`"
        what = f"{other.kind} {other.name}".strip()
        sentence = (
            f"{other.interface} {other.direction}: {what} (priority {other.priority}) runs first: what it takes {lost}."
        )
        hint = f"tc filter show dev {other.interface} {other.direction}; give it a priority above {FILTER_PRIORITY}"
        yield Finding.warning(
            "filters", sentence, hint if other.kind != "tcx" else f"bpftool net show dev {other.interface}"
        )
    for name in (wan, *facts.wanted.lans):
        link = _link(facts, name)
        if link is not None and link.xdp:
            sentence = f"{name} has an XDP program of somebody else: what it takes cannot be counted."
            yield Finding.warning("filters", sentence, f"ip link set dev {name} xdp off, if nobody needs it")


def _offload(facts: BoxFacts) -> Findings:
    names = {facts.wanted.wan, *facts.wanted.lans} if facts.wanted else set()
    for link in facts.links or ():
        if link.offloads and (not names or link.name in names):
            sentence = f"{link.name} may take tc rules over (hw-tc-offload): packets that it handles are not counted."
            hint = f"ethtool -K {link.name} hw-tc-offload off"
            yield Finding.warning("offload", sentence, hint)
    for table in facts.flowtables or ():
        if table.hardware:
            sentence = f"Flowtable {table.name} hands flows to the hardware: their bytes would not be counted."
            yield Finding.problem(
                "offload", sentence, "take `flags offload` out of its definition; without it, it does no harm"
            )


def _marks(facts: BoxFacts) -> Findings:
    mask = facts.wanted.mark_mask if facts.wanted else DEFAULT_MARK_MASK
    found = [finding for use in (*(facts.mark_uses or ()), *(facts.rules or ())) for finding in _mark(use, mask)]
    yield from found
    if not found and facts.mark_uses is not None:
        yield Finding.ok("marks", f"Nobody else uses the bits {mask:#010x} of the packet mark.")


def _mark(use: MarkUse, mask: int) -> Findings:
    both = use.bits & mask
    free = f"{~mask & 0xFFFFFFFF:#010x}"
    ours = f"bits {both:#x} of the packet mark, in which lan.mark_mask {mask:#010x} keeps the client"
    if use.access is MarkAccess.UNREADABLE:
        sentence = f"{use.where} uses the packet mark in a way that cannot be looked into."
        yield Finding.warning("marks", sentence, f"see that it keeps to the bits {free}: iptables-save -t mangle")
    elif both and use.access is MarkAccess.WRITES:
        sentence = f"{use.where} changes {ours}: bytes go to the wrong client or to `unattributed`."
        keep = f"let it keep our bits, as in: meta mark set meta mark & {mask:#010x} | VALUE"
        yield Finding.problem("marks", sentence, f"{keep}; or choose another lan.mark_mask")
    elif both:
        sentence = f"{use.where} compares {ours}: it may no longer match clients' packets."
        yield Finding.warning("marks", sentence, f"compare under the mask {free}; or choose another lan.mark_mask")


def _leases(facts: BoxFacts) -> Findings:
    for file in facts.leases or ():
        if file.problem:
            sentence = (
                f"{file.path}: {file.problem}: clients have no names from there; their bytes are counted all the same."
            )
            yield Finding.note("leases", sentence, "set lan.leases to the DHCP server's lease file")
        elif file.path not in (facts.unreadable or ()):
            yield Finding.ok("leases", f"{file.path} names clients.")


def _tunnels(facts: BoxFacts) -> Findings:
    if facts.wanted is None or facts.links is None:
        return
    named = facts.wanted.tunnels
    for name in named:
        if _link(facts, name) is None:
            sentence = f"wan.tunnels: {name} is not there now: until it appears, nothing goes through it."
            yield Finding.note("tunnels", sentence, "ip link show")
    others = {facts.wanted.wan, *facts.wanted.lans, *named}
    for link in facts.links:
        if link.up and link.name not in others and _is_tunnel(facts, link.name):
            sentence = f"{link.name} is a tunnel of this router: what devices send through it is booked to `router`."
            hint = "to book it to the devices, name it with its port under wan.tunnels; if none use it, all is well"
            yield Finding.note("tunnels", sentence, hint)


CHECKS = (_wan, _lan, _tunnels, _ways_past, _offload, _marks, _leases)
