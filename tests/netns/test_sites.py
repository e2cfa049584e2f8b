# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts of the lab that have names: devices find them by DNS of the router, and speak TLS with them."""

import pytest

from esimshaper.lab import Lab, traffic
from esimshaper.lab.sites import resolve
from esimshaper.lab.world import LAN4

VIDEO, PHOTOS = "r3.googlevideo.com", "p1.icloud-content.com"


@pytest.fixture(scope="module")
def lab():
    with Lab(names={VIDEO: 0, PHOTOS: 3}) as built:
        yield built


def test_a_device_finds_a_host_by_its_name_and_fetches_from_it(lab):
    alice = lab.clients[0]
    assert alice.call(resolve, VIDEO, f"{LAN4}.1") == lab.servers4[0]
    photos = alice.call(resolve, PHOTOS, f"{LAN4}.1", ipv6=True)
    assert photos == lab.servers6[3]
    assert alice.call(traffic.tls_down, lab.servers4[0], VIDEO, 100_000).down == 100_000
    before = lab.carrier.settle(0.1)
    assert alice.call(traffic.tls_up, photos, PHOTOS, 100_000).down == 1
    assert 100_000 < (lab.carrier.settle(0.1) - before).of(photos).up_bytes < 120_000


def test_a_name_that_nobody_has_is_no_address(lab):
    with pytest.raises(OSError, match="has no address"):
        lab.clients[0].call(resolve, "nobody.example", f"{LAN4}.1")
