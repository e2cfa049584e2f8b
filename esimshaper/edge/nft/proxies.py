# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding: nft. Which rules turn connections of devices round to a program of the router: transparent proxies.

Reads only. Raises NftError.
"""

import json
from collections.abc import Iterator
from typing import Any

from esimshaper.edge.nft import program
from esimshaper.edge.nft.scripts import CLOSED, REJECT

Expression = Any
"""Part of a rule in nft's JSON: a number, a word, a list, or a mapping with its kind as the only key."""

OWN_HOOKS = frozenset({"input", "output"})
"""Chains there see packets to or from the router itself only."""


def rules() -> tuple[str, ...]:
    """All rules that turn connections of devices round to a program of the router, but for those of DNS."""
    return tuple(parse(json.loads(program.run("-j", "-t", "list", "ruleset"))))


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
