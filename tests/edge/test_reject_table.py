# SPDX-License-Identifier: GPL-2.0-or-later
"""The reject table in the real nftables: what ends by itself, and what somebody else did."""

import os
import time
from collections.abc import Iterator

import pytest

from esimshaper.core.model.identity import ClientKey
from esimshaper.edge.nft.scripts import Blocked, Known
from esimshaper.edge.nft.tables import RejectTable
from esimshaper.lab import Host, namespaces
from esimshaper.lab.namespaces import PREFIX, wait_until
from tests.edge.probe.boxes import needs_root

TV, PHONE, SECOND = ClientKey("02:00:00:00:00:01"), ClientKey("02:00:00:00:00:02"), 10**9


@pytest.fixture
def box() -> Iterator[Host]:
    host = Host("box", f"{PREFIX}-{os.getpid()}-0-rejects")
    namespaces.add([host.netns])
    yield host
    namespaces.remove([host.netns])


def now() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def listed(box: Host) -> str:
    return box.run(["nft", "list", "table", "inet", "esimshaper"])


@needs_root
def test_what_ends_by_itself_ends_without_a_daemon_and_is_nobodys_doing(box: Host) -> None:
    table, begun = RejectTable(["wan0"], ["br0"]), now()
    end = begun + SECOND
    assert (
        box.call(table.reject, Blocked({TV: end, PHONE: None}, frozenset({PHONE}), but_until=end), Known(), begun) == ""
    )
    assert TV in listed(box)
    assert '"br0" timeout' in listed(box)
    wait_until("the end", lambda: TV not in listed(box) and '"br0" timeout' not in listed(box))
    assert now() >= end
    assert PHONE in listed(box)
    assert not box.call(table.notice_changes, now())


@needs_root
def test_what_somebody_else_takes_out_before_its_end_is_noticed(box: Host) -> None:
    table, begun = RejectTable(["wan0"], ["br0"]), now()
    assert box.call(table.reject, Blocked({TV: begun + 60 * SECOND}), Known(), begun) == ""
    assert not box.call(table.notice_changes, begun)
    box.run(["nft", "delete", "element", "inet", "esimshaper", "blocked_macs", "{", TV, "}"])
    assert box.call(table.notice_changes, begun)
