# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: netlink. Attaches our programs to interfaces, finds them again, and removes exactly ours.

A filter is ours by its label. For each clsact qdisc that we made there is an empty folder beside the pins, a marker,
which lives just as long as the kernel's objects do. A clsact without a marker was there before us and is never removed.
"""

import contextlib
import errno
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from esimshaper.core.model.errors import FailedOperation, Operation
from esimshaper.core.model.kernel import (
    EGRESS,
    ETHERNET,
    FILTER_PRIORITY,
    INGRESS,
    OURS,
    WITHOUT_LINK_HEADER,
)
from esimshaper.core.model.links import Link
from esimshaper.core.model.reading import Attachment, Hook
from esimshaper.core.model.uplinks import AUTO, NO_UPLINK
from esimshaper.edge.bpf import syscall
from esimshaper.edge.netlink import Netlink
from esimshaper.edge.tc import filters, links, tcmsg
from esimshaper.edge.tc.filters import Filter

HANDLE = 1
SIDES = {
    Hook.LAN_INGRESS: INGRESS,
    Hook.LAN_EGRESS: EGRESS,
    Hook.WAN_INGRESS: INGRESS,
    Hook.WAN_EGRESS: EGRESS,
    Hook.TUNNEL_INGRESS: INGRESS,
    Hook.TUNNEL_EGRESS: EGRESS,
    Hook.SERVER_INGRESS: INGRESS,
    Hook.SERVER_EGRESS: EGRESS,
    Hook.TRANSLATOR_INGRESS: INGRESS,
    Hook.TRANSLATOR_EGRESS: EGRESS,
}
NOWHERE = (errno.EPERM, errno.ENOENT, errno.EOPNOTSUPP)
"""Errors that attaching to any other interface would meet, too."""

LabelledProgram = Any
"""Anything with `fd` and `label`: the meter's Program."""


class Occupied(Exception):  # noqa: N818 - it says so in a sentence
    """A filter or qdisc of somebody else is in our place; it is left alone (R20)."""


