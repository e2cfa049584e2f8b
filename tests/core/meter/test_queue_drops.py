# SPDX-License-Identifier: GPL-2.0-or-later
"""What our own queues dropped: credited in the end to the byte, never before it was dropped, and never twice."""

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from esimshaper.core.meter.queue_drops import QueueMembers, compare, credit, deduct_drops, is_broken, new_drops
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import Account
from esimshaper.core.model.limits import EVERYONE
from esimshaper.core.model.reading import ClassCounters, Reading
from esimshaper.core.model.state import Booked, QueueDrops
from esimshaper.core.model.tick import Step
from tests.core.limits_router import ALICE, BOB, FAMILY, OWNERS, TV, A, B, client, group

OWN = QueueMembers(OWNERS, {FAMILY: [[ALICE, BOB]]})


def reading(queued: int, account: Account = A, epoch: int = 7) -> Reading:
    return Reading(epoch, 0.0, {}, OWNERS, queued={account: queued})


def baseline(entries, epoch: int = 7) -> Booked:
    return Booked(epoch, {}, OWNERS, drops=entries)


def compared(booked: Booked, last: Reading | None, now: Reading, sent):
    return compare(Step.between(booked, last, now), sent)


def follow(*looks: tuple[int, ClassCounters | None]) -> QueueDrops | None:
    """The entry of one account after these looks: what was queued, and what had been sent right after that."""
    entries: dict[Account, QueueDrops] = {}
    for queued, sent in looks:
        entries = compared(baseline(entries), None, reading(queued), {A: sent} if sent else {})
    return entries.get(A)


def sent(size: int, backlog: int = 0, link: int = 1, packets: int | None = None) -> ClassCounters:
    return ClassCounters(link, size, size if packets is None else packets, backlog)


START = ((0, sent(0)), (0, sent(0)))


@pytest.mark.parametrize(
    ("looks", "dropped"),
    [
        (((1000, sent(1000)),), 0),
        (((1000, sent(200, 300)),), 500),
        (((1000, sent(200, 300)), (1000, sent(500))), 500),
        (((1000, sent(200, 300)), (1000, sent(400))), 600),
        (((1000, sent(1500)), (1500, sent(1500))), 0),
        (((1000, sent(900, 300)), (1000, sent(900))), 100),
    ],
    ids=["all left", "some wait", "they left", "some of them were dropped", "sent after counting", "the rest dropped"],
)
def test_what_neither_left_nor_waits_was_dropped(looks, dropped):
    assert follow(*START, *looks).dropped == dropped


def test_the_first_looks_only_find_out_where_things_stand():
    """Counters that were read before the first statistics would make of what was sent in between something dropped."""
    assert follow((900, sent(1000, 50))) == QueueDrops(sent(1000, 50))
    entry = follow((900, sent(1000, 50)), (1500, sent(1200)))
    assert (entry.surplus, entry.dropped) == (1500 - 1050, 0)


@pytest.mark.parametrize(
    "later",
    [sent(400, packets=9000), sent(9000, packets=3), sent(9000, link=2)],
    ids=["fewer bytes", "fewer packets", "another interface"],
)
def test_classes_made_anew_credit_nothing(later):
    before = follow(*START, (9000, sent(500)))
    entry = follow(*START, (9000, sent(500)), (99_000, later))
    assert before.dropped == 8500
    assert entry == QueueDrops(later)
    assert new_drops({A: before}, {A: entry}) == {}
    assert is_broken({A: before}, {A: entry})
    assert is_broken({A: before}, {})
    assert not is_broken({A: before}, {A: replace(before, dropped=9000)})


def test_what_was_not_used_before_is_compared_from_its_first_byte_on():
    known = compared(None, reading(0), reading(900), {A: sent(500, 100)})
    assert known[A].dropped == 300
    assert compared(None, reading(1), reading(900), {A: sent(500, 100)}) == {A: QueueDrops(sent(500, 100))}
    assert compared(None, reading(0, epoch=6), reading(900), {A: sent(500)}) == {A: QueueDrops(sent(500))}


