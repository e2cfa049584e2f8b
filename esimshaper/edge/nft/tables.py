# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: three tables of our own in nftables, by `nft`. Devices, interfaces and ports go in; what fails comes out.

The first two name the WAN by its number. So they hold, in the kernel, for a WAN that is made anew, also while no daemon
is there to see that.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from esimshaper.core.model.tunnels import TunnelEnd
from esimshaper.edge.nft import program, scripts
from esimshaper.edge.nft.program import NftError
from esimshaper.edge.nft.scripts import CLOSED, REJECT, SLOW, Blocked, Known

MARGIN_NS = 2 * 10**9
"""So much younger than `now` a listing may be."""


class RejectTable:
    """Owns the table that rejects what blocked clients send.

    The block itself is that of the kernel program at the WAN, which is exact and silent. So without `nft` clients are
    blocked all the same. `interfaces`: names of the WAN and of tunnels. lans: names of interfaces of the LAN.
    `unbilled`: networks that are not rejected; the kernel program says who gets there.
    """

    def __init__(self, interfaces: Sequence[str], lans: Sequence[str], unbilled: Sequence[str] = ()) -> None:
        self._interfaces = interfaces
        self._unbilled = unbilled
        self.lans = tuple(lans)
        self._installed: tuple[Blocked, Known] | None = None  # None: unknown, as after an earlier daemon
        self._listed = ""

    def reject(self, blocked: Blocked, known: Known, now: int) -> str:
        """From now on packets of these devices, on the LAN's interfaces; a sentence if that did not work, else empty.

        `known`: where our programs are. `now`: of CLOCK_BOOTTIME, ns.
        """
        wanted = replace(blocked, lans=self.lans), known
        if wanted == self._installed or (self._installed and not wanted[0] and not self._installed[0]):
            return ""
        anew = scripts.reject(self._interfaces, *wanted, self._unbilled, now=now)
        script = anew if wanted[0] else scripts.delete(REJECT)
        problem = _load(script)
        if problem and wanted[0]:  # a kernel without nft_fib or nft_ct
            problem = _load(scripts.reject(self._interfaces, *wanted, self._unbilled, now=now, whole=False))
        if problem:
            return f"programs of blocked clients run into timeouts, as their packets cannot be rejected: {problem}"
        self._installed, self._listed = wanted, _listed(REJECT)
        return ""

    def notice_changes(self, now: int) -> bool:
        """Looks at the table. True if somebody else changed it: then the next `reject` makes it anew."""
        if not self._installed or not self._installed[0] or self._installed[0].changes_before(now + MARGIN_NS):
            return False
        if _listed(REJECT) == self._listed:
            return False
        self._installed = None
        return True


class SegmentTable:
    """Owns the table that shortens segments. Without `nft` they stay as long as they are."""

    def __init__(self, interfaces: Sequence[str]) -> None:
        self._interfaces = interfaces
        self._installed: int | None = -1  # unknown, as after an earlier daemon

    def limit(self, most: int | None) -> str:
        """From now on new connections have segments of `most` bytes; a sentence if that did not work, else empty.

        None: as long as they like. It is tried once.
        """
        if most == self._installed:
            return ""
        self._installed = most
        problem = _load(scripts.segments(self._interfaces, most) if most else scripts.delete(SLOW))
        return (
            f"downloads wait longer than they need at this rate, as nft refuses shorter segments: {problem}"
            if problem and most
            else ""
        )


class FailsafeTable:
    """Owns the table that forwards only what is counted, and a file with the same for a boot, when nothing is counted.

    `at_boot`: that file, which systemd/esimshaper-guard.service loads before there is a network.
    """

    def __init__(self, at_boot: Path) -> None:
        self._at_boot = at_boot
        self._installed: tuple[tuple[str, ...], frozenset[int], frozenset[TunnelEnd], str] | None = None
        self._listed = ""

    def close(self, uplink: str, names: Iterable[str], counted: Iterable[int], tunnels: Iterable[TunnelEnd]) -> str:
        """Forwards by interfaces of these names only while they have one of the numbers `counted` (none: not at all).

        `uplink`: as the settings call it. While it is not counted, the names that it had before hold as well.
        `tunnels`: packets of the router itself there that carry one; they are held in the same way. What somebody else
        did to the table is undone. A sentence if that did not work, else empty.
        """
        numbers, ends = frozenset(counted), frozenset(tunnels)
        # A modem that is made anew has its alternative name a moment after its own one.
        before = () if numbers else scripts.remembered_names(self._at_boot_now(), uplink)
        wanted = tuple(dict.fromkeys((*names, *before))), numbers, ends, uplink
        if self._installed != wanted or _listed(CLOSED) != self._listed:
            if problem := _load(scripts.failsafe(*wanted)):
                return problem
            self._installed, self._listed = wanted, _listed(CLOSED)
        return self._write(scripts.failsafe(wanted[0], (), ends, uplink))

    def open(self) -> None:
        """Forwards everything, also after a boot. Where there is no `nft`, nothing was held."""
        _load(scripts.delete(CLOSED))
        self._installed = None
        with contextlib.suppress(OSError):
            self._at_boot.unlink()

    def _at_boot_now(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return self._at_boot.read_text(encoding="utf-8") if self._at_boot.is_file() else ""
        return ""

    def _write(self, script: str) -> str:
        try:
            if self._at_boot_now() == script:
                return ""
            new = self._at_boot.with_suffix(".new")  # killed in between, the file is as it was
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
    try:
        there = program.run("list", "tables").splitlines()
    except NftError:
        return []
    return [
        f"nftables table {name}"
        for name in (REJECT, CLOSED, SLOW)
        if f"table {name}" in there and not _load(scripts.delete(name))
    ]


def _listed(table: str) -> str:
    """How nft shows a table, empty if there is none; but for numbers of interfaces.

    Those nft shows as a name or as a number, depending on which interfaces there are.
    """
    try:
        return re.sub(r"\b([io]if !=) (\{[^}]*\}|\S+)", r"\1", program.run("-s", "list", "table", *table.split()))
    except NftError:
        return ""


def _load(script: str) -> str:
    """Has nft carry out a script. What is wrong, as a sentence; empty if nothing is."""
    try:
        program.run("-f", "-", script=script)
    except NftError as error:
        return str(error)
    return ""
