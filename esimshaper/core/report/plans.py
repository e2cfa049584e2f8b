# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> how each plan stands: the answer to `esimshaper plan`, and a part of `status`. Pure.

The frame is as in documents.py. Money is a decimal string; a moment has its name and name_unix, null: none, for ever.

    plan      {"name", "uplinks": [those that it is of now], "begun": bool, "is_over": bool, "renews": bool,
               "bought", "ends", "used_bytes": in the window of its main meter, "counted_bytes": since it began,
               "free_bytes", "refused_bytes": passed though the terms let nothing pass,
               "left_bytes": null for as much as you like, "rate": "full", "stop" or bit/s,
               "cost", "currency", "meters": [{"meter", "used_bytes", "began", "ends", "cost", "carried_bytes"}],
               "lots": [{"left_bytes": null: unlimited, "size_bytes", "price", "bought", "ends"}],
               "next": [{"meter", "in_bytes", "expected", "ends", "rate": null as now, "cost": of the window then,
                         "more": than now, "per_bytes", "adds"}],
               "forecast": {"until", "bytes", "error_bytes", "cost"} or null,
               "today": {"used_bytes", "safe_bytes", "clients", "each_bytes"} or null,
               "count": {"factor", "error", "corrections", "sentence"},
               "corrections": [{"at", "figure_bytes", "ours_bytes", "added_bytes"}], the last ones}
    uplink    {"uplink", "plan": name or null, "by_hand", "sim_end", "unknown_sim_end", "waiting_bytes", "lost_bytes"}
    plans     {"plans": [plan], those in use first; "uplinks": [uplink], "spent": {currency: amount},
               "slow": [slow], as in slow.py}
