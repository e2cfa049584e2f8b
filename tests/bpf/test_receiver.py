# SPDX-License-Identifier: GPL-2.0-or-later
"""The second look at the LAN: who gets a download has it, and is held to its limits; the sum stays what was charged.

BPF_PROG_TEST_RUN cannot set tc_index, by which the WAN speaks to the LAN: these programs are made of a copy of the
source that reads skb->priority there.
"""

import contextlib
import struct
from collections.abc import Iterator

import pytest

from esimshaper.core.model.counts import Budget, Counters, Reason
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.reading import Moves, Reading
from esimshaper.core.model.tunnels import TunnelEnd
from esimshaper.edge.bpf import compiler, libbpf
from esimshaper.edge.bpf.meter import Meter
from tests.bpf.conftest import CONTEXT, LOOPBACK, MARK_MASK, empty, skb
from tests.bpf.packets import (
    CLIENT6,
    ICMP,
    LAN_MAC,
    SERVER4,
    SERVER6,
    UDP,
    WAN4,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    mac,
    udp,
)
from tests.bpf.trees import looking_by_priority
from tests.mounts import mounted_bpffs

ALICE, BOB, OTHERS = Account(2), Account(3), Account(63)
BOB_MAC = "02:00:00:00:00:11"
SHOT, PASS = 2, 0xFFFFFFFF
SIZE = 128
PRIORITY = 32  # in struct __sk_buff
CROSSED, FRAGMENT, APART = 0x4000, 0x2000, 0x1000
PAYLOAD = udp(53, 1000, bytes(SIZE - 28))
DOWNLOAD = ethernet(ipv4(SERVER4, WAN4, UDP, PAYLOAD))
FIRST = ethernet(ipv4(SERVER4, WAN4, UDP, PAYLOAD[:8], fragment=0x2000))


