# SPDX-License-Identifier: GPL-2.0-or-later
"""`meters` of a plan -> its Meters; terms that contradict each other become problems. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from esimshaper.core.model.limits import PeriodUnit
from esimshaper.core.model.plan import FULL, STOP, Counts, Cycle, CycleKind, First, Meter, PlanStep
from esimshaper.core.model.units import format_rate
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.hours import hours_from
from esimshaper.core.settings.plan_values import PlanBlock

_CYCLES = {unit.value: Cycle(CycleKind.CALENDAR, unit) for unit in PeriodUnit} | {"lifetime": Cycle(CycleKind.LIFETIME)}
EACH_USE = "each-use"
_NO_WINDOWS = "the last days have no end at which a price would be due"


def meters_from(plan: PlanBlock) -> tuple[Meter, ...]:
    """The meters of which a Meter can be made, in their order."""
    meters = (_meter(plan.inner(block)) for block in plan.block.blocks("meters") if block.values)
    return tuple(meter for meter in meters if meter)


def _meter(meter: PlanBlock) -> Meter | None:
    block = meter.block
    cycle = _cycle(block.get("window"), meter)
    steps = tuple(_steps(meter))
    if cycle is None:
        return None
    rollover = int(block.get("rollover", 0))
    counts, first = Counts(block.get("counts", Counts.ALL)), _first(meter)
    found = Meter(counts, cycle, steps, rollover, meter.money("at_most"), meter.rate("then"), first)
    _check_steps(block, found)
    _check_beyond(block, found)
    _check_rollover(block, found)
    _check_first(block, found)
    return found


def _first(meter: PlanBlock) -> First | None:
    if not meter.block.has("first"):
        return None
    first = meter.inner(meter.block.block("first"))
    if not (first.block.has("data") or first.block.has("price")):
        first.block.refuse((), "nothing is other in the first window", "Write its data, its price or both.")
    return First(first.size("data") if first.block.has("data") else None, first.money("price"))


def _cycle(written: object, meter: PlanBlock) -> Cycle | None:
    if isinstance(written, str):
        return _CYCLES[written]
    window = meter.inner(meter.block.block("window"))
    block = window.block
    if not block.values:
        return None
    if block.has("last"):
        extra = next((key for key in block.values if key != "last"), None)
        if extra:
            block.refuse(extra, f"`{extra}` does not go with `last`", "Write {last: {days: 3}} alone.")
        days = block.block("last").get("days")
        return None if days is None else Cycle(CycleKind.LAST, days=int(days))
    length = window.length()
    if length is None:
        if not any(block.has(key) for key in ("hours", "days", "months")):
            block.refuse((), "the window has no length", "Write {hours: 24, from: first-use}, or day, week or month.")
        return None
    if block.get("from") == EACH_USE:
        if block.get("once"):
            block.refuse("once", "a window for each use is not there once only", "Write `from: first-use`.")
        return Cycle(CycleKind.EACH_USE, length=length)
    start = window.start("from")
    if start is None:
        if not block.has("from"):
            block.refuse((), "the window has no beginning", "Write `from:` and first-use, purchase, install or a date.")
        return None
    return Cycle(CycleKind.BLOCKS, length=length, start=start, once=bool(block.get("once", False)))


def _steps(meter: PlanBlock) -> Iterator[PlanStep]:
    """The steps that have what a step needs."""
    for block in meter.block.blocks("steps"):
        step = meter.inner(block)
        above = 0 if block.get("from") == 0 else step.size("from", 0)
        price, rate = step.money("price"), step.rate("rate")
        per, adds = step.size("per") if block.has("per") else None, step.money("adds", fraction=True)
        if block.values and not any(block.has(key) for key in ("price", "rate", "per", "adds", "note")):
            block.refuse((), "nothing changes at this step", "Write a price, a rate, `per` and `adds`, or a note.")
        if block.has("per") != block.has("adds"):
            there, other = ("per", "adds") if block.has("per") else ("adds", "per")
            block.refuse(there, f"`{there}` needs `{other}`", "Write {from: 1GB, per: 1MB, adds: 5}.")
        for key in ("hours", "next"):
            if block.has(key) and not block.has("rate"):
                block.refuse(key, f"`{key}` is of a rate, and this step has none", "Write the rate that holds then.")
        hours = hours_from(block, meter.zone)
        if above is not None:
            yield PlanStep(
                above, price, rate, per or 0, adds or Decimal(0), hours, block.has("next"), block.get("note", "")
            )


def _check_steps(block: Block, meter: Meter) -> None:
    """Steps stand in rising order, prices rise, rates fall, and each can be reached."""
    if not meter.cycle.once and meter.at_most is None and not block.get("steps"):
        block.refuse((), "a meter without steps does nothing", "Write its steps; where nothing counts, `meters: []`.")
    if len(meter.steps) != len(block.get("steps", ())):
        return  # a step is wrong by itself: then the others cannot be compared
    before = -1
    rate = FULL + 1
    for position, step in enumerate(meter.steps):
        where = ("steps", position)
        if step.above <= before:
            block.refuse((*where, "from"), "this step is not above the one before it", "Put them in rising order.")
        if rate == STOP:
            block.refuse(where, "this step is never reached, as nothing passes before it", "Remove one of the two.")
        so_far = Meter(meter.counts, meter.cycle, meter.steps[:position]).price(step.above) if position else -1
        if step.price is not None and step.price <= so_far:
            hint = "Write the price of the whole window, and not what is added."
            block.refuse((*where, "price"), "the price does not rise", hint)
        if step.rate is not None and step.rate >= rate:
            message = f"the rate does not fall: it is {shown_rate(rate)} already"
            block.refuse((*where, "rate"), message, "Write the steps in the order in which the link gets slower.")
        _check_of_last(block, where, meter, step)
        before = step.above
        rate = rate if step.rate is None or step.hours or step.next_day else step.rate


def _check_of_last(block: Block, where: tuple[str, int], meter: Meter, step: PlanStep) -> None:
    last = meter.cycle.kind is CycleKind.LAST
    if last and (step.price is not None or step.per):
        key = "per" if step.price is None else "price"
        block.refuse((*where, key), _NO_WINDOWS, "Put it on a meter of its own.")


def _check_beyond(block: Block, meter: Meter) -> None:
    if meter.beyond is not None and meter.at_most is None and not meter.cycle.once:
        message = "`then` is what holds beyond `at_most`, or after a window that is there once"
        block.refuse("then", message, "Write a step with this rate.")
    if meter.cycle.once and meter.beyond is None:
        block.refuse(("window", "once"), "what holds after this window is not said", "Write `then: stop`, or a rate.")
    if meter.at_most is None:
        return
    if not any(step.price or step.per for step in meter.steps):
        block.refuse("at_most", "this meter has no price that could reach it", "Write the prices of its steps.")
    first = next((step.price for step in meter.steps if step.price is not None), None)
    if first is not None and first > meter.at_most:
        block.refuse("at_most", "the highest price is below that of the first step", "Check both prices.")


def _check_rollover(block: Block, meter: Meter) -> None:
    if not meter.rollover:
        return
    if meter.cycle.once or meter.cycle.kind in (CycleKind.LAST, CycleKind.EACH_USE):
        block.refuse("rollover", "no window follows in which data that is left could be used", "Remove `rollover`.")
    elif meter.allowance is None:
        block.refuse("rollover", "no step says how much data there is", "Write a step with a rate.")


def _check_first(block: Block, meter: Meter) -> None:
    """Its data is less than that of others, with no step in between; its price replaces that of the first step."""
    if meter.first is None:
        return
    data, price = meter.first
    if meter.cycle.kind not in (CycleKind.CALENDAR, CycleKind.BLOCKS) or meter.cycle.once:
        block.refuse("first", "no other window follows the first one", "Remove `first`.")
    allowance = meter.allowance
    if data is not None and (allowance is None or data >= allowance):
        hint = "Write the data of the first window, which is less than where the link gets slow or dear."
        block.refuse(("first", "data"), "this is not less than what a whole window has", hint)
    elif data is not None and any(data <= step.above < (allowance or 0) for step in meter.steps if step.above):
        block.refuse(("first", "data"), "a step is between this and the data of a whole window", "Check the steps.")
    usual = next((step.price for step in meter.steps if step.above == 0), None)
    if price is not None and (usual is None or price > usual):
        hint = "Write {from: 0, price: ...} for whole windows, and here what the first one costs."
        block.refuse(("first", "price"), "this is not at most the price of a whole window", hint)


def shown_rate(rate: int) -> str:
    """A rate for people: `full`, `stop` or bit/s."""
    return "full" if rate >= FULL else format_rate(rate) if rate else "stop"
