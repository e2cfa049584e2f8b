# SPDX-License-Identifier: GPL-2.0-or-later
"""Services: those of a client sum to the client, to the byte, whatever the counters do."""

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.commands import resume
from esimshaper.core.meter import metering
from esimshaper.core.meter.services import Published, attribute, publish
from esimshaper.core.model.counts import Counters, Usage
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import ACCOUNT_ROUTER, ROUTER, UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.reading import ClassCounters, Moves, Observation, Reading, Tunnels
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import NO_VOLUME, UNNAMED, ServiceCounts, ServiceUsage, Volume
from esimshaper.core.model.state import Booked, Booking, State
from esimshaper.core.model.tick import Step
from esimshaper.core.pipeline import advance, begin_tick
from esimshaper.core.saving.booking import final, note_not_saved, note_saved

ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")
A, B, TUNNELS = Account(2), Account(3), Account(9)
OWNERS = {Account(0): UNATTRIBUTED, ACCOUNT_ROUTER: ROUTER, A: ALICE, B: BOB}
NAMES = {1: "hidden", 2: "other", 3: "youtube", 4: "line"}
RULES = Rules("wwan0", ZoneInfo("Asia/Tokyo"))
NOON = 1_800_000_000.0


class Ticks:
    """`attribute` folded over readings: `now` is what the kernel counted, by account and number."""

    def __init__(self) -> None:
        self.booked: ServiceCounts = {}
        self.last: Reading | None = None

    def tick(self, now: ServiceCounts, usage: Usage, waiting: int = 0) -> ServiceUsage:
        reading = Reading(7, 1.0, {}, OWNERS, services=now, service_names=NAMES)
        step = Step.between(Booked(7, {}, OWNERS, services=self.booked), self.last, reading)
        found = attribute(step, usage, {A: waiting})
        self.booked, self.last = found.booked, reading
        return found.usage


def down(**sizes: int) -> dict[str, Volume]:
    return {name: Volume(size) for name, size in sizes.items()}


def up(**sizes: int) -> dict[str, Volume]:
    return {name: Volume(0, size) for name, size in sizes.items()}


def test_what_the_kernel_counted_is_booked_as_it_is():
    ticks = Ticks()
    now = {A: {0: Volume(100), 3: Volume(900)}}
    assert ticks.tick(now, {ALICE: Counters(1000, 0, 1, 0)}) == {ALICE: down(unnamed=100, youtube=900)}
    assert ticks.tick(now, {}) == {}
    assert ticks.booked[A] is now[A]


def test_a_name_that_comes_later_moves_bytes_that_were_booked():
    ticks = Ticks()
    ticks.tick({A: {0: Volume(300)}}, {ALICE: Counters(300)})
    assert ticks.tick({A: {0: NO_VOLUME, 3: Volume(300)}}, {}) == {ALICE: down(unnamed=-300, youtube=300)}


def test_more_than_the_kernel_counted_is_unnamed_and_lowers_no_named_service():
    ticks = Ticks()
    assert ticks.tick({A: {3: Volume(900)}}, {ALICE: Counters(1000)}) == {ALICE: down(unnamed=100, youtube=900)}
    assert ticks.tick({A: {3: Volume(950)}}, {ALICE: Counters(60)}) == {ALICE: down(unnamed=10, youtube=50)}


def test_a_packet_between_two_counters_is_named_by_the_next_reading():
    ticks = Ticks()
    assert ticks.tick({A: {3: Volume(900)}}, {ALICE: Counters(1000)}) == {ALICE: down(unnamed=100, youtube=900)}
    assert ticks.tick({A: {3: Volume(1500)}}, {ALICE: Counters(500)}) == {ALICE: down(unnamed=-100, youtube=600)}
    assert ticks.tick({A: {3: Volume(1500), 4: Volume(50)}}, {ALICE: Counters(20)}) == {ALICE: down(line=20)}
    assert ticks.tick({A: {3: Volume(1500), 4: Volume(50)}}, {ALICE: Counters(30)}) == {ALICE: down(line=30)}