class LanBench:
    """The hooks of the WAN and the LAN, of the copy."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def meet(self, source: str) -> None:
        """A client of that MAC is known from now on."""
        self._run("lan_ingress_ethernet", ethernet(ipv4("10.0.0.1", SERVER4, UDP, PAYLOAD), source=source), skb())

    def upload(self, account: int) -> None:
        self._run(
            "wan_egress_ethernet", ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53))), skb(account << 20, LOOPBACK)
        )

    def download(self, frame: bytes = DOWNLOAD) -> int:
        return self._run("wan_ingress_ethernet", frame, skb(0, LOOPBACK))

    def deliver(self, to: str, charged: int, fragment: int = 0, frame: bytes = b"") -> int:
        """What the LAN makes of a download that the WAN charged to an account."""
        context = bytearray(CONTEXT)
        struct.pack_into("=I", context, PRIORITY, CROSSED | fragment | charged)
        packet = frame or ethernet(ipv4(SERVER4, "10.0.0.1", UDP, PAYLOAD), destination=to)
        return self._run("lan_egress_ethernet", packet, bytes(context))

    def run_raw(self, program: str, packet: bytes, crossing: int = 0) -> int:
        """A hook of a link without MACs."""
        context = bytearray(CONTEXT)
        struct.pack_into("=I", context, PRIORITY, crossing)
        return self._run(program, ethernet(packet, 0x86DD), bytes(context))

    def _run(self, program: str, frame: bytes, context: bytes) -> int:
        return libbpf.dry_run(self.meter.program(program).fd, frame, context).retval

    def read(self) -> Reading:
        return self.meter.read()


@pytest.fixture(scope="module")
def lan_meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meter]:
    folder = tmp_path_factory.mktemp("lan")
    with mounted_bpffs() as place, looking_by_priority(folder, place / "pins", 64, 256, MARK_MASK) as meter:
        yield meter


@pytest.fixture
def bench(lan_meter: Meter) -> Iterator[LanBench]:
    wanted = compiler.Build(str(lan_meter.generation.parent), MARK_MASK, 64, 256)
    empty(wanted)
    compiler.initialise_maps(wanted)
    with contextlib.closing(Meter(lan_meter.generation, next(lan_meter.generation.glob("programs-*")))) as meter:
        bench = LanBench(meter)
        bench.meet(LAN_MAC)
        bench.meet(BOB_MAC)
        yield bench


def charged(bench: LanBench) -> dict[Account, int]:
    return {account: counters.down_bytes for account, counters in bench.read().accounts.items() if counters.down_bytes}


def test_download_of_nobody_is_moved_to_who_gets_it(bench: LanBench) -> None:
    bench.download()
    assert bench.deliver(LAN_MAC, ACCOUNT_UNATTRIBUTED) == PASS
    reading = bench.read()
    assert charged(bench) == {ACCOUNT_UNATTRIBUTED: SIZE}
    assert reading.moves[ALICE].got == reading.moves[ACCOUNT_UNATTRIBUTED].given == Counters(SIZE, 0, 1, 0)
    assert reading.budgets[ALICE] == Budget(SIZE, SIZE, 0)
    assert ACCOUNT_UNATTRIBUTED not in reading.budgets or not reading.budgets[ACCOUNT_UNATTRIBUTED].both
    assert not reading.strayed


def test_download_for_the_account_that_was_charged_is_left_alone(bench: LanBench) -> None:
    bench.upload(ALICE)
    bench.download()
    assert bench.deliver(LAN_MAC, ALICE) == PASS
    assert not bench.read().moves
    assert not bench.read().events


def test_packet_that_did_not_cross_the_wan_is_left_alone(bench: LanBench) -> None:
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    for context in (skb(), skb(0, LOOPBACK)):
        frame = ethernet(ipv4(SERVER4, "10.0.0.1", UDP, PAYLOAD), destination=LAN_MAC)
        assert libbpf.dry_run(bench.meter.program("lan_egress_ethernet").fd, frame, context).retval == PASS


def test_blocked_receiver_gets_nothing_and_is_charged(bench: LanBench) -> None:
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    bench.download()
    assert bench.deliver(LAN_MAC, ACCOUNT_UNATTRIBUTED) == SHOT
    reading = bench.read()
    assert reading.moves[ALICE].got.down_bytes == reading.wasted[ALICE] == SIZE
    assert reading.events.keys() == {Reason.WAN_IN_FLOW_MISSING, Reason.LAN_BLOCKED}


def test_limit_of_the_receiver_ends_at_the_byte(bench: LanBench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=3 * SIZE))})
    delivered = []
    for _ in range(5):
        bench.download()
        delivered.append(bench.deliver(LAN_MAC, ACCOUNT_UNATTRIBUTED))
    assert delivered == [PASS] * 3 + [SHOT] * 2


def test_client_whose_flow_another_gets_gets_its_bytes_back_and_it_is_said(bench: LanBench) -> None:
    bench.meter.add_groups(["family"])
    group = bench.read().groups["family"]
    bench.meter.write_policies({ALICE: Policy(parent=group), BOB: Policy(parent=group)})
    bench.upload(ALICE)
    bench.download()
    assert bench.deliver(BOB_MAC, ALICE) == PASS
    reading = bench.read()
    assert (reading.budgets[ALICE].download, reading.budgets[BOB].download) == (0, SIZE)
    assert reading.budgets[group].download == SIZE, "once, not twice"
    assert reading.strayed == {ALICE: SIZE}
    assert charged(bench) == {ALICE: SIZE}, "what was billed stays what it was"


def test_block_of_everyone_holds_for_who_is_not_exempt(bench: LanBench) -> None:
    everyone = bench.meter.everyone
    bench.meter.write_policies({ALICE: Policy(exempt=True, parent=everyone), BOB: Policy(parent=everyone)})
    bench.meter.write_policies({everyone: Policy(blocked=True)})
    bench.upload(ALICE)
    bench.download()
    assert bench.deliver(BOB_MAC, ALICE) == SHOT
    bench.download()
    assert bench.deliver(LAN_MAC, ACCOUNT_ROUTER) == PASS


def test_device_that_never_sends_is_one_of_the_others(bench: LanBench) -> None:
    bench.download()
    assert bench.deliver("02:00:00:00:00:77", ACCOUNT_UNATTRIBUTED) == PASS
    assert bench.read().moves[OTHERS].got.down_bytes == SIZE
    bench.meter.write_policies({OTHERS: Policy(blocked=True)})
    bench.download()
    assert bench.deliver("01:00:5e:00:00:01", ACCOUNT_UNATTRIBUTED) == SHOT


def test_throttled_receiver_is_held_to_its_police_rate(bench: LanBench) -> None:
    bench.meter.write_policies({ALICE: Policy(throttle_at=Thresholds(both=0), police_rate=1)})
    delivered = []
    for _ in range(3):
        bench.download()
        delivered.append(bench.deliver(LAN_MAC, ACCOUNT_UNATTRIBUTED))
    assert SHOT in delivered


def test_more_than_the_wan_charged_is_not_moved(bench: LanBench) -> None:
    bench.download()
    for _ in range(3):
        bench.deliver(LAN_MAC, ACCOUNT_UNATTRIBUTED)
    reading = bench.read()
    assert reading.moves[ALICE].got.down_bytes == SIZE
    assert not reading.budgets[ACCOUNT_UNATTRIBUTED].both
    assert reading.budgets[ALICE].download == 3 * SIZE, "its limits hold all the same"
    assert reading.accounts.get(ALICE, Counters()).down_bytes == 0, "and nothing is billed twice"


def test_device_that_asks_as_its_neighbour_and_listens_at_no_address_is_one_of_the_others(bench: LanBench) -> None:
    bench.meter.write_policies({OTHERS: Policy(block_at=Thresholds(both=SIZE))})
    bench.upload(BOB)
    delivered = []
    for _ in range(3):
        bench.download()
        delivered.append(bench.deliver("02:00:00:00:00:77", BOB))
    reading = bench.read()
    assert delivered == [PASS, SHOT, SHOT]
    assert reading.moves[BOB] == Moves(given=Counters(3 * SIZE, 0, 3, 0), strayed=3 * SIZE, strayed_to=OTHERS)
    assert not reading.budgets[BOB].download


def test_datagram_that_begins_as_of_bob_is_of_who_gets_its_last_first_fragment(bench: LanBench) -> None:
    """A first fragment with a bad checksum is one that our hook sees, and the kernel drops."""
    bench.upload(BOB)
    bench.download(FIRST)
    bench.download(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(SIZE - 28), fragment=0x2001)))
    bench.upload(ALICE)
    bench.download(FIRST)
    reading = bench.read()
    assert reading.moves[BOB].given == reading.moves[ALICE].got == Counters(SIZE + 20, 0, 2, 0)
    assert (reading.budgets[ALICE].download, reading.budgets[BOB].download) == (SIZE + 48, 0)
    whole = ethernet(ipv4(SERVER4, "10.0.0.1", UDP, PAYLOAD), destination=LAN_MAC)
    assert bench.deliver(LAN_MAC, ALICE, FRAGMENT, whole) == PASS
    assert bench.read().budgets[ALICE].download == SIZE + 48
    bench.deliver(BOB_MAC, BOB, FRAGMENT, mac(BOB_MAC) + whole[6:])
    assert bench.read().budgets[BOB].download == SIZE, "no credit is left of what is not his any more"


def test_fragments_whose_first_one_is_for_nobody_stay_with_their_client(bench: LanBench) -> None:
    """NAT goes by the ports of that one, so nobody gets them; and the client asked for the datagram before it."""
    bench.upload(BOB)
    bench.download(FIRST)
    bench.download(ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1001), fragment=0x2000)))
    reading = bench.read()
    assert not reading.moves
    assert charged(bench) == {BOB: 28, ACCOUNT_UNATTRIBUTED: 28}
    assert reading.budgets[BOB].download == 28


def test_ping_that_another_gets_is_moved_and_is_no_sign_of_a_stray(bench: LanBench) -> None:
    """Two devices may choose the same identifier, which is all that tells pings of one server apart."""
    bench.upload(ALICE)
    bench.download()
    answer = ethernet(ipv4(SERVER4, "10.0.0.1", ICMP, icmp(0, 7, bytes(SIZE - 28))), destination=BOB_MAC)
    assert bench.deliver(BOB_MAC, ALICE, frame=answer) == PASS
    reading = bench.read()
    assert reading.moves[ALICE].given == reading.moves[BOB].got == Counters(SIZE, 0, 1, 0)
    assert not reading.strayed


def test_rest_of_a_datagram_that_nobody_remembers_counts_for_the_limit_and_is_not_billed_again(bench: LanBench) -> None:
    """Its entry was pushed out of the table, and nobody has as many bytes that could be moved."""
    bench.upload(ALICE)
    bench.download(FIRST)
    whole = ethernet(ipv4(SERVER4, "10.0.0.1", UDP, PAYLOAD), destination=LAN_MAC)
    assert bench.deliver(LAN_MAC, ALICE, FRAGMENT, whole) == PASS
    assert bench.read().budgets[ALICE].download == SIZE
    assert charged(bench) == {ALICE: 28}


def test_limit_counts_fragments_before_the_first_and_holds_that_one_back(bench: LanBench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=SIZE))})
    bench.upload(ALICE)
    assert bench.download(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(SIZE - 28), fragment=1))) == PASS
    assert bench.download(FIRST) == SHOT


def test_fragments_that_leave_one_by_one_are_no_credit_for_others(bench: LanBench) -> None:
    """Where nothing puts them together, as for IPv6, the LAN sees each by itself."""
    bench.upload(ALICE)
    later = ethernet(ipv4(SERVER4, WAN4, UDP, bytes(SIZE - 28), fragment=1))
    for frame in (FIRST, later):
        bench.download(frame)
        bench.deliver(LAN_MAC, ALICE, FRAGMENT, mac(LAN_MAC) + frame[6:])
    assert bench.read().budgets[ALICE].download == SIZE + 20
    whole = ethernet(ipv4(SERVER4, "10.0.0.1", UDP, PAYLOAD), destination=LAN_MAC)
    bench.deliver(LAN_MAC, ALICE, FRAGMENT, whole)
    assert bench.read().budgets[ALICE].download == SIZE + 20 + SIZE


def test_download_out_of_a_tunnel_is_held_to_the_limits_of_who_gets_it(bench: LanBench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(both=3 * SIZE))})
    bench.meter.carry_tunnels([TunnelEnd(UDP, 51820)])
    delivered = [bench.deliver(LAN_MAC, APART | ACCOUNT_ROUTER) for _ in range(3)]
    assert delivered == [PASS, PASS, SHOT], "each is longer outside"
    claimed = bench.read().tunnels.inner[ALICE].down_bytes
    assert claimed == bench.read().budgets[ALICE].download > 3 * SIZE, "with what the tunnel adds to each"
    assert not bench.read().moves
    assert bench.deliver(LAN_MAC, APART | ALICE) == PASS, "the tunnel was right"


def test_receiver_on_a_link_without_macs_is_its_address_whatever_headers_follow(bench: LanBench) -> None:
    liar = ipv6(SERVER6, CLIENT6, 60, bytes((UDP, 255)) + bytes(100))
    upload = ipv6(CLIENT6, SERVER6, 60, bytes((UDP, 255)))
    bench.run_raw("lan_ingress_raw", upload)
    assert bench.read().owners[Account(4)] == CLIENT6, "and so is a sender"
    bench.meter.write_policies({Account(4): Policy(blocked=True)})
    bench.download(ethernet(liar, 0x86DD))
    assert bench.run_raw("lan_egress_raw", liar, CROSSED | ACCOUNT_UNATTRIBUTED) == SHOT


def test_blocked_device_gets_nothing_from_an_address_that_is_not_billed(bench: LanBench) -> None:
    """Whoever is far away may write the address of the modem into what he sends."""
    bench.meter.write_policies({ALICE: Policy(parent=bench.meter.everyone), BOB: Policy(blocked=True)})
    bench.meter.write_policies({bench.meter.everyone: Policy(blocked=True)})
    for fragment in (0, FRAGMENT):
        assert bench.deliver(LAN_MAC, APART | ACCOUNT_UNATTRIBUTED, fragment) == PASS, "the plan is bought anew there"
        assert bench.deliver(BOB_MAC, APART | ACCOUNT_UNATTRIBUTED, fragment) == SHOT


def test_block_by_hand_holds_for_what_waited_in_a_queue_of_ours(bench: LanBench) -> None:
    bench.upload(ALICE)
    bench.download()
    bench.meter.write_policies({ALICE: Policy(blocked=True)})
    assert bench.deliver(LAN_MAC, ALICE) == PASS, "without a queue nothing can wait, and only resets come here"
    bench.meter.give_classes_at(0, 7)
    assert bench.deliver(LAN_MAC, ALICE) == SHOT
    assert bench.read().wasted[ALICE] == SIZE
    bench.meter.write_policies({bench.meter.everyone: Policy()})
    bench.meter.write_policies({ALICE: Policy(exempt=True, parent=bench.meter.everyone)})
    bench.download()
    bench.meter.write_policies({bench.meter.everyone: Policy(blocked=True, block_at=Thresholds(both=1))})
    assert bench.deliver(LAN_MAC, ALICE) == PASS, "it was let pass by hand, and is not held to the plan once more"
    bench.meter.write_policies({ALICE: Policy(parent=bench.meter.everyone)})
    assert bench.deliver(LAN_MAC, ALICE) == SHOT


def test_fragments_that_came_before_their_first_are_moved_when_the_datagram_leaves(bench: LanBench) -> None:
    """The first one has 8 bytes; the kernel puts all behind it, and the LAN sees the whole."""
    bench.upload(ALICE)
    bench.download(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(SIZE - 28), fragment=1)))
    bench.download(FIRST)
    whole = ethernet(ipv4(SERVER4, "10.0.0.1", UDP, PAYLOAD), destination=LAN_MAC)
    assert bench.deliver(LAN_MAC, ALICE, FRAGMENT, whole) == PASS
    reading = bench.read()
    assert reading.moves[ALICE] == Moves(got=Counters(SIZE - 8, 0, 1, 0))
    assert reading.budgets[ALICE].download == SIZE + 20
    assert reading.accounts[ALICE].down_bytes == 28
    assert not reading.budgets[ACCOUNT_UNATTRIBUTED].both


def test_fragments_in_order_are_not_charged_twice(bench: LanBench) -> None:
    bench.upload(ALICE)
    bench.download(FIRST)
    bench.download(ethernet(ipv4(SERVER4, WAN4, UDP, bytes(SIZE - 28), fragment=1)))
    whole = ethernet(ipv4(SERVER4, "10.0.0.1", UDP, PAYLOAD), destination=LAN_MAC)
    assert bench.deliver(LAN_MAC, ALICE, FRAGMENT, whole) == PASS
    assert not bench.read().moves
    assert bench.read().budgets[ALICE].download == SIZE + 20