def test_new_maps_begin_anew_and_statistics_that_cannot_be_read_change_nothing():
    entries = {A: follow(*START, (900, sent(500)))}
    assert compared(baseline(entries), None, reading(5000), None) == entries
    assert compared(baseline(entries, epoch=6), None, reading(5000), None) == {}
    assert compared(baseline(entries, epoch=6), None, reading(5000), {A: sent(600)}) == {A: QueueDrops(sent(600))}
    assert compared(None, None, reading(5), {A: sent(0)}) == {A: QueueDrops(sent(0))}


def test_a_credit_goes_to_all_that_were_charged():
    moved = {client(ALICE): Budget(1000, 300, 700), EVERYONE: Budget(5000, 3000, 2000)}
    hierarchies = {client(ALICE): (client(ALICE), group("family"), EVERYONE)}
    assert credit(moved, {client(ALICE): 600}, hierarchies) == {
        client(ALICE): Budget(400, 300, 100),
        group("family"): Budget(-600, 0, -600),
        EVERYONE: Budget(4400, 3000, 1400),
    }


def test_the_ledger_holds_what_left():
    before = {A: follow(*START)}
    after = {A: follow(*START, (1000, sent(200, 300)))}
    usage, noted = deduct_drops({ALICE: Counters(5, 1000, 1, 9)}, baseline(before), after, OWN)
    assert usage == {ALICE: Counters(5, 200, 1, 9)}
    assert noted[A].unsent == 800
    after = compared(baseline(noted), None, reading(1000), {A: sent(400)})
    usage, noted = deduct_drops({}, baseline(noted), after, OWN)
    assert (usage, noted[A].unsent) == ({ALICE: Counters(0, 200)}, 600)


def test_what_waited_when_a_comparison_ended_is_charged():
    _, noted = deduct_drops(
        {ALICE: Counters(0, 1000)}, baseline({A: follow(*START)}), {A: follow(*START, (1000, sent(200, 300)))}, OWN
    )
    assert deduct_drops({}, baseline(noted), {}, OWN) == ({ALICE: Counters(0, 300)}, {})


def test_where_nothing_waited_when_a_comparison_ended_nobody_is_named():
    settled = {A: QueueDrops(sent(400), 1000, 0, dropped=600, unsent=600)}
    assert deduct_drops({}, baseline(settled), {}, OWN) == ({}, {})


def test_a_comparison_that_began_under_load_takes_off_what_was_dropped_since():
    """450 bytes that were queued and not sent by then are no part of it."""
    entry = QueueDrops(sent(1700), 2500, surplus=450, dropped=350)
    usage, noted = deduct_drops({ALICE: Counters(0, 1000)}, None, {A: entry}, OWN)
    assert (usage, noted[A].unsent) == ({ALICE: Counters(0, 650)}, 350)


def test_what_is_to_be_charged_for_a_queue_in_common_waits_while_nobody_is_in_it():
    waited = {FAMILY: QueueDrops(sent(0), 0, 0, unsent=100)}
    assert deduct_drops({}, None, waited, QueueMembers(OWNERS, {FAMILY: [[], []]})) == ({}, waited)


def test_what_waited_before_a_reboot_is_charged_to_whose_account_it_was():
    waited = {A: QueueDrops(sent(200, 300), 500, 0, unsent=300)}
    somebody_else = QueueMembers({**OWNERS, A: BOB})
    assert deduct_drops({}, baseline(waited, epoch=6), {}, somebody_else) == ({ALICE: Counters(0, 300)}, {})


def test_a_queue_in_common_is_shared_by_what_each_sent():
    usage = {ALICE: Counters(7, 3000), BOB: Counters(0, 1000), TV: Counters(0, 9000)}
    entry = QueueDrops(sent(1600, 400), 4000, 0, dropped=2000)
    shared, noted = deduct_drops(usage, None, {FAMILY: entry}, OWN)
    assert shared == {ALICE: Counters(7, 1500), BOB: Counters(0, 500), TV: Counters(0, 9000)}
    assert noted[FAMILY].unsent == 2000


