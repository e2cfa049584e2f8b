# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: two tables of our own in nftables, by `nft`: what is not forwarded to the carrier. Packets to the router itself
are not forwarded, so DNS, DHCP and its pages stay. Both tables know the WAN by number, so they hold for one that is
made anew, whether a daemon sees that or not.

`esimshaper`: tells programs of blocked clients at once that they may not send. The block itself is the kernel program's
at the WAN, which is exact and silent; without this table, programs would wait for answers that cannot come. New TCP
connections get a reset, everything else ICMP "administratively prohibited". Live TCP connections pass, since the
program at the WAN ends them on both sides; but not to an interface that has no program yet, nor into a tunnel.

`esimshaper_closed`, for on_failure: closed: lets pass what is counted and refuses everything else, for everybody.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from esimshaper.core.model.kernel import mark_shift

TABLE = "inet esimshaper"
CLOSED = "inet esimshaper_closed"
NFT_SECONDS = 10
NOBODY = 0
"""No interface has this number."""


class RejectTable:
    """Owns the first table. `ways`: names of the WAN's interface and of those of tunnels. `mark_mask`: where the mark
    has the account. Without `nft` nobody is told, but blocked."""

    def __init__(self, ways: Sequence[str], mark_mask: int) -> None:
        self._ways = ways
        self._mask = mark_mask
        self._shift = mark_shift(mark_mask)
        self._refused: tuple[frozenset[int], int] | None = None  # unknown: an earlier daemon may have left its table
        self._written = ""

    def refuse(self, accounts: Iterable[int], link: int) -> str:
        """From now on these accounts and no others; a sentence if that did not work, else empty.

        `link`: number of the WAN's interface that has the program, NOBODY for none.
        """
        wanted = frozenset(accounts), link
        if wanted == self._refused or (self._refused and not wanted[0] and not self._refused[0]):
            return ""
        problem = _nft(self._table(*wanted) if wanted[0] else _gone(TABLE))
        if problem:
            return f"programs of blocked clients wait instead of being told: {problem}"
        self._refused, self._written = wanted, _listed(TABLE)
        return ""

    def is_intact(self) -> bool:
        """Whether the table is as it was left; if not, the next `refuse` makes it anew."""
        if not self._refused or not self._refused[0] or _listed(TABLE) == self._written:
            return True
        self._refused = None
        return False

    def _table(self, accounts: Iterable[int], link: int) -> str:
        marks = ", ".join(f"{account << self._shift:#x}" for account in sorted(accounts))
        jumps = [f'oifname "{way}" meta mark & {self._mask:#x} == @blocked jump refuse' for way in self._ways]
        return f"""{_gone(TABLE)}
table {TABLE} {{
    set blocked {{ type mark; elements = {{ {marks} }} }}
    chain forward {{
        type filter hook forward priority filter - 5; policy accept;
        {"; ".join(jumps)}
    }}
    chain refuse {{
        tcp flags & (syn | ack) == syn reject with tcp reset
        meta l4proto != tcp reject with icmpx admin-prohibited
        meta oif != {link} meta l4proto tcp reject with tcp reset
    }}
}}
"""


class Guard:
    """Owns the second table, and the file `at_boot` with the same for a boot at which nothing is counted yet:
    systemd/esimshaper-guard.service reads it."""

    def __init__(self, at_boot: Path) -> None:
        self._at_boot = at_boot
        self._held: tuple[str, int, frozenset[int]] | None = None
        self._written = ""

    def hold(self, wan: str, link: int, tunnels: Iterable[int]) -> str:
        """Forwards to and from the interface of this name only while it has this number (NOBODY: not at all).

        tunnels: ports of those that the router itself sends there; they are held in the same way.
        What somebody did to the table is undone. A sentence if that did not work, else empty.
        """
        wanted = wan, link, frozenset(tunnels)
        if self._held != wanted or _listed(CLOSED) != self._written:
            if problem := _nft(_closed(*wanted)):
                return problem
            self._held, self._written = wanted, _listed(CLOSED)
        return self._keep(_closed(wan, NOBODY, wanted[2]))

    def release(self) -> None:
        """Forwards everything, and will after a boot. Where there is no `nft`, nothing was refused."""
        _nft(_gone(CLOSED))
        self._held = None
        with contextlib.suppress(OSError):
            self._at_boot.unlink()

    def _keep(self, script: str) -> str:
        """Leaves it for the next boot, whole or as it was."""
        try:
            if self._at_boot.is_file() and self._at_boot.read_text(encoding="utf-8") == script:
                return ""
            new = self._at_boot.with_suffix(".new")
            new.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                file.write(script)
                file.flush()
                os.fsync(file.fileno())
            new.rename(self._at_boot)
        except OSError as error:
            return f"{self._at_boot}, which holds traffic at the next boot, cannot be written: {error.strerror}"
        return ""


def remove() -> list[str]:
    """Takes our tables away; says what it removed."""
    there = _run(["list", "tables"]).stdout.splitlines()
    return [f"nftables table {name}" for name in (TABLE, CLOSED) if f"table {name}" in there and not _nft(_gone(name))]


def _closed(wan: str, link: int, tunnels: Iterable[int]) -> str:
    drops = [
        f'oifname "{wan}" meta oif != {link} meta l4proto {{ tcp, udp }} th {side} {port} drop'
        for port in sorted(tunnels)
        for side in ("sport", "dport")
    ]
    return f"""{_gone(CLOSED)}
table {CLOSED} {{
    chain forward {{
        type filter hook forward priority filter - 6; policy accept;
        oifname "{wan}" meta oif != {link} jump refuse
        iifname "{wan}" meta iif != {link} drop
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


def _listed(table: str) -> str:
    """But for numbers of interfaces, which are listed as a name or as a number, depending on what there is."""
    return re.sub(r"\b([io]if !=) \S+", r"\1", _run(["-s", "list", "table", *table.split()]).stdout)


def _gone(table: str) -> str:
    """Deletes the table whether it is there or not; nft makes it one transaction with what follows."""
    return f"table {table}\ndelete table {table}"


def _nft(script: str) -> str:
    """What is wrong, as a sentence; empty if nothing is."""
    done = _run(["-f", "-"], script)
    return done.stderr.strip().partition("\n")[0] if done.returncode else ""


def _run(arguments: list[str], script: str = "") -> "subprocess.CompletedProcess[str]":
    """What `nft` did; one that could not be run has failed, and says why."""
    command = ["nft", *arguments]
    try:
        return subprocess.run(command, input=script, text=True, capture_output=True, check=False, timeout=NFT_SECONDS)
    except FileNotFoundError:
        problem = "nft is not installed (apt install nftables)"
    except subprocess.TimeoutExpired:
        problem = f"nft did not end within {NFT_SECONDS} s"
    except OSError as error:
        problem = f"nft cannot be run: {error.strerror}"
    return subprocess.CompletedProcess(command, 1, "", problem)