"""

from decimal import Decimal
from math import sqrt

from esimshaper.core.model.days import day_of, midnight
from esimshaper.core.model.money import write_money
from esimshaper.core.model.plan import FOREVER, FULL, Plan
from esimshaper.core.model.plan_state import Ahead, KeptCount, PlanState, PlanTally
from esimshaper.core.model.state import State
from esimshaper.core.report import slow
from esimshaper.core.report.drift import factor_of, sentence_of
from esimshaper.core.report.frame import DaemonFacts, Document, moment, new_document

DAY = 86400
_SHOWN = 5
"""The last so many corrections."""


def plans_document(state: State, facts: DaemonFacts, clients: int) -> Document:
    """The answer to `plan`. `clients`: how many devices used something today."""
    kept = state.plans.kept
    known = _known(kept, facts)
    spent: dict[str, Decimal] = {}
    for plan, tally in known:
        spent[plan.currency] = spent.get(plan.currency, Decimal(0)) + cost_of(plan, tally)
    return new_document(facts.now) | {
        "plans": [_entry(plan, tally, kept, facts, clients) for plan, tally in known],
        "configured": len(facts.plans),
        "uplinks": _uplinks(kept),
        "slow": slow.entries(state, facts),
        "spent": {currency: write_money(amount, currency) for currency, amount in spent.items() if amount},
    }


def in_short(state: State, facts: DaemonFacts) -> list[Document]:
    """The plans in use, for `status`."""
    kept = state.plans.kept
    return [_entry(plan, tally, kept, facts, 1) for plan, tally in _known(kept, facts) if _uplinks_of(plan, kept)]


def _known(kept: PlanState, facts: DaemonFacts) -> list[tuple[Plan, PlanTally]]:
    """The plans that were counted, those in use first, and those that are over last."""
    known = [(plan, kept.tallies[plan.name]) for plan in facts.plans if plan.name in kept.tallies]
    used = {uplink.plan for uplink in kept.uplinks.values()}
    return sorted(known, key=lambda pair: (pair[0].name not in used, pair[1].course.is_over))


def _uplinks_of(plan: Plan, kept: PlanState) -> list[str]:
    return [name for name, uplink in kept.uplinks.items() if uplink.plan == plan.name and not uplink.unknown]


def cost_of(plan: Plan, tally: PlanTally) -> Decimal:
    """What has been paid, and is owed, until now."""
    pairs = zip(plan.meters, plan.labels, strict=True)
    counts = {count.label: count for count in tally.course.counts}
    windows = (
        (counts[label].terms(meter).price(counts[label].used) if counts[label].window else Decimal(0))
        + counts[label].closed
        for meter, label in pairs
        if label in counts
    )
    return tally.course.paid + sum(windows, Decimal(0))


def end_of(tally: PlanTally) -> int | None:
    """When the plan ends or renews itself; None if it does not, or has not begun."""
    life = tally.course.life
    return life.end if life and life.end < FOREVER else None


def _entry(plan: Plan, tally: PlanTally, kept: PlanState, facts: DaemonFacts, clients: int) -> Document:
    course, zone, now = tally.course, plan.zone, facts.now.timestamp()
    main = tally.main_count(plan)
    end = end_of(tally)
    factor = factor_of(tally.corrections)
    return {
        "name": plan.name,
        "uplinks": _uplinks_of(plan, kept),
        "begun": course.life is not None,
        "is_over": course.is_over,
        "renews": plan.lifetime.renews,
        **moment("bought", course.bought, zone),
        **moment("ends", end, zone),
        "used_bytes": main.used if main else tally.counted,
        "counted_bytes": tally.counted,
        "free_bytes": tally.free,
        "refused_bytes": tally.refused,
        "left_bytes": tally.left,
        "rate": _rate(tally.rate),
        "cost": write_money(cost_of(plan, tally), plan.currency),
        "currency": plan.currency or None,
        "meters": [_meter(plan, number, tally) for number in range(len(plan.meters))],
        "lots": [
            {
                "left_bytes": lot.left,
                "size_bytes": lot.size,
                "price": write_money(lot.price, plan.currency),
                **moment("bought", lot.at, zone),
                **moment("ends", end if lot.until is None else lot.until, zone),
            }
            for lot in course.lots
        ],
        "next": [_next(plan, tally, each, now) for each in tally.ahead if each.room or each.rate != tally.rate],
        "forecast": _forecast(plan, tally, now),
        "today": _today(plan, tally, now, clients),
        "count": {
            "factor": round(factor.value, 4) if factor else None,
            "error": round(factor.error, 4) if factor else None,
            "corrections": len(tally.corrections),
            "sentence": sentence_of(factor, tally.corrections, binary=plan.binary),
        },
        "corrections": [
            {
                **moment("at", each.at, zone),
                "figure_bytes": each.figure,
                "ours_bytes": each.ours,
                "added_bytes": each.added,
            }
            for each in tally.corrections[-_SHOWN:]
        ],
    }


def _uplinks(kept: PlanState) -> list[Document]:
    return [
        {
            "uplink": name,
            "plan": uplink.plan or None,
            "by_hand": uplink.by_hand,
            "sim_end": uplink.iccid[-4:],
            "unknown_sim_end": uplink.unknown[-4:],
            "waiting_bytes": uplink.waiting.size,
            "lost_bytes": uplink.lost,
        }
        for name, uplink in kept.uplinks.items()
    ]


def _rate(rate: int) -> str | int:
    return "full" if rate >= FULL else rate or "stop"


def _meter(plan: Plan, number: int, tally: PlanTally) -> Document:
    label, zone = plan.labels[number], plan.zone
    count = tally.count_of(label) or KeptCount(label)
    window = count.window
    terms = count.terms(plan.meters[number])
    price = count.closed + (terms.price(count.used) if window else Decimal(0))
    return {
        "meter": label,
        "used_bytes": count.used,
        **moment("began", window.start if window else None, zone),
        **moment("ends", window.end if window and window.end < FOREVER else None, zone),
        "cost": write_money(price, plan.currency),
        "carried_bytes": sum(left for left, _ in count.carried),
    }


def _next(plan: Plan, tally: PlanTally, ahead: Ahead, now: float) -> Document:
    meters = dict(zip(plan.labels, plan.meters, strict=True))
    count = tally.count_of(ahead.label) or KeptCount(ahead.label)
    more = None if ahead.price is None else ahead.price - count.terms(meters[ahead.label]).price(count.used)
    pace = _pace(plan, tally, now)
    end = ahead.end if ahead.end < FOREVER else None
    expected = int(now + ahead.room / pace[0] * DAY) if pace and pace[0] > 0 else None
    return {
        "meter": ahead.label,
        "in_bytes": ahead.room,
        **moment("expected", expected if expected and (end is None or expected < end) else None, plan.zone),
        **moment("ends", end, plan.zone),
        "rate": None if ahead.rate is None else _rate(ahead.rate),
        "cost": None if ahead.price is None else write_money(ahead.price, plan.currency),
        "more": None if more is None else write_money(more, plan.currency),
        "per_bytes": ahead.per or None,
        "adds": write_money(ahead.adds, plan.currency) if ahead.per else None,
    }


def _pace(plan: Plan, tally: PlanTally, now: float) -> tuple[float, float, int] | None:
    """Bytes of a day, their standard deviation, and of how many whole days; None while there is less than an hour."""
    today, life = day_of(int(now), plan.zone), tally.course.life
    if life is None:
        return None
    first = day_of(max(life.start, tally.course.bought), plan.zone) + 1
    days = [tally.by_day.get(day, 0) for day in range(max(first, today - 30), today)]
    if len(days) >= 2:
        mean = sum(days) / len(days)
        spread = sqrt(sum((size - mean) ** 2 for size in days) / (len(days) - 1))
        return mean, spread, len(days)
    elapsed = now - max(life.start, tally.course.bought)
    if elapsed < 3600:
        return None
    mean = sum(tally.by_day.values()) / elapsed * DAY
    return mean, mean, 1


def _forecast(plan: Plan, tally: PlanTally, now: float) -> Document | None:
    """What will be used at the end of the window, at the pace of the last days, and how far off that may well be."""
    pace, main = _pace(plan, tally, now), tally.main_count(plan)
    if pace is None or main is None or main.window is None or plan.main_meter is None or tally.course.is_over:
        return None
    end = min(main.window.end, tally.course.life.end if tally.course.life else main.window.end)
    if end >= FOREVER:
        return None
    mean, spread, number = pace
    ahead = (end - now) / DAY
    used = main.used + int(mean * ahead)
    # The days to come vary as those before did, and the mean of few days is not sure itself.
    error = int(spread * sqrt(ahead + ahead * ahead / number))
    terms = main.terms(plan.meters[plan.main_meter])
    more = terms.price(used) - terms.price(main.used)
    return {
        **moment("until", end, plan.zone),
        "bytes": used,
        "error_bytes": error,
        "cost": write_money(cost_of(plan, tally) + more, plan.currency),
    }


def _today(plan: Plan, tally: PlanTally, now: float, clients: int) -> Document | None:
    """What may be used today so that the same is there for each day until the end; null where nothing is limited."""
    if not tally.ahead or tally.course.is_over or tally.ahead[0].end >= FOREVER:
        return None
    today = day_of(int(now), plan.zone)
    used = tally.by_day.get(today, 0)
    days = max(1.0, (tally.ahead[0].end - midnight(today, plan.zone)) / DAY)
    safe = max(0, int((tally.ahead[0].room + used) / days) - used)
    return {"used_bytes": used, "safe_bytes": safe, "clients": clients, "each_bytes": safe // max(1, clients)}
