# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies, one write after the other: nobody who may not pass before and after passes in between."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import NO_THRESHOLD, NO_THRESHOLDS, Policy, Thresholds
from esimshaper.core.shaping.policy_transition import writes

CLIENTS = [Account(n) for n in (2, 3, 4)]
EVERYONE = Account(10)
GROUPS = [Account(11), Account(12)]
NOBODY = ACCOUNT_UNATTRIBUTED

ends = st.builds(Thresholds, both=st.sampled_from((0, 5, NO_THRESHOLD)), upload=st.sampled_from((0, NO_THRESHOLD)))


def with_class(**fields: object) -> Policy:
    """A throttle limit names a class."""
    policy = Policy(**fields)  # type: ignore[arg-type]
    open_class, *above = policy.classes
    return replace(policy, classes=(open_class, 0 if policy.throttle_at == NO_THRESHOLDS else 1, *above[1:]))


def policies_below(*parents: Account) -> st.SearchStrategy[Policy]:
    return st.builds(
        with_class,
        parent=st.sampled_from((NOBODY, *parents)),
        block_at=ends,
        throttle_at=ends,
        warn_at=ends,
        blocked=st.booleans(),
        exempt=st.booleans(),
        over_plan=st.booleans(),
        classes=st.tuples(*[st.integers(0, 1)] * 4),
    )


all_policies = st.fixed_dictionaries(
    {
        **dict.fromkeys(CLIENTS, policies_below(EVERYONE, *GROUPS)),
        **dict.fromkeys(GROUPS, policies_below(EVERYONE)),
        EVERYONE: policies_below(),
    }
)
counts = st.fixed_dictionaries(dict.fromkeys([*CLIENTS, *GROUPS, EVERYONE], st.sampled_from((0, 3, 7))))


def passes(client: Account, policies: Mapping[Account, Policy], used: Mapping[Account, int], *, at: str) -> bool:
    """As the kernel judges (bpf/limits.h): over a chain of accounts, of which one that is exempt lets through."""
    account, exempt, over_plan, through, place = client, False, False, 0, 1
    while account != NOBODY:
        policy = policies[account]
        exempt, over_plan = exempt or policy.exempt, over_plan or (policy.exempt and policy.over_plan)
        thresholds: Thresholds = getattr(policy, at)
        by_hand = at == "block_at" and policy.blocked and not exempt
        over = used[account] > min(thresholds.both, thresholds.upload) or by_hand
        if over and not (over_plan if account == EVERYONE else exempt):
            if at == "block_at":
                return False
            through = policies[client].classes[place] or policy.classes[1]  # of the outermost one
        account, place = policy.parent, place + 1
    return not through


@given(all_policies, all_policies, counts)
def test_nobody_slips_through_between_two_writes(
    installed: dict[Account, Policy], wanted: dict[Account, Policy], used: dict[Account, int]
) -> None:
    held = [
        (client, at)
        for client in CLIENTS
        for at in ("block_at", "throttle_at")
        if not passes(client, installed, used, at=at) and not passes(client, wanted, used, at=at)
    ]
    now = dict(installed)
    for account, policy in (each for step in writes(installed, wanted, EVERYONE) for each in step.items()):
        now[account] = policy
        assert not [each for each in held if passes(each[0], now, used, at=each[1])]
    assert now == wanted


@given(all_policies)
def test_what_is_installed_is_not_written_again(installed: dict[Account, Policy]) -> None:
    assert writes(installed, installed, EVERYONE) == ({}, {})


def test_a_limit_that_only_falls_or_only_rises_is_one_write() -> None:
    low, high = (Policy(block_at=Thresholds(both=end), warn_at=Thresholds(both=end - 1)) for end in (5, 9))
    account = CLIENTS[0]
    assert writes({account: high}, {account: low}, EVERYONE) == ({account: low}, {})
    assert writes({account: low}, {account: high}, EVERYONE) == ({}, {account: high})
    assert writes({}, {account: low}, EVERYONE) == ({account: low}, {})


def test_everyone_comes_before_groups_and_clients_and_what_is_looser_goes_the_other_way() -> None:
    accounts = (EVERYONE, GROUPS[0], CLIENTS[0])
    low, high = (dict.fromkeys(accounts, Policy(block_at=Thresholds(both=end))) for end in (5, 9))
    first, then = writes(high, low, EVERYONE)
    assert (list(first), list(then)) == ([EVERYONE, GROUPS[0], CLIENTS[0]], [])
    first, then = writes(low, high, EVERYONE)
    assert (list(first), list(then)) == ([], [CLIENTS[0], GROUPS[0], EVERYONE])


def test_in_between_a_policy_has_the_stricter_of_each_row() -> None:
    client = CLIENTS[0]
    old = Policy(
        GROUPS[0],
        Thresholds(5, 9, 5),
        Thresholds(9, 5, 9),
        blocked=True,
        exempt=True,
        over_plan=True,
        classes=(1, 2, 3, 4),
    )
    new = Policy(NOBODY, Thresholds(9, 5, 9), Thresholds(5, 9, 5), classes=(5, 0, 0, 0))
    first, then = writes({client: old}, {client: new}, EVERYONE)
    five = Thresholds(5, 5, 5)
    between = Policy(GROUPS[0], five, five, blocked=True, exempt=False, over_plan=False, classes=(5, 2, 3, 4))
    assert (first, then) == ({client: between}, {client: new})
    moved = replace(new, parent=GROUPS[1])
    assert writes({client: old}, {client: moved}, EVERYONE)[0][client].classes == (5, 2, 0, 0), "of that group no more"