def test_a_queue_in_common_is_first_that_of_who_has_none_of_its_own():
    usage = {ALICE: Counters(0, 3000), BOB: Counters(0, 1000)}
    payers = QueueMembers(OWNERS, {FAMILY: [[BOB], [ALICE]]})
    for dropped, left in ((600, {ALICE: 3000, BOB: 400}), (1600, {ALICE: 2400, BOB: 0})):
        entry = QueueDrops(sent(0), dropped, 0, dropped=dropped)
        shared, noted = deduct_drops(usage, None, {FAMILY: entry}, payers)
        assert {client: counters.up_bytes for client, counters in shared.items()} == left
        assert noted[FAMILY].unsent == dropped


def test_nobody_gets_less_than_nothing_and_the_rest_is_not_forgotten():
    entry = QueueDrops(sent(0), 4000, 0, dropped=4000)
    usage, noted = deduct_drops({BOB: Counters(0, 1500)}, None, {FAMILY: entry}, OWN)
    assert (usage, noted[FAMILY].unsent) == ({BOB: Counters()}, 1500)
    usage, noted = deduct_drops({ALICE: Counters(0, 9000)}, baseline(noted), noted, OWN)
    assert (usage, noted[FAMILY].unsent) == ({ALICE: Counters(0, 6500)}, 4000)


# --- A queue that lives on while it is being read.


@dataclass
class Queue:
    """A tc class beside the counters of the kernel. `waiting` are packets; codel may drop any of them."""

    up: int = 0
    queued: int = 0
    sent: ClassCounters = field(default_factory=lambda: ClassCounters(1))
    waiting: list[int] = field(default_factory=list)
    dropped: int = 0
    left: int = 0
    renewed: bool = False

    def live(self, step: str, size: int) -> None:
        if step == "queue":
            self.up += size
            self.queued += size
            self.waiting.append(size)
        elif step == "refuse":
            self.up += size
            self.queued += size
            self.dropped += size
        elif step == "direct":  # past the classes
            self.up += size
            self.left += size
        elif self.waiting:
            first = self.waiting.pop(0)
            if step == "send":
                self.left += first
                self.sent = replace(self.sent, bytes=self.sent.bytes + first, packets=self.sent.packets + 1)
            elif step == "drop":
                self.dropped += first
        if step == "renew":
            self.dropped += sum(self.waiting)
            self.waiting = []
            self.sent, self.renewed = ClassCounters(1), True
        self.sent = replace(self.sent, backlog=sum(self.waiting))


steps = st.lists(
    st.tuples(
        st.sampled_from(["queue", "queue", "queue", "refuse", "send", "send", "drop", "direct"]), st.integers(1, 9)
    ),
    max_size=6,
)
ticks = st.lists(st.tuples(steps, steps), max_size=12)
"""What happens before each look, and between its two parts."""


@dataclass
class Watch:
    """Compares one queue, tick by tick."""

    queue: Queue = field(default_factory=Queue)
    entries: dict[Account, QueueDrops] = field(default_factory=dict)
    last: Reading | None = None
    billed: int = 0
    credit: int = 0
    total: int = 0
    """Of the ledger."""

    def look(self, between=()) -> None:
        counted = replace(self.queue)
        for step in between:
            self.queue.live(*step)
        sent = {} if self.queue.renewed else {A: self.queue.sent}
        after = compared(baseline(self.entries), self.last, reading(counted.queued), sent)
        usage = {ALICE: Counters(0, counted.up - self.billed)}
        usage, noted = deduct_drops(usage, baseline(self.entries), after, OWN)
        for size in new_drops(self.entries, after).values():
            assert size > 0, "a credit is never taken back"
            self.credit += size
        assert usage[ALICE].up_bytes >= 0, "totals do not fall"
        self.total += usage[ALICE].up_bytes
        self.entries, self.billed, self.last = noted, counted.up, reading(counted.queued)
        self.queue.renewed = False


@given(ticks)
@example([([("queue", 5)], [("send", 1)]), ([], [])])
@example([([], [("queue", 5), ("send", 1)]), ([], [])])
def test_never_more_is_credited_than_was_dropped_and_in_the_end_all_of_it(history):
    """From the first byte of a client that nobody knew before."""
    watch = Watch(last=reading(0))
    for before, between in history:
        for step in before:
            watch.queue.live(*step)
        watch.look(between)
        assert watch.credit <= watch.queue.dropped
        # Something that was sent in the moment between both parts may be in the ledger already.
        assert watch.total >= watch.billed - watch.queue.dropped - sum(watch.queue.waiting)
    while watch.queue.waiting:
        watch.queue.live("send", 0)
    watch.look()
    assert watch.credit == watch.queue.dropped
    assert watch.total == watch.queue.left


