# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: tc classes, by pyroute2 and by messages of our own. Reads our tree at the WAN, changes it, removes just that.

Downloads go through an IFB, because a qdisc shapes only what leaves a device. A fresh start knows our HTB by its
handle, our IFB by its alias, which names the WAN, and the filter that redirects to the IFB by its class id.
"""

import errno
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from socket import htons, if_nameindex
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink import NetlinkError

from esimshaper.core.model.kernel import ETH_P_ALL, ETHERNET, INGRESS
from esimshaper.core.model.shaping import (
    DEFAULT,
    QDISC,
    Change,
    ChangeKind,
    Classes,
    ClassStats,
    Redirect,
    Shaping,
    Side,
    Tree,
    Wire,
)
from esimshaper.edge.netlink import Netlink
from esimshaper.edge.tc import messages

PRIORITY = 20  # after the program that counts, which is at 10
ALIAS = "esimshaper "
_ETHERNET_HEADER = 14  # bytes; every other link type that we count has none
_IFF_UP = 1
_NAME_ROOM = 15  # IFNAMSIZ without the zero
_LEAST_MTU = 1500  # what arrives may be larger than what we may send
_ON_CLASSES = {
    ChangeKind.ADD_CLASS,
    ChangeKind.CHANGE_CLASS,
    ChangeKind.REMOVE_CLASS,
    ChangeKind.ADD_QDISC,
    ChangeKind.REMOVE_QDISC,
}


@dataclass(frozen=True, slots=True)
class _Link:
    index: int
    name: str
    type: int
    mtu: int
    up: bool
    kind: str
    alias: str


@dataclass(frozen=True, slots=True)
class _Filter:
    """The filter that redirects to the IFB: its handle, the number of the interface that it names (0: gone)."""

    handle: int
    target: int


@dataclass(frozen=True, slots=True)
class _Work:
    """A message of a batch, and the change that it is a part of."""

    change: Change
    message: bytes
    fair_queue: bool = False

    @property
    def adds_fair_queue(self) -> bool:
        return self.fair_queue and self.change.kind is ChangeKind.ADD_CLASS


class Shaper:
    """Owns what is ours in tc at one WAN. `replace_foreign`: ours replaces a root qdisc that somebody else chose."""

    def __init__(self, wan: str, *, replace_foreign: bool = False) -> None:
        self._wan = wan
        self._replace = replace_foreign
        self._route = IPRoute()
        self._netlink = Netlink()
        self._has_fair_queue: bool | None = None
        self._foreign = False

    def close(self) -> None:
        self._route.close()
        self._netlink.close()

    def observe(self) -> Shaping | None:
        """The installed classes; None while there is no such interface. Raises OSError (NetlinkError)."""
        try:
            return self._observe()
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise
            return None

    def _observe(self) -> Shaping | None:
        links = self._links()
        wan, ifb = self._find(links, self._wan), self._ifb(links)
        if wan is None:
            return None
        upload, root = self._classes(wan)
        self._foreign = bool(root) and not self._replace
        found = self._filter(wan)
        usable = ifb is not None and ifb.up
        redirect = Redirect.NONE
        if found:
            there = usable and ifb is not None and found.target == ifb.index
            redirect = Redirect.THERE if there else Redirect.STALE
        download = self._classes(ifb)[0] if ifb else None
        return Shaping(Tree(upload, download, usable, redirect), _wire(wan), self._problem(root))

    def _problem(self, root: str) -> str:
        if not self._foreign:
            return ""
        return (
            f"somebody else's qdisc `{root}` is at the root of {self._wan}, so throttled uploads are dropped instead of"
            f" queued (tc qdisc del dev {self._wan} root)"
        )

    def apply(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """Makes the changes in their order; returns sentences on those that failed. The others are still made."""
        problems: list[str] = []
        batch: list[Change] = []
        for change in changes:
            if change.kind in _ON_CLASSES:
                batch.append(change)
                continue
            problems += self._flush(batch)
            batch = []
            problems += self._apply(change)
        return (*problems, *self._flush(batch))

    def read_stats(self, wanted: Collection[int] | None = None) -> Mapping[int, ClassStats]:
        """Statistics of each upload class, or of the `wanted` ones, by class id.

        Empty without shaping. Raises OSError (NetlinkError).
        """
        wan = self._named(self._wan)
        if wan is None:
            return {}
        header = _wire(wan).header
        dump = self._netlink.dump(messages.dump(messages.GETTCLASS, wan.index, QDISC))
        ids = ((messages.read_id(body), body) for body in dump)
        stats = {
            number: messages.read_stats(body)
            for number, body in ids
            if number & 0xFFFF_0000 == QDISC and (wanted is None or number in wanted)
        }
        return {
            class_id: ClassStats(
                queued.bytes - header * queued.packets,
                queued.packets,
                max(0, queued.backlog - header * queued.waiting),
                queued.drops,
                wan.index,
            )
            for class_id, queued in stats.items()
        }

    def remove(self, keep: str = "") -> list[str]:
        """Removes all of ours in this network namespace, except at the WAN `keep`; returns what it removed."""
        removed: list[str] = []
        links = self._links()
        targets = {link.name for link in links if link.alias.startswith(ALIAS)}
        for link in (each for each in links if each.name != keep and each.name not in targets):
            found = self._filter(link)
            if found:
                self._remove_filter(link, found)
                removed.append(f"redirect of {link.name}")
            if self._has_our_root(link):
                _raise(self._netlink.send([messages.remove_qdisc(link.index)]))
                removed.append(f"qdisc htb on {link.name}")
        for link in links:
            if link.alias.startswith(ALIAS) and link.alias != ALIAS + keep and link.kind == "ifb":
                self._route.link("del", index=link.index)
                removed.append(f"interface {link.name}")
        return removed

    # Reading.

    def _named(self, name: str) -> _Link | None:
        try:
            (message,) = self._route.link("get", ifname=name)
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return None
            raise
        return _link(message)

    def _links(self) -> list[_Link]:
        # Each is asked for alone: netlink's answer for all at once is cut short while interfaces come and go.
        return [link for _, name in if_nameindex() if (link := self._named(name))]

    def _find(self, links: Sequence[_Link], name: str) -> _Link | None:
        return next((link for link in links if link.name == name), None)

    def _ifb(self, links: Sequence[_Link]) -> _Link | None:
        return next((link for link in links if link.kind == "ifb" and link.alias == ALIAS + self._wan), None)

    def _classes(self, link: _Link) -> tuple[Classes | None, str]:
        """Our classes, None without our HTB; and the kind of the root qdisc if somebody else chose it."""
        leaves = {}
        root = (0, "")
        for body in self._qdiscs(link):
            root = messages.read_root(body) or root
            leaf = messages.read_leaf(body)
            if leaf:
                leaves[leaf[0]] = leaf[1]
        handle, kind = root
        if (handle, kind) != (QDISC, "htb"):
            return None, kind if handle else ""
        dump = self._netlink.dump(messages.dump(messages.GETTCLASS, link.index, QDISC))
        return {each.id: each for body in dump if (each := messages.read_class(body, leaves))}, ""

    def _has_our_root(self, link: _Link) -> bool:
        return any(messages.read_root(body) == (QDISC, "htb") for body in self._qdiscs(link))

    def _qdiscs(self, link: _Link) -> list[memoryview]:
        dump = self._netlink.dump(messages.dump(messages.GETQDISC, link.index))
        return [body for body in dump if messages.read_index(body) == link.index]  # kernels before 4.20 send all

    def _filter(self, link: _Link) -> _Filter | None:
        for message in self._route.get_filters(index=link.index, parent=INGRESS):
            options = message.get_attr("TCA_OPTIONS")
            if message.get_attr("TCA_KIND") != "u32" or message["info"] >> 16 != PRIORITY or options is None:
                continue
            if options.get_attr("TCA_U32_CLASSID") == DEFAULT:
                return _Filter(message["handle"], _target(options))
        return None

    # Writing.

    def _flush(self, changes: Sequence[Change]) -> list[str]:
        """Makes changes of qdiscs and classes, which come by hundreds, in few system calls."""
        if not changes:
            return []
        links = self._links()
        wan, ifb = self._find(links, self._wan), self._ifb(links)
        problems = []
        work: list[_Work] = []
        for change in changes:
            link = wan if change.side is Side.UPLOAD else ifb
            if link is None:
                problems.append(f"{change.side.value} cannot be shaped: its interface is gone")
            elif not (self._foreign and change.side is Side.UPLOAD):
                work += self._work(change, link.index, _wire(wan or link))
        problems += self._send(work)
        return list(dict.fromkeys(problems))

    def _send(self, work: Sequence[_Work]) -> Iterator[str]:
        # The first fq_codel goes alone: where the kernel has none, the others need not be tried.
        probe = next((n for n, each in enumerate(work) if each.adds_fair_queue), None)
        if self._has_fair_queue is None and probe is not None:
            yield from self._send_known(work[:probe])
            code = self._netlink.send([work[probe].message])[0]
            self._has_fair_queue = code not in (errno.ENOENT, errno.EOPNOTSUPP)
            work = work[probe + 1 :]
        yield from self._send_known([each for each in work if not (each.fair_queue and self._has_fair_queue is False)])

    def _send_known(self, work: Sequence[_Work]) -> Iterator[str]:
        errors = self._netlink.send([each.message for each in work])
        for each, code in zip(work, errors, strict=True):
            if code and not (each.fair_queue and code == errno.ENOENT):  # a leaf made without one
                yield _sentence(each.change, code)

    def _work(self, change: Change, index: int, wire: Wire) -> Iterator[_Work]:
        item, add = change.item, change.kind in (ChangeKind.ADD_CLASS, ChangeKind.ADD_QDISC)
        if item is None:
            replaces = self._replace or change.side is Side.DOWNLOAD  # the IFB is all ours
            make = messages.add_qdisc(index, DEFAULT, replace=replaces) if add else messages.remove_qdisc(index)
            yield _Work(change, make)
            return
        if change.kind is ChangeKind.REMOVE_CLASS:
            yield _Work(change, messages.remove_class(index, item))
            return
        yield _Work(change, messages.set_class(index, item, wire, add=add))
        if item.leaf:
            yield _Work(change, messages.set_leaf(index, item.id, item.leaf, add=add))
        if item.leaf and self._has_fair_queue is not False:
            yield _Work(change, messages.set_fair_queue(index, item, item.leaf, wire, add=add), fair_queue=True)

    def _apply(self, change: Change) -> list[str]:
        """Makes a change of an interface or a filter."""
        links = self._links()
        wan, ifb = self._find(links, self._wan), self._ifb(links)
        try:
            match change.kind:
                case ChangeKind.ADD_DEVICE:
                    self._add_device(links)
                case ChangeKind.REMOVE_DEVICE if ifb:
                    self._route.link("del", index=ifb.index)
                case ChangeKind.ADD_REDIRECT if wan and ifb:
                    self._add_filter(wan, ifb)
                case ChangeKind.REMOVE_REDIRECT if wan:
                    found = self._filter(wan)
                    if found:
                        self._remove_filter(wan, found)
        except NetlinkError as error:
            return [_sentence(change, error.code)]
        return []

    def _add_device(self, links: Sequence[_Link]) -> None:
        # A name and an alias cannot be given at once. So an IFB of our name that is down and has no alias is ours: a
        # daemon was killed while it made it.
        name = f"ifb-{self._wan}"[:_NAME_ROOM]
        there, half = self._ifb(links), self._find(links, name)
        if there is None and not (half and half.kind == "ifb" and not half.up and not half.alias):
            self._route.link("add", ifname=name, kind="ifb")
        made = there or self._named(name)
        if made is None:
            raise NetlinkError(errno.ENODEV)
        self._route.link("set", index=made.index, IFLA_IFALIAS=ALIAS + self._wan)
        self._route.link("set", index=made.index, state="up")

    def _add_filter(self, wan: _Link, ifb: _Link) -> None:
        # A u32 that matches all, as not every kernel has matchall. Its class id is nothing but our mark on it.
        self._route.tc(
            "add-filter",
            "u32",
            wan.index,
            parent=INGRESS,
            prio=PRIORITY,
            protocol=ETH_P_ALL,
            target=DEFAULT,
            keys=["0x0/0x0+0"],
            action={"kind": "mirred", "direction": "egress", "action": "redirect", "ifindex": ifb.index},
        )

    def _remove_filter(self, wan: _Link, found: _Filter) -> None:
        info = PRIORITY << 16 | htons(ETH_P_ALL)  # without a kind: pyroute2 wants a target for any u32
        self._route.tc("del-filter", None, wan.index, found.handle, parent=INGRESS, info=info)


def _link(message: Any) -> _Link:  # noqa: ANN401 - pyroute2 has no types
    info = message.get_attr("IFLA_LINKINFO")
    return _Link(
        message["index"],
        message.get_attr("IFLA_IFNAME"),
        message["ifi_type"],
        message.get_attr("IFLA_MTU") or 0,
        bool(message["flags"] & _IFF_UP),
        (info.get_attr("IFLA_INFO_KIND") if info else "") or "",
        message.get_attr("IFLA_IFALIAS") or "",
    )


def _wire(link: _Link) -> Wire:
    return Wire(max(link.mtu, _LEAST_MTU), _ETHERNET_HEADER if link.type == ETHERNET else 0)


def _target(options: Any) -> int:  # noqa: ANN401 - pyroute2 has no types
    """The interface that a filter redirects to, 0 for none."""
    for action in (options.get_attr("TCA_U32_ACT") or {"attrs": ()})["attrs"]:
        inner = action[1].get_attr("TCA_ACT_OPTIONS")
        parms = inner.get_attr("TCA_MIRRED_PARMS") if inner is not None else None
        if parms:
            return int(parms["ifindex"])
    return 0


def _sentence(change: Change, code: int) -> str:
    return f"{change.side.value} cannot be shaped as wanted: {change.kind.value} failed: {os.strerror(code)}"


def _raise(errors: Sequence[int]) -> None:
    for code in filter(None, errors):
        raise OSError(code, os.strerror(code))
