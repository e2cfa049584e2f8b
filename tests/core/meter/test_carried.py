# SPDX-License-Identifier: GPL-2.0-or-later
"""What each of several uplinks carried: each client's bytes and each uplink's bill, to the byte."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.meter.carried import LeftOut, share_of, share_out
from esimshaper.core.meter.metering import advance
from esimshaper.core.model.counts import NOTHING, Counters, sum_of
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.reading import Moves, Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Booked, State
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.model.uplink import Means, UplinkCounters
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.pipeline import begin_tick

ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")
OWNERS = {Account(2): ALICE, Account(3): BOB}
TUNNELS = Account(99)
UPLINKS = (
    Uplink("cellular", "wan0", interfaces=("wan0",)),
    Uplink("hotel", "wan1", metered=False, interfaces=("wan1",)),
)
RULES = Rules("wan0", None, uplinks=UPLINKS)  # type: ignore[arg-type]


def tick(before, by_uplink, uplink=None):
    sums = {}
    for accounts in by_uplink.values():
        for account, counters in accounts.items():
            sums[account] = sums.get(account, NOTHING) + counters
    reading = Reading(1, 1.0, sums, OWNERS, by_uplink=by_uplink, tunnels_account=TUNNELS)
    step = Step.between(before, None, reading)
    return Tick(RULES, Moment(0.0, trusted=True), Observation(reading, uplink=uplink), step, {}, {})


def booked(carried):
    return Booked(1, {}, OWNERS, carried=carried)


def test_rows_are_the_clients_and_columns_the_bills():
    now = {
        "cellular": {Account(2): Counters(500, 50, 5, 1), Account(3): Counters(100, 10, 1, 1)},
        "hotel": {Account(2): Counters(200, 20, 2, 1), Account(0): Counters(200, 0, 2, 0)},
    }
    usage = {ALICE: Counters(700, 70, 7, 2), BOB: Counters(300, 10, 3, 1)}  # 200 of nobody were moved to bob
    shared = share_out(tick(None, now), usage, LeftOut())
    assert shared.usage == {
        "cellular": {ALICE: Counters(500, 50, 5, 1), BOB: Counters(100, 10, 1, 1)},
        "hotel": {ALICE: Counters(200, 20, 2, 1), BOB: Counters(200, 0, 2, 0)},
    }
    assert not any(shared.booked.waiting.values())


def test_one_uplink_carried_all_of_it():
    usage = {ALICE: Counters(700, 70, 7, 2)}
    assert share_out(tick(None, {}), usage, LeftOut()).usage == {"cellular": usage}


def test_bytes_of_a_tunnel_wait_in_the_column_of_their_uplink():
    first = {"cellular": {}, "hotel": {TUNNELS: Counters(1000, 0, 1, 0)}}
    waits = share_out(tick(None, first), {}, LeftOut())
    assert waits.booked.waiting["hotel"].down_bytes == 1000
    more = {"cellular": {Account(3): Counters(50, 0, 1, 0)}, "hotel": first["hotel"]}
    after = share_out(
        tick(booked(waits.booked), more), {ALICE: Counters(1000, 0, 1, 0), BOB: Counters(50, 0, 1, 0)}, LeftOut()
    )
    assert after.usage["hotel"] == {ALICE: Counters(1000, 0, 1, 0)}
    assert after.usage["cellular"] == {BOB: Counters(50, 0, 1, 0)}


def test_what_a_queue_dropped_is_taken_off_the_uplink_that_has_it():
    now = {"cellular": {Account(2): Counters(0, 1000, 0, 1)}, "hotel": {Account(2): Counters(0, 1000, 0, 1)}}
    seen = UplinkCounters(1, Means.TAP, held={"cellular": 300})
    lost = share_out(tick(None, now, seen), {ALICE: Counters(0, 1700, 0, 2)}, LeftOut(behind=300))
    assert {name: each[ALICE].up_bytes for name, each in lost.usage.items()} == {"cellular": 700, "hotel": 1000}
    left = UplinkCounters(1, Means.TAP, held={"cellular": 100})
    again = share_out(tick(booked(lost.booked), now, left), {ALICE: Counters(up_bytes=200)}, LeftOut(behind=-200))
    assert again.usage["cellular"][ALICE].up_bytes == 200
    ours = share_out(tick(None, now), {ALICE: Counters(0, 1700, 0, 2)}, LeftOut(shaped=300))
    assert ours.usage["cellular"][ALICE].up_bytes == 700, "our classes are at the first uplink"


def test_quotas_look_at_the_share_of_metered_uplinks_in_a_tunnel():
    now = {"cellular": {TUNNELS: Counters(100, 0, 1, 0)}, "hotel": {TUNNELS: Counters(300, 0, 1, 0)}}
    assert share_of(tick(None, now).step, ("cellular",)) == (100, 400)
    assert share_of(tick(None, {}).step, ("cellular",)) == (1, 1)


COUNT = st.integers(0, 3000)
CELLS = st.tuples(COUNT, COUNT, COUNT, COUNT).map(lambda each: Counters(*each))
ROWS = st.fixed_dictionaries({Account(number): CELLS for number in (0, 2, 3)})
MOVE = st.tuples(st.sampled_from((0, 2, 3)), st.sampled_from((0, 2, 3)), st.integers(0, 2000))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(ROWS, ROWS, st.lists(MOVE, max_size=2)), min_size=1, max_size=5))
def test_sums_hold_whatever_is_charged_and_moved(steps):
    state, given_, got = State(), dict.fromkeys((0, 2, 3), 0), dict.fromkeys((0, 2, 3), 0)
    sums = {"cellular": dict.fromkeys(map(Account, (0, 2, 3)), NOTHING), "hotel": {}}
    sums["hotel"] = dict(sums["cellular"])
    carried = {"cellular": NOTHING, "hotel": NOTHING}
    for cellular, hotel, moves in [*steps, *[(dict.fromkeys(map(Account, (0, 2, 3)), NOTHING),) * 2 + ([],)] * 2]:
        for name, cells in (("cellular", cellular), ("hotel", hotel)):
            sums[name] = {account: sums[name][account] + more for account, more in cells.items()}
        charged = {account: sums["cellular"][account] + sums["hotel"][account] for account in sums["hotel"]}
        for source, to, size in moves:
            if source != to and charged[source].down_bytes - given_[source] >= size:
                given_[source], got[to] = given_[source] + size, got[to] + size
        moved = {Account(n): Moves(Counters(got[n]), Counters(given_[n])) for n in (0, 2, 3)}
        reading = Reading(1, 1.0, charged, OWNERS, moves=moved, by_uplink=dict(sums), tunnels_account=TUNNELS)
        metered = advance(begin_tick(state, RULES, 0.0, Observation(reading)))
        by_client = {}
        for name, usage in metered.by_uplink.items():
            carried[name] += sum_of(usage.values())
            for client, counters in usage.items():
                assert min(counters.down_bytes, counters.up_bytes, counters.down_packets, counters.up_packets) >= 0
                by_client[client] = by_client.get(client, NOTHING) + counters
        assert by_client == {client: each for client, each in metered.usage.items() if each}
        state = replace(state, meter=metered.state)
    assert carried == {name: sum_of(accounts.values()) for name, accounts in sums.items()}
    assert metered.booked.carried.totals == carried
