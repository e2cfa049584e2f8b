# SPDX-License-Identifier: GPL-2.0-or-later
"""A meter of its own for each test: compiled once, maps fresh each time, packets by BPF_PROG_TEST_RUN, as root."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.core.model import ACCOUNT_UNATTRIBUTED, Account, Counters, Reading, Reason
from esimshaper.edge import compiler, libbpf
from esimshaper.edge.meter import Meter

MARK_MASK = 0xFFF00000
LOOPBACK = 1
# struct __sk_buff, include/uapi/linux/bpf.h
MARK, INGRESS_IFINDEX, GSO_SEGS, GSO_SIZE, CONTEXT = 8, 36, 164, 176, 192


def skb(mark: int = 0, ingress_ifindex: int = 0, gso_segs: int = 0, gso_size: int = 0) -> bytes:
    context = bytearray(CONTEXT)
    for offset, value in ((MARK, mark), (INGRESS_IFINDEX, ingress_ifindex), (GSO_SEGS, gso_segs), (GSO_SIZE, gso_size)):
        struct.pack_into("=I", context, offset, value)
    return bytes(context)


class Bench:
    """The three hooks as three methods; each takes a frame and the merged segments it stands for."""

    def __init__(self, wanted: compiler.Build) -> None:
        self.wanted = wanted
        self.meter = Meter(wanted.generation, wanted.programs)

    def lan(self, frame: bytes) -> int:
        """The account that the LAN hook wrote into the mark; 0 for none."""
        after = self._run("lan_ingress_ethernet", frame, skb())
        return struct.unpack_from("=I", after, MARK)[0] >> 20

    def up(self, frame: bytes, account: int = 0, gso: tuple[int, int] = (0, 0)) -> None:
        """From a client; with account 0 from an interface that nobody configured."""
        self._run("wan_egress_ethernet", frame, skb(account << 20, LOOPBACK, *gso))

    def up_from_router(self, frame: bytes, mark: int = 0) -> None:
        self._run("wan_egress_ethernet", frame, skb(mark))

    def down(self, frame: bytes, gso: tuple[int, int] = (0, 0)) -> None:
        self._run("wan_ingress_ethernet", frame, skb(0, LOOPBACK, *gso))

    def _run(self, program: str, frame: bytes, context: bytes) -> bytes:
        result = libbpf.dry_run(self.meter.program(program).fd, frame, context)
        assert result.retval == 0xFFFFFFFF, "filters after ours must still run: TC_ACT_UNSPEC"
        return result.context

    def read(self) -> Reading:
        return self.meter.read()

    def counters(self, account: int) -> Counters:
        return self.read().accounts.get(Account(account), Counters())

    def unattributed(self) -> Counters:
        return self.counters(ACCOUNT_UNATTRIBUTED)

    def bytes_of(self, reason: Reason) -> int:
        event = self.read().events.get(reason)
        return event.bytes if event else 0

    def packets_of(self, reason: Reason) -> int:
        event = self.read().events.get(reason)
        return event.packets if event else 0


@pytest.fixture
def make_bench(bpffs: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(accounts: int = 64, flows: int = 256) -> Bench:
        wanted = compiler.Build(str(bpffs / f"{len(made)}"), MARK_MASK, accounts, flows)
        compiler.build(wanted)
        made.append(Bench(wanted))
        return made[-1]

    yield make
    for bench in made:
        bench.meter.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
