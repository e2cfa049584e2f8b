# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that are new: held by the kernel from a count on that does not move, then by an alarm; in the pipeline."""

from dataclasses import replace

import pytest

from esimshaper.core import commands, watch_commands
from esimshaper.core.model.hold import Hold
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import Action, ActionKind, OverrideKind, Shaped
from esimshaper.core.model.watch import AlarmKind, Answer, Mute, Reaction, Watch, WatchLevel
from tests.core.limits_router import ALICE, FREE, A, Router, client, quota

MB = 1000**2
GUEST, G = ClientKey("02:00:00:00:00:77"), Account(5)
SLOW, MOST = 256_000, 30 * MB
PROBATION = Watch(WatchLevel.NORMAL, newcomer=MOST, reactions={AlarmKind.NEWCOMER: Reaction(3600, SLOW)})
BLOCKING = replace(PROBATION, reactions={AlarmKind.NEWCOMER: Reaction(3600)})


def with_guest(watch: Watch = PROBATION, used: int = MB, *quotas, **rules) -> Router:
    """A router to which a device comes that nobody has seen, in the tick in which it moves so much."""
    router = Router(*quotas, watch=watch, **rules)
    router.tick(A=0)
    router.tick()
    owners = {**router.reading.owners, G: GUEST}
    router.reading = replace(router.reading, owners=owners, free=FREE[1:])
    moves(router, used)
    return router


def moves(router: Router, used: int, seconds: int = 1):
    """The guest has moved so much in all."""
    at = next(account for account, owner in router.reading.owners.items() if owner == GUEST)
    from tests.core.limits_router import ACCOUNTS

    ACCOUNTS["G"] = at
    return router.tick(seconds=seconds, G=used)


def steps(router: Router, used: int, number: int = 12):
    for _ in range(number):
        outcome = moves(router, used)
    return outcome


def test_a_stranger_is_held_before_it_comes_and_keeps_the_same_count():
    router = Router(watch=PROBATION)
    router.tick()
    free = router.tick().policies[FREE[0]]
    assert (free.throttle_at.both, free.police_rate) == (MOST, SLOW // 8)
    router = with_guest()
    for used in (2 * MB, 9 * MB, 20 * MB):
        policy = moves(router, used).policies[G]
        assert (policy.throttle_at.both, policy.police_rate, policy.hold) == (MOST, SLOW // 8, Hold())
    outcome = router.tick()
    assert outcome.policies[A].throttle_at == outcome.policies[A].warn_at, "who is known is not held"
    assert outcome.shaped == (), "drops hold it until an alarm does"


def test_past_it_the_alarm_takes_over_with_an_end():
    router = with_guest()
    outcome = steps(router, MOST + MB)
    assert router.level(client(GUEST)) == "throttled"
    assert outcome.policies[G].hold == Hold(throttled=True)
    assert outcome.policies[G].throttle_at.both > MOST * 10**6
    assert outcome.shaped == (Shaped(G, SLOW),)
    assert any("is new here and moved 31.0 MB at once" in text and "held to 256" in text for text in router.announced)


@pytest.mark.parametrize("end", ["unblock", "allow", "fine"])
def test_whoever_ends_the_alarm_ends_the_probation(end):
    router = with_guest()
    steps(router, MOST + MB)
    if end == "fine":
        router.state = watch_commands.fine(router.state, router.state.watch.kept.episodes[-1].number)
    else:
        kind = None if end == "unblock" else OverrideKind.ALLOW
        router.state = commands.override(router.state, client(GUEST), kind)
    policy = steps(router, MOST + 2 * MB).policies[G]
    assert (router.level(client(GUEST)), policy.throttled, policy.throttle_at.both > MOST * 10**6) == (
        "open",
        False,
        True,
    )


def test_after_half_an_hour_it_is_a_client_like_others():
    router = with_guest()
    moves(router, 2 * MB, seconds=60)
    for _ in range(30):
        outcome = moves(router, 3 * MB, seconds=60)
    outcome = router.tick()
    assert outcome.policies[G].throttle_at == outcome.policies[A].throttle_at
    steps(router, MOST + MB, 2)
    assert router.level(client(GUEST)) == "open"


def test_a_block_comes_at_the_byte_and_the_alarm_though_a_packet_is_missing():
    router = with_guest(BLOCKING)
    assert router.tick().policies[G].block_at.both == MOST
    steps(router, MOST - 1000)
    assert router.level(client(GUEST)) == "blocked"


def test_what_it_moved_while_nobody_looked_counts():
    router = with_guest(used=20 * MB)
    steps(router, 20 * MB)
    router.restart()
    policy = moves(router, 29 * MB).policies[G]
    assert policy.throttle_at.both == MOST
    router.restart()
    assert steps(router, 31 * MB).policies[G].throttle_at.both == MOST
    steps(router, 31 * MB + 1)
    assert router.level(client(GUEST)) == "throttled"


def test_one_that_came_while_the_daemon_was_dead_is_held_from_where_it_began():
    router = Router(watch=PROBATION)
    router.tick(A=0)
    router.tick()
    router.restart()
    router.reading = replace(router.reading, owners={**router.reading.owners, G: GUEST}, free=FREE[1:])
    policy = moves(router, 10 * MB).policies[G]
    assert policy.throttle_at.both == MOST
    assert router.state.watch.kept.newcomers[GUEST][1] == 10 * MB


def test_on_the_first_day_of_the_program_nobody_is_new():
    router = Router(watch=PROBATION)
    router.reading = replace(router.reading, owners={**router.reading.owners, G: GUEST}, free=FREE[1:])
    moves(router, 50 * MB)
    assert moves(router, 60 * MB).policies[G].throttle_at.both > MOST * 10**6


def test_a_mute_keeps_people_from_being_told_and_not_the_device_from_being_held():
    router = with_guest()
    mute = Mute(AlarmKind.NEWCOMER, None, int(router.now) + 10**6)
    kept = replace(router.state.watch.kept, mutes=(mute,))
    router.state = replace(router.state, watch=replace(router.state.watch, kept=kept))
    steps(router, MOST + MB)
    (episode,) = router.state.watch.kept.episodes
    assert (router.level(client(GUEST)), episode.told, episode.answer) == ("throttled", False, Answer.CUT)


def test_one_with_a_throttle_of_its_own_is_in_a_class_that_is_as_slow():
    own = quota(limit=500 * MB, action=Action(ActionKind.THROTTLE, 1_000_000))
    router = with_guest(PROBATION, MB, own)
    outcome = moves(router, 2 * MB)
    assert {each.account: each.rate for each in outcome.shaped}[G] == SLOW
    assert outcome.policies[G].throttle_at.both == MOST
    assert {each.account: each.rate for each in outcome.shaped}[A] == 1_000_000


def test_who_is_listed_is_on_no_probation_and_without_a_rule_nobody_is():
    router = with_guest(names={ALICE: "alice", GUEST: "guest"})
    assert router.tick().policies[G].throttle_at.both > MOST * 10**6
    router = with_guest(replace(PROBATION, reactions={}))
    assert router.tick().policies[FREE[1]].throttle_at.both > MOST * 10**6