def test_uploads_that_wait_belong_to_their_service_once_they_have_left():
    ticks = Ticks()
    assert ticks.tick({A: {3: Volume(0, 1000)}}, {ALICE: Counters(0, 200)}, waiting=800) == {ALICE: up(youtube=200)}
    now = {A: {3: Volume(0, 1000), 4: Volume(0, 100)}}
    assert ticks.tick(now, {}, waiting=900) == {}
    assert ticks.tick(now, {ALICE: Counters(0, 900)}) == {ALICE: up(youtube=800, line=100)}
    assert ticks.booked[A] is now[A]


def test_uploads_that_were_lost_are_taken_off_once_and_do_not_come_back():
    ticks = Ticks()
    now = {A: {3: Volume(0, 800), 4: Volume(0, 200)}}
    assert ticks.tick(now, {ALICE: Counters(0, 500)}) == {ALICE: up(youtube=400, line=100)}
    assert ticks.tick(now, {}) == {}
    later = {A: {3: Volume(0, 800), 4: Volume(0, 200), 2: Volume(0, 70)}}
    assert ticks.tick(later, {ALICE: Counters(0, 70)}) == {ALICE: up(other=70)}


@pytest.mark.parametrize("way", [(1, 0), (0, 1)])
def test_what_headers_of_tunnels_add_does_not_hide_losses_for_ever(way):
    ticks = Ticks()
    for counted, billed, most in ((1000, 9000, 1000), (1100, 100, 100), (2100, 100, 200)):
        now = {A: {3: Volume(way[0] * counted, way[1] * counted)}}
        used = ticks.tick(now, {ALICE: Counters(way[0] * billed, way[1] * billed)})
        assert used[ALICE]["youtube"].total_bytes <= most


def test_where_services_are_not_counted_there_are_none():
    step = Step.between(None, None, Reading(7, 1.0, {A: Counters(9)}, OWNERS))
    assert attribute(step, {ALICE: Counters(9)}, {}).usage == {}


def test_clients_without_rows_are_unnamed_where_services_are_counted():
    assert Ticks().tick({A: {}}, {BOB: Counters(5, 6)}) == {BOB: {UNNAMED: Volume(5, 6)}}


def test_the_very_same_counts_come_back_where_nothing_moved():
    ticks = Ticks()
    ticks.tick({A: {3: Volume(900)}, B: {0: Volume(5)}}, {ALICE: Counters(900), BOB: Counters(5)})
    before = ticks.booked
    assert ticks.tick(dict(before), {}) == {}
    assert ticks.booked is before


volumes = st.builds(Volume, st.integers(-5000, 9000), st.integers(-5000, 9000))


@given(st.lists(st.dictionaries(st.sampled_from(["youtube", "line", UNNAMED]), volumes), max_size=8))
def test_published_totals_never_fall_and_their_sum_is_that_of_the_client(steps):
    published, exact, billed = Published(), {}, NO_VOLUME
    for step in steps:
        rest = sum(step.values(), NO_VOLUME)
        level = Volume(max(0, -rest.down_bytes), max(0, -rest.up_bytes))  # what is billed is never below zero
        used = step | {UNNAMED: step.get(UNNAMED, NO_VOLUME) + level}
        billed += rest + level
        exact = {name: exact.get(name, NO_VOLUME) + used.get(name, NO_VOLUME) for name in {**exact, **used}}
        before = all_of(published, billed - rest - level)
        published = publish(published, {ALICE: used})
        after = all_of(published, billed)
        for name in after:
            risen = after[name] - before.get(name, NO_VOLUME)
            assert min(risen.down_bytes, risen.up_bytes) >= 0
    behind = published.behind.get(ALICE, {})
    after = all_of(published, billed)
    for name, volume in exact.items():
        assert after.get(name, NO_VOLUME) + behind.get(name, NO_VOLUME) == volume


def all_of(published: Published, billed: Volume) -> dict[str, Volume]:
    named = published.totals.get(ALICE, {})
    return {**named, UNNAMED: billed - sum(named.values(), NO_VOLUME)}


# --- the whole room, with everything that corrects what is billed


