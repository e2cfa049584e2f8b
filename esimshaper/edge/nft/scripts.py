# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: our three tables as nft reads them, see nft(8). Names and numbers go in, a script comes out. Pure.

    esimshaper          rejects what blocked clients send, so that their programs need not wait for a timeout; drops
                        what would make the router itself speak in their place
    esimshaper_closed   rejects, for everybody, whatever the WAN does not count (on_failure: closed)
    esimshaper_slow     has new connections make short packets, while the link is slow

Only packets on their way through the router pass the chains `forward`. Packets to the router itself do not, so DNS,
DHCP and its pages stay.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.tunnels import TunnelEnd

REJECT = "inet esimshaper"
CLOSED = "inet esimshaper_closed"
SLOW = "inet esimshaper_slow"
_REMARK = "# uplink "
WAYS = ("oifname", "iifname")
NO_INTERFACE = 0
"""The kernel gives this number to no interface."""

PROXY_PORTS = (1080, 3128, 8118, 9050)
"""Of SOCKS, Squid, Privoxy and Tor."""

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class Blocked:
    """Whose packets are rejected: those of `devices`; and, unless `but` is None, of all others on `lans` but these.

    Devices are MACs in lower case; on links without MACs IP addresses. Beside a device stands when that ends by itself
    (CLOCK_BOOTTIME, ns), or None; `but_until` is the same of all others. at: further devices, which are rejected only
    where they would leave by the interfaces beside them.
    """

    devices: Mapping[ClientKey, int | None]
    but: frozenset[ClientKey] | None = None
    lans: tuple[str, ...] = ()
    but_until: int | None = None
    at: tuple[tuple[tuple[str, ...], frozenset[ClientKey]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.devices) or self.but is not None or bool(self.at)

    def changes_before(self, moment: int) -> bool:
        """Whether any of it ends by itself until then."""
        ends = (*self.devices.values(), self.but_until)
        return any(end is not None and end < moment for end in ends)


@dataclass(frozen=True, slots=True)
class Known:
    """Numbers of the interfaces that have our programs: of uplinks; of those of the LAN, by name, or NO_INTERFACE."""

    uplinks: frozenset[int] = frozenset()
    lans: Mapping[str, int] = field(default_factory=dict)


def reject(
    interfaces: Sequence[str],
    blocked: Blocked,
    known: Known,
    unbilled: Iterable[str] = (),
    *,
    now: int = 0,
    whole: bool = True,
) -> str:
    """The first table, anew: what `blocked` devices send and would leave by one of these `interfaces`.

    `unbilled`: networks that are not rejected. now: CLOCK_BOOTTIME, ns, or a little earlier. whole: also those packets
    by which `blocked` devices reach a proxy of the router, or its answers.
    """
    spared = [f"{'ip6' if ':' in each else 'ip'} daddr {each} return" for each in unbilled]
    jumps = [f'oifname "{each}" jump blocked' for each in interfaces]
    jumps += [f'oifname "{each}" jump at{number}' for number, (names, _) in enumerate(blocked.at) for each in names]
    sets = [*_sets("blocked", {each: _timeout(until, now) for each, until in blocked.devices.items()})]
    if blocked.but is not None:
        sets += [*_sets("known", dict.fromkeys(blocked.but, "")), _lans(blocked, now)]
    for number, (_, devices) in enumerate(blocked.at):
        sets += _sets(f"at{number}", dict.fromkeys(devices, ""))
    # Live TCP connections pass to the WAN, where our program ends them on both sides. They do not pass to a WAN that
    # was made anew and has no program yet, nor into a tunnel; both have another number. From a LAN that was made anew,
    # nobody knows at the WAN whose a packet is; and nobody sees who gets what somebody beyond has begun.
    anew = [f'iifname "{name}" meta iif != {number}' for name, number in known.lans.items()]
    begun = [
        f'iifname "{each}" oifname "{name}" meta oif != {number} ct direction original drop'
        for each in interfaces
        if each not in blocked.lans
        for name, number in known.lans.items()
    ]
    return f"""{delete(REJECT)}
table {REJECT} {{
    {"; ".join(sets)}
    chain forward {{
        type filter hook forward priority filter - 5; policy accept;
        {"; ".join((*spared, *(begun if whole else ()), *jumps))}
    }}
    chain blocked {{
        {"; ".join(_jumps(blocked, "refuse"))}
    }}{_chains_at(blocked)}{_proxied(blocked) + _mirrored(interfaces, blocked) if whole else ""}
    chain refuse {{
        tcp flags & (syn | ack) == syn reject with tcp reset
        meta l4proto != tcp reject with icmpx admin-prohibited
        meta oif != {_numbers(known.uplinks)} meta l4proto tcp reject with tcp reset
        {"; ".join(f"{each} meta l4proto tcp reject with tcp reset" for each in anew)}
    }}
}}
"""


def _jumps(blocked: Blocked, chain: str) -> Iterator[str]:
    for name, match in _sources("blocked"):
        yield f"{match} @{name} jump {chain}"
    if blocked.but is not None:
        for name, match in _sources("known"):
            yield f"iifname @lans {match} != @{name} jump {chain}"


def _chains_at(blocked: Blocked) -> str:
    """A chain for each set of interfaces at which further devices are refused."""
    return "".join(
        f"""
    chain at{number} {{
        {"; ".join(f"{match} @{name} jump refuse" for name, match in _sources(f"at{number}"))}
    }}"""
        for number in range(len(blocked.at))
    )


def _proxied(blocked: Blocked) -> str:
    """Chains that refuse what reaches a proxy of the router: a connection that a rule turned round (redirect, tproxy),
    or one to the usual port of a proxy. What a proxy sends leaves as the router's own, so nothing else would hold it.
    """
    # With br_netfilter (Docker) a reset keeps the address of the proxy, and the device does not know it; an ICMP error
    # has the right one. What goes on already then ends without an answer.
    names = [f"meta l4proto {protocol} ct original proto-dst 53 return" for protocol in ("tcp", "udp")]
    return f"""
    chain input {{
        type filter hook input priority filter - 5; policy accept;
        {"; ".join(names)}
        ct status dnat jump proxied
        fib daddr type unicast jump proxied
        tcp dport {{ {", ".join(map(str, PROXY_PORTS))} }} jump proxied
    }}
    chain proxied {{
        {"; ".join(_jumps(blocked, "deny"))}
    }}
    chain deny {{
        tcp flags & (syn | ack) != syn reject with tcp reset
        reject with icmpx admin-prohibited
    }}"""


def _mirrored(interfaces: Sequence[str], blocked: Blocked) -> str:
    """Chains that drop packets whose source is on the other side: of `blocked` devices, and what begins beyond.

    The router answers pings and whatever it cannot pass on, and its answer carries bytes of the question.
    """
    # To an address beyond, the answer would leave as the router's own; to one of the LAN, it would come to a device. Of
    # what comes, answers are for who asked, and neighbour discovery is not tracked. A VPN that is also a LAN is none.
    beyond = [each for each in interfaces if each not in blocked.lans]
    lans = ", ".join(f'"{name}"' for name in blocked.lans)
    come = [
        f'iifname "{each}" {state} fib saddr oifname {{ {lans} }} drop'
        for each in beyond
        for state in ("ct direction original", "ct state invalid")
    ]
    further = (each for names, _ in blocked.at for each in names if each not in blocked.lans)
    leave = [f'fib saddr oifname "{each}" drop' for each in dict.fromkeys((*beyond, *further))]
    forged = [f"{m} @{n} jump mirror" for number in range(len(blocked.at)) for n, m in _sources(f"at{number}")]
    return f"""
    chain mirrored {{
        type filter hook prerouting priority mangle - 5; policy accept;
        {"; ".join((*_jumps(blocked, "mirror"), *forged, *(come if lans else ())))}
    }}
    chain mirror {{
        {"; ".join(leave)}
    }}"""


def _sources(name: str) -> tuple[tuple[str, str], ...]:
    """The names of the sets of `name`, each with what is looked up there."""
    return (
        (f"{name}_macs", "meta iiftype ether ether saddr"),
        (f"{name}_ipv4", "meta iiftype != ether ip saddr"),
        (f"{name}_ipv6", "meta iiftype != ether ip6 saddr"),
    )


def _sets(name: str, devices: Mapping[ClientKey, str]) -> Iterator[str]:
    """`devices`: with what stands behind each in its set."""
    found: dict[str, list[str]] = {"ether_addr": [], "ipv4_addr": [], "ipv6_addr": []}
    for device in sorted(devices):
        kind = "ether_addr" if _MAC.fullmatch(device) else "ipv6_addr" if ":" in device else "ipv4_addr"
        found[kind].append(device + devices[device])
    for (label, _), (kind, members) in zip(_sources(name), found.items(), strict=True):
        yield _set(label, kind, members)


def _lans(blocked: Blocked, now: int) -> str:
    """The interfaces by which unknown devices come, for as long as these are blocked."""
    return _set("lans", "ifname", [f'"{name}"{_timeout(blocked.but_until, now)}' for name in blocked.lans])


def _set(name: str, kind: str, members: Sequence[str]) -> str:
    flags = " flags timeout;" if any(" timeout " in each for each in members) else ""
    elements = f"elements = {{ {', '.join(members)} }};" if members else ""
    return f"set {name} {{ type {kind};{flags} {elements} }}"


def _timeout(until: int | None, now: int) -> str:
    """What makes an element of a set vanish at a moment, or later by as much as `now` is earlier."""
    # nftables counts without the time that a machine sleeps, so the element may go late, and never early.
    return "" if until is None else f" timeout {max(1, -(-(until - now) // 10**6))}ms"


def failsafe(names: Sequence[str], counted: Collection[int], tunnels: Iterable[TunnelEnd], uplink: str) -> str:
    """The second table, anew: interfaces of these names pass packets only while they have one of the numbers `counted`.

    `tunnels`: packets of the router itself by the WAN that carry one; they are rejected in the same way. `uplink`: as
    the settings call it, a remark for `remembered_names`.
    """
    others = f"!= {_numbers(counted)}"
    matches = sorted(match for end in tunnels for match in _matches(end))
    drops = [f'oifname "{name}" meta oif {others} {match} drop' for name in names for match in matches]
    holds = [
        each
        for name in names
        for each in (f'oifname "{name}" meta oif {others} jump refuse', f'iifname "{name}" meta iif {others} drop')
    ]
    return f"""{_REMARK}{uplink}
{delete(CLOSED)}
table {CLOSED} {{
    chain forward {{
        type filter hook forward priority filter - 6; policy accept;
        {"; ".join(holds)}
    }}
    chain output {{
        type filter hook output priority filter - 6; policy accept;
        {"; ".join(drops)}
    }}
    chain refuse {{
        meta l4proto tcp reject with tcp reset
        reject with icmpx admin-prohibited
    }}
}}
"""


def _matches(end: TunnelEnd) -> Sequence[str]:
    """What matches the packets of a tunnel; peers are not looked at."""
    protocol = f"meta l4proto {end.protocol}"
    return [f"{protocol} th {side} {end.port}" for side in ("sport", "dport")] if end.port else [protocol]


def remembered_names(script: str, uplink: str) -> tuple[str, ...]:
    """The names that `failsafe` wrote into a script, if they were those of the same uplink."""
    if script.partition("\n")[0] != f"{_REMARK}{uplink}":
        return ()
    return tuple(dict.fromkeys(re.findall(r'[oi]ifname "([^"]+)"', script)))


def _numbers(counted: Collection[int]) -> str:
    numbers = sorted(counted) or [NO_INTERFACE]
    return str(numbers[0]) if len(numbers) == 1 else f"{{ {', '.join(map(str, numbers))} }}"


def segments(interfaces: Sequence[str], most: int) -> str:
    """The third table, anew: TCP connections that begin by one of these `interfaces` get segments of `most` bytes.

    The kernel makes none longer by it that asks for less.
    """
    rules = [f'{way} "{each}" tcp flags syn tcp option maxseg size set {most}' for each in interfaces for way in WAYS]
    lines = "\n        ".join(rules)
    return f"""{delete(SLOW)}
table {SLOW} {{
    chain forward {{
        type filter hook forward priority mangle; policy accept;
        {lines}
    }}
}}
"""


def delete(table: str) -> str:
    """Deletes a table whether it is there or not; nft makes one transaction of it and of what follows."""
    return f"table {table}\ndelete table {table}"
