# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: iptables-legacy, whose rules nft does not show. Rules that use the packet mark of forwarded packets come out.

Reads only. The kernel says in /proc/net which tables there are, so where there are none, no program is asked.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from esimshaper.core.model.box import MarkAccess, MarkUse
from esimshaper.edge.nft import proxies as nft_proxies
from esimshaper.edge.nft.program import SBIN
from esimshaper.edge.probe import child

ALL_BITS = 0xFFFFFFFF

PROC = Path("/proc/net")
PROGRAMS = {"ip_tables_names": "iptables-legacy-save", "ip6_tables_names": "ip6tables-legacy-save"}

# These chains see only packets of the router itself, which carry no client in their mark.
OWN_CHAINS = frozenset({"INPUT", "OUTPUT"})

_RULE = re.compile(r"-A (\S+) (.*)")
_PAIR = r"(0x[0-9a-fA-F]+|[0-9]+)(?:/(0x[0-9a-fA-F]+|[0-9]+))?"
_SET_XMARK = re.compile(rf"-j MARK .*--set-xmark {_PAIR}")
_TPROXY = re.compile(rf"-j TPROXY .*--tproxy-mark {_PAIR}")
_RESTORE = re.compile(r"-j CONNMARK .*--restore-mark(?: --nfmask (\S+) --ctmask (\S+))?")
_OTHER_WRITERS = re.compile(r"-j (HMARK\b|SET .*--map-mark|MARK\b)")
_PROXY = re.compile(r"^-A .* -j (REDIRECT|TPROXY)\b")
_DNAT = re.compile(rf"^-A .* -j DNAT --to-destination \[?{nft_proxies.ADDRESS}")
_SOURCE_NAT = re.compile(r"^-A .* -j (MASQUERADE|SNAT|NETMAP)\b", re.MULTILINE)
_DNS = re.compile(r"--dport 53\b")
_MATCH = re.compile(rf"-m mark (?:! )?--mark {_PAIR}")


def mark_uses() -> tuple[MarkUse, ...]:
    """The uses of the mark in the tables of iptables-legacy and ip6tables-legacy, of this network namespace.

    Raises RuntimeError where there are tables and the program that lists them is not installed or fails.
    """
    return tuple(use for names, save in PROGRAMS.items() if _tables(names) for use in parse(_listed(save, names), save))


def proxies() -> tuple[str, ...]:
    """The rules of iptables-legacy that turn connections round to a program of the router. Raises RuntimeError."""
    return tuple(
        rule for names, save in PROGRAMS.items() if _tables(names) for rule in parse_proxies(_listed(save, names), save)
    )


def source_nat() -> bool:
    """Whether a rule of iptables-legacy gives packets that leave another sender's address. Raises RuntimeError."""
    names, save = next(iter(PROGRAMS.items()))
    return bool(_tables(names)) and _SOURCE_NAT.search(_listed(save, names)) is not None


def parse_proxies(listing: str, save: str) -> Iterator[str]:
    """Those rules in what `iptables-save` prints, but for DNS."""
    for line in listing.splitlines():
        far = _DNAT.search(line)
        turned = _PROXY.search(line) or (far and nft_proxies.is_own(far[1]))
        if turned and not _DNS.search(line) and line.split()[1] not in OWN_CHAINS:
            yield f"{save.removesuffix('-save')} rule `{line}`"


def _tables(names: str) -> list[str]:
    path = PROC / names
    return path.read_text(encoding="ascii").split() if path.exists() else []


def _listed(save: str, names: str) -> str:
    program = shutil.which(save, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    if program is None:
        tables = ", ".join(_tables(names))
        raise RuntimeError(f"there are tables of {save.removesuffix('-save')} ({tables}), but no {save} to list them")
    done = child.run_to_end([program])
    if done.returncode:
        raise RuntimeError(f"{save}: {child.last_words(done)}")
    return done.stdout


def parse(listing: str, save: str) -> Iterator[MarkUse]:
    """The uses of the mark in what `iptables-save` prints, see iptables-extensions(8): a rule a line, by tables."""
    table = ""
    numbers: dict[str, int] = {}
    for line in listing.splitlines():
        if line.startswith("*"):
            table, numbers = line[1:], {}
        elif rule := _RULE.fullmatch(line):
            chain = rule[1]
            numbers[chain] = numbers.get(chain, 0) + 1
            if chain not in OWN_CHAINS:
                yield from _uses(f"{save.removesuffix('-save')} rule {numbers[chain]} of {table} {chain}", rule[2])


def _uses(where: str, rule: str) -> Iterator[MarkUse]:
    if found := _MATCH.search(rule):
        yield MarkUse(where, MarkAccess.READS, _number(found[2]))
    if bits := _written(rule):
        yield MarkUse(where, MarkAccess.WRITES, bits)


def _written(rule: str) -> int:
    """The bits of the mark that a rule may change."""
    if found := _SET_XMARK.search(rule) or _TPROXY.search(rule):
        return _number(found[1]) | _number(found[2])
    if found := _RESTORE.search(rule):
        return _number(found[1]) | _number(found[2])
    return ALL_BITS if _OTHER_WRITERS.search(rule) else 0


def _number(text: str | None) -> int:
    """A number as iptables writes it; all bits where it writes none."""
    return ALL_BITS if text is None else int(text, 0) & ALL_BITS
