# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: a table of our own in nftables, by `nft`. Tells programs of blocked clients at once that they may not send.

The block itself is the kernel program's at the WAN, which is exact and silent; without this table, programs would wait
for answers that cannot come. New TCP connections get a reset, everything else ICMP "administratively prohibited". Live
TCP connections pass, since the program at the WAN ends them on both sides; but not to an interface that has no program
yet, as after the modem came back, while the daemon may be dead. Packets to the router itself are not forwarded, so DNS,
DHCP and its pages stay.
"""

import subprocess
from collections.abc import Iterable

from esimshaper.core.facts import mark_shift

TABLE = "inet esimshaper"


class Refusal:
    """Owns the table. `mark_mask`: where the mark has the account. Without `nft` nobody is told; blocked they are."""

    def __init__(self, wan: str, mark_mask: int) -> None:
        self._wan = wan
        self._mask = mark_mask
        self._shift = mark_shift(mark_mask)
        self._refused: tuple[frozenset[int], int] | None = None  # unknown: an earlier daemon may have left its table
        self._written = ""

    def refuse(self, accounts: Iterable[int], link: int) -> str:
        """From now on these accounts and no others; a sentence if that did not work, else empty.

        `link`: number of the WAN's interface that has the program, 0 for none.
        """
        wanted = frozenset(accounts), link
        if wanted == self._refused or (self._refused and not wanted[0] and not self._refused[0]):
            return ""
        problem = _nft(self._table(*wanted) if wanted[0] else _gone())
        if not problem:
            self._refused, self._written = wanted, _listed()
        return problem

    def is_intact(self) -> bool:
        """Whether the table is as it was left; if not, the next `refuse` makes it anew."""
        if not self._refused or not self._refused[0] or _listed() == self._written:
            return True
        self._refused = None
        return False

    def _table(self, accounts: Iterable[int], link: int) -> str:
        marks = ", ".join(f"{account << self._shift:#x}" for account in sorted(accounts))
        return f"""{_gone()}
table {TABLE} {{
    set blocked {{ type mark; elements = {{ {marks} }} }}
    chain forward {{
        type filter hook forward priority filter - 5; policy accept;
        oifname "{self._wan}" meta mark & {self._mask:#x} == @blocked jump refuse
    }}
    chain refuse {{
        tcp flags & (syn | ack) == syn reject with tcp reset
        meta l4proto != tcp reject with icmpx admin-prohibited
        meta oif != {link} meta l4proto tcp reject with tcp reset
    }}
}}
"""


def remove() -> list[str]:
    """Takes our table away; says what it removed."""
    listed = _run(["list", "tables"])
    if listed is None or f"table {TABLE}" not in listed.stdout.splitlines():
        return []
    return [] if _nft(_gone()) else [f"nftables table {TABLE}"]


def _listed() -> str:
    """Our table, but for the interface, which is listed as a name or as a number, depending on what there is."""
    listed = _run(["-s", "list", "table", *TABLE.split()])
    return "\n".join(line for line in listed.stdout.splitlines() if " oif " not in line) if listed else ""


def _gone() -> str:
    """Deletes the table whether it is there or not; nft makes it one transaction with what follows."""
    return f"table {TABLE}\ndelete table {TABLE}"


def _nft(script: str) -> str:
    done = _run(["-f", "-"], script)
    if done is None:
        return "nft is not installed: programs of blocked clients wait instead of being told (apt install nftables)"
    return done.stderr.strip().partition("\n")[0] if done.returncode else ""


def _run(arguments: list[str], script: str = "") -> "subprocess.CompletedProcess[str] | None":
    try:
        return subprocess.run(
            ["nft", *arguments], input=script, text=True, capture_output=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
