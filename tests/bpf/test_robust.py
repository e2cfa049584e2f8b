# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad packets and full tables: totals stay right, and every unattributed byte has a reason."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from esimshaper.core.model.counts import UNATTRIBUTED_REASONS, Counters, Reason
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT, Account
from esimshaper.edge.bpf import compiler
from tests.bpf.conftest import SMALL, Bench
from tests.bpf.packets import (
    CLIENT6,
    ICMP,
    SERVER4,
    SERVER6,
    TCP,
    UDP,
    WAN4,
    ethernet,
    extension,
    icmp,
    ipv4,
    ipv6,
    tcp,
    udp,
)

ALICE, OTHERS = 2, 4
IPV6 = 0x86DD
SHORTEST = {0x0800: 20, IPV6: 40}
"""BPF_PROG_TEST_RUN refuses less than an IP header; tests/netns sends such frames through a real interface."""

WELL_FORMED = (
    (0x0800, ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, bytes(20), bytes(12)))),
    (0x0800, ipv4(WAN4, SERVER4, UDP, udp(1000, 80, bytes(20)), options=bytes(40))),
    (0x0800, ipv4(WAN4, SERVER4, ICMP, icmp(3, payload=ipv4(SERVER4, WAN4, UDP, udp(1, 2))))),
    (IPV6, ipv6(CLIENT6, SERVER6, 0, extension(60) + extension(43, 24) + extension(UDP) + udp(1, 2))),
    (IPV6, ipv6(CLIENT6, SERVER6, 58, icmp(1, payload=ipv6(SERVER6, CLIENT6, 44, bytes(16))))),
)


def reasons(bench: Bench) -> int:
    return sum(bench.bytes_of(reason) for reason in UNATTRIBUTED_REASONS)


def test_packet_cut_at_any_byte_is_counted_by_its_mark(bench: Bench) -> None:
    expected = 0
    for type_, packet in WELL_FORMED:
        for end in range(SHORTEST[type_], len(packet)):
            bench.up(ethernet(packet[:end], type_), ALICE)
            expected += end
    assert bench.counters(ALICE).up_bytes == expected
    assert bench.packets_of(Reason.WAN_OUT_TRUNCATED) > 0


def test_download_cut_at_any_byte_is_counted_with_a_reason(bench: Bench) -> None:
    expected = 0
    for type_, packet in WELL_FORMED:
        for end in range(SHORTEST[type_], len(packet)):
            bench.down(ethernet(packet[:end], type_))
            expected += end
    assert bench.unattributed().down_bytes == expected == reasons(bench)
    assert bench.bytes_of(Reason.WAN_IN_TRUNCATED) > 0


def test_random_packets_lose_no_byte_and_explain_each(bench: Bench) -> None:
    source = random.Random(42)
    expected = Counters()
    for _ in range(3000):
        type_, packet = source.choice(WELL_FORMED)
        mutable = bytearray(packet)
        for _ in range(source.randrange(1, 6)):
            mutable[source.randrange(4, len(mutable))] = source.randrange(256)
        frame = ethernet(bytes(mutable), type_)
        if source.random() < 0.5:
            bench.up(frame, source.choice((0, ALICE)))
            expected += Counters(up_packets=1)
        else:
            bench.down(frame)
            expected += Counters(down_packets=1)
    reading = bench.read()
    total = sum(reading.accounts.values(), Counters())
    assert (total.down_packets, total.up_packets) == (expected.down_packets, expected.up_packets)
    assert bench.unattributed().total_bytes == reasons(bench)


def test_version_that_contradicts_the_ethertype_is_counted_but_not_believed(bench: Bench) -> None:
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2, bytes(20))), IPV6), ALICE)
    bench.down(ethernet(ipv6(SERVER6, CLIENT6, UDP, udp(2, 1))))
    assert bench.counters(ALICE).up_bytes == 48 == bench.bytes_of(Reason.WAN_OUT_TRUNCATED)
    assert bench.unattributed().down_bytes == 48 == bench.bytes_of(Reason.WAN_IN_TRUNCATED)
    assert bench.meter.flows(10)[0] == 0


def test_endless_extension_headers_end(bench: Bench) -> None:
    chain = b"".join(extension(60) for _ in range(100))
    bench.up(ethernet(ipv6(CLIENT6, SERVER6, 60, chain), IPV6), ALICE)
    assert bench.counters(ALICE).up_bytes == 40 + len(chain)


def test_clients_beyond_the_table_share_one_account_and_are_counted(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(**SMALL)
    marks = [
        bench.lan(ethernet(ipv4("10.0.0.1", SERVER4, UDP, udp(1, 2)), source=f"02:00:00:00:01:{i:02x}"))
        for i in range(5)
    ]
    assert marks == [2, 3, OTHERS, OTHERS, OTHERS]
    assert bench.packets_of(Reason.LAN_CLIENTS_FULL) == 3
    for port, account in enumerate(marks[2:], 1):
        bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 2))), account)
        bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(2, port))))
    assert bench.counters(OTHERS) == Counters(3 * 28, 3 * 28, 3, 3)
    assert bench.read().owners[Account(OTHERS)] == "others"
    assert not bench.unattributed()


def test_full_flow_table_forgets_detail_but_no_total(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(**SMALL)
    for port in range(1, 2001):
        bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(port, 53))), ALICE)
        bench.down(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, port, bytes(10)))))
    total = bench.counters(ALICE) + bench.unattributed()
    assert total == Counters(2000 * 38, 2000 * 28, 2000, 2000)
    assert bench.unattributed().total_bytes == reasons(bench)
    assert bench.meter.flows(10)[0] <= 64


def test_mark_of_somebody_else_never_lands_outside_the_accounts(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(**SMALL)
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2))), 0xFFF)
    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2))), FIRST_CLIENT_ACCOUNT - 1)
    assert bench.unattributed().up_bytes == 56


def test_new_programs_count_into_the_maps_that_are_there(bench: Bench) -> None:
    from esimshaper.edge.bpf import compiler

    bench.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2))), ALICE)
    epoch = bench.read().epoch
    shutil.rmtree(bench.wanted.programs)
    compiler.build(bench.wanted)
    again = Bench(bench.wanted)
    again.up(ethernet(ipv4(WAN4, SERVER4, UDP, udp(1, 2))), ALICE)
    assert again.read().epoch == epoch
    assert bench.counters(ALICE).up_bytes == 56
    again.meter.close()


def test_the_verifier_has_room_on_other_kernels(bench: Bench):
    """It gives up after a million instructions, and older ones need several times as many for the same program."""
    for name in compiler.PROGRAMS:
        lines = Path(f"/proc/self/fdinfo/{bench.meter.program(name).fd}").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        assert int(fields["verified_insns"]) < 100_000, (name, fields["verified_insns"])
