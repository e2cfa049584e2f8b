# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: netlink, by pyroute2. Attaches our programs to interfaces, finds them again, and removes exactly ours.

A filter is ours by its label. For each clsact qdisc that we made there is an empty folder beside the pins, a marker,
which lives just as long as the kernel's objects do. A clsact without a marker was there before us and is never removed.
"""

import contextlib
import errno
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink import NetlinkError

from esimshaper.core.model.errors import FailedOperation, Operation
from esimshaper.core.model.kernel import (
    EGRESS,
    ETH_P_ALL,
    ETHERNET,
    FILTER_PRIORITY,
    INGRESS,
    OURS,
    WITHOUT_LINK_HEADER,
)
from esimshaper.core.model.reading import Attachment, Hook

IFF_UP = 1
HANDLE = 1
SIDES = {
    Hook.LAN_INGRESS: INGRESS,
    Hook.LAN_EGRESS: EGRESS,
    Hook.WAN_INGRESS: INGRESS,
    Hook.WAN_EGRESS: EGRESS,
    Hook.TUNNEL_INGRESS: INGRESS,
    Hook.TUNNEL_EGRESS: EGRESS,
}
TUNNEL_HOOKS = (Hook.TUNNEL_INGRESS, Hook.TUNNEL_EGRESS)

LabelledProgram = Any
"""Anything with `fd` and `label`: the meter's Program."""


