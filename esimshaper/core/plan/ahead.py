# SPDX-License-Identifier: GPL-2.0-or-later
"""A course -> the next change of each of its meters, and after how many bytes it comes. Pure."""

from collections.abc import Iterator

from esimshaper.core.model.plan import FULL, PlanStep
from esimshaper.core.model.plan_state import Ahead
from esimshaper.core.plan.count import Count, cap_of
from esimshaper.core.plan.course import Course


def steps_ahead(course: Course, at: int, *, roaming: bool) -> tuple[Ahead, ...]:
    """The next change of each meter that counts now, the nearest first. Lots put off what would make it slow."""
    course.settle()
    if course.is_over:
        return ()
    counting = course.counting(roaming=roaming)
    named = zip(course.counts, course.plan.labels, strict=True)
    found = (each for count, label in named if count in counting for each in _of_meter(course, count, label, at))
    return tuple(sorted(found, key=lambda each: each.room))


def _of_meter(course: Course, count: Count, label: str, at: int) -> Iterator[Ahead]:
    used = count.sum_of_days(at) if count.is_last else count.used
    ahead = [step for step in count.meter.steps if step.above >= max(used, 1) and step.changes and not step.next_day]
    carried = sum(left for left, _ in count.carried)
    start, end = (count.window.start, count.window.end) if count.is_running else (at, at)
    if ahead:
        step = min(ahead, key=lambda each: each.above)
        lots = _lots(course) if step.limits and count.is_lifted else 0
        if lots is not None:
            room = step.above - used + carried + lots
            top_up = course.plan.top_up
            if top_up and top_up.auto and top_up.size and step.limits and count.is_lifted:
                # It buys itself more instead, each time.
                yield Ahead(label, room, step.above, start, end, None, None, top_up.size, top_up.price)
                return
            rate = _rate(step)
            before = [each.rate for each in count.meter.steps if each.above < step.above and each.rate is not None]
            slows = rate is not None and rate < min(before, default=FULL)
            yield Ahead(label, room, step.above, start, end, rate, step.price, step.per, step.adds, slows)
    if count.meter.at_most is not None and count.meter.beyond is not None and (cap := cap_of(count.meter)) >= used:
        rate, most = count.meter.beyond, count.meter.at_most
        yield Ahead(label, cap - used + carried, cap, start, end, rate, most, slows=rate < FULL)


def _rate(step: PlanStep) -> int | None:
    """The rate beyond a step that holds at all times."""
    return None if step.hours else step.rate


def _lots(course: Course) -> int | None:
    """What was bought on top and is left; None where that is unlimited."""
    sizes = [lot.left for lot in course.lots]
    return None if None in sizes else sum(size or 0 for size in sizes)
