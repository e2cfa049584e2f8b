# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: tc classes, by netlink. Reads our tree at the WAN, changes it, removes just that.

Downloads go through an IFB, because a qdisc shapes only what leaves a device. A fresh start knows our HTB by its
handle, our IFB by its alias, which names the WAN, and the filter that redirects to the IFB by its class id.
"""

import errno
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from esimshaper.core.model.kernel import ETHERNET, INGRESS
from esimshaper.core.model.links import Link
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
from esimshaper.edge.tc import filters, links, messages, tcmsg
from esimshaper.edge.tc.filters import Filter

PRIORITY = 20  # after the program that counts, which is at 10
ALIAS = "esimshaper "
_ETHERNET_HEADER = 14  # bytes; every other link type that we count has none
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
        self._netlink = Netlink()
        self._has_fair_queue: bool | None = None
        self._foreign = False

    def close(self) -> None:
        self._netlink.close()

    def observe(self) -> Shaping | None:
        """The installed classes; None while there is no such interface. Raises OSError."""
        try:
            return self._observe()
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return None

    def _observe(self) -> Shaping | None:
        wan, ifb = self._ends()
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

        Empty without shaping. Raises OSError.
        """
        wan = links.find(self._netlink, self._wan)
        if wan is None:
            return {}
        header = _wire(wan).header
        dump = self._netlink.dump(tcmsg.dump(tcmsg.GETTCLASS, wan.index, QDISC))
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

    def waiting(self) -> Mapping[Side, frozenset[int]]:
        """Ids of our classes in which packets wait; QDISC where anything waits at all. Raises OSError."""
        wan, ifb = self._ends()
        ends = ((side, link) for side, link in ((Side.UPLOAD, wan), (Side.DOWNLOAD, ifb)) if link)
        return {side: frozenset(self._waiting(link)) for side, link in ends}

    def remove(self, keep: str = "", *, only_empty: bool = False) -> list[str]:
        """Removes all of ours in this network namespace, except at the WAN `keep`; returns what it removed.

        only_empty: queues in which packets wait stay, but nothing more is redirected to them.
        """

        def may_go(link: Link) -> bool:
            return not (only_empty and any(self._waiting(link)))

        removed: list[str] = []
        present = list(links.find_all(self._netlink))
        targets = {link.name for link in present if link.alias.startswith(ALIAS)}
        for link in (each for each in present if each.name != keep and each.name not in targets):
            found = self._filter(link)
            if found:
                self._netlink.do(filters.remove(link.index, INGRESS, found))
                removed.append(f"redirect of {link.name}")
            if self._has_our_root(link) and may_go(link):
                self._netlink.do(messages.remove_qdisc(link.index))
                removed.append(f"qdisc htb on {link.name}")
        for link in present:
            if link.alias.startswith(ALIAS) and link.alias != ALIAS + keep and link.kind == "ifb" and may_go(link):
                self._netlink.do(links.remove(link.index))
                removed.append(f"interface {link.name}")
        return removed

    # Reading.

    def _ends(self) -> tuple[Link | None, Link | None]:
        """The WAN and our IFB."""
        present = list(links.find_all(self._netlink))
        wan = next((link for link in present if link.name == self._wan), None)
        return wan, next((link for link in present if link.kind == "ifb" and link.alias == ALIAS + self._wan), None)

    def _classes(self, link: Link) -> tuple[Classes | None, str]:
        """Our classes, None without our HTB; and the kind of the root qdisc if somebody else chose it."""
        leaves = {}
        root = (0, "")
        for body in tcmsg.qdiscs(self._netlink, link.index):
            root = messages.read_root(body) or root
            leaf = messages.read_leaf(body)
            if leaf:
                leaves[leaf[0]] = leaf[1]
        handle, kind = root
        if (handle, kind) != (QDISC, "htb"):
            return None, kind if handle else ""
        dump = self._netlink.dump(tcmsg.dump(tcmsg.GETTCLASS, link.index, QDISC))
        return {each.id: each for body in dump if (each := messages.read_class(body, leaves))}, ""

    def _has_our_root(self, link: Link) -> bool:
        return any(messages.read_root(body) == (QDISC, "htb") for body in tcmsg.qdiscs(self._netlink, link.index))

    def _waiting(self, link: Link) -> Iterator[int]:
        roots = (body for body in tcmsg.qdiscs(self._netlink, link.index) if messages.read_root(body) == (QDISC, "htb"))
        # The kernel also puts back here what a driver did not take; no class has that any more.
        if any(messages.read_stats(body).waiting for body in roots):
            yield QDISC
            for body in self._netlink.dump(tcmsg.dump(tcmsg.GETTCLASS, link.index, QDISC)):
                if messages.read_stats(body).waiting:
                    yield messages.read_id(body)

    def _filter(self, link: Link) -> Filter | None:
        """Our filter that redirects to the IFB."""
        found = filters.find_all(self._netlink, link.index, INGRESS)
        return next((each for each in found if each.priority == PRIORITY and each.class_id == DEFAULT), None)

    # Writing.

    def _flush(self, changes: Sequence[Change]) -> list[str]:
        """Makes changes of qdiscs and classes, which come by hundreds, in few system calls."""
        if not changes:
            return []
        wan, ifb = self._ends()
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
            (error,) = self._netlink.send([work[probe].message])
            self._has_fair_queue = error is None or error.errno not in (errno.ENOENT, errno.EOPNOTSUPP)
            work = work[probe + 1 :]
        yield from self._send_known([each for each in work if not (each.fair_queue and self._has_fair_queue is False)])

    def _send_known(self, work: Sequence[_Work]) -> Iterator[str]:
        errors = self._netlink.send([each.message for each in work])
        for each, error in zip(work, errors, strict=True):
            if error and not (each.fair_queue and error.errno == errno.ENOENT):  # a leaf made without one
                yield _sentence(each.change, error)

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
        wan, ifb = self._ends()
        try:
            match change.kind:
                case ChangeKind.ADD_DEVICE:
                    self._add_device(ifb)
                case ChangeKind.REMOVE_DEVICE if ifb:
                    self._netlink.do(links.remove(ifb.index))
                case ChangeKind.ADD_REDIRECT if wan and ifb:
                    self._netlink.do(filters.add_redirect(wan.index, INGRESS, PRIORITY, DEFAULT, ifb.index))
                case ChangeKind.REMOVE_REDIRECT if wan:
                    found = self._filter(wan)
                    if found:
                        self._netlink.do(filters.remove(wan.index, INGRESS, found))
        except OSError as error:
            return [_sentence(change, error)]
        return []

    def _add_device(self, there: Link | None) -> None:
        # A name and an alias cannot be given at once. So an IFB of our name that is down and has no alias is ours: a
        # daemon was killed while it made it.
        name = f"ifb-{self._wan}"[:_NAME_ROOM]
        half = links.find(self._netlink, name)
        if there is None and not (half and half.kind == "ifb" and not half.up and not half.alias):
            self._netlink.do(links.add(name, "ifb"))
        made = there or links.find(self._netlink, name)
        if made is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self._netlink.do(links.set_alias(made.index, ALIAS + self._wan))
        self._netlink.do(links.set_up(made.index))


def _wire(link: Link) -> Wire:
    return Wire(max(link.mtu, _LEAST_MTU), _ETHERNET_HEADER if link.type == ETHERNET else 0)


def _sentence(change: Change, error: OSError) -> str:
    return f"{change.side.value} cannot be shaped as wanted: {change.kind.value} failed: {error.strerror}"
