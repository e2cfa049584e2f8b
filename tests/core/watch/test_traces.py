# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces: their sums are those of the bytes, however these are split."""

from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.watch.traces import moved_by, step_forward, summed

TV = ClientKey("tv")
steps = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**6)), min_size=1, max_size=900)


def played(moved):
    traces = {}
    for number, (down, up) in enumerate(moved):
        traces = step_forward(traces, {TV: (down, up)} if down or up else {}, number, number + 1)
    return traces


@settings(max_examples=50, deadline=None)
@given(steps)
def test_sums_are_those_of_brute_force(moved):
    sizes = [down + up for down, up in moved]
    trace = played(moved).get(TV)
    minute, full = len(moved) % 12, len(moved) // 12
    of_minutes = [sum(sizes[12 * at : 12 * at + 12]) for at in range(full)]
    running = sum(sizes[len(sizes) - minute :]) if minute else 0
    if trace is None:
        assert not sum(of_minutes[-60:], running)
        return
    found = moved_by(trace, with_flat=True)
    assert found.minute == sum(sizes[-12:])
    assert found.five == sum(of_minutes[-5:], running)
    assert found.ten == sum(of_minutes[-10:], running)
    assert found.hour == sum(of_minutes[-60:], running)
    assert found.up == sum(up for _, up in moved[max(0, 12 * (full - 5)) :])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**8), st.integers(1, 12), st.integers(0, 11))
def test_a_late_tick_shares_its_bytes_out(down, up, pause, begin):
    traces = step_forward({}, {TV: (down, up)}, begin, begin + pause)
    size = down + up
    trace = traces.get(TV)
    found = moved_by(trace, with_flat=False) if trace else None
    assert (found.hour if found else 0) == size
    assert not trace or max(trace.steps) - min(trace.steps[-pause:]) <= 2


def test_bytes_that_are_taken_back_are_no_negative_use():
    assert summed([{TV: Counters(0, 900)}, {TV: Counters(0, -1000)}]) == {TV: (0, 0)}


def test_who_moved_nothing_for_an_hour_has_no_trace():
    traces = step_forward({}, {TV: (5, 5)}, 0, 1)
    for step in range(1, 12 * 62):
        traces = step_forward(traces, {}, step, step + 1)
    assert traces == {}
