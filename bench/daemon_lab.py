# SPDX-License-Identifier: GPL-2.0-or-later
"""The real daemon with quotas in the router of a lab. In: a Place, a Lab, settings. Owns the daemon's process."""

import contextlib
from collections.abc import Iterator, Sequence

from bench.place import Place
from esimshaper.lab import Host, Lab
from tests.netns.router import Router


@contextlib.contextmanager
def running(place: Place, lab: Lab, extra: str) -> Iterator[Router]:
    """The real daemon in the lab's router."""
    folder = place.disk / lab.name
    folder.mkdir()
    router = Router(lab, folder, place.bpffs / lab.name, extra)
    try:
        yield router.start()
    finally:
        router.close()


def introduce(clients: Sequence[Host], router: Router) -> None:
    """Lets clients ping the router, which is not billed. The daemon then writes their policies into the kernel."""
    for client in clients:
        client.run(["ping", "-c", "1", "-W", "2", "192.168.77.1"])
    for _ in range(2):  # one tick reads of a client, the next one has written its policy
        router.await_tick()


def mac(client: int) -> str:
    """The MAC of the lab's client with this number from 0."""
    return f"02:00:00:00:00:{16 + client:02x}"