class TrafficControl:
    """`markers`: the folder with a marker for each clsact qdisc of ours.

    devices: the kernel's name of an interface, by the name that the callers use, where the two differ.
    mended: interfaces and hooks where our filter was gone at the last `ensure`. left: interfaces whose clsact is empty
    now, but has no marker.
    """

    def __init__(self, markers: Path) -> None:
        self._markers = markers
        self._netlink = Netlink()
        self._attached: set[tuple[int, str, Hook]] = set()
        self.devices: Mapping[str, str] = {}
        self.before: Callable[[str, int], object] = lambda _name, _index: None
        self._wanted: frozenset[str] = frozenset()
        self._numbers: dict[str, int] = {}  # of interfaces with a program of ours, by the name that the callers use
        self.mended: tuple[tuple[str, Hook], ...] = ()
        self.left: list[str] = []

    def close(self) -> None:
        self._netlink.close()

    def _link(self, name: str) -> Link | None:
        found = links.find(self._netlink, self.devices.get(name, name))
        if found:
            return found
        # It may have been renamed just now, and `devices` be of before; but not to the name of another one of ours.
        renamed = links.find_number(self._netlink, self._numbers.get(name, 0))
        return None if renamed and set(renamed.names) & self._wanted - {name} else renamed

    def links(self) -> tuple[Link, ...]:
        """All interfaces of this network namespace."""
        return tuple(links.find_all(self._netlink))

    def known(self) -> dict[str, int]:
        """The numbers of interfaces that have a clsact qdisc of ours, by the names that they had when it was made."""
        names = [(marker.name.partition("-")[2], _index_of(marker)) for marker in self._all_markers()]
        return {each: index for name, index in names for each in (name.replace("_", "."), name)}

    def is_there(self, name: str) -> bool:
        """Whether there is such an interface."""
        return self._link(name) is not None

    def obstacle(self, name: str, hook: Hook) -> str:
        """Why our program cannot be put on an interface, in a sentence; empty if nothing is known to be in its way."""
        link = self._link(name)
        if link is None or _layer(link) is None:
            return _not_understood(link) if link else ""
        there = self._at_our_place(link, SIDES[hook])
        if "ingress" in self._qdiscs(link):
            return _shut_out(link)
        return _taken(link, there) if there and not self._is_ours(there) else ""

    def ensure(
        self, wanted: Sequence[tuple[str, Hook]], program: Callable[[str], LabelledProgram]
    ) -> tuple[Attachment, ...]:
        """Attaches to each wanted hook the program for its link type; a filter that is right already is left alone.

        `before` is called first with the name and number of an interface that gets a program.

        Raises FailedOperation if this kernel or this process can attach to no interface at all.
        """
        self.mended, self._wanted = (), frozenset(name for name, _ in wanted)
        return tuple(self._ensure(self._link(name), name, hook, program) for name, hook in wanted)

    def _ensure(
        self, link: Link | None, name: str, hook: Hook, program: Callable[[str], LabelledProgram]
    ) -> Attachment:
        if link is None:
            problem = NO_UPLINK if name == AUTO else f"interface {name} is not there"
            return Attachment(name, hook, attached=False, problem=problem)
        if _layer(link) is None:
            return Attachment(name, hook, attached=False, problem=_not_understood(link))
        wanted, known = program(f"{hook.value}_{_layer(link)}"), (link.index, name, hook)
        try:
            there = self._at_our_place(link, SIDES[hook])
            if there is None or there.label != wanted.label:
                self.before(name, link.index)
                self._attach(link, SIDES[hook], wanted)
                if known in self._attached:
                    self.mended = (*self.mended, (name, hook))
            self._attached.add(known)
            self._numbers[name] = link.index
        except Occupied as problem:
            return Attachment(name, hook, attached=False, problem=str(problem))
        except OSError as error:
            return Attachment(name, hook, attached=False, problem=_problem(name, error))
        return Attachment(name, hook, attached=True, problem=self._before_ours(link, SIDES[hook]), index=link.index)

    def counted_link(self, wan: str) -> int:
        """The number of an interface at which our programs count both ways, also those of an earlier daemon; else 0."""
        try:
            link = self._link(wan)
            there = [self._at_our_place(link, side) for side in (INGRESS, EGRESS)] if link else []
        except OSError:
            return 0
        ours = bool(there) and all(each and each.label.startswith(f"{OURS} wan_") for each in there)
        return link.index if link and ours else 0

    def _filters(self, link: Link, side: int) -> Iterator[Filter]:
        return (each for each in filters.find_all(self._netlink, link.index, side) if each.handle)

    def _at_our_place(self, link: Link, side: int) -> Filter | None:
        """The filter at our priority: ours, or that of somebody else (the kernel has one kind of filter at each)."""
        return next((each for each in self._filters(link, side) if each.priority == FILTER_PRIORITY), None)

    def _is_ours(self, found: Filter) -> bool:
        return found.label.startswith(f"{OURS} ")

    def _before_ours(self, link: Link, side: int) -> str:
        """What of somebody else sees packets before our program, and what that may mean, in a sentence; or nothing."""
        first = [each for each in self._filters(link, side) if each.priority < FILTER_PRIORITY]
        if syscall.tcx_programs(link.index, egress=side == EGRESS):
            what = f"a program of somebody else (tcx) sees the packets of {link.name} before ours"
        elif first:
            priority = first[0].priority
            what = f"a {first[0].kind} filter of somebody else (priority {priority}) is before ours on {link.name}"
        else:
            return ""
        return f"{what}: what it lets by itself is not counted there, and no limit holds it (see: esimshaper doctor)"

    def _attach(self, link: Link, side: int, program: LabelledProgram) -> None:
        """`replace` swaps the program of a filter that is there without a gap."""
        there = self._at_our_place(link, side)
        if there and not self._is_ours(there):
            raise Occupied(_shut_out(link) if "ingress" in self._qdiscs(link) else _taken(link, there))
        self._add_clsact(link)
        wanted = filters.set_program(link.index, side, FILTER_PRIORITY, HANDLE, program.fd, program.label)
        self._netlink.do(wanted)

    def _add_clsact(self, link: Link) -> None:
        try:
            self._netlink.do(filters.add_clsact(link.index))
        except OSError as error:
            if error.errno in NOWHERE:
                raise FailedOperation(Operation.CLSACT, error.errno) from None
            if error.errno != errno.EEXIST:
                raise
            if "ingress" in self._qdiscs(link):
                raise Occupied(_shut_out(link)) from None
            return
        with contextlib.suppress(OSError):  # bpffs is gone or read-only: counting is worth more than tidying up later
            self._marker(link).mkdir(parents=True, exist_ok=True)

    def _qdiscs(self, link: Link) -> set[str]:
        return {tcmsg.kind_of(body) for body in tcmsg.qdiscs(self._netlink, link.index)}

    def _marker(self, link: Link) -> Path:
        return self._markers / f"{link.index}-{link.name.replace('.', '_')}"

    def sweep(self, keep: Sequence[tuple[str, Hook]] = ()) -> list[str]:
        """Removes our filters except those at `keep`, then our clsact qdiscs without a user; says what it removed."""
        self._attached = {each for each in self._attached if each[1:] in keep}
        kept = {(link.index, SIDES[hook]) for name, hook in keep if (link := self._link(name))}
        self._numbers = {name: self._numbers[name] for name, _ in keep if name in self._numbers}
        removed: list[str] = []
        present = list(links.find_all(self._netlink))
        for link in present:
            try:
                removed += self._sweep(link, kept)
            except OSError as error:
                if error.errno == errno.EPERM:
                    raise FailedOperation(Operation.ATTACH, error.errno) from None
                there = self._link(link.name)
                if there and there.index == link.index:
                    raise
        self._forget_gone(present)
        return removed

    def _sweep(self, link: Link, kept: Collection[tuple[int, int]]) -> Iterator[str]:
        removed = [
            filter_
            for side in (INGRESS, EGRESS)
            if (link.index, side) not in kept
            for filter_ in self._remove_filters(link, side)
        ]
        yield from removed
        if any(filters.find_all(self._netlink, link.index, side) for side in (INGRESS, EGRESS)):
            return
        marker = self._marker(link)
        if removed and not marker.is_dir():  # the interface was renamed since we made its qdisc
            marker = next((each for each in self._all_markers() if _index_of(each) == link.index), marker)
        if not marker.is_dir():
            self.left += [link.name] if removed else []
        else:
            self._netlink.do(filters.remove_clsact(link.index))
            marker.rmdir()
            yield f"qdisc clsact on {link.name}"

    def _remove_filters(self, link: Link, side: int) -> Iterator[str]:
        for found in [each for each in self._filters(link, side) if self._is_ours(each)]:
            self._netlink.do(filters.remove(link.index, side, found))
            yield f"filter {found.label.split()[1]} on {link.name}"

    def _forget_gone(self, present: Iterable[Link]) -> None:
        """An interface that is gone took its qdisc along."""
        there = {link.index for link in present}
        for marker in self._all_markers():
            if _index_of(marker) not in there:
                marker.rmdir()

    def _all_markers(self) -> list[Path]:
        return list(self._markers.iterdir()) if self._markers.is_dir() else []


def _index_of(marker: Path) -> int:
    return int(marker.name.partition("-")[0])


def _layer(link: Link) -> str | None:
    """The suffix of the programs for an interface; None for a link type that we cannot count."""
    if link.type == ETHERNET:
        return "ethernet"
    return "raw" if link.type in WITHOUT_LINK_HEADER else None


def _not_understood(link: Link) -> str:
    return f"{link.name} has link type {link.type}, not understood"


def _taken(link: Link, there: Filter) -> str:
    return f"a {there.kind} filter of somebody else is at priority {FILTER_PRIORITY} of {link.name}, our place"


def _shut_out(link: Link) -> str:
    return f"a qdisc `ingress` on {link.name} shuts clsact out (tc qdisc del dev {link.name} ingress)"


def _problem(interface: str, error: OSError) -> str:
    """The problem with one interface. Raises FailedOperation for a problem that every interface would have."""
    if error.errno in NOWHERE:
        raise FailedOperation(Operation.ATTACH, error.errno) from None
    return f"attaching to {interface} failed: {error.strerror}"
