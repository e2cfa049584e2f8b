# SPDX-License-Identifier: GPL-2.0-or-later
"""Part of traffic control: clsact and filters, by netlink. Requests are values, which the owner of a socket sends.

Layouts: include/uapi/linux/pkt_cls.h and tc_act/tc_mirred.h, in the machine's byte order.
"""

import struct
from dataclasses import dataclass
from socket import htons

from esimshaper.core.model.kernel import ETH_P_ALL
from esimshaper.edge import netlink
from esimshaper.edge.netlink import CREATE, EXCL, REPLACE, Netlink, attribute
from esimshaper.edge.tc import tcmsg
from esimshaper.edge.tc.tcmsg import (
    DELQDISC,
    DELTFILTER,
    HEAD,
    KIND,
    NEWQDISC,
    NEWTFILTER,
    OPTIONS,
    kind_of,
    message,
    named,
)

_CLSACT_HANDLE, _CLSACT_PARENT = 0xFFFF_0000, 0xFFFF_FFF1

_BPF_FD, _BPF_NAME, _BPF_FLAGS = 6, 7, 8  # TCA_BPF_
_DIRECT_ACTION = 1
_U32_CLASS, _U32_SELECTOR, _U32_ACTIONS = 1, 5, 7  # TCA_U32_
_SELECTOR = struct.Struct("=BBBxHHhhI")  # flags, shift, number of keys, offsets; then mask, value, offset, offset mask
_KEY = struct.Struct("=IIii")
_TERMINAL = 1
_ACT_KIND, _ACT_OPTIONS, _MIRRED_PARMS = 1, 2, 2
_MIRRED = struct.Struct("=IIiiiiI")  # index, capabilities, action, references, bindings, what to do, interface
_STOLEN, _REDIRECT = 4, 1  # TC_ACT_STOLEN, TCA_EGRESS_REDIR
_U32 = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of anybody. One without a handle stands for all of its priority.

    label: the name that bpf filters have. class_id, target: of u32 filters, and the interface that such a one redirects
    to (0: none, or gone).
    """

    priority: int
    handle: int
    kind: str
    label: str = ""
    class_id: int = 0
    target: int = 0


def add_clsact(index: int) -> bytes:
    return message(NEWQDISC, CREATE | EXCL, index, _CLSACT_HANDLE, _CLSACT_PARENT, named("clsact"))


def remove_clsact(index: int) -> bytes:
    return message(DELQDISC, 0, index, _CLSACT_HANDLE, _CLSACT_PARENT)


def set_program(index: int, side: int, priority: int, handle: int, program: int, label: str) -> bytes:
    """A bpf filter with the program that has this descriptor; one that is there gets it without a gap."""
    options = (
        attribute(_BPF_FD, _U32.pack(program))
        + attribute(_BPF_NAME, label.encode() + b"\0")
        + attribute(_BPF_FLAGS, _U32.pack(_DIRECT_ACTION))
    )
    return _message(NEWTFILTER, CREATE | REPLACE, index, side, priority, handle, named("bpf", options))


def add_redirect(index: int, side: int, priority: int, class_id: int, target: int) -> bytes:
    """A filter that sends every packet to the interface `target`; its class id is nothing but a mark on it."""
    # A u32 that matches all, as not every kernel has matchall.
    parms = _MIRRED.pack(0, 0, _STOLEN, 0, 0, _REDIRECT, target)
    action = attribute(_ACT_KIND, b"mirred\0") + attribute(_ACT_OPTIONS, attribute(_MIRRED_PARMS, parms))
    selector = _SELECTOR.pack(_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + _KEY.pack(0, 0, 0, 0)
    options = (
        attribute(_U32_CLASS, _U32.pack(class_id))
        + attribute(_U32_SELECTOR, selector)
        + attribute(_U32_ACTIONS, attribute(1, action))
    )
    return _message(NEWTFILTER, CREATE | EXCL, index, side, priority, 0, named("u32", options))


def remove(index: int, side: int, found: Filter) -> bytes:
    kind = attribute(KIND, found.kind.encode() + b"\0")
    return _message(DELTFILTER, 0, index, side, found.priority, found.handle, kind)


def find_all(kernel: Netlink, index: int, side: int) -> list[Filter]:
    """All filters at one side of an interface. Raises OSError."""
    return [read(body) for body in kernel.dump(tcmsg.dump(tcmsg.GETTFILTER, index, side))]


def read(body: memoryview) -> Filter:
    """A Filter of the kernel's answer."""
    *_, handle, _, info = HEAD.unpack_from(body)
    kind = kind_of(body)
    place = netlink.attributes(body, HEAD.size, len(body)).get(OPTIONS)
    options = netlink.attributes(body, *place) if place else {}
    if kind == "bpf":
        label = netlink.text(body, options[_BPF_NAME]) if _BPF_NAME in options else ""
        return Filter(info >> 16, handle, kind, label)
    if kind != "u32":
        return Filter(info >> 16, handle, kind)
    (class_id,) = _U32.unpack_from(body, options[_U32_CLASS][0]) if _U32_CLASS in options else (0,)
    return Filter(info >> 16, handle, kind, "", class_id, _target(body, options.get(_U32_ACTIONS)))


def _target(body: memoryview, actions: netlink.Place | None) -> int:
    for action in netlink.attributes(body, *actions).values() if actions else ():
        options = netlink.attributes(body, *action).get(_ACT_OPTIONS)
        start, end = netlink.attributes(body, *options).get(_MIRRED_PARMS, (0, 0)) if options else (0, 0)
        if end - start >= _MIRRED.size:
            return int(_MIRRED.unpack_from(body, start)[-1])
    return 0


def _message(kind: int, flags: int, index: int, side: int, priority: int, handle: int, attributes: bytes) -> bytes:
    return message(kind, flags, index, handle, side, attributes, info=priority << 16 | htons(ETH_P_ALL))
