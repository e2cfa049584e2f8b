# SPDX-License-Identifier: GPL-2.0-or-later
"""What our own queues dropped, over the whole line: ledger, tallies and the limits that the kernel is told."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import UNATTRIBUTED, Account
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.reading import ClassCounters
from tests.core.limits_router import ALICE, FAMILY, SLOW, TV, WHOLE, A, Router, T, client, group, plan, quota

QUOTAS = (quota(limit=5000), quota("slow", limit=10, action=SLOW), quota("tv", group("family"), 9000), plan(20_000))
LINK = 3


class Flooded(Router):
    """Clients that upload into their own classes, or into that of their group."""

    def __init__(self) -> None:
        super().__init__(*QUOTAS)
        self.sent = {account: ClassCounters(LINK) for account in (A, T, FAMILY)}
        self.tick()
        self.tick()

    def upload(self, account: Account, size: int, left: int, waiting: int = 0, queue: Account | None = None) -> None:
        """`size` bytes more come, `left` bytes more leave, `waiting` is what then waits."""
        queue, reading = queue or account, self.reading
        above = (account, FAMILY, WHOLE) if account == T else (account, WHOLE)
        budgets = {each: reading.budgets.get(each, Budget()) - Budget(-size, 0, -size) for each in above}
        counters = reading.accounts.get(account, Counters()) + Counters(0, size, 0, 1)
        self.reading = replace(
            reading,
            accounts={**reading.accounts, account: counters},
            budgets={**reading.budgets, **budgets},
            queued={**reading.queued, queue: reading.queued.get(queue, 0) + size},
        )
        before = self.sent[queue]
        self.sent[queue] = ClassCounters(before.link, before.bytes + left, before.packets + left, waiting)

    @property
    def totals(self) -> dict:
        return {key: counters.up_bytes for key, counters in self.state.baseline.meter.totals.items()}

    @property
    def wan(self) -> int:
        return self.state.baseline.meter.wan["wwan0"].up_bytes


def test_a_limit_rises_by_what_was_dropped_and_so_do_those_above():
    router = Flooded()
    before = router.tick().policies
    router.upload(T, 1000, left=300, waiting=100)
    after = router.tick().policies
    for account in (T, FAMILY, WHOLE):
        assert after[account].block_at.both - before[account].block_at.both == 600
    assert after[A].block_at == before[A].block_at
    assert router.tally(subject=client(TV)).used == router.tally("plan", EVERYONE).used == 400
    assert (router.totals[TV], router.wan) == (300, 300)


def test_what_a_queue_in_common_dropped_is_not_held_against_the_group_nor_given_to_one_client_limit():
    router = Flooded()
    before = router.tick().policies
    router.upload(T, 1000, left=400, queue=FAMILY)
    after = router.tick().policies
    assert after[FAMILY].block_at.both - before[FAMILY].block_at.both == 600
    assert after[WHOLE].block_at.both - before[WHOLE].block_at.both == 600
    assert after[T].block_at == before[T].block_at
    assert (router.totals[TV], router.wan) == (400, 400)


def test_a_limit_that_was_reached_by_dropped_bytes_is_not_reached():
    router = Flooded()
    router.upload(A, 6000, left=1000)
    router.reading = replace(router.reading, announced={A: 5000})
    router.tick()
    assert router.tally().used == 1000
    assert router.level() == "throttled"
    assert not any("(daily" in text for text in router.announced)


def test_classes_made_anew_are_saved_at_once():
    router = Flooded()
    router.upload(A, 1000, left=500)
    assert router.tick().booking is None or router.disk.meter.drops
    assert router.tick().booking is None
    router.sent = {T: router.sent[T]}
    assert router.tick().booking
    assert A not in router.disk.meter.drops


def test_what_waited_in_a_class_that_is_made_anew_may_have_left_and_is_charged():
    router = Flooded()
    router.upload(A, 1000, left=300, waiting=700)
    router.tick()
    assert router.totals[ALICE] == 300
    router.sent[A] = ClassCounters(LINK + 1)
    router.tick()
    assert router.totals[ALICE] == router.wan == 1000


def test_what_waits_in_a_queue_in_common_is_taken_off_nobody_neither_its_members_nor_others():
    router = Flooded()
    router.upload(T, 1000, left=400, waiting=600, queue=FAMILY)
    router.reading = replace(router.reading, accounts={**router.reading.accounts, Account(0): Counters(0, 500, 0, 1)})
    router.tick()
    assert (router.totals[TV], router.totals[UNATTRIBUTED]) == (1000, 500)


@given(
    st.lists(
        st.tuples(st.sampled_from([A, T]), st.booleans(), *[st.integers(0, 400)] * 3, st.booleans(), st.booleans()),
        max_size=12,
    )
)
@example([(A, False, 1, 0, 0, False, True)])
def test_limits_telescope_and_totals_add_up_whatever_is_dropped_and_whoever_is_killed(history):
    router, offered, dropped, totals = Flooded(), 0, 0, {}
    for account, shared, came, leaves, waits, renewed, killed in history:
        queue = FAMILY if shared and account == T else account
        before = router.sent[queue]
        left = min(leaves, came + before.backlog)
        waiting = min(waits, came + before.backlog - left)
        router.upload(account, came, left, waiting, queue)
        offered, dropped = offered + came, dropped + came + before.backlog - left - waiting
        if renewed:
            dropped += waiting
            router.sent[queue] = ClassCounters(before.link + 1)
        policies = router.tick().policies
        used = router.tally("plan", EVERYONE).used
        assert policies[WHOLE].block_at.both - router.reading.budgets[WHOLE].both == 20_000 - used
        assert offered - dropped <= used <= offered
        assert router.wan == sum(router.totals.values())
        if killed:
            router.restart()
            totals = {}
        else:
            assert all(router.totals[key] >= size for key, size in totals.items())
            totals = dict(router.totals)
    if not any(renewed for *_, renewed, _ in history):
        waiting = sum(each.backlog for each in router.sent.values())
        router.tick()
        assert router.tally("plan", EVERYONE).used == offered - dropped
        assert router.totals.get(ALICE, 0) == router.sent[A].bytes
        assert router.wan >= offered - dropped - waiting
