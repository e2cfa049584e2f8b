# SPDX-License-Identifier: GPL-2.0-or-later
"""A Course as values, which a State can hold and a database can save, and back. Pure.

    kept_of(course) -> KeptCourse -> resumed(plan, kept, at)       the same course, whatever the plan's terms are by now

Terms that were edited meanwhile hold from now on: meters are found again by their label and keep what they counted,
new ones begin at nothing, the lifetime has the end that its new length gives it.
"""

from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan import FOREVER, Event, Plan
from esimshaper.core.model.plan_state import KeptCount, KeptCourse, KeptLot
from esimshaper.core.plan.count import NO_WINDOW, Count
from esimshaper.core.plan.course import Course
from esimshaper.core.plan.lots import Lot


def kept_of(course: Course) -> KeptCourse:
    """The course as values."""
    course.settle()
    return KeptCourse(
        course.bought,
        dict(course.moments),
        course.life,
        course.paid,
        course.plan.price,
        lifetime_of(course.plan),
        course.is_over,
        course.lapsed,
        course.rounder.part,
        tuple(_kept_count(count, label) for count, label in zip(course.counts, course.plan.labels, strict=True)),
        tuple(KeptLot(lot.left, lot.until, lot.size, lot.price, lot.at) for lot in course.lots),
    )


def resumed(plan: Plan, kept: KeptCourse, at: int) -> Course:
    """The course that goes on at `at` from `kept`, by the terms of `plan`."""
    course = Course(plan, kept.bought, {**kept.moments, **plan.started})
    # Whoever corrects the price in the file means what was bought already; windows that are over keep their own.
    course.paid = kept.paid + plan.price - kept.price
    course.rounder.part = kept.rounded
    course.lots = [Lot(lot.left, lot.until, lot.size, lot.price, lot.at) for lot in kept.lots]
    if kept.lifetime == lifetime_of(plan):
        course.life, course.is_over, course.lapsed = kept.life, kept.is_over, kept.lapsed
    elif kept.life:
        length = plan.lifetime.length
        moved = course.moments.get(start) if isinstance(start := plan.lifetime.start, Event) else start
        begin = kept.life.start if moved is None or plan.lifetime.renews else moved
        course.life = Window(begin, FOREVER if length is None else course.end_from(length, begin))
    known = {each.label: each for each in kept.counts}
    for count, label in zip(course.counts, plan.labels, strict=True):
        if label in known:
            _resume(count, known[label])
            count.first_at = course.first_of(count)
            count.choose()
        elif course.life:
            count.window, count.anchor = NO_WINDOW, None
            course.begin_count(count, max(at, course.life.start), course.life)
        if course.life:
            count.stretch(course.life)
    return course


def lifetime_of(plan: Plan) -> str:
    """What the end of the plan follows from, to be compared with what it was."""
    lasts = plan.lifetime
    length = f"{lasts.length.count} {lasts.length.unit} {lasts.length.ending}" if lasts.length else "forever"
    by = f" by {lasts.by.days} from {lasts.by.event}" if lasts.by else ""
    known = "".join(f" {event}={moment}" for event, moment in sorted(plan.started.items()))
    return f"{length} from {lasts.start}{by} {'renews' if lasts.renews else 'once'} {plan.zone_name}{known}"


def _kept_count(count: Count, label: str) -> KeptCount:
    return KeptCount(
        label,
        count.window if count.is_running else None,
        count.anchor,
        count.used,
        tuple((left, further) for left, further in count.carried),
        count.closed,
        count.is_over,
        tuple(sorted(count.days.items())),
        count.is_first,
    )


def _resume(count: Count, kept: KeptCount) -> None:
    count.window = kept.window or NO_WINDOW
    count.anchor, count.used, count.closed, count.is_over = kept.anchor, kept.used, kept.closed, kept.is_over
    count.carried = [[left, further] for left, further in kept.carried]
    count.days = dict(kept.days)
