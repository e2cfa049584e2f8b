# SPDX-License-Identifier: GPL-2.0-or-later
"""Who pays less for what a queue in common dropped: those who have no queue of their own there."""

from dataclasses import replace

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ROUTER, Account, ClientKey
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.reading import ClassCounters, Tunnels
from tests.core.limits_router import ALICE, BOB, FREE, OWNERS, SLOW, WHOLE, A, B, Router, quota

NEW = ClientKey("02:00:00:00:00:13")


def throttled() -> Router:
    """Everyone is; nothing has been queued yet."""
    router = Router(quota("plan", EVERYONE, limit=1, action=SLOW))
    router.sent = {WHOLE: ClassCounters(1)}
    router.tick(A=10, B=10, WHOLE=20)
    router.tick()
    return router


def uploads(router: Router, dropped: int, **accounts: object) -> dict[ClientKey, int]:
    """Totals, after the queue in common has dropped that much of what came since."""
    more = {Account(number): Counters(0, size) for number, size in accounts.pop("sent").items()}  # type: ignore[attr-defined]
    before = router.reading.accounts
    counted = {number: before.get(number, Counters()) + counters for number, counters in more.items()}
    router.reading = replace(router.reading, queued={WHOLE: dropped}, accounts={**before, **counted}, **accounts)
    earlier = router.state.baseline.meter.totals
    router.tick()
    totals = router.state.baseline.meter.totals
    return {client: (totals[client] - earlier.get(client, Counters())).up_bytes for client in totals}


def test_who_has_just_come_and_the_router_are_asked_before_those_who_have_a_queue_of_their_own():
    owners = {**OWNERS, FREE[0]: NEW}
    moved = uploads(throttled(), 900, sent={A: 3000, FREE[0]: 1000, 1: 200}, owners=owners, free=FREE[1:])
    assert (moved[ALICE], moved[NEW] + moved[ROUTER]) == (3000, 300)


def test_what_is_left_over_is_that_of_the_others():
    assert uploads(throttled(), 900, sent={A: 3000, 1: 200})[ALICE] == 3000 - 700


def test_who_sends_by_a_tunnel_has_no_queue_for_that():
    router = throttled()
    router.reading = replace(router.reading, tunnels_account=Account(200))
    router.tick()
    tunnels = Tunnels(outer=Counters(0, 1000), inner={A: Counters(0, 1000)})
    moved = uploads(router, 500, sent={B: 3000}, tunnels=tunnels)
    assert (moved[ALICE], moved[BOB]) == (500, 3000)
