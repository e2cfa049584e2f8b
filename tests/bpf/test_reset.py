# SPDX-License-Identifier: GPL-2.0-or-later
"""A blocked TCP flow is ended by resets, of which each is billed, and only a handful leaves."""

import struct
from collections.abc import Callable

import pytest

from esimshaper.core.model.counts import Reason
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LARGE, LOOPBACK, Bench, skb
from tests.bpf.instructions import PRIORITY, before, leaving
from tests.bpf.packets import CLIENT6, SERVER4, SERVER6, TCP, WAN4, ethernet, ipv4, ipv6, tcp
from tests.bpf.verdicts import ALICE, PASS, SHOT, sent, up

TCP_FIN, TCP_SYN, TCP_RST, TCP_ACK = 0x01, 0x02, 0x04, 0x10
CROSSED = 0x4000


def blocked_flow(bench: Bench) -> None:
    up(bench, frame=ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80))))
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=0))})


def test_blocked_acknowledgement_leaves_as_a_reset_with_a_right_checksum_and_is_billed(bench: Bench) -> None:
    blocked_flow(bench)
    frame = with_checksum(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, options=bytes(12)))))
    verdict, after = sent(bench, "wan_egress_ethernet", frame, skb(ALICE << 20, LOOPBACK))
    assert verdict == PASS
    assert after[:46] == frame[:46], "addresses, ports and numbers stay"
    assert after[47] == TCP_RST | TCP_ACK
    assert after == with_checksum(after)
    assert bench.counters(ALICE).up_bytes == bench.read().budgets[ALICE].upload == 40 + 52
    assert bench.bytes_of(Reason.FLOW_RESET) == 52


def test_client_that_keeps_sending_acknowledgements_gets_a_handful_of_resets_through_and_no_more(bench: Bench) -> None:
    blocked_flow(bench)
    unknown = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1001, 80)))
    assert sent(bench, "wan_egress_ethernet", unknown, skb(ALICE << 20, LOOPBACK))[0] == SHOT
    for flags in (TCP_ACK, TCP_RST):
        frame = with_checksum(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, flags=flags))))
        for _ in range(1000):
            sent(bench, "wan_egress_ethernet", frame, skb(ALICE << 20, LOOPBACK))
    assert bench.counters(ALICE).up_bytes == bench.read().budgets[ALICE].upload == 40 + 8 * 40


def test_each_segment_that_provokes_a_reset_lets_one_more_through(bench: Bench) -> None:
    blocked_flow(bench)
    reset = with_checksum(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, flags=TCP_RST))))
    answer = with_checksum(ethernet(ipv4(SERVER4, WAN4, TCP, tcp(80, 1000, bytes(101)))))

    def let_through() -> int:
        context = skb(ALICE << 20, LOOPBACK)
        return [sent(bench, "wan_egress_ethernet", reset, context)[0] for _ in range(50)].count(PASS)

    assert let_through() == 8
    provoked = [sent(bench, "wan_ingress_ethernet", answer, skb(0, LOOPBACK))[0] for _ in range(500)].count(PASS)
    assert let_through() == provoked - 1  # the first was a reset itself


def test_blocked_data_is_dropped_and_downwards_the_first_segment_is_a_reset_and_the_second_provokes_one(
    bench: Bench,
) -> None:
    blocked_flow(bench)
    data = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, b"data")))
    assert sent(bench, "wan_egress_ethernet", data, skb(ALICE << 20, LOOPBACK))[0] == SHOT
    answer = with_checksum(ethernet(ipv4(SERVER4, WAN4, TCP, tcp(80, 1000, bytes(101)))))
    verdict, after = sent(bench, "wan_ingress_ethernet", answer, skb(0, LOOPBACK))
    assert (verdict, after[47]) == (PASS, TCP_RST | TCP_ACK)
    assert after == with_checksum(after)
    provoking = sent(bench, "wan_ingress_ethernet", answer, skb(0, LOOPBACK))
    assert (provoking[0], provoking[1][47]) == (PASS, TCP_ACK)
    for frame in (after, provoking[1]):
        assert len(frame) == 14 + 20 + 20, "no byte of its data goes on"
        assert int.from_bytes(frame[16:18], "big") == 40
    assert [sent(bench, "wan_ingress_ethernet", answer, skb(0, LOOPBACK))[0] for _ in range(60)] == [SHOT] * 60
    assert bench.read().wasted[ALICE] == 62 * 141


def test_reset_for_a_blocked_device_is_looked_at_no_more_where_it_leaves_for_the_lan(bench: Bench) -> None:
    blocked_flow(bench)
    answer = with_checksum(ethernet(ipv4(SERVER4, WAN4, TCP, tcp(80, 1000, bytes(101)))))

    def left_beside() -> int:
        with before(bench.meter.program("wan_ingress_ethernet").fd, leaving(0)) as program:
            after = libbpf.dry_run(program, answer, skb(0, LOOPBACK), repeat=2)
        return int(struct.unpack_from("=I", after.context, PRIORITY)[0])

    assert left_beside() == 0
    bench.meter.write_policies({ALICE: Policy()})
    assert left_beside() == CROSSED | ALICE


