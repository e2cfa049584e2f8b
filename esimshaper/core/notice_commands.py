# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sender of notices and people do to the outbox: functions turn a State into another. Pure.

Each is saved with the next tick. A lease counts only once it is saved: `saved_leases` says of which that is so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import NamedTuple

from esimshaper.core.model.channels import ChannelKind, NoticeSettings
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.history import Resolution, RowRange, Sums
from esimshaper.core.model.notice_requests import NoticeChoice
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.notify_requests import ProposalCommand, ResultCommand
from esimshaper.core.model.outbox import Fate, Form, Job, NoticesSlice, Outbox
from esimshaper.core.model.requests import PlanCorrectCommand
from esimshaper.core.model.results import MOST_CHARACTERS, MOST_STEPS
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import Baseline, State
from esimshaper.core.notices import choosing, jobs, proposals, stage, times, weekly
from esimshaper.core.plan_commands import plan_named

_TESTS = 3
"""Tests of a channel that may wait at a time: each is a message to somebody."""


class Leased(NamedTuple):
    """The State with jobs that were taken or made, and these."""

    state: State
    jobs: tuple[Job, ...]


def settings_of(state: State, rules: Rules) -> NoticeSettings:
    """Those that hold: of the file, and what the owner has chosen in place of it."""
    return state.notices.kept.choices.over(rules.notices, rules.zone)


def choose(state: State, settings: NoticeSettings, command: NoticeChoice, zone: tzinfo) -> State:
    """Something in place of `settings`, which are those of the file. Raises Unusable where it makes no sense."""
    kept = state.notices.kept
    after = replace(kept, choices=choosing.chosen(kept.choices, command, settings, zone))
    return _with(state, after, state.notices.leases)


def lease(state: State, rules: Rules) -> Leased:
    """Hands jobs to the sender, one for each channel at most; `state` itself where there is none."""
    slice_, now = state.notices, int(state.clock.time)
    kept, taken = jobs.lease(slice_.kept, settings_of(state, rules), now, link=slice_.around.link)
    if not taken:
        return Leased(state, ())
    ends = {each.number: state.clock.boottime + lease_seconds(rules, each) + times.GRACE for each in taken}
    return Leased(_with(state, kept, leases={**slice_.leases, **ends}), taken)


def lease_seconds(rules: Rules, job: Job) -> int:
    """How long a try of a job may take."""
    channel = rules.notices.channel(job.channel)
    return times.lease_seconds(channel) if channel else 0


def again_seconds(state: State) -> int:
    """After how many seconds the sender may ask again: soon, as what is grave waits for nobody."""
    now = state.clock.time
    ahead = [each.next - now for each in state.notices.kept.jobs if each.fate is Fate.WAITING]
    return int(min(times.ASK_SECONDS, max(1, min(ahead, default=times.ASK_SECONDS))))


def saved_leases(saved: Baseline | None, taken: Iterable[Job]) -> frozenset[int]:
    """The numbers of `taken` that the database has as taken, this time."""
    known = {each.number: each for each in saved.notices.jobs} if saved else {}
    return frozenset(
        each.number
        for each in taken
        if (found := known.get(each.number)) and (found.fate, found.attempts) == (Fate.TRYING, each.attempts)
    )


def give_back(state: State, numbers: Collection[int]) -> State:
    """`state` without leases that the sender does not get, as they could not be saved."""
    leases = {number: end for number, end in state.notices.leases.items() if number not in numbers}
    return _with(state, jobs.give_back(state.notices.kept, numbers), leases=leases)


def finish(state: State, rules: Rules, said: ResultCommand) -> State:
    """What the sender says of a job."""
    now, settings = int(state.clock.time), settings_of(state, rules)
    kept = jobs.finish(state.notices.kept, settings, said.number, said.result, said.error[:MOST_CHARACTERS], now)
    job = next((each for each in kept.jobs if each.number == said.number), None)
    if job is None:
        return state
    channel = settings.channel(job.channel)
    if channel and channel.kind.needs_data and said.bytes > 0:
        day = times.day_of(now, rules.zone)
        kept = replace(kept, day=day, day_bytes=said.bytes + (kept.day_bytes if kept.day == day else 0))
    steps = {**state.notices.steps, said.number: said.steps[:MOST_STEPS]}
    leases = {number: end for number, end in state.notices.leases.items() if number != said.number}
    return _with(state, kept, leases=leases, steps=steps)


