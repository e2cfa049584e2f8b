# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on what makes packets anew in the router: tunnels, translators, proxies. Pure; see findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings, Interface
from esimshaper.core.model.tunnels import TUNNEL_KINDS, VPN_KINDS

CHECK = "tunnels"

VPN_PORTS = {
    **dict.fromkeys(("wireguard", "wireguard-go", "boringtun-cli", "amneziawg", "amneziawg-go"), 51820),
    **dict.fromkeys(("ovpn", "ovpn-dco", "openvpn"), 1194),
    "tailscaled": 41641,
}
"""The usual port of a VPN, by the kind of its interface or the program behind it."""

TRANSLATORS = ("tayga", "clatd", "jool", "tundra-nat64", "tundra")
TRANSLATOR_NAMES = ("clat", "nat64", "siit", "jool", "tayga", "464")
"""How people begin the names of translators' interfaces."""

TUN_PROXIES = frozenset(
    {"sing-box", "mihomo", "clash", "clash-meta", "xray", "v2ray", "hev-socks5-tun", "tun2socks", "badvpn-tun2sock",
     "tun2proxy-bin", "leaf", "hysteria", "dae"}
)  # fmt: skip
"""Programs that end the connections of devices at an interface of their own, as the kernel cuts their names."""

SHARED_PORTS = {53: "DNS", 80: "HTTP", 123: "the clock (NTP)", 443: "HTTPS"}
"""Ports that other programs of a router use too."""

ROUTERS = "are booked to `router`, and their limits do not hold there"


def is_tunnel(link: Interface) -> bool:
    """Whether packets go into the interface, and others come out of the router."""
    return link.kind in (*TUNNEL_KINDS, *VPN_KINDS, "tun") or is_translator(link)


def is_translator(link: Interface) -> bool:
    return link.program in TRANSLATORS or (
        link.kind in ("", "tun", "veth", "dummy") and not link.program and link.name.startswith(TRANSLATOR_NAMES)
    )


def _missing(facts: BoxFacts) -> Findings:
    """Tunnels of the configuration that are not there."""
    there = {link.name for link in facts.interfaces or ()}
    for name in facts.wanted.tunnels if facts.wanted and facts.interfaces is not None else ():
        if name not in there:
            sentence = (
                f"The interface {name} (wan.tunnels) does not exist now: no packet goes through that tunnel until it "
                "appears."
            )
            yield Finding.note(CHECK, sentence, "ip link show")


def _unnamed(facts: BoxFacts) -> Findings:
    """Interfaces of the box that the configuration does not name."""
    if facts.wanted is None:
        return
    named = {facts.wanted.wan, *facts.wanted.lans, *facts.wanted.tunnels}
    for link in facts.interfaces or ():
        if link.up and link.name not in named and is_tunnel(link):
            yield _of(link)


def _of(link: Interface) -> Finding:
    if is_translator(link):
        sentence = (
            f"{link.name} is a translator of this router (464XLAT or NAT64): the bytes that devices send and receive "
            "through it are booked to `unattributed`, and their limits do not hold there."
        )
        return Finding.warning(CHECK, sentence, _line(link.name))
    if link.program in TUN_PROXIES:
        sentence = (
            f"{link.name} belongs to {link.program}, a proxy: it ends the connections of devices and makes others, "
            f"whose bytes {ROUTERS}."
        )
        return Finding.warning(CHECK, sentence, PROXY_HINT)
    what = link.kind if link.kind != "tun" else link.program or "tun"
    sentence = f"{link.name} is a tunnel of this router ({what}): the bytes that devices send and receive through it "
    if link.kind in ("vxlan", "geneve"):
        sentence += "are booked to `router` (uploads) and `unattributed` (downloads), and no limits hold there."
        return Finding.note(CHECK, sentence, f"if devices use the tunnel: {_line(link.name)}")
    port = VPN_PORTS.get(link.program) or VPN_PORTS.get(link.kind, 0)
    if link.kind == "tun" and not port:
        hint = "; with the port of a VPN's server, or without a port for a translator such as 464XLAT"
        return Finding.note(CHECK, f"{sentence}{ROUTERS}.", f"if devices use it: {_line(link.name, 1194)}{hint}")
    hint = f"if devices use the tunnel: {_line(link.name, port)}"
    if not port:
        return Finding.note(CHECK, f"{sentence}{ROUTERS}.", hint)
    sentence += f"{ROUTERS}. If phones abroad exit by it, what they move is booked to `router` and `unattributed`."
    hint += f", with the port of the VPN's server; where that is this router, add {link.name} to lan.interfaces, too"
    return Finding.note(CHECK, sentence, hint)


def _line(name: str, port: int = 0) -> str:
    return f"write under wan: tunnels: [{{interface: {name}{f', port: {port}' if port else ''}}}]"


def _modules(facts: BoxFacts) -> Findings:
    """Translators inside the kernel that need no interface."""
    there = [link.name for link in facts.interfaces or () if is_translator(link)]
    if not facts.translator_modules or there or not facts.wanted:
        return
    sentence = (
        f"The kernel module {' and '.join(facts.translator_modules)} is a translator (SIIT or NAT64) without an "
        f"interface: the bytes that devices send and receive through it {ROUTERS}."
    )
    hint = (
        "let it translate in a network namespace of its own, behind a pair of veth named nat64, and write under wan: "
        "tunnels: [{interface: nat64}]; without any instance (jool instance display): modprobe -r "
        + " ".join(facts.translator_modules)
    )
    yield Finding.note(CHECK, sentence, hint)


def _shared_ports(facts: BoxFacts) -> Findings:
    """VPNs by a port that is also that of other traffic of the router."""
    for name, port in facts.wanted.shared_ports if facts.wanted else ():
        sentence = (
            f"{name} uses port {port}, which is also that of {SHARED_PORTS[port]}: what this router itself sends and "
            "receives there is taken for the tunnel, and devices inside are charged for up to 25 % more."
        )
        hint = f"write protocol and server as well: {{interface: {name}, port: {port}, protocol: udp, peer: ADDRESS}}"
        yield Finding.note(CHECK, sentence, hint)


PROXY_HINT = (
    "limits `for: everyone` hold all the same; to have devices charged one by one, let them reach the Internet past "
    "the proxy"
)


def _proxies(facts: BoxFacts) -> Findings:
    """Programs that end connections of devices, and make others which leave as the router's own."""
    for rule in facts.proxies or ():
        sentence = (
            f"{rule} turns connections of devices round to a program of this router (a transparent proxy): their bytes "
            "are booked to `router`, and no limit of a device holds them but a block, which refuses them."
        )
        yield Finding.warning(CHECK, sentence, PROXY_HINT)
    if facts.proxy_programs and not facts.proxies:
        sentence = (
            f"{', '.join(facts.proxy_programs)} runs here: the bytes that devices use through a proxy are booked to "
            "`router`, and no limit of a device holds them. A blocked device is refused at the usual ports only."
        )
        yield Finding.note(CHECK, sentence, PROXY_HINT)


CHECKS = (_missing, _unnamed, _modules, _shared_ports, _proxies)
