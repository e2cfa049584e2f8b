# SPDX-License-Identifier: GPL-2.0-or-later
"""What came out at both ends of the router, counted by nftables there, apart from what it says itself.

In: hosts of a lab. Out: IP bytes. Owns a table `bench_ends` in the namespaces of a client and of the internet. What a
blocked flow gets after its reset is nobody's any more: no program is there to take it, so it is counted as late.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from esimshaper.lab import Host

CLIENT = """table inet bench_ends {
    set over { type inet_service; size 65535; flags dynamic; }
    counter delivered { }
    counter resets { }
    counter late { }
    chain first {
        type filter hook prerouting priority -500;
        meta l4proto != { tcp, udp } return
        udp sport 67 return
        tcp flags & rst == rst update @over { tcp dport } counter name resets %s
        tcp dport @over counter name late return
        counter name delivered
    }
}
"""
INTERNET = """table inet bench_ends {
    set resets4 { typeof ip daddr; size 65535; flags dynamic; counter; }
    set resets6 { typeof ip6 daddr; size 65535; flags dynamic; counter; }
    set deaf { type ipv4_addr; }
    chain first {
        type filter hook prerouting priority -500;
        iifname != "gw0" return
        udp dport 9 drop comment "a flood: errors about it would be downloads, and use up the limit as well"
        meta l4proto != tcp return
        tcp flags & rst != rst return
        update @resets4 { ip daddr }
        update @resets6 { ip6 daddr }
        ip daddr @deaf drop
    }
}
"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """IP bytes of TCP and UDP at a client: for a program, resets, and what came after the reset of its flow."""

    delivered: int
    resets: int
    late: int


def watch_internet(internet: Host) -> None:
    """Count resets that arrive there, by server."""
    internet.run(["nft", "-f", "-"], text_in=INTERNET)


def watch(client: Host, *, deaf: bool = False) -> None:
    """Count what arrives. `deaf`: resets do not reach the client's own kernel."""
    client.run(["nft", "-f", "-"], text_in=CLIENT % ("drop" if deaf else "return"))


def deafen(internet: Host, server: str) -> None:
    """Resets do not reach this IPv4 server."""
    internet.run(["nft", "add", "element", "inet", "bench_ends", "deaf", f"{{ {server} }}"])


def arrived(clients: Iterable[Host]) -> Arrived:
    """At all of these clients together."""
    sums = {"delivered": 0, "resets": 0, "late": 0}
    for client in clients:
        listing = json.loads(client.run(["nft", "-j", "list", "counters", "table", "inet", "bench_ends"]))
        for counter in (item["counter"] for item in listing["nftables"] if "counter" in item):
            sums[counter["name"]] += int(counter["bytes"])
    return Arrived(**sums)


def resets(internet: Host, servers: Iterable[str]) -> int:
    """IP bytes of resets that came for these servers."""
    listing = json.loads(internet.run(["nft", "-j", "list", "table", "inet", "bench_ends"]))
    sets = [item["set"].get("elem", []) for item in listing["nftables"] if "set" in item]
    found = [entry["elem"] for elements in sets for entry in elements if isinstance(entry, dict)]
    wanted = set(servers)
    return sum(int(element["counter"]["bytes"]) for element in found if element["val"] in wanted)