def test(state: State, rules: Rules, channel: str, host: str) -> Leased:
    """A message of a test for a channel, or for each (empty), and its jobs. Raises Unusable."""
    names = [each.name for each in rules.notices.channels]
    if not names:
        hint = "Write one under `notices` in the configuration, for example `command: [/usr/local/bin/tell]`."
        raise Unusable("there is no channel", hint)
    if channel and channel not in names:
        raise Unusable(f"there is no channel `{channel}`", f"There are: {', '.join(names)}.")
    kept, wanted = state.notices.kept, [channel] if channel else names
    if sum(each.fate.is_open and each.form is Form.TEST for each in kept.jobs) >= _TESTS * len(names):
        raise Unusable("tests are under way already", "Wait until they have ended.")
    now = int(state.clock.time)
    after, numbers = stage.at_once(kept, stage.test_notice(host, now), wanted, Form.TEST, now, _salt(state))
    # What could not be is tried again: somebody may have put in the SIM, or installed the program.
    states = {
        name: each._replace(impossible=each.impossible and name not in wanted) for name, each in after.channels.items()
    }
    made = tuple(each for each in after.jobs if each.number in numbers)
    return Leased(_with(state, replace(after, channels=states), state.notices.leases), made)


def correction(state: State, rules: Rules, proposal: ProposalCommand) -> PlanCorrectCommand:
    """The correction of the plan in use that a carrier's message comes to. Raises Unusable where it is only noted."""
    plan = plan_named(state, rules, "")
    try:
        return proposals.correction(proposal, plan, state.plans.kept.tallies.get(plan.name), state.clock.time)
    except proposals.NotBelieved as why:
        hint = f"If it is right: `esimshaper plan correct {plan.name} SIZE`."
        raise Unusable(str(why), hint) from None


def tell(state: State, notice: Notice) -> State:
    """A notice that is told by channels alone: the journal has it otherwise."""
    notices = replace(state.notices, new=(*state.notices.new, notice))
    return replace(state, notices=notices, saving=replace(state.saving, urgent=True))


def week_due(state: State, rules: Rules) -> bool:
    """Whether the digest of a week is to be made now."""
    return _week(state, rules) is not None


def week_ranges(state: State, rules: Rules) -> tuple[RowRange, ...]:
    """The rows of history that it is made of: the days of two weeks."""
    edges = weekly.days_before(state.clock.time, rules.zone).edges
    return tuple(RowRange(Resolution.DAY, start, start + 1) for start in edges[:-1])


def tell_week(state: State, rules: Rules, sums: Sequence[Sums]) -> State:
    """The digest of a week, by what was used on each day of `week_ranges`; the same State if it is not due."""
    at = _week(state, rules)
    if at is None:
        return state
    notice = _of_week(state, rules, sums, at)
    kept = replace(state.notices.kept, week=at)
    return tell(replace(state, notices=replace(state.notices, kept=kept)), notice)


def mail_week(state: State, rules: Rules, sums: Sequence[Sums]) -> Leased:
    """The last seven days by mail, now: by what was used on each day of `week_ranges`. Raises Unusable."""
    if rules.notices.channel(ChannelKind.EMAIL.value) is None:
        hint = "Write `email` under `notices` in the configuration: host, from and to."
        raise Unusable("there is no channel `email`", hint)
    now = int(state.clock.time)
    notice = _of_week(state, rules, sums, now)
    kept = state.notices.kept
    after, numbers = stage.at_once(kept, notice, [ChannelKind.EMAIL.value], Form.ONE, now, _salt(state))
    made = tuple(each for each in after.jobs if each.number in numbers)
    return Leased(_with(state, after, state.notices.leases), made)


def _of_week(state: State, rules: Rules, sums: Sequence[Sums], at: int) -> Notice:
    days = weekly.days_before(state.clock.time, rules.zone)
    alarms = sum(each.told and each.since >= days.edges[weekly.DAYS] for each in state.watch.kept.episodes)
    names = {key: each.called for key, each in state.names.identities.items()}
    return weekly.notice(days, sums, alarms, {**names, **rules.names}, rules.zone, at)


def _salt(state: State) -> str:
    return f"{state.meter.booked.epoch:x}" if state.meter.booked else ""


def _week(state: State, rules: Rules) -> int | None:
    settings = rules.notices
    if not settings.channels or not state.clock.trusted:
        return None
    return weekly.due(settings.weekly, state.notices.kept.week, state.clock.time, rules.zone)


def _with(
    state: State,
    kept: Outbox,
    leases: Mapping[int, float],
    steps: Mapping[int, tuple[str, ...]] | None = None,
) -> State:
    """`state` with another outbox, to be saved at the next tick, which looks at it anew."""
    before = state.notices
    told = before.steps if steps is None else steps
    after = NoticesSlice(kept, leases, told, 0.0, before.around, before.settings, before.new)
    return replace(state, notices=after, saving=replace(state.saving, urgent=True))
