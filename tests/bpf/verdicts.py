# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of one packet of Alice on the WAN: let through or dropped, and with which priority."""

from esimshaper.core.model.identity import Account
from esimshaper.edge.bpf import libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import SERVER4, UDP, WAN4, ethernet, ipv4, udp

ALICE, BOB = Account(2), Account(3)
SHOT, PASS = 2, 0xFFFFFFFF
SIZE = 128
UPLOAD = ethernet(ipv4(WAN4, SERVER4, UDP, udp(1000, 53, bytes(SIZE - 28))))
DOWNLOAD = ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000, bytes(SIZE - 28))))


def up(bench: Bench, account: int = ALICE, frame: bytes = UPLOAD) -> int:
    return libbpf.dry_run(bench.meter.program("wan_egress_ethernet").fd, frame, skb(account << 20, LOOPBACK)).retval


def down(bench: Bench, frame: bytes = DOWNLOAD) -> int:
    return libbpf.dry_run(bench.meter.program("wan_ingress_ethernet").fd, frame, skb(0, LOOPBACK)).retval


def priority(bench: Bench, account: int = ALICE) -> int:
    """Which an upload leaves with."""
    context = skb(account << 20, LOOPBACK)
    after = libbpf.dry_run(bench.meter.program("wan_egress_ethernet").fd, UPLOAD, context).context
    return int.from_bytes(after[32:36], "little")


def sent(bench: Bench, program: str, frame: bytes, context: bytes) -> tuple[int, bytes]:
    """Its verdict, and the packet as it is then."""
    run = libbpf.dry_run(bench.meter.program(program).fd, frame, context)
    return run.retval, run.packet