def with_checksum(frame: bytes) -> bytes:
    """The IPv4 frame with the TCP checksum that it should have (RFC 9293, section 3.1)."""
    start = 14 + (frame[14] & 15) * 4
    segment = frame[start : start + 16] + bytes(2) + frame[start + 18 :]
    pseudo = frame[26:34] + bytes((0, TCP)) + len(segment).to_bytes(2, "big")
    data = pseudo + segment + bytes(len(segment) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return frame[: start + 16] + (~total & 0xFFFF).to_bytes(2, "big") + frame[start + 18 :]


@pytest.mark.parametrize("flags", [TCP_SYN, TCP_FIN | TCP_ACK, TCP_SYN | TCP_ACK])
def test_segment_that_opens_or_closes_a_flow_is_dropped_and_no_reset(bench: Bench, flags: int) -> None:
    blocked_flow(bench)
    upload = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, flags=flags)))
    assert sent(bench, "wan_egress_ethernet", upload, skb(ALICE << 20, LOOPBACK)) == (SHOT, upload)
    if flags & TCP_SYN:
        download = ethernet(ipv4(SERVER4, WAN4, TCP, tcp(80, 1000, flags=flags)))
        assert sent(bench, "wan_ingress_ethernet", download, skb(0, LOOPBACK)) == (SHOT, download)
    assert bench.packets_of(Reason.FLOW_RESET) == 0


def test_a_lost_reset_is_provoked_again_every_64th_segment(bench: Bench) -> None:
    blocked_flow(bench)
    answer = with_checksum(ethernet(ipv4(SERVER4, WAN4, TCP, tcp(80, 1000, bytes(101)))))
    verdicts = [sent(bench, "wan_ingress_ethernet", answer, skb(0, LOOPBACK))[0] for _ in range(200)]
    assert [number for number, verdict in enumerate(verdicts, 1) if verdict == PASS] == [1, 2, 66, 130, 194]


def test_flow_that_goes_on_for_ever_gets_eight_segments_through_and_no_more(bench: Bench) -> None:
    blocked_flow(bench)
    answer = with_checksum(ethernet(ipv4(SERVER4, WAN4, TCP, tcp(80, 1000, bytes(101)))))
    verdicts = [sent(bench, "wan_ingress_ethernet", answer, skb(0, LOOPBACK))[0] for _ in range(70_000)]
    assert verdicts.count(PASS) == 8


def test_thousands_of_flows_bring_no_more_than_32_kb_past_a_block_and_as_much_again_in_a_day(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(**LARGE)
    ports = range(1000, 1200)
    for port in ports:
        up(bench, frame=ethernet(ipv4(WAN4, SERVER4, TCP, tcp(port, 80))))
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    answers = [with_checksum(ethernet(ipv4(SERVER4, WAN4, TCP, tcp(80, port, bytes(101))))) for port in ports]
    acknowledgements = [with_checksum(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(port, 80)))) for port in ports]
    down = [sent(bench, "wan_ingress_ethernet", frame, skb(0, LOOPBACK))[0] for _ in range(200) for frame in answers]
    assert down.count(PASS) == 800, "of 40 bytes each"
    up_again = [sent(bench, "wan_egress_ethernet", frame, skb(ALICE << 20, LOOPBACK))[0] for frame in acknowledgements]
    assert PASS not in up_again


def test_segment_over_ipv6_is_cut_with_a_right_length_and_checksum(bench: Bench) -> None:
    up(bench, frame=ethernet(ipv6(CLIENT6, SERVER6, TCP, tcp(1000, 80)), 0x86DD))
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    answer = ethernet(ipv6(SERVER6, CLIENT6, TCP, tcp(80, 1000, bytes(500), options=bytes(12))), 0x86DD)
    verdict, after = sent(bench, "wan_ingress_ethernet", answer, skb(0, LOOPBACK))
    assert (verdict, len(after), int.from_bytes(after[18:20], "big")) == (PASS, 14 + 40 + 20, 20)
    pseudo = after[22:54] + (20).to_bytes(4, "big") + TCP.to_bytes(4, "big") + after[54:]
    total = sum(int.from_bytes(pseudo[at : at + 2], "big") for at in range(0, len(pseudo), 2))
    assert total % 0xFFFF == 0


def test_segment_without_acknowledgement_becomes_a_reset_without_one(bench: Bench) -> None:
    blocked_flow(bench)
    frame = with_checksum(ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80, flags=0))))
    _, after = sent(bench, "wan_egress_ethernet", frame, skb(ALICE << 20, LOOPBACK))
    assert after[47] == TCP_RST


def test_later_fragment_is_never_changed_even_where_a_flow_has_no_ports(bench: Bench) -> None:
    up(bench, frame=ethernet(ipv4(WAN4, SERVER4, TCP, tcp(0, 0))))
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=0))})
    fragment = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(0, 0), fragment=100))
    assert sent(bench, "wan_egress_ethernet", fragment, skb(ALICE << 20, LOOPBACK)) == (SHOT, fragment)
