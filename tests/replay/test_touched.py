# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay, for what is worked out again: a tick looks only at who used something, and finds what a look at all would."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.commands import grant, override
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import EVERYONE, Action, ActionKind, Direction, OverrideKind
from esimshaper.core.model.reading import ClassCounters, Tunnels
from esimshaper.core.model.state import LimitsSlice, State
from tests.core.limits_router import (
    ALICE,
    BOB,
    DAY,
    FAMILY,
    SLOW,
    TV,
    WHOLE,
    A,
    B,
    Router,
    T,
    client,
    group,
    plan,
    quota,
)

QUOTAS = (
    quota(limit=3000, warn_at=(1000, 2000)),
    quota("uploads", limit=900, direction=Direction.UPLOAD, action=SLOW),
    quota("slower", limit=2500, action=Action(ActionKind.THROTTLE, 64_000)),
    quota("tv", group("family"), limit=4000, action=SLOW, warn_at=(3000,)),
    plan(9000, warn_at=(5000,)),
)
ABOVE = {A: (WHOLE,), B: (WHOLE,), T: (FAMILY, WHOLE)}
LINK = 3


class Watched(Router):
    """A router whose limits are worked out anew as a whole beside it, from the same State, at each tick."""

    def __init__(self) -> None:
        super().__init__(*QUOTAS)
        self.sent = {account: ClassCounters(LINK) for account in (A, B, T)}
        self.reading = replace(self.reading, tunnels_account=Account(200))

    def add(self, account: Account, size: int, *, up: bool) -> None:
        more = Budget(size, 0, size) if up else Budget(size, size, 0)
        budgets = {each: self.reading.budgets.get(each, Budget()) + more for each in (account, *ABOVE[account])}
        now = self.reading.accounts.get(account, Counters()) + Counters(more.download, more.upload, 1, 1)
        self.reading = replace(
            self.reading,
            budgets={**self.reading.budgets, **budgets},
            accounts={**self.reading.accounts, account: now},
        )

    def drop(self, account: Account, size: int) -> None:
        """An upload into the account's own class, of which nothing leaves."""
        self.add(account, size, up=True)
        queued = self.reading.queued.get(account, 0) + size
        self.reading = replace(self.reading, queued={**self.reading.queued, account: queued})

    def send_in_tunnel(self, account: Account, size: int) -> None:
        self.add(account, 0, up=True)
        now = self.reading.tunnels
        inner = now.inner.get(account, Counters()) + Counters(0, size, 0, 1)
        outer = now.outer + Counters(0, size + size // 10, 0, 1)
        self.reading = replace(self.reading, tunnels=Tunnels(outer, {**now.inner, account: inner}))

    def announce(self, account: Account) -> None:
        """A packet tries to go past the first limit of the account."""
        policy = self.state.limits.outcome.policies.get(account)
        if policy:
            announced = {**self.reading.announced, account: min(policy.block_at.both, policy.throttle_at.both)}
            self.reading = replace(self.reading, announced=announced)

    def tick_both_ways(self, seconds: float) -> None:
        before = self.state
        twin = Router(*QUOTAS)
        twin.__dict__.update(self.__dict__)
        twin.state = replace(before, limits=replace(before.limits, inputs=None))
        twin.announced, self.announced = [], []
        found, expected = self.tick(seconds), twin.tick(seconds)
        assert found == expected
        assert comparable(self.state) == comparable(twin.state)
        assert self.announced == twin.announced
        for account, each in found.policies.items():
            old = before.limits.outcome.policies.get(account)
            assert each is old or each != old, "what did not change is the same object"


def comparable(state: State) -> tuple[State, LimitsSlice]:
    return replace(state, limits=LimitsSlice()), state.limits


kinds = st.sampled_from([*OverrideKind, None])
steps = st.one_of(
    st.tuples(st.just("use"), st.sampled_from([A, B, T]), st.sampled_from([100, 700, 1500]), st.booleans()),
    st.tuples(st.just("drop"), st.sampled_from([A, T]), st.sampled_from([100, 1500])),
    st.tuples(st.just("tunnel"), st.sampled_from([A, B]), st.sampled_from([100, 1500])),
    st.tuples(st.just("announce"), st.sampled_from([A, B, WHOLE])),
    st.tuples(st.just("refuse"), st.sampled_from([A, T])),
    st.tuples(st.just("grant"), st.sampled_from([client(ALICE), client(TV), EVERYONE]), st.sampled_from([None, 30])),
    st.tuples(st.just("override"), st.sampled_from([client(BOB), group("family"), EVERYONE]), kinds),
    st.tuples(st.just("clock"), st.sampled_from([-DAY, DAY, 61])),
    st.tuples(st.just("trust"), st.booleans()),
    st.tuples(st.just("restart")),
    st.tuples(st.just("reboot")),
)


def do(router: Watched, what: str, *more) -> None:
    if what == "use":
        router.add(more[0], more[1], up=more[2])
    elif what == "drop":
        router.drop(*more)
    elif what == "tunnel":
        router.send_in_tunnel(*more)
    elif what == "announce":
        router.announce(*more)
    elif what == "refuse":  # a reading held an upload that was taken off again
        router.add(more[0], -50, up=True)
    elif what == "grant":
        until = None if more[1] is None else int(router.now) + more[1]
        router.state = grant(router.state, router.rules, more[0], 500, until)
    elif what == "override":
        router.state = override(router.state, more[0], more[1])
    elif what == "clock":
        router.now += more[0]
    elif what == "trust":
        router.trusted = more[0]
    elif what == "restart":
        router.restart()
    elif what == "reboot":
        router.reboot()
        router.reading = replace(router.reading, queued={}, announced={}, tunnels=Tunnels())
        router.sent = {account: ClassCounters(LINK + 1) for account in (A, B, T)}


@settings(max_examples=150)
@given(st.lists(st.lists(steps, max_size=3), max_size=10))
def test_who_used_nothing_need_not_be_looked_at(history):
    router = Watched()
    router.tick()
    for together in history:
        for step in together:
            do(router, *step)
        router.tick_both_ways(1)


def test_no_policy_is_made_anew_for_bytes_and_one_for_a_limit_that_was_crossed():
    router = Watched()
    router.tick()
    before = router.state.limits.outcome
    router.add(A, 100, up=False)
    router.tick()
    assert router.state.limits.outcome is before, "not even the mapping"
    router.add(A, 1000, up=False)
    router.tick()
    after = router.state.limits.outcome.policies
    assert {account for account in after if after[account] is not before.policies[account]} == {A}


def test_a_limit_that_was_announced_before_is_looked_at_no_more_and_that_of_nobody_never():
    router = Watched()
    router.tick()
    router.announce(A)
    router.reading = replace(router.reading, announced={**router.reading.announced, Account(99): 5})
    router.tick()
    before = router.state.limits
    assert client(ALICE) in before.states
    router.tick()
    assert router.state.limits is before