@dataclass(frozen=True)
class Kernel:
    """What happens to a router between two readings: `lives` makes lists of these."""

    charged: tuple[tuple[Account, int, Volume], ...] = ()
    """Account, number of a service, bytes."""
    renamed: tuple[tuple[Account, int, int], ...] = ()
    """All of an account's bytes of a service become those of another."""
    tunnel: tuple[int, int] = (0, 0)
    """Claimed inside by alice, and seen outside."""
    moved: int = 0
    """Downloads of alice that bob got."""
    queued: int = 0
    """Of alice's uploads, given to a class of hers."""
    left: int = 0
    """Of these, what has left."""
    end: str = ""
    """Stopped, killed, a disk that fails, or started anew with new maps."""


accounts_of = st.sampled_from([Account(0), ACCOUNT_ROUTER, A, B])
numbers = st.sampled_from([0, 1, 2, 3, 4, 77])
sizes = st.integers(0, 10_000)
happened = st.builds(
    Kernel,
    charged=st.lists(st.tuples(accounts_of, numbers, st.builds(Volume, sizes, sizes)), max_size=4).map(tuple),
    renamed=st.lists(st.tuples(accounts_of, numbers, numbers), max_size=2).map(tuple),
    tunnel=st.just((0, 0)) | st.tuples(sizes, sizes),
    moved=st.just(0) | sizes,
    queued=st.just(0) | sizes,
    left=sizes,
    end=st.sampled_from(["", "", "", "kill", "stop", "fail", "reboot"]),
)


