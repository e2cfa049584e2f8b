# SPDX-License-Identifier: GPL-2.0-or-later
"""A hundred kills between any two steps of the outbox, with the real database: what people get of a notice.

A daemon is the pipeline over a file; to be killed is to lose all but the file. The sender is a list of messages that
arrived. Each life ends before one step, and the next one goes on from the file.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from esimshaper.core import notice_commands
from esimshaper.core.commands import resume
from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.limits import EVERYONE, Action, ActionKind, Period, PeriodUnit, Quota
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.notify_requests import ResultCommand
from esimshaper.core.model.outbox import Fate, Job
from esimshaper.core.model.reading import Attachment, Hook, Observation
from esimshaper.core.model.results import Result
from esimshaper.core.model.state import Booking, State
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import note_saved
from esimshaper.edge.history.database import History
from tests.core.limits_router import Router

KILLS = 100
CHANNELS = (
    Channel("email", ChannelKind.EMAIL, least=Severity.ALARM, per_day=1000),
    Channel("sms", ChannelKind.SMS, least=Severity.ALARM, per_day=1000),
)
UP = (Attachment("wwan0", Hook.WAN_EGRESS, attached=True),)


class World:
    """A file, the counters of a kernel, and what came to people: channel, the message's key, the notice's.

    saved: keys of all alarms that ever were in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        settings = NoticeSettings(CHANNELS, reaches=True)
        hourly = Quota("hour", EVERYONE, 1000, Period(PeriodUnit.HOUR), UTC, Action(ActionKind.NOTIFY))
        self.router = Router(hourly, notices=settings)
        self.rules, self.now = self.router.rules, self.router.now
        self.arrived: list[tuple[str, str, str]] = []
        self.saved: set[str] = set()
        self.used = 0

    def life(self, kill_before: int) -> Iterator[None]:
        """A daemon from its start on; each step that is not taken any more is one at which it was killed."""
        daemon = Daemon(self)
        with closing(History(self.path)) as history:
            for number, step in enumerate(daemon.steps(history)):
                if number >= kill_before:
                    return
                step()
                yield


class Daemon:
    def __init__(self, world: World) -> None:
        self.world = world
        self.state = State()
        self.booking: Booking | None = None
        self.jobs: tuple[Job, ...] = ()
        self.out: list[tuple[Job, list[str]]] = []
        self.words: list[Job] = []

    def steps(self, history: History) -> Iterator[Callable[[], None]]:
        """Each step of a life, in order, for ever."""
        self.state = resume(history.load(), history.identities())
        while True:
            yield self.use_and_tick
            yield lambda: self.save(history)
            yield self.tick
            yield lambda: self.save(history)
            yield self.lease
            yield self.tick
            yield lambda: self.save(history)
            yield self.hand_over
            yield self.deliver
            yield self.deliver
            yield self.word
            yield self.word
            yield self.tick
            yield lambda: self.save(history)

    def use_and_tick(self) -> None:
        """The hour before is over, and this one's quota is used up again."""
        world = self.world
        world.used += 2000
        world.now += 3600
        self.tick()

    def tick(self, seconds: int = 11) -> None:
        world = self.world
        world.now += seconds
        world.router.use(WHOLE=world.used)
        boottime = world.router.reading.boottime + seconds
        world.router.reading = replace(world.router.reading, boottime=boottime)
        seen = Observation(world.router.reading, UP, clock_trusted=True)
        self.state, outcome = advance(self.state, world.rules, world.now, seen)
        self.booking = outcome.booking

    def save(self, history: History) -> None:
        if self.booking:
            history.save(self.booking)
            entries = self.booking.baseline.notices.entries
            self.world.saved |= {each.key for each in entries if each.severity is Severity.ALARM}
            self.state, self.booking = note_saved(self.state, self.booking), None

    def lease(self) -> None:
        self.state, self.jobs = notice_commands.lease(self.state, self.world.rules)

    def hand_over(self) -> None:
        keys = {each.number: each.key for each in self.state.notices.kept.entries}
        self.out = [(job, [keys[each] for each in job.notices]) for job in self.jobs]
        self.words = list(self.jobs)

    def deliver(self) -> None:
        if self.out:
            job, keys = self.out.pop(0)
            self.world.arrived += [(job.channel, job.key, key) for key in keys]

    def word(self) -> None:
        if self.words:
            said = ResultCommand(self.words.pop(0).number, Result.SENT)
            self.state = notice_commands.finish(self.state, self.world.rules, said)


@pytest.mark.parametrize("seed", range(4))
def test_over_a_hundred_kills_each_notice_comes_by_mail_with_one_key_and_by_sms_at_most_once(tmp_path, seed):
    choose = random.Random(seed)
    world = World(tmp_path / "history.db")
    for _ in world.life(4):
        pass
    for _ in range(KILLS // 4):
        for _ in world.life(choose.randrange(1, 29)):
            pass
    for _ in range(3):  # and then it lives
        for _ in world.life(14 * 4):
            pass
    by = Counter((channel, notice) for channel, _, notice in world.arrived)
    keys: dict[tuple[str, str], set[str]] = {}
    for channel, key, notice in world.arrived:
        keys.setdefault((channel, notice), set()).add(key)
    assert len(by) > KILLS // 8
    assert all(len(found) == 1 for found in keys.values())
    assert all(number == 1 for (channel, _), number in by.items() if channel == "sms")
    with closing(History(world.path)) as history:
        kept = history.load().notices
    open_jobs = {each.number for each in kept.jobs if each.fate.is_open}
    waiting = {
        each.notice
        for each in kept.deliveries
        if each.channel == "email" and (each.fate in (Fate.WAITING, Fate.HELD) or each.job in open_jobs)
    }
    # An hour that was over before anybody was told that its quota was used up is no news.
    undone = {each.notice for each in kept.deliveries if each.channel == "email" and each.fate is Fate.WITHDRAWN}
    late = {each.key for each in kept.entries if each.number in waiting}
    assert len(late) <= 2
    needless = {each.key for each in kept.entries if each.number in undone}
    assert len(needless) < len(world.saved) - 5
    assert {notice for channel, notice in by if channel == "email"} >= world.saved - late - needless
    assert any(number > 1 for number in by.values()) or seed, "no kill came between a message and the word of it"
