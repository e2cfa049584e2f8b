# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: nft. Asks it for the rules of this network namespace; flowtables and users of the packet mark come out.

Reads only. The parsers take nft's output and are pure. Raises NftError.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from esimshaper.core.model.box import Flowtable, MarkAccess, MarkUse
from esimshaper.edge.nft import program
from esimshaper.edge.nft.scripts import CLOSED, REJECT, SLOW

Expression = Any
"""Part of a rule in nft's JSON: a number, a word, a list, or a mapping with its kind as the only key."""

ALL_BITS = 0xFFFFFFFF

SOURCE_NAT = frozenset({"MASQUERADE", "SNAT", "NETMAP"})
"""The targets of iptables that do it."""

OUR_TABLES = frozenset({REJECT, CLOSED, SLOW})

# Chains on these hooks see only packets of the router itself, which carry no client in their mark.
OWN_HOOKS = frozenset({"input", "output"})


def flowtables() -> tuple[Flowtable, ...]:
    """All flowtables. The text of nft is parsed, as the JSON of nft 1.0 has no flags."""
    return parse_flowtables(program.run("list", "flowtables"))


def mark_uses() -> tuple[MarkUse, ...]:
    """All rules that write or compare the packet mark of forwarded packets."""
    return tuple(parse_mark_uses(json.loads(program.run("-j", "-t", "list", "ruleset"))))


def source_nat() -> bool:
    """Whether any rule gives packets that leave another sender's address, also one of iptables-nft."""
    return parse_source_nat(json.loads(program.run("-j", "-t", "list", "ruleset")))


def parse_source_nat(listing: dict[str, Any]) -> bool:
    """The same, of what `nft -j list ruleset` prints."""
    statements = (
        statement
        for entry in listing.get("nftables", [])
        for statement in entry.get("rule", {}).get("expr", [])
        if isinstance(statement, dict)
    )
    return any(
        "masquerade" in each or "snat" in each or (each.get("xt") or {}).get("name") in SOURCE_NAT
        for each in statements
    )


def parse_flowtables(text: str) -> tuple[Flowtable, ...]:
    """The flowtables in what `nft list flowtables` prints: one statement a line, in the blocks of their tables."""
    found: dict[str, Flowtable] = {}
    table = name = ""
    for line in map(str.strip, text.splitlines()):
        if opened := re.match(r"table (.+) \{$", line):
            table = opened[1]
        elif opened := re.match(r"flowtable (\S+) \{$", line):
            name = f"{table} {opened[1]}"
            found[name] = Flowtable(name, hardware=False)
        elif name and re.match(r"flags\b.*\boffload\b", line):
            found[name] = replace(found[name], hardware=True)
        elif name and (devices := re.match(r"devices = \{ (.*) \}", line)):
            found[name] = replace(found[name], devices=tuple(re.findall(r'[^\s",]+', devices[1])))
    return tuple(found.values())


def parse_mark_uses(listing: dict[str, Any]) -> Iterator[MarkUse]:
    """What other programs do with the packet mark, in what `nft -j list ruleset` prints, see libnftables-json(5)."""
    entries = listing.get("nftables", [])
    own = {_chain_key(entry["chain"]) for entry in entries if entry.get("chain", {}).get("hook") in OWN_HOOKS}
    for entry in entries:
        rule = entry.get("rule")
        if (
            rule is None
            or f"{rule['family']} {rule['table']}" in OUR_TABLES
            or _chain_key({**rule, "name": rule["chain"]}) in own
        ):
            continue
        where = f"nft rule {rule['handle']} of {rule['family']} {rule['table']} {rule['chain']}"
        for statement in rule.get("expr", []):
            yield from _statement_uses(where, statement)


def _chain_key(chain: dict[str, Any]) -> tuple[str, str, str]:
    return chain["family"], chain["table"], chain["name"]


def _statement_uses(where: str, statement: Expression) -> Iterator[MarkUse]:
    if not isinstance(statement, dict):
        return
    foreign = statement.get("xt") or {}
    if foreign.get("name") in ("MARK", "CONNMARK", "mark"):
        yield MarkUse(where, MarkAccess.UNREADABLE, 0)
    elif "mangle" in statement:
        if _is_mark(statement["mangle"]["key"]) and (bits := changed_bits(statement["mangle"]["value"])):
            yield MarkUse(where, MarkAccess.WRITES, bits)
    elif bits := compared_bits(statement):
        yield MarkUse(where, MarkAccess.READS, bits)


def _is_mark(expression: Expression) -> bool:
    return isinstance(expression, dict) and expression.get("meta", {}).get("key") == "mark"


def changed_bits(value: Expression) -> int:
    """The bits of the mark that `meta mark set VALUE` may change."""
    if _is_mark(value):
        return 0
    operator, operands = _operation(value)
    if operator is None or not operands:
        return ALL_BITS
    numbers = [operand for operand in operands if isinstance(operand, int)]
    rest = [operand for operand in operands if not isinstance(operand, int)]
    if len(rest) != 1 or operator not in ("&", "|", "^"):
        return ALL_BITS
    bits = changed_bits(rest[0])
    for number in numbers:
        bits |= ~number & ALL_BITS if operator == "&" else number
    return bits


def compared_bits(expression: Expression) -> int:
    """The bits of the mark that an expression compares; 0 if it does not use the mark."""
    if _is_mark(expression):
        return ALL_BITS
    operator, operands = _operation(expression)
    masks = [operand for operand in operands if isinstance(operand, int)]
    if operator == "&" and masks and any(_is_mark(operand) for operand in operands):
        return masks[0]
    parts = expression.values() if isinstance(expression, dict) else expression if isinstance(expression, list) else ()
    bits = 0
    for part in parts:
        bits |= compared_bits(part)
    return bits


def _operation(expression: Expression) -> tuple[str | None, list[Expression]]:
    """The operator and the operands of an expression such as {"|": [a, b]}; None for other expressions."""
    if isinstance(expression, dict) and len(expression) == 1:
        operator, operands = next(iter(expression.items()))
        if operator in ("&", "|", "^", "<<", ">>") and isinstance(operands, list):
            return operator, operands
    return None, []