@dataclass(frozen=True, slots=True)
class Link:
    """An interface: its kernel number, its ARPHRD type."""

    index: int
    name: str
    type: int

    @property
    def kind(self) -> str | None:
        """The suffix of the programs for it; None for a link type that we cannot count."""
        if self.type == ETHERNET:
            return "ethernet"
        return "raw" if self.type in WITHOUT_LINK_HEADER else None


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of anybody. `label` is the name that bpf filters have; empty for other kinds."""

    priority: int
    handle: int
    kind: str
    label: str


class Occupied(Exception):  # noqa: N818 - it says so in a sentence
    """A filter or qdisc of somebody else is in our place; it is left alone (R20)."""


class TrafficControl:
    """`markers`: the folder with a marker for each clsact qdisc of ours.

    mended: interfaces and hooks where our filter was gone at the last `ensure`. left: interfaces whose clsact is empty
    now, but has no marker.
    """

    def __init__(self, markers: Path) -> None:
        self._markers = markers
        self._netlink = IPRoute()
        self._attached: set[tuple[Link, Hook]] = set()
        self.mended: tuple[tuple[str, Hook], ...] = ()
        self.left: list[str] = []

    def close(self) -> None:
        self._netlink.close()

    def links(self) -> dict[str, Link]:
        """All interfaces of this network namespace by name."""
        # Each is asked for alone: netlink's answer for all at once is cut short while interfaces come and go.
        return {name: link for _, name in socket.if_nameindex() if (link := self._link(name))}

    def _link(self, name: str) -> Link | None:
        try:
            (message,) = self._netlink.link("get", ifname=name)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise
            return None
        return Link(message["index"], name, message["ifi_type"])

    def is_there(self, name: str) -> bool:
        """Whether there is such an interface."""
        return self._link(name) is not None

    def obstacle(self, name: str, hook: Hook) -> str:
        """Why our program cannot be put on an interface, in a sentence; empty if nothing is known to be in its way."""
        link = self._link(name)
        if link is None or not _is_understood(link, hook):
            return _not_understood(link) if link else ""
        there = self._at_our_place(link, SIDES[hook])
        if there and not self._is_ours(there):
            return _taken(link, there)
        return _shut_out(link) if "ingress" in self._qdiscs(link) else ""

    def uplinks(self, beginning: str) -> list[str]:
        """Interfaces whose names begin so; first those that are up, of those the newest first.

        A modem that came back is newer than its predecessor.
        """
        found = []
        for name in (name for _, name in socket.if_nameindex() if name.startswith(beginning)):
            with contextlib.suppress(NetlinkError):  # the interface is gone meanwhile
                (message,) = self._netlink.link("get", ifname=name)
                found.append((bool(message["flags"] & IFF_UP), message["index"], name))
        return [name for *_, name in sorted(found, reverse=True)]

    def ensure(
        self, wanted: Sequence[tuple[str, Hook]], program: Callable[[str], LabelledProgram]
    ) -> tuple[Attachment, ...]:
        """Attaches to each wanted hook the program for its link type; a filter that is right already is left alone.

        Raises FailedOperation if this kernel or this process can attach to no interface at all.
        """
        self.mended = ()
        return tuple(self._ensure(self._link(name), name, hook, program) for name, hook in wanted)

    def _ensure(
        self, link: Link | None, name: str, hook: Hook, program: Callable[[str], LabelledProgram]
    ) -> Attachment:
        if link is None:
            return Attachment(name, hook, attached=False, problem=f"interface {name} is not there")
        if not _is_understood(link, hook):
            return Attachment(name, hook, attached=False, problem=_not_understood(link))
        wanted = program(f"{hook.value}_{link.kind}")
        try:
            there = self._at_our_place(link, SIDES[hook])
            if there is None or there.label != wanted.label:
                self._attach(link, SIDES[hook], wanted)
                if (link, hook) in self._attached:
                    self.mended = (*self.mended, (name, hook))
            self._attached.add((link, hook))
        except Occupied as problem:
            return Attachment(name, hook, attached=False, problem=str(problem))
        except NetlinkError as error:
            return Attachment(name, hook, attached=False, problem=_problem(name, error))
        return Attachment(name, hook, attached=True, index=link.index)

    def counted_link(self, wan: str) -> int:
        """The number of an interface at which our programs count both ways, also those of an earlier daemon; else 0."""
        try:
            link = self._link(wan)
            there = [self._at_our_place(link, side) for side in (INGRESS, EGRESS)] if link else []
        except NetlinkError:
            return 0
        ours = bool(there) and all(each and each.label.startswith(f"{OURS} wan_") for each in there)
        return link.index if link and ours else 0

    def _filters(self, link: Link, side: int) -> Iterator[Filter]:
        """The filters at one side of an interface."""
        for message in self._netlink.get_filters(index=link.index, parent=side):
            kind, options = message.get_attr("TCA_KIND"), message.get_attr("TCA_OPTIONS")
            if message["handle"]:  # one without stands for all of its priority
                label = options.get_attr("TCA_BPF_NAME") if kind == "bpf" and options is not None else ""
                yield Filter(message["info"] >> 16, message["handle"], kind, label or "")

    def _at_our_place(self, link: Link, side: int) -> Filter | None:
        """The filter at our priority: ours, or that of somebody else (the kernel has one kind of filter at each)."""
        return next((each for each in self._filters(link, side) if each.priority == FILTER_PRIORITY), None)

    def _is_ours(self, found: Filter) -> bool:
        return found.label.startswith(f"{OURS} ")

    def _attach(self, link: Link, side: int, program: LabelledProgram) -> None:
        """`replace` swaps the program of a filter that is there without a gap."""
        there = self._at_our_place(link, side)
        if there and not self._is_ours(there):
            raise Occupied(_taken(link, there))
        self._add_clsact(link)
        self._netlink.tc(
            "replace-filter",
            "bpf",
            link.index,
            HANDLE,
            parent=side,
            prio=FILTER_PRIORITY,
            protocol=ETH_P_ALL,
            fd=program.fd,
            name=program.label,
            direct_action=True,
        )

    def _add_clsact(self, link: Link) -> None:
        try:
            self._netlink.tc("add", "clsact", link.index)
        except NetlinkError as error:
            if error.code in (errno.EPERM, errno.ENOENT, errno.EOPNOTSUPP):
                raise FailedOperation(Operation.CLSACT, error.code) from None
            if error.code != errno.EEXIST:
                raise
            if "ingress" in self._qdiscs(link):
                raise Occupied(_shut_out(link)) from None
            return
        with contextlib.suppress(OSError):  # bpffs is gone or read-only: counting is worth more than tidying up later
            self._marker(link).mkdir(parents=True, exist_ok=True)

    def _qdiscs(self, link: Link) -> set[str]:
        return {message.get_attr("TCA_KIND") for message in self._netlink.get_qdiscs(index=link.index)}

    def _marker(self, link: Link) -> Path:
        return self._markers / f"{link.index}-{link.name.replace('.', '_')}"

    def sweep(self, keep: Sequence[tuple[str, Hook]] = ()) -> list[str]:
        """Removes our filters except those at `keep`, then our clsact qdiscs without a user; says what it removed."""
        kept = {(name, SIDES[hook]) for name, hook in keep}
        self._attached = {(link, hook) for link, hook in self._attached if (link.name, SIDES[hook]) in kept}
        removed: list[str] = []
        links = self.links()
        for link in links.values():
            try:
                removed += self._sweep(link, kept)
            except NetlinkError as error:
                if error.code == errno.EPERM:
                    raise FailedOperation(Operation.ATTACH, error.code) from None
                if self._link(link.name) == link:
                    raise
        self._forget_gone(links)
        return removed

    def _sweep(self, link: Link, kept: Collection[tuple[str, int]]) -> Iterator[str]:
        removed = [
            filter_
            for side in (INGRESS, EGRESS)
            if (link.name, side) not in kept
            for filter_ in self._remove_filters(link, side)
        ]
        yield from removed
        if any(self._any(link, side) for side in (INGRESS, EGRESS)):
            return
        if not self._marker(link).is_dir():
            self.left += [link.name] if removed else []
        else:
            self._netlink.tc("del", "clsact", link.index)
            self._marker(link).rmdir()
            yield f"qdisc clsact on {link.name}"

    def _any(self, link: Link, side: int) -> bool:
        return any(True for _ in self._netlink.get_filters(index=link.index, parent=side))

    def _remove_filters(self, link: Link, side: int) -> Iterator[str]:
        for found in [each for each in self._filters(link, side) if self._is_ours(each)]:
            self._netlink.tc(
                "del-filter", "bpf", link.index, found.handle, parent=side, prio=found.priority, protocol=ETH_P_ALL
            )
            yield f"filter {found.label.split()[1]} on {link.name}"

    def _forget_gone(self, links: Mapping[str, Link]) -> None:
        """An interface that is gone took its qdisc along."""
        present = {self._marker(link) for link in links.values()}
        for marker in self._markers.iterdir() if self._markers.is_dir() else ():
            if marker not in present:
                marker.rmdir()


def _is_understood(link: Link, hook: Hook) -> bool:
    return link.kind == "raw" if hook in TUNNEL_HOOKS else link.kind is not None


def _not_understood(link: Link) -> str:
    return f"{link.name} has link type {link.type}, not understood"


def _taken(link: Link, there: Filter) -> str:
    return f"a {there.kind} filter of somebody else is at priority {FILTER_PRIORITY} of {link.name}, our place"


def _shut_out(link: Link) -> str:
    return f"a qdisc `ingress` on {link.name} shuts clsact out (tc qdisc del dev {link.name} ingress)"


def _problem(interface: str, error: NetlinkError) -> str:
    """The problem with one interface. Raises FailedOperation for a problem that every interface would have."""
    if error.code in (errno.EPERM, errno.ENOENT, errno.EOPNOTSUPP):
        raise FailedOperation(Operation.ATTACH, error.code) from None
    return f"attaching to {interface} failed: {error}"
