# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on what WAN and LAN stand on, and on what is in the modem. Pure; rules as in findings.py."""

import ipaddress

from esimshaper.core.model.box import BoxFacts, Finding, Findings, Interface
from esimshaper.core.model.kernel import LINK_TYPES
from esimshaper.core.model.links import is_private
from esimshaper.core.model.units import format_size

_MASQUERADE = (
    "nft 'add table ip nat; add chain ip nat out {{ type nat hook postrouting priority srcnat; }}; "
    'add rule ip nat out oifname "{}" masquerade\''
)
_KEEP = "the same in /etc/nftables.conf (systemctl enable nftables) keeps it after a restart"


def _joints(facts: BoxFacts) -> Findings:
    """Ports of bridges and bonds that are named in the place of those."""
    wanted, links = facts.wanted, {link.index: link for link in facts.interfaces or ()}
    named = {wanted.wan: "wan.interface", **dict.fromkeys(wanted.lans, "lan.interfaces")} if wanted else {}
    for link in links.values():
        joint = links.get(link.master)
        # A WAN in the bridge of the LAN is another mistake, which network.py tells.
        if link.name not in named or joint is None or joint.kind == "vrf" or joint.name in named:
            continue
        side = named[link.name]
        sentence = f"{link.name} is a port of {joint.name}, which has the IP packets: not all of them may be counted."
        yield Finding.warning(side.partition(".")[0], sentence, f"write {joint.name} under {side}")


def _lan_on_wan(facts: BoxFacts) -> Findings:
    """A LAN whose frames pass the interface of the WAN too, as on a router with one port and a switch."""
    wanted, links = facts.wanted, {link.index: link for link in facts.interfaces or ()}
    for link in links.values():
        base = links.get(link.base)
        if wanted and base and link.kind != "veth" and base.name == wanted.wan and link.name in wanted.lans:
            sentence = f"{link.name} stands on {base.name}: bytes of the LAN would be counted as those of the WAN, too."
            hint = f"give the WAN a vlan of its own on {base.name}, and name that under wan.interface"
            yield Finding.problem("wan", sentence, hint)


def _lan_links(facts: BoxFacts) -> Findings:
    """Whether programs can be on the interfaces of the LAN, and whether any device can be there."""
    for link in facts.interfaces or ():
        if facts.wanted is None or link.name not in facts.wanted.lans:
            continue
        if link.type not in LINK_TYPES:
            yield _not_understood(link)
        elif not link.up:
            yield Finding.note("lan", f"{link.name} is down: no device is there.", f"ip link set {link.name} up")


def _not_understood(link: Interface) -> Finding:
    sentence = (
        f"{link.name} has a link type that the meter does not know ({link.type}): bytes of devices there would be "
        "booked to `unattributed`."
    )
    return Finding.problem("lan", sentence, "name the interface that carries Ethernet or IP under lan.interfaces")


def _modem_page(facts: BoxFacts) -> Findings:
    """Whether the gateway is inside the modem, or a phone, so that something there is not billed."""
    unbilled = [ipaddress.ip_network(each) for each in facts.wanted.unbilled] if facts.wanted else []
    for text in facts.gateways or ():
        gateway = ipaddress.ip_address(text)
        if not is_private(text) or any(gateway in net for net in unbilled):
            continue
        used = facts.daemon_status.remotes.get(text, 0) if facts.daemon_status else 0
        sentence = (
            f"The gateway {text} has a private address, so it is the modem itself, or a phone: what its own page moves "
            "is not billed, but is counted as if it were"
        )
        hint = f"wan: {{unbilled: [{text}]}}"
        if used:
            yield Finding.warning("unbilled", f"{sentence} ({format_size(used)} in the flows of now).", hint)
        else:
            yield Finding.note("unbilled", f"{sentence}.", hint)


def _no_source_nat(facts: BoxFacts) -> Findings:
    """Whether answers find their way back to devices with private addresses."""
    wanted, lans = facts.wanted, facts.private_lans
    # A translator or a VPN of the router may do it by itself, and without a way out there is nothing to rewrite.
    if not wanted or not lans or facts.source_nat is not False or wanted.tunnels:
        return
    if wanted.wan in (facts.default_routes or ()):
        sentence = (
            f"Devices on {', '.join(lans)} have private addresses, and no rule gives what they send the address of "
            "the router (masquerade): they get no answer from the Internet."
        )
        yield Finding.warning("lan", sentence, f"{_MASQUERADE.format(wanted.wan)}; {_KEEP}")


CHECKS = (_joints, _lan_on_wan, _lan_links, _modem_page, _no_source_nat)
