# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits, set by hand, set otherwise or at the mercy of a clock, with the real daemon: what was used stays used."""

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.limits import (
    ALICE_2MB,
    IN_FLIGHT,
    LINK,
    Clock,
    arrived,
    change_mac,
    download,
    flood,
    passes,
    quotas,
    row_of,
    state_of,
    used_up,
)
from tests.netns.router import Router

NEVER_TICKS = """\
import esimshaper.daemon.loop
from esimshaper.cli.main import main
esimshaper.daemon.loop.TICK_SECONDS = 3600
main()
"""
FAMILY_5MB = "name: family, for: group/family, limit: 5MB, period: month, then: block"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=LINK) as built:
        yield built


# --- set by hand


def post(router: Router, verb: str, **body: object) -> dict[str, Any]:
    return control_client.post(router.socket, f"/v1/{verb}", body)


def test_grants_of_two_callers_at_once_all_count_once_and_are_saved_when_answered(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    with ThreadPoolExecutor(4) as callers, flood(alice, server):  # each ping that begins a limit wakes the tick
        asked = [callers.submit(post, router, "grant", subject="alice", bytes=50_000) for _ in range(20)]
        asked += [callers.submit(post, router, "block" if n % 2 else "clear", subject="bob") for n in range(20)]
        for each in asked:
            each.result(300)
    post(router, "block", subject="bob")
    router.kill()
    router.start()
    assert row_of(router, "daily", "client/alice")["granted_bytes"] == 1_000_000
    assert [each["subject"] for each in router.get("/v1/quotas")["by_hand"]] == ["client/bob"]
    assert router.log.read_text().count("alice got 50.0 KB more") == 20
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert 2_900_000 <= arrived(lab.carrier.settle() - bill, server) <= 3_000_000 + IN_FLIGHT


def test_a_grant_between_a_window_and_the_first_tick_of_the_next_is_of_the_next(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    end = int(time.time()) + 12  # a start takes some seconds on a busy machine
    period = f"{{hours: 1, from: '{datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%M:%SZ}'}}"
    router = make_router(lab, quotas(f"name: hourly, for: client/alice, limit: 2MB, period: {period}, then: block"))
    router.start(program=["-c", NEVER_TICKS])
    assert time.time() < row_of(router, "hourly", "client/alice")["renews_unix"] == end
    wait_until("the end of the window", lambda: time.time() > end + 0.1, timeout=20)
    row = post(router, "grant", subject="alice", bytes=1000)["quotas"][0]
    assert (row["began_unix"], row["granted_bytes"]) == (end, 1000)


def test_slow_disk_delays_no_word_by_hand_and_makes_nobody_grant_twice(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB))
    slow = slow_disk(router, seconds=8)
    router.start()
    slow.touch()
    alice, server = lab.clients[0], lab.servers4[0]
    began = time.monotonic()
    assert post(router, "grant", subject="alice", bytes=1_000_000)["quotas"][0]["granted_bytes"] == 1_000_000
    assert post(router, "block", subject="alice")["state"]["level"] == "blocked"
    assert time.monotonic() - began < 8
    assert not passes(alice, server)
    router.kill()


def slow_disk(router: Router, seconds: float) -> Path:
    """In the daemon's own process, a card that takes its time from when that file is there."""
    slow = router.place / "slow"
    (router.place / "sitecustomize.py").write_text(
        "import os, time\n"
        "from esimshaper.edge.history.database import History\n"
        "real = History.save\n"
        f"History.save = lambda *given: (time.sleep({seconds} * os.path.exists({str(slow)!r})), real(*given))[1]\n"
    )
    router.environment["PYTHONPATH"] = f"{router.place}{os.pathsep}{router.environment['PYTHONPATH']}"
    return slow


def test_what_is_set_for_a_client_that_was_never_here_holds_from_its_first_packet(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    late = quotas("name: bobs, for: client/bob, limit: 1MB, period: month, then: block")
    late = late.replace("02:00:00:00:00:11", "02:00:00:00:00:77").replace("name: bob", "name: late", 1)
    late = late.replace("client/bob", "client/late")
    router = make_router(lab, late).start()
    bob, server = lab.clients[1], lab.servers4[1]
    assert router.run("block", "late").returncode == 0
    assert router.run("grant", "client/late", "500KB").returncode == 0
    for word in ("nobody", "client/nobody", "02:00:00:00:00:99", "group/nobody", "each-client"):
        refused = router.run("block", word)
        assert (refused.returncode, refused.stderr.startswith("esimshaper: ")) == (1, True)
    router.kill()
    change_mac(bob, "02:00:00:00:00:77")
    bill = lab.carrier.settle()
    assert not passes(bob, server)
    router.start()
    assert not passes(bob, server)
    assert (lab.carrier.settle() - bill).of(server).up_bytes == 0
    assert router.run("block", "late", "--clear").returncode == 0
    download(bob, server, 10_000_000)
    assert 1_450_000 <= arrived(lab.carrier.settle() - bill, server) <= 1_500_000 + IN_FLIGHT


ODD = (
    *("", " ", "client/", "/", "group/", "group/unknown/x", "each-client", "nobody", "a" * 5000, "alice\0", "\ud800"),
    *(
        None,
        0,
        -1,
        1,
        1.5,
        10**15 + 1,
        10**30,
        float("inf"),
        True,
        [],
        {},
        ["alice"],
        {"client": "alice"},
        "1MB",
        "1e3",
    ),
)


def test_bodies_that_make_no_sense_are_refused_in_a_sentence_and_change_nothing(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    chance = random.Random(3)
    before = router.get("/v1/quotas")["quotas"], router.get("/v1/quotas")["by_hand"]
    for number in range(300):
        body = {"subject": "alice", "bytes": 1000}
        body |= {key: chance.choice(ODD) for key in chance.sample(["subject", "bytes", "seconds", "for", ""], 2)}
        if body.get("seconds", 1) in (1, None, "") and body["bytes"] == 1 and body["subject"] == "alice":
            continue  # makes sense
        verb = chance.choice(["grant", "grant", "block", "allow", "clear"])
        if verb != "grant":
            body.pop("bytes")
            body["subject"] = body["subject"] if body["subject"] != "alice" else "nobody"
        if number % 10 == 0:
            body |= {"": 1}
        with pytest.raises(control_client.ControlError) as refused:
            post(router, verb, **body)
        assert "internal error" not in refused.value.message, body
    after = router.get("/v1/quotas")["quotas"], router.get("/v1/quotas")["by_hand"]
    assert after == before
    assert "Traceback" not in router.log.read_text()


# --- other settings


def at_home(*rows: str) -> str:
    """As `quotas`, with both in one group."""
    return quotas(*rows).replace("name: bob,", "name: bob, group: family,")


def test_what_was_used_survives_other_settings(make_router: Callable[..., Router], lab: Lab) -> None:
    """One life of the daemon after the other, each with another configuration."""
    router = make_router(lab, at_home(ALICE_2MB, FAMILY_5MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    alice.call(traffic.tcp_down, server, 1_000_000)
    used = router.measure().totals["alice"].total_bytes

    def lives_on(extra: str) -> None:
        assert router.stop() == 0
        router.configure(extra)
        router.start()

    lives_on(at_home(ALICE_2MB.replace("2MB", "500KB")))  # below what is used
    assert state_of(router, "alice") == "blocked"
    bill = lab.carrier.settle()
    assert not passes(alice, server)
    assert (lab.carrier.settle() - bill).of(server).up_bytes == 0

    lives_on(at_home(ALICE_2MB.replace("month", "week"), FAMILY_5MB))  # raised again, and another period
    assert state_of(router, "alice") == "open"
    assert row_of(router, "daily", "client/alice")["used_bytes"] == used
    assert row_of(router, "family", "group/family")["used_bytes"] == used  # it was not there, but history was
    assert "MB that were used since" in router.log.read_text()

    lives_on(at_home(ALICE_2MB, FAMILY_5MB).replace("alice", "anna"))  # she marries
    assert row_of(router, "daily", "client/anna")["used_bytes"] == used

    moved_out = at_home(ALICE_2MB, FAMILY_5MB, FAMILY_5MB.replace("family", "others"))
    lives_on(moved_out.replace("group: family", "group: others", 1))
    alice.call(traffic.tcp_down, server, 300_000)
    more = router.measure().totals["alice"].total_bytes - used
    assert row_of(router, "family", "group/family")["used_bytes"] == used
    assert row_of(router, "others", "group/others")["used_bytes"] == used + more

    lives_on(at_home(ALICE_2MB.replace("daily", "other"), FAMILY_5MB))  # another name is another quota
    assert row_of(router, "other", "client/alice")["used_bytes"] == used + more
    assert "other begins anew for alice: 2.00 MB of 2.00 MB left" in router.run("restart", "other").stdout
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert 1_900_000 <= arrived(lab.carrier.settle() - bill, server) <= 2_000_000 + IN_FLIGHT

    lives_on(at_home(FAMILY_5MB))
    assert state_of(router, "alice") == "open"
    assert passes(alice, server)


# --- the clock


def in_berlin(make_router: Callable[..., Router], lab: Lab) -> tuple[Router, Clock]:
    """Where 25 October 2026 has 25 hours: from 22:00 UTC of the day before to 23:00."""
    daily = "name: daily, for: client/alice, limit: 2MB, period: day, then: block"
    monthly = "name: monthly, for: client/alice, limit: 20MB, period: month, then: block"
    router = make_router(lab, quotas(daily, monthly) + "timezone: Europe/Berlin\n")
    return router, Clock(router)


def used(router: Router, quota: str = "daily") -> int:
    return int(row_of(router, quota, "client/alice")["used_bytes"])


def test_what_was_used_before_the_clock_was_right_counts_and_no_wrong_clock_opens_a_window(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router, clock = in_berlin(make_router, lab)
    alice, server = lab.clients[0], lab.servers4[0]
    clock.says("1970-01-01T00:10:00Z", trusted=False)
    router.start()
    alice.call(traffic.tcp_down, server, 500_000)
    router.measure()
    early = used(router)
    assert early > 500_000
    clock.says("2026-10-24T22:30:00Z")
    clock.await_window("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
    assert used(router) == used(router, "monthly") == early
    used_up(router, alice, server)
    spent = used(router)
    for said, trusted in (
        ("2026-10-25T01:30:00Z", True),  # the second half past two
        ("2027-10-25T12:00:00Z", False),
        ("1970-01-01T00:00:00Z", False),
        ("2026-10-24T20:00:00Z", True),  # yesterday
        ("2025-03-01T12:00:00Z", True),
        ("2026-10-25T22:50:00Z", True),
    ):
        clock.says(said, trusted=trusted)
        clock.await_noticed()
        assert state_of(router, "alice") == "blocked", said
        assert used(router) >= spent
    router.kill()
    clock.says("1970-01-01T00:00:00Z", trusted=False)
    router.start()
    assert state_of(router, "alice") == "blocked"
    assert router.log.read_text().count("alice has used up") == 1


def test_midnight_and_the_months_end_open_one_window_each(make_router: Callable[..., Router], lab: Lab) -> None:
    router, clock = in_berlin(make_router, lab)
    alice, server = lab.clients[0], lab.servers4[0]
    clock.says("2026-10-25T12:00:00Z")
    router.start()
    used_up(router, alice, server)
    clock.says("2026-10-25T22:59:58Z")
    wait_until("midnight", lambda: state_of(router, "alice") == "open", timeout=6)
    clock.await_window("2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z")
    wait_until("it is told", lambda: "alice has 2.00 MB again" in router.log.read_text())  # once it is saved
    assert router.log.read_text().count("alice has 2.00 MB again") == 1
    assert used(router, "monthly") >= 2_000_000

    alice.call(traffic.tcp_down, server, 500_000)  # and now it is yesterday again for a moment
    router.measure()
    clock.says("2026-10-25T22:30:00Z")
    wait_until("yesterday", lambda: state_of(router, "alice") == "blocked", timeout=5)
    clock.says("2026-10-25T23:30:00Z")
    wait_until("today", lambda: state_of(router, "alice") == "open", timeout=5)
    assert 500_000 < used(router) < 700_000

    clock.says("2026-10-31T22:59:58Z")
    wait_until("the month's end", lambda: used(router, "monthly") == 0, timeout=6)
    bill = lab.carrier.settle()
    download(alice, server, 10_000_000)
    assert 1_900_000 <= arrived(lab.carrier.settle() - bill, server) <= 2_000_000 + IN_FLIGHT
