# SPDX-License-Identifier: GPL-2.0-or-later
"""The stream saver: a film has its pace from a class of its own, and what else the device loads keeps its speed."""

import re
import time
from collections.abc import Callable, Iterator

import pytest

from esimshaper.lab import Lab, Shape, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.sites import resolve
from esimshaper.lab.world import LAN4
from tests.netns.namer import Namer, rows
from tests.netns.router import Router, bytes_of

VIDEO, FILMS, STRANGE = "r3.googlevideo.com", "c1.nflxvideo.net", "www.strange.test"
NAMES = {VIDEO: 0, FILMS: 1, STRANGE: 2}
CLIENT = "alice-phone"
RATE, LINK = 2_000_000, 20_000_000
SAVER = f"saver: {{pace: [{{for: each-client, only: video, rate: {RATE // 1000}kbit}}]}}\n"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(names=NAMES, shape=Shape(10, down_bits=LINK, up_bits=LINK, queue_bytes=250_000)) as built:
        yield built


@pytest.fixture
def saver(lab: Lab, make_router: Callable[..., Router]) -> Iterator[Router]:
    """A router that paces films, and knows the device."""
    router = make_router(lab, SAVER).start()
    namer = Namer(router).start()
    lab.client(CLIENT).run(["ping", "-c", "1", "-W", "2", f"{LAN4}.1"])
    wait_until("a class of the device", lambda: classes(lab), timeout=10)
    router.await_tick()
    yield router
    namer.kill()


def classes(lab: Lab) -> list[str]:
    """Ids of the classes of paced shares for uploads; those for downloads are like them."""
    shown = lab.router.run(["tc", "class", "show", "dev", lab.wan_interface])
    return [
        minor
        for minor in re.findall(r"^class htb 7a00:(\w+)", shown, re.MULTILINE)
        if 0x5A00 <= int(minor, 16) < 0x7A00
    ]


def rate_of(lab: Lab, name: str, size: int) -> float:
    """Bit/s of a download."""
    began = time.monotonic()
    lab.client(CLIENT).call(traffic.tls_down, lab.servers4[NAMES[name]], name, size, timeout=60)
    return size * 8 / (time.monotonic() - began)


def ask(lab: Lab, name: str) -> None:
    lab.client(CLIENT).call(resolve, name, f"{LAN4}.1")


def test_films_share_their_pace_and_a_download_beside_them_keeps_its_speed(lab: Lab, saver: Router) -> None:
    for name in NAMES:
        ask(lab, name)
    before = saver.measure()
    films = [lab.client(CLIENT).start(rate_of, lab, name, 1_000_000) for name in (VIDEO, FILMS)]
    beside = rate_of(lab, STRANGE, 8_000_000)
    rates = [film.result() for film in films]
    assert 0.8 * RATE < sum(rates) < 1.1 * RATE, "both have one rate together, from their first byte on"
    assert beside > 0.6 * LINK
    saver.settle()
    moved = saver.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    found = rows(saver, CLIENT)
    billed = moved.bill.of(*(lab.servers4[NAMES[name]] for name in (VIDEO, FILMS)))
    assert found["youtube"].down_bytes + found["netflix"].down_bytes == billed.down_bytes
    assert billed.down_bytes < 2_000_000 * 1.1, "a class, not drops: next to nothing comes twice"


def test_the_pace_holds_while_the_daemon_is_dead_and_the_next_one_keeps_it(lab: Lab, saver: Router) -> None:
    ask(lab, VIDEO)
    saver.kill()
    assert rate_of(lab, VIDEO, 500_000) < 1.1 * RATE
    saver.start()
    saver.await_tick()
    assert rate_of(lab, VIDEO, 500_000) < 1.1 * RATE


def test_without_the_setting_again_everything_is_free_at_once_and_no_class_stays(lab: Lab, saver: Router) -> None:
    ask(lab, VIDEO)
    assert rate_of(lab, VIDEO, 500_000) < 1.1 * RATE
    saver.configure()
    done = saver.run("reload")
    assert "saver.pace: video at 2.00 Mbit/s for each-client -> none" in done.stdout, done.stderr
    wait_until("the end of classes", lambda: not classes(lab), timeout=60)
    assert rate_of(lab, VIDEO, 2_000_000) > 2 * RATE
