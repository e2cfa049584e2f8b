# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage -> traces: what each client moved in the last minute, five minutes and hour, by boot time. Pure.

    step      | 5 s | 5 s | ... | 5 s |                12 of them are the last minute, to the second
    minute    |     60 s    | ... | running |          five and the running one; all sixty of them

A step ends by the clock of the machine, so a wall clock that steps moves nothing. What came with a late tick is
shared out: a minute of bytes must not look like a second of them.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from esimshaper.core.model.counts import Usage
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.watch import Trace
from esimshaper.core.watch.constants import MINUTES, STEPS

EMPTY = Trace(array("Q", [0] * STEPS), array("Q", [0] * MINUTES), array("Q", [0] * 5))
NOTHING = (0, 0)


class Moved(NamedTuple):
    """Bytes of one client in the times that detectors ask about. down, up: of five minutes. flat: the least of each
    five minutes of the last hour, and 0 where a minute is not over."""

    minute: int
    five: int
    hour: int
    down: int
    up: int
    ten: int
    flat: int = 0


def summed(usages: Iterable[Usage]) -> dict[ClientKey, tuple[int, int]]:
    """Bytes down and up by client. Those that are taken back after the fact (uploads that a queue has dropped) are no
    negative use."""
    found: dict[ClientKey, tuple[int, int]] = {}
    for usage in usages:
        for key, counters in usage.items():
            down, up = found.get(key, NOTHING)
            found[key] = (down + counters.down_bytes, up + counters.up_bytes)
    if any(down < 0 or up < 0 for down, up in found.values()):
        found = {key: (max(0, down), max(0, up)) for key, (down, up) in found.items()}
    return found


def step_forward(
    traces: Mapping[ClientKey, Trace], used: Mapping[ClientKey, tuple[int, int]], before: int, step: int
) -> dict[ClientKey, Trace]:
    """The traces at the beginning of `step`, where so much was moved, down and up, since step number `before` began."""
    number = step - before
    following: dict[ClientKey, Trace] = {}
    for key in {**traces, **used}:
        trace, (down, up) = traces.get(key, EMPTY), used.get(key, NOTHING)
        if number == 1:
            moved = _one_step(trace, down, up, ends_minute=step % STEPS == 0)
        else:
            moved = _many_steps(trace, down, up, before, step)
        if moved.hour:
            following[key] = moved
    return following


def moved_by(trace: Trace, *, with_flat: bool) -> Moved:
    """The sums of a trace; `flat` only if it is asked for."""
    _, minutes, _, running_down, running_up, hour, minute, five, ten, up = trace
    running = running_down + running_up
    five, up = five + running, up + running_up
    flat = min(sum(minutes[at : at + 5]) for at in range(0, MINUTES, 5)) if with_flat else 0
    return Moved(minute, five, hour, five - up, up, ten + running, flat)


def _one_step(trace: Trace, down: int, up: int, *, ends_minute: bool) -> Trace:
    steps, minutes, ups, running_down, running_up, hour, minute, five, ten, sent = trace
    both = down + up
    minute += both - steps[0]
    steps = steps[1:]
    steps.append(both)
    running_down, running_up, hour = running_down + down, running_up + up, hour + both
    if not ends_minute:
        return Trace(steps, minutes, ups, running_down, running_up, hour, minute, five, ten, sent)
    running = running_down + running_up
    hour, five, ten = hour - minutes[0], five + running - minutes[-5], ten + running - minutes[-10]
    minutes, sent = minutes[1:], sent + running_up - ups[0]
    minutes.append(running)
    ups = ups[1:]
    ups.append(running_up)
    return Trace(steps, minutes, ups, 0, 0, hour, minute, five, ten, sent)


def _many_steps(trace: Trace, down: int, up: int, before: int, step: int) -> Trace:
    """As if the bytes had come evenly."""
    number = step - before

    def share(size: int, at: int) -> int:
        return size * (at + 1) // number - size * at // number

    for at in range(number):
        trace = _one_step(trace, share(down, at), share(up, at), ends_minute=(before + at + 1) % STEPS == 0)
    return trace
