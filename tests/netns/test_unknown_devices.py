# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that nobody listed, with the real daemon: another MAC address or a thousand of them escape no limit."""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from esimshaper.lab import Lab, WanKind
from tests.netns.limits import CLIENTS, change_mac, passes, reboot_in_order, row_of, state_of
from tests.netns.router import Router, bytes_of

ALICE_IS_A_STRANGER = CLIENTS.replace("02:00:00:00:00:10", "02:00:00:00:00:77")


def test_device_that_changes_its_mac_has_what_group_unknown_has_and_no_more(make_router: Callable[..., Router]) -> None:
    guests = (
        "quotas:\n  - {name: guests, for: group/unknown, limit: 3MB, period: month, direction: upload, then: block}\n"
    )
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, ALICE_IS_A_STRANGER + guests).start()
        stranger, server = lab.clients[0], lab.servers4[0]
        before = router.measure()
        for number in range(4):
            if number:
                change_mac(stranger, f"02:00:00:00:01:{number:02x}")
            if number % 2:
                router.kill()
            stranger.call(udp_up, server, 900_000 if number < 3 else 2_000_000)
            if number % 2:
                router.start()
        moved = router.measure() - before
        row = row_of(router, "guests", "group/unknown")
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert len([name for name, counters in moved.totals.items() if counters.up_bytes > 100_000]) == 4
        assert 2_999_000 <= moved.bill.of(server).up_bytes <= 3_000_000
        assert row["used_bytes"] == moved.bill.of(server).up_bytes
        assert not passes(stranger, server)


@pytest.mark.parametrize("subject", ["each-client", "group/unknown"])
def test_who_makes_up_addresses_until_no_account_is_left_escapes_no_limit(
    make_router: Callable[..., Router], bpffs: Path, subject: str
) -> None:
    limit = f"{{name: q, for: {subject}, limit: 1MB, direction: upload, period: month, then: block}}"
    settings = f"{CLIENTS.replace(':10', ':66')}meter: {{max_clients: 4}}\nquotas: [{limit}]\n"
    with Lab(WanKind.TUN) as lab:
        router = make_router(lab, settings).start()
        stranger, bob = lab.clients
        before = router.measure()
        for number in range(12):
            change_mac(stranger, f"02:00:00:00:01:{number:02x}")
            stranger.call(udp_up, lab.servers4[0], 3_000)
        stranger.call(udp_up, lab.servers4[0], 600_000)
        reboot_in_order(router, bpffs)
        for number in range(12, 20):
            change_mac(stranger, f"02:00:00:00:01:{number:02x}")
            stranger.call(udp_up, lab.servers4[0], 3_000)
        router.kill()
        for number in range(20, 22):
            change_mac(stranger, f"02:00:00:00:01:{number:02x}")
            stranger.call(udp_up, lab.servers4[0], 800_000)
        router.start()
        moved = router.measure() - before
        most = 1_000_000 if subject == "group/unknown" else 1_000_000 + 8 * 3_000  # who got an account has what it used
        assert 999_000 <= moved.bill.of(lab.servers4[0]).up_bytes <= most
        assert state_of(router, "others") == "blocked"
        assert passes(bob, lab.servers4[1]), "a device that is listed keeps its place"
        assert ("others" in router.run("quotas").stdout) == (subject == "each-client")


def udp_up(server: str, size: int) -> None:
    """Packets of 1,000 bytes; nobody says what came."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(size // 1000):
            with contextlib.suppress(OSError):  # an ICMP error about an earlier one
                sock.sendto(bytes(972), (server, 9))
            if number % 50 == 0:
                time.sleep(0.002)  # no queue on the way holds all of it
