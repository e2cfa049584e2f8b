# SPDX-License-Identifier: GPL-2.0-or-later
"""Block lists of the owner -> names, and names -> the lines that dnsmasq reads. Pure.

0.0.0.0 ads.example.com tracker.example    hosts format
ads.example.com                            names, one a line
# a comment
"""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from esimshaper.core.model.host_names import in_ascii
from esimshaper.core.model.withholding import MOST_NAMES, BadLine

MOST_PROBLEMS = 20
"""So many are told; whoever has more has another kind of file."""

LONGEST_LINE = 65_536
"""Characters; hosts files have some names in a line. A line that is longer is of no list, nor is what follows it."""

_SHOWN = 80

# What hosts files begin with: no name of the Internet, and nothing that anybody would ask a server for.
_OF_HOSTS = frozenset(
    (
        *("localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost", "ip6-loopback"),
        *("ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts"),
    )
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*(?:%\w+)?")
_LONGEST = 253
# Under the two letters of a country these are registries, as com is: nobody's own name.
_SECOND = frozenset(("ac", "co", "com", "edu", "gob", "gov", "go", "govt", "net", "ne", "nom", "or", "org"))


def names_of(file: str, lines: Iterable[str], suffixes: Collection[str], problems: list[BadLine]) -> set[str]:
    """The names in the lines of a list; `problems` gets the first MOST_PROBLEMS that cannot be taken.

    suffixes: names below which everybody may have one (publicsuffix.org); where none are known, the usual ones count.
    """
    names: set[str] = set()
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            problems.append(BadLine(file, number, f"the line has more than {LONGEST_LINE} characters"))
            break
        first, *others = line.partition("#")[0].lower().split() or [""]
        is_hosts = bool(_ADDRESS.fullmatch(first))
        if others and not is_hosts:
            problems.append(BadLine(file, number, "there are two words; hosts format begins with an address"))
            others = []
        for name in others if is_hosts else (first,):
            if is_hosts and (name in _OF_HOSTS or name == first):
                continue
            bare = _bare(name)
            if why := _refusal(name, bare, suffixes) if name else "":
                problems.append(BadLine(file, number, why))
            elif name:
                names.add(bare)
        if len(problems) >= MOST_PROBLEMS:
            break
        if len(names) > MOST_NAMES:
            problems.append(BadLine(file, number, f"the list has more than {MOST_NAMES} names"))
            break
    return names


def _bare(name: str) -> str:
    """`name` as DNS knows it, without the last dot; empty for what can be none."""
    try:
        return in_ascii(name).removesuffix(".")
    except ValueError:
        return ""


def _refusal(name: str, bare: str, suffixes: Collection[str]) -> str:
    shown = "".join(each if each.isprintable() else "?" for each in name[:_SHOWN]) + "..." * (len(name) > _SHOWN)
    if _ADDRESS.fullmatch(bare):
        return f"`{shown}` is an address: DNS refuses names only"
    if not _NAME.fullmatch(bare) or len(bare) > _LONGEST:
        return f"`{shown}` is no host name"
    first, _, rest = bare.partition(".")
    if not rest:
        return f"`{shown}` would take away all names that end so"
    if bare in suffixes or (not suffixes and len(rest) == 2 and first in _SECOND):
        return f"`{shown}` would take away the names of everybody below it"
    return ""


def host_name(name: str) -> str:
    """`name` as DNS knows it. Raises ValueError where it is no name that one can allow."""
    bare = _bare(name.strip())
    if not _NAME.fullmatch(bare) or len(bare) > _LONGEST or "." not in bare or _ADDRESS.fullmatch(bare):
        raise ValueError(f"`{name}` is no host name, such as login.example.com")
    return bare


def suffixes_of(lines: Iterable[str]) -> frozenset[str]:
    """The suffixes under which anybody may register, of a file as publicsuffix.org writes it.

    Those of companies, such as github.io, stand behind the first section, and may be blocked.
    """
    found = []
    for line in lines:
        if "===END ICANN DOMAINS===" in line:
            break
        rule = line.strip().lower()
        if rule and not rule.startswith(("//", "!", "*")):
            found.append(rule)
    return frozenset(found)


def server_lines(names: Iterable[str], also: Iterable[str], allowed: Collection[str]) -> Iterator[str]:
    """The lines of dnsmasq's servers-file (`--server=/name/`): what is withheld, but for `allowed` names.

    An allowed name is asked for as ever, and so are all below it, also where one above it is withheld.
    """
    for name in chain(names, also):
        if not _is_at_or_below(name, allowed):
            yield f"server=/{name}/\n"
    for name in allowed:
        yield f"server=/{name}/#\n"


def _is_at_or_below(name: str, others: Collection[str]) -> bool:
    while name:
        if name in others:
            return True
        name = name.partition(".")[2]
    return False
