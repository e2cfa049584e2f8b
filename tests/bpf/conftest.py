# SPDX-License-Identifier: GPL-2.0-or-later
"""A meter of its own for each test: compiled once, maps fresh each time, packets by BPF_PROG_TEST_RUN, as root."""

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.reading import Reading
from esimshaper.edge.bpf import compiler, layouts, libbpf
from esimshaper.edge.bpf.meter import Meter
from tests.kernel_parts import Loan, empty, kernel_parts
from tests.mounts import mounted_bpffs
from tests.rows import apart

MARK_MASK = 0xFFF00000
SMALL, LARGE = {"accounts": 5, "flows": 64}, {"accounts": 4096, "flows": 8192}
"""Sizes for `make_bench`: few of them, as each size is compiled for itself."""
LOOPBACK = 1
NOBODY, SOMEBODY = bytes(layouts.CLIENT_KEY.size), layouts.CLIENT_KEY.pack(b"somebody", layouts.IP)
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
        reading = self.meter.read()
        assert not apart(reading), "rows of an account by service are all that it was charged"
        return reading

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
    """Of any size; each size takes seconds the first time."""
    loans: list[Loan] = []
    made: list[Bench] = []

    def make(
        accounts: int = 64,
        flows: int = 256,
        *,
        services: bool = True,
        uplinks: tuple[str, ...] = (),
        scopes: tuple[str, ...] = (),
    ) -> Bench:
        wanted = compiler.Build(str(bpffs / f"{len(made)}"), MARK_MASK, accounts, flows, services, uplinks, scopes)
        loan = kernel_parts.lend(wanted)
        assert loan
        loans.append(loan)
        made.append(Bench(wanted))
        own_all(made[-1].meter)
        return made[-1]

    yield make
    for bench, loan in zip(made, loans, strict=True):
        bench.meter.close()
        kernel_parts.take_back(loan)


@pytest.fixture(scope="session")
def compiled() -> Iterator[compiler.Build]:
    """The programs of the usual sizes, shared by all tests that need no others."""
    with mounted_bpffs() as place:
        wanted = compiler.Build(str(place / "pins"), MARK_MASK, 64, 256)
        kernel_parts.lend(wanted)
        yield wanted


@contextlib.contextmanager
def emptied(wanted: compiler.Build) -> Iterator[Bench]:
    """Its maps are as new: empty, and of an epoch of their own."""
    empty(wanted)
    compiler.initialise_maps(wanted)
    bench = Bench(wanted)
    own_all(bench.meter)
    yield bench
    bench.meter.close()


@pytest.fixture
def bench(compiled: compiler.Build) -> Iterator[Bench]:
    with emptied(compiled) as bench:
        yield bench


def own_all(meter: Meter) -> None:
    """Each account has a client, so that its number may stand in the mark of a packet."""
    for number in range(meter.everyone):
        meter._maps["owners"].update(layouts.NUMBER.pack(number), SOMEBODY)
