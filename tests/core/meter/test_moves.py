# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes that the LAN saw go elsewhere: booked where they went, while no count falls and the sum is what was charged."""

import random
from dataclasses import replace

from esimshaper.core.meter.moves import settle_moves
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.reading import Moves, Reading
from esimshaper.core.model.state import Booked
from esimshaper.core.model.tick import Step

NOBODY, ALICE, BOB, CAROL = ACCOUNT_UNATTRIBUTED, Account(2), Account(3), Account(4)


def down(size: int) -> Counters:
    return Counters(size, 0, size // 10, 0)


class Router:
    """What was charged and moved so far, and what is booked after each reading."""

    def __init__(self) -> None:
        self.charged: dict[Account, int] = {}
        self.got: dict[Account, int] = {}
        self.given: dict[Account, int] = {}
        self.booked: dict[Account, Counters] = {}
        self.seen: Reading | None = None

    def charge(self, account: Account, size: int) -> None:
        self.charged[account] = self.charged.get(account, 0) + size

    def move(self, giver: Account, receiver: Account, size: int) -> None:
        self.given[giver] = self.given.get(giver, 0) + size
        self.got[receiver] = self.got.get(receiver, 0) + size

    def read(self) -> dict[Account, int]:
        moves = {
            account: Moves(down(self.got.get(account, 0)), down(self.given.get(account, 0)))
            for account in self.got.keys() | self.given.keys()
        }
        accounts = {account: down(size) for account, size in self.charged.items()}
        reading = Reading(1, 0.0, accounts, {}, moves=moves)
        booked = Booked(1, self.booked, {})
        step = settle_moves(Step.between(booked, self.seen, reading))
        after = step.reading.accounts
        assert all(after[account].down_bytes >= known.down_bytes for account, known in self.booked.items())
        assert sum(each.down_bytes for each in after.values()) <= sum(self.charged.values())
        self.booked, self.seen = dict(after), reading
        return {account: counters.down_bytes for account, counters in after.items() if counters.down_bytes}


def test_download_of_nobody_is_booked_to_who_got_it() -> None:
    router = Router()
    router.charge(NOBODY, 1000)
    router.move(NOBODY, ALICE, 1000)
    assert router.read() == {ALICE: 1000}


def test_reading_without_moves_is_left_as_it_is() -> None:
    step = Step.between(None, None, Reading(1, 0.0, {NOBODY: down(10)}, {}))
    assert settle_moves(step) is step


def test_what_a_giver_has_waits_for_one_reading_because_it_may_be_given_yet() -> None:
    router = Router()
    router.charge(NOBODY, 1000)
    router.move(NOBODY, ALICE, 400)
    assert router.read() == {ALICE: 400}
    router.move(NOBODY, ALICE, 500)
    router.charge(NOBODY, 300)
    assert router.read() == {ALICE: 900, NOBODY: 100}, "the 300 are new, and wait"
    assert router.read() == {ALICE: 900, NOBODY: 400}


def test_what_is_given_after_it_was_booked_waits_until_the_giver_is_charged_again() -> None:
    router = Router()
    router.charge(NOBODY, 1000)
    assert router.read() == {NOBODY: 1000}
    router.move(NOBODY, ALICE, 1000)
    router.charge(CAROL, 50)
    assert router.read() == {NOBODY: 1000, CAROL: 50}, "nobody else pays for that"
    router.charge(NOBODY, 600)
    router.read()
    assert router.read() == {NOBODY: 1000, CAROL: 50, ALICE: 600}


def test_neighbour_whose_address_was_used_is_booked_nothing() -> None:
    router = Router()
    router.charge(ALICE, 5000)
    router.move(ALICE, BOB, 5000)
    assert router.read() == {BOB: 5000}


def test_sum_is_what_was_charged_once_all_is_quiet() -> None:
    chance = random.Random(7)
    for _ in range(200):
        router = Router()
        for _ in range(30):
            giver, receiver = chance.choice([NOBODY, ALICE]), chance.choice([BOB, CAROL, ALICE])
            size = chance.randrange(1, 100) * 10
            router.charge(giver, size)
            if chance.random() < 0.4:
                router.read()
            if giver != receiver and chance.random() < 0.7:
                router.move(giver, receiver, size)
            if chance.random() < 0.4:
                router.read()
        for _ in range(2):
            booked = router.read()
        assert sum(booked.values()) == sum(router.charged.values())


def test_after_a_start_the_last_reading_is_not_known_and_no_byte_is_lost() -> None:
    router = Router()
    router.charge(NOBODY, 1000)
    router.move(NOBODY, ALICE, 400)
    router.seen = None
    router.read()
    assert router.read() == {ALICE: 400, NOBODY: 600}


def test_moves_of_other_maps_are_no_reason_to_wait() -> None:
    router = Router()
    router.charge(NOBODY, 1000)
    router.move(NOBODY, ALICE, 400)
    router.read()
    assert router.seen
    router.seen = replace(router.seen, epoch=2)
    router.read()
    assert router.read() == {ALICE: 400, NOBODY: 600}
