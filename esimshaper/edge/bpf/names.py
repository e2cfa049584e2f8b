# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process that names conversations has of the kernel part: heads in; names of flows and bindings out.

It needs libbpf alone, and no more rights than to open the pins that it uses: the ring `heads`, the maps `bindings`,
`flow_names` and `service_numbers`, and the program `name_flows`, which writes flows in the kernel.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from esimshaper.core.model.services import Address, Head, How
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.usage import service_numbers

_HOWS = tuple(How)
_NAME_BYTES = 123


class Rename(NamedTuple):
    """A flow of an account is for the service `number`. `final`: nobody is to look at its packets any more."""

    flow: bytes
    account: int
    number: int
    final: bool


class NamesMaps:
    """The pins of one generation. Raises OSError or ValueError if they are not there, not ours or not for this user."""

    def __init__(self, generation: Path, programs: Path) -> None:
        self._generation = generation
        with contextlib.ExitStack() as opened:
            self._maps: dict[str, libbpf.Map] = {}
            for name in ("bindings", "flow_names", "service_numbers"):
                found = libbpf.Map(generation / name, *(part.size for part in layouts.LAYOUTS[name]))
                opened.callback(found.close)
                self._maps[name] = found
            self._program = libbpf.open_pin(programs / "name_flows")
            opened.callback(os.close, self._program)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Closes all but the rings that `heads` has returned."""
        self._opened.close()

    def heads(self, callback: Callable[[Head], None]) -> libbpf.Ring:
        """The ring: its `fd` becomes readable, `consume` hands each head to `callback`, in the order of the kernel."""
        size = layouts.HEAD.size

        def receive(record: bytes) -> None:
            flow, account, length, kind = layouts.HEAD.unpack_from(record)
            callback(Head(kind, account, flow, length, record[size:]))

        return libbpf.Ring(self._generation / "heads", receive)

    def numbers(self) -> dict[str, int]:
        """The number of each service that the daemon gave one; `unnamed`, `hidden` and `other` are 0, 1 and 2."""
        return {name: number for number, name in service_numbers(self._maps["service_numbers"]).items()}

    def name(self, flows: Sequence[Rename]) -> int:
        """Gives flows their services, with all bytes that they had so far. Returns how many have not got theirs.

        Those flows are forgotten, or another client's by now.
        """
        # A program sees no more than a page of what it is run on.
        failed = 0
        for first in range(0, len(flows), layouts.RENAMES):
            entries = b"".join(
                layouts.RENAME.pack(flow, account, number | layouts.TAG_FINAL * final)
                for flow, account, number, final in flows[first : first + layouts.RENAMES]
            )
            failed += libbpf.dry_run(self._program, bytes(layouts.LINK_HEADER) + entries).retval
        return failed

    def bind(self, address: Address, account: int, number: int, *, shared: bool) -> None:
        """New flows of an account to `address` begin with that service.

        shared: other services have the address as well.
        """
        key = layouts.BINDING_KEY.pack(layouts.packed(address), account)
        self._maps["bindings"].update(key, layouts.NUMBER.pack(number | layouts.BINDING_SHARED * shared))

    def unbind(self, address: Address, account: int) -> None:
        """Takes a binding back, if it is there still."""
        key = layouts.BINDING_KEY.pack(layouts.packed(address), account)
        with contextlib.suppress(FileNotFoundError):
            self._maps["bindings"].delete(key)

    def note(self, flow: bytes, account: int, how: How, name: str) -> None:
        """Notes for people who the far end of a flow is, and how that is known; of a long name the end."""
        text = name.encode()[-_NAME_BYTES:]
        value = layouts.FLOW_NAME.pack(account, _HOWS.index(how), text)
        self._maps["flow_names"].update(flow, value)


def noted(flow_names: libbpf.Map, flow: bytes, account: int) -> tuple[str, How]:
    """What `note` wrote of a flow of that account; no name where it wrote nothing."""
    value = flow_names.lookup(flow)
    if value is None:
        return "", How.NONE
    owner, how, text = layouts.FLOW_NAME.unpack(value)
    if owner != account or how >= len(_HOWS):
        return "", How.NONE
    return text.rstrip(b"\0").decode(errors="replace"), _HOWS[how]