@given(ticks, ticks, st.booleans(), st.none() | st.just(reading(0)))
def test_from_whatever_moment_on_it_looks_nothing_that_was_sent_is_credited(before, after, renewed, last):
    """Comparisons begin under load, and again when classes are made anew."""
    watch = Watch(last=last)
    for history in (before, [([("renew", 0)] if renewed else [], [])], after):
        for steps_before, between in history:
            for step in steps_before:
                watch.queue.live(*step)
            watch.look(between)
            assert watch.credit <= watch.queue.dropped
            assert watch.total >= watch.billed - watch.queue.dropped - sum(watch.queue.waiting)
    while watch.queue.waiting:
        watch.queue.live("send", 0)
    watch.look()
    assert watch.total >= watch.queue.left, "what cannot be compared is charged"


@given(ticks, st.integers(0, 12), st.integers(0, 12))
def test_a_crash_neither_credits_twice_nor_forgets(history, saved_at, crash_at):
    """What is saved is saved at once: entries, what they were made from, and what came of them."""
    watch, disk = Watch(), None
    watch.look()
    watch.look()
    for number, (before, between) in enumerate(history):
        if disk is None or number == saved_at:
            disk = (dict(watch.entries), watch.billed, watch.credit, watch.total)
        for step in before:
            watch.queue.live(*step)
        watch.look(between)
        if number == crash_at:
            watch.entries, watch.billed, watch.credit, watch.total = disk
            watch.last = None
        assert watch.credit <= watch.queue.dropped
    while watch.queue.waiting:
        watch.queue.live("send", 0)
    watch.look()
    assert (watch.credit, watch.total) == (watch.queue.dropped, watch.queue.left)


def test_the_other_order_of_reading_would_credit_what_was_sent():
    """Why the counters come first: here they come after the statistics, as if by mistake."""
    watch = Watch()
    watch.look()
    watch.look()
    early = watch.queue.sent
    for step in (("queue", 5), ("send", 0)):
        watch.queue.live(*step)
    wrong = compared(baseline(watch.entries), None, reading(watch.queue.queued), {A: early})
    assert new_drops(watch.entries, wrong) == {A: 5}
    watch.look()
    assert watch.credit == 0


@given(
    st.integers(0, 10_000), st.lists(st.integers(0, 5000), min_size=3, max_size=3), st.randoms(use_true_random=False)
)
def test_shares_are_whole_bytes_that_add_up(dropped, sizes, chance: random.Random):
    clients = [ALICE, BOB, TV]
    chance.shuffle(clients)
    usage = {each: Counters(0, size) for each, size in zip(clients, sizes, strict=True)}
    shared, noted = deduct_drops(
        usage, None, {B: QueueDrops(sent(0), 0, 0, dropped)}, QueueMembers(OWNERS, {B: [clients]})
    )
    assert sum(each.up_bytes for each in shared.values()) == max(0, sum(sizes) - dropped)
    assert noted[B].unsent == min(dropped, sum(sizes))
    assert all(0 <= shared[each].up_bytes <= usage[each].up_bytes for each in clients)


def test_bytes_that_left_after_counting_are_charged_to_nobody_twice():
    """The class has sent more than the counters know of yet; the next reading has them."""
    after = {A: follow(*START, (1000, sent(1500)))}
    assert deduct_drops({ALICE: Counters(0, 1000)}, None, after, OWN) == ({ALICE: Counters(0, 1000)}, after)


def test_a_comparison_breaks_off_also_before_anything_was_queued_and_one_that_has_not_begun_does_not():
    begun, waits = follow(*START), QueueDrops(sent(400))
    assert (begun.surplus, begun.queued, waits.surplus) == (0, 0, None)
    assert is_broken({A: begun}, {A: waits})
    assert not is_broken({A: waits}, {A: waits})