class Router:
    """A router whose kernel does what a test says, its daemon, and its disk: sums of rows, by client."""

    def __init__(self) -> None:
        self.state = State()
        self.baseline, self.billed, self.services = None, {}, {}
        self.epoch, self.seconds = 7, 1000.0
        self.reboot()

    def reboot(self) -> None:
        self.epoch += 1
        self.accounts = dict.fromkeys(OWNERS, Counters())
        self.rows: dict[Account, dict[int, Volume]] = {}
        self.outer = self.claimed = self.got = self.queued = self.sent = 0

    def happen(self, what: Kernel) -> None:
        for account, number, volume in what.charged:
            self.accounts[account] += Counters(volume.down_bytes, volume.up_bytes, 1, 1)
            self.add(account, number, volume)
        self.claimed += what.tunnel[0]
        self.outer += what.tunnel[1]
        self.add(A, 3, Volume(what.tunnel[0]))
        moved = min(what.moved, self.accounts[A].down_bytes - self.got)
        self.got += moved
        uploads = self.accounts[A].up_bytes
        self.queued = min(uploads, self.queued + what.queued)
        self.sent = min(self.queued, self.sent + what.left)
        for account, old, new in what.renamed:
            volume = self.rows.get(account, {}).get(old, NO_VOLUME)
            if old != new and volume:
                self.add(account, old, NO_VOLUME - volume)
                self.add(account, new, volume)

    def add(self, account: Account, number: int, volume: Volume) -> None:
        rows = self.rows.get(account, {})
        self.rows = {**self.rows, account: {**rows, number: rows.get(number, NO_VOLUME) + volume}}

    def tick(self, *, saves: bool = True) -> None:
        self.seconds += 1
        given = Counters(self.got, 0, 1, 0)
        tunnels = Tunnels(Counters(self.outer, 0, 1, 0), {A: Counters(self.claimed, 0, 1, 0)})
        reading = Reading(
            self.epoch, self.seconds, dict(self.accounts), OWNERS,
            services=self.rows,
            service_names=NAMES,
            tunnels=tunnels if self.outer or self.claimed else Tunnels(),
            tunnels_account=TUNNELS,
            moves={A: Moves(given=given), B: Moves(got=given)} if self.got else {},
            queued={A: self.queued} if self.queued else {},
        )  # fmt: skip
        sent = {A: ClassCounters(1, self.sent, self.sent // 100, 0)} if self.queued else {}
        seen, now = Observation(reading, sent=sent), NOON + self.seconds
        metered = metering.advance(begin_tick(self.state, RULES, now, seen))
        used = {client: Volume(each.down_bytes, each.up_bytes) for client, each in metered.usage.items()}
        for client in {**used, **metered.services}:
            served = metered.services.get(client, {})
            assert sum(served.values(), NO_VOLUME) == used.get(client, NO_VOLUME)
        self.state, outcome = advance(self.state, RULES, now, seen)
        self.check()
        if outcome.booking and saves:
            self.save(outcome.booking)
            self.state = note_saved(self.state, outcome.booking)
        elif outcome.booking:
            self.state = note_not_saved(self.state, RULES)

    def check(self) -> None:
        """Sums that hold at any moment."""
        for client, named in self.state.meter.booked.served.items():
            total, sums = self.state.totals.get(client, Counters()), sum(named.values(), NO_VOLUME)
            assert 0 <= sums.down_bytes <= total.down_bytes
            assert 0 <= sums.up_bytes <= total.up_bytes
            assert all(min(volume.down_bytes, volume.up_bytes) >= 0 for volume in named.values())

    def save(self, booking: Booking) -> None:
        self.baseline = booking.baseline
        for row in booking.rows:
            if row.resolution is Resolution.MONTH:
                self.billed[row.client] = self.billed.get(row.client, Counters()) + row.counters
                for name, volume in row.services.items():
                    key = row.client, name
                    self.services[key] = self.services.get(key, NO_VOLUME) + volume

    def end(self, how: str) -> None:
        if how == "stop" and (booking := final(self.state, RULES)):
            self.save(booking)
        if how in ("stop", "kill"):
            # What is loaded from a disk is equal, and not the same objects.
            saved = self.baseline and replace(
                self.baseline.meter, services={a: dict(rows) for a, rows in self.baseline.meter.services.items()}
            )
            self.state = resume(self.baseline and replace(self.baseline, meter=saved))
        if how == "reboot":
            self.reboot()


@given(st.lists(happened, max_size=8))
def test_the_sum_over_services_is_the_client_whatever_happens(life):
    router = Router()
    for what in life:
        router.happen(what)
        router.tick(saves=what.end != "fail")
        router.end(what.end)
    assert UNNAMED not in {name for _, name in router.services}


@given(
    st.lists(
        st.builds(
            Kernel,
            charged=happened.map(lambda each: each.charged),
            renamed=happened.map(lambda each: each.renamed),
            end=st.sampled_from(["", "", "kill", "stop", "fail"]),
        ),
        max_size=8,
    )
)
def test_at_rest_named_services_are_what_the_kernel_counted(life):
    router = Router()
    for what in life:
        router.happen(what)
        router.tick(saves=what.end != "fail")
        router.end(what.end)
    router.tick()
    router.tick()
    router.end("stop")
    counted: dict[tuple[ClientKey, str], Volume] = {}
    for account, rows in router.rows.items():
        for number, volume in rows.items():
            key = OWNERS[account], NAMES.get(number, "other")
            if number:
                counted[key] = counted.get(key, NO_VOLUME) + volume
    assert {key: volume for key, volume in router.services.items() if volume} == {
        key: volume for key, volume in counted.items() if volume
    }


def test_uploads_that_waited_in_a_queue_of_ours_end_under_their_service():
    router = Router()
    router.happen(Kernel(((A, 3, Volume(0, 100)),), queued=100, left=100))
    router.tick()
    router.tick()
    router.happen(Kernel(((A, 3, Volume(0, 10_000)), (A, 4, Volume(0, 10_000))), queued=20_000, left=4_000))
    router.tick()
    assert router.state.totals[ALICE].up_bytes == 4_100
    served = router.state.meter.booked.served[ALICE]
    assert (served["youtube"], served["line"]) == (Volume(0, 2_100), Volume(0, 2_000))
    router.happen(Kernel(((A, 3, Volume(0, 1_000)),), queued=1_000, left=17_000))
    router.tick()
    router.end("stop")
    assert router.billed[ALICE].up_bytes == 21_100
    assert router.services == {(ALICE, "youtube"): Volume(0, 11_100), (ALICE, "line"): Volume(0, 10_000)}
