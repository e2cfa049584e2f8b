# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes and policies changed step by step, as the daemon goes about it: whichever class a packet is given to on the
way is there, and it is one of the outermost account that is throttled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.limits import CLASS_URGENT, NO_THRESHOLDS, Policy, Shaped, Thresholds
from esimshaper.core.model.reading import Reading
from esimshaper.core.model.shaping import QDISC, Change, Class, Side
from esimshaper.core.model.state import Outcome
from esimshaper.core.shaping import plan, tree
from esimshaper.core.shaping.plan import Memory, Wish
from esimshaper.core.shaping.tree import ROOT, Demand, Link
from tests.core.shaping.fake_tc import ALICE, BOB, EVERYONE, FAMILY, GUESTS, Hands

CLIENTS, GROUPS = (ALICE, BOB), (FAMILY, GUESTS)
ALL = (*CLIENTS, *GROUPS, EVERYONE)
Used = Mapping[Account, int]


@dataclass(frozen=True)
class World:
    """A configuration, and who has come."""

    link: Link
    policies: Mapping[Account, Policy]
    demand: Demand
    wish: Wish


@st.composite
def worlds(draw: st.DrawFn) -> World:
    rates = {each: draw(st.sampled_from((64_000, 10_000_000))) for each in ALL if draw(st.booleans())}
    above = {each: draw(st.sampled_from(((FAMILY, EVERYONE), (GUESTS, EVERYONE), (EVERYONE,)))) for each in CLIENTS}
    above |= dict.fromkeys(GROUPS, (EVERYONE,))
    with_quota = {each for each in (*GROUPS, EVERYONE) if each in rates or draw(st.booleans())}
    policies = {
        each: Policy(
            parent=next((one for one in above.get(each, ()) if one in with_quota), ACCOUNT_UNATTRIBUTED),
            throttle_at=Thresholds(both=5) if each in rates else NO_THRESHOLDS,
        )
        for each in ALL
    }
    link = draw(st.sampled_from((Link(), Link(50_000_000, 50_000_000), Link(122_000, 122_000))))
    shaped = tuple(Shaped(account, rate) for account, rate in sorted(rates.items()))
    there = [each for each in CLIENTS if draw(st.booleans())]
    reading = Reading(1, 0.0, {}, {each: ClientKey(f"client {each}") for each in there}, everyone=EVERYONE)
    first = frozenset(each for each in reading.owners.values() if draw(st.booleans()))
    wish = Wish(Outcome(policies=policies, shaped=shaped), reading, link, wan=7, first=first)
    accounts = frozenset(account for account, owner in reading.owners.items() if owner in first)
    return World(link, policies, tree.demand_of(EVERYONE, shaped, there, policies, link, first=accounts), wish)


class Killed(Exception):  # noqa: N818 - it is no error
    """The daemon was, before a write."""


class Router(Hands):
    """`writes_left`: so many policies are still written, then the daemon is killed."""

    def __init__(self, used: Used) -> None:
        super().__init__(installed=dict.fromkeys(ALL, Policy()))
        self.used = used
        self.writes_left = 1_000

    def settle(self, world: World) -> None:
        """Ticks until nothing is left to do, or until it is killed; then another daemon goes on at the next call."""
        try:
            for look_around in (True, False, False):
                self.enforce(replace(world.wish, look_around=look_around))
        except Killed:
            self.memory = Memory()
            return
        assert plan.begin(self.memory, self.installed, world.wish) is None
        assert self.kernel.tree == tree.wanted(world.link, world.demand)

    def change(self, change: Change) -> None:
        super().change(change)
        self.check()

    def write(self, account: Account, policy: Policy) -> None:
        if not self.writes_left:
            raise Killed
        self.writes_left -= 1
        super().write(account, policy)
        self.check()

    def check(self) -> None:
        for client in CLIENTS:
            number, outermost = self.judged(client)
            for side in Side:
                classes = self.kernel.classes[side]
                if number and classes is not None:
                    assert number in classes, "packets of nobody's class run free"
                    assert classes[number].leaf
                    assert outermost in (None, self.owner(classes, classes[number]))
                urgent = self.installed[client].classes[CLASS_URGENT]
                if urgent and outermost is None and classes is not None:
                    assert urgent in classes, "urgent packets run free"

    def judged(self, client: Account) -> tuple[int, Account | None]:
        """As in bpf/limits.h: the class of a client's packets, and the outermost account that is throttled."""
        account, place, number, outermost = client, 1, self.installed[client].classes[0], None
        while account:
            policy = self.installed[account]
            if self.used[account] > policy.throttle_at.both:
                number, outermost = self.installed[client].classes[place] or policy.classes[1], account
            account, place = policy.parent, place + 1
        return number, outermost

    def owner(self, classes: Mapping[int, Class], leaf: Class) -> Account:
        """Whose rate a leaf has."""
        if leaf.parent == ROOT:
            return next(each for each in CLIENTS if leaf.id in self.installed[each].classes)
        assert classes[leaf.parent].parent == ROOT
        return next(each for each in (*GROUPS, EVERYONE) if leaf.parent == QDISC | 0x10 + 2 * (each - EVERYONE))


used = st.fixed_dictionaries({account: st.sampled_from((0, 9)) for account in ALL})


@settings(max_examples=300)
@given(worlds(), worlds(), worlds(), used, st.integers(1, 12))
def test_packets_are_in_a_class_of_the_outermost_who_is_throttled_also_if_the_daemon_is_killed_at_any_write(
    first: World, second: World, third: World, counts: Used, killed_at: int
) -> None:
    router = Router(counts)
    router.settle(first)
    router.writes_left = killed_at
    router.settle(second)
    router.writes_left = 1_000
    router.settle(third)
