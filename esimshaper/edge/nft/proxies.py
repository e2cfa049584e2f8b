# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: nft. Which rules turn connections of devices round to a program of the router: transparent proxies.

Such a rule redirects, or changes the far end (dnat) to an address of the router itself. Reads only. Raises NftError.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from esimshaper.edge import netlink
from esimshaper.edge.nft import program
from esimshaper.edge.nft.scripts import CLOSED, REJECT

Expression = Any
"""Part of a rule in nft's JSON: a number, a word, a list, or a mapping with its kind as the only key."""

OWN_HOOKS = frozenset({"input", "output"})
"""Chains there see packets to or from the router itself only."""

LOCAL = 2  # RTN_LOCAL of include/uapi/linux/rtnetlink.h

_OPENS = re.compile(r"(table|chain) (.+?) \{")
_HOOK = re.compile(r"type nat hook (\w+)")
_DNS = re.compile(r"\bdport 53\b")
ADDRESS = r"(\d+(?:\.\d+){3}|(?<=\[)[0-9a-fA-F:.]+(?=\])|[0-9a-fA-F]*:[0-9a-fA-F:.]+)"
_DNAT = re.compile(rf"\bdnat (?:ip6? )?to \[?{ADDRESS}.*# handle (\d+)$")


def rules() -> tuple[str, ...]:
    """All rules that turn connections of devices round to a program of the router, but for those of DNS."""
    text = program.run("-j", "-t", "list", "ruleset")
    found = [*parse(json.loads(text))]
    # Of rules of iptables the JSON has no addresses.
    if '"dnat"' in text or '"DNAT"' in text:
        found += parse_dnat(program.run("-a", "-t", "list", "ruleset"), is_own)
    return tuple(found)


def is_own(address: str) -> bool:
    """Whether packets to this address end in this router."""
    try:
        far = ipaddress.ip_address(address)
        kernel = netlink.Netlink()
    except (ValueError, OSError):
        return False
    try:
        return kernel.get(netlink.route_request(far))[netlink.ROUTE_TYPE_AT] == LOCAL
    except OSError:  # there is no way to it
        return False
    finally:
        kernel.close()


def parse_dnat(listing: str, is_own: Callable[[str], bool]) -> Iterator[str]:
    """The rules with `dnat` to such an address in what `nft -a list ruleset` prints, but for those of DNS."""
    table = chain = hook = ""
    for line in map(str.strip, listing.splitlines()):
        if opened := _OPENS.match(line):
            table, chain, hook = (opened[2], "", "") if opened[1] == "table" else (table, opened[2], "")
        elif hooked := _HOOK.match(line):
            hook = hooked[1]
        elif (found := _DNAT.search(line)) and hook not in OWN_HOOKS and not _DNS.search(line) and is_own(found[1]):
            yield f"nft rule {found[2]} of {table} {chain}"


def parse(listing: dict[str, Any]) -> Iterator[str]:
    """The rules with `redirect` or `tproxy` in what `nft -j list ruleset` prints, those of iptables-nft as well."""
    entries = listing.get("nftables", [])
    own = {_chain(entry["chain"], "name") for entry in entries if entry.get("chain", {}).get("hook") in OWN_HOOKS}
    for rule in (entry["rule"] for entry in entries if "rule" in entry):
        ours = f"{rule['family']} {rule['table']}" in (REJECT, CLOSED) or _chain(rule, "chain") in own
        if ours or not _is_proxied(rule.get("expr", [])):
            continue
        yield f"nft rule {rule['handle']} of {rule['family']} {rule['table']} {rule['chain']}"


def _is_proxied(statements: list[Expression]) -> bool:
    found = [each for each in statements if isinstance(each, dict)]
    turned = any(
        "redirect" in each or "tproxy" in each or (each.get("xt") or {}).get("name") in ("REDIRECT", "TPROXY")
        for each in found
    )
    return turned and not any(_is_dns(each.get("match")) for each in found)


def _is_dns(match: Expression) -> bool:
    left = match.get("left", {}) if isinstance(match, dict) else {}
    return isinstance(left, dict) and left.get("payload", {}).get("field") == "dport" and match.get("right") == 53


def _chain(entry: dict[str, Any], name: str) -> tuple[str, str, str]:
    return entry["family"], entry["table"], entry[name]
