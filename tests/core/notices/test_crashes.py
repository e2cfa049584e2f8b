# SPDX-License-Identifier: GPL-2.0-or-later
"""Crashes between any two steps of the outbox: of the daemon, of the sender, of the link between them.

The world is small: a disk that has what was saved last, a daemon that goes on from there, a sender that delivers what
it has taken, and a word about it that may be lost. Steps come in any order, and end with a calm hour.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.channels import ChannelKind
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.core.model.outbox import Job, Outbox
from esimshaper.core.model.results import Result
from esimshaper.core.notices import jobs, times
from tests.core.notices.town import MAIL, PUSH, SMS, Town, client

CHANNELS = (MAIL, SMS, PUSH)


@dataclass
class World:
    """`disk` is what was saved. out: what the sender has. arrived: key and notices of all that came to people."""

    town: Town = field(default_factory=lambda: Town(tuple(replace(each, per_day=1000) for each in CHANNELS)))
    disk: Outbox = field(default_factory=Outbox)
    leases: dict[int, float] = field(default_factory=dict)
    out: list[Job] = field(default_factory=list)
    words: list[tuple[Job, Result]] = field(default_factory=list)
    arrived: list[tuple[str, str, str]] = field(default_factory=list)
    saved_notices: set[str] = field(default_factory=set)
    heard: int = 0

    def hear(self) -> None:
        self.heard += 1
        self.town.hear(Notice(NoticeKind.PLAN_OUT, f"{self.heard}", client(f"c{self.heard % 3}")))

    def save(self) -> None:
        self.disk = self.town.kept
        self.saved_notices = {each.text for each in self.disk.entries}

    def lease(self) -> None:
        """Taken, saved, and then the sender hears of it: or not, as the answer may be lost."""
        taken = self._take()
        self.save()
        self.out += taken

    def lease_of_which_the_sender_never_hears(self) -> None:
        self._take()
        self.save()

    def lease_that_is_never_saved(self) -> None:
        self._take()
        self.crash()

    def _take(self) -> tuple[Job, ...]:
        taken = self.town.lease()
        for job in taken:
            self.leases[job.number] = self.town.now + times.lease_seconds(MAIL) + times.GRACE
        return taken

    def deliver(self) -> None:
        if self.out:
            job = self.out.pop(0)
            for each in self.town.kept.entries:
                if each.number in job.notices:
                    self.arrived.append((job.channel, job.key, each.text))
            self.words.append((job, Result.SENT))

    def deliver_in_vain(self) -> None:
        if self.out:
            self.words.append((self.out.pop(0), Result.FAILED))

    def sender_dies(self) -> None:
        self.out.clear()

    def word(self) -> None:
        if self.words:
            job, result = self.words.pop(0)
            self.town.finish(job, result)
            self.leases.pop(job.number, None)

    def all_words_are_lost(self) -> None:
        self.words.clear()

    def deliver_all(self) -> None:
        while self.out:
            self.deliver()

    def crash(self) -> None:
        """kill -9 of the daemon: what was not saved is gone, with all leases."""
        self.town.kept, self.leases = self.disk, {}
        self.tick()

    def tick(self, seconds: int = 5) -> None:
        self.town.now += seconds
        # A sender that is killed at its deadline, as its children are.
        kept, leases = jobs.forget_leases(self.town.kept, self.town.settings, self.leases, self.town.now, self.town.now)
        self.town.kept, self.leases = kept, dict(leases)
        self.town.settle()

    def long(self) -> None:
        self.out.clear()  # no lease lives so long, and no child of the sender outlives its lease
        self.tick(100)

    def calm(self) -> None:
        """An hour in which nothing fails."""
        for _ in range(120):
            self.lease()
            while self.out:
                self.deliver()
            while self.words:
                self.word()
            self.save()
            self.tick(30)


STEPS: dict[str, Callable[[World], None]] = {
    name: getattr(World, name)
    for name in (
        *("hear", "save", "lease", "lease_of_which_the_sender_never_hears", "lease_that_is_never_saved", "deliver"),
        *("deliver_in_vain", "sender_dies", "deliver_all", "word", "all_words_are_lost", "crash", "tick", "long"),
    )
}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(list(STEPS)), min_size=8, max_size=40))
def test_each_notice_comes_at_most_once_by_sms_and_at_least_once_by_mail_with_one_key(steps):
    world = World()
    for name in ("hear", "save", *("tick",) * 3):
        STEPS[name](world)
    for name in steps:
        STEPS[name](world)
    world.save()
    saved = set(world.saved_notices)
    world.calm()
    by_text: dict[tuple[str, str], Counter[str]] = {}
    for channel, key, text in world.arrived:
        by_text.setdefault((channel, text), Counter())[key] += 1
    for (channel, _text), keys in by_text.items():
        assert len(keys) == 1, "one key for each notice and channel"
        if channel != "email":
            assert keys.total() == 1, f"twice by {channel}"
    # Once it was saved it comes by mail, whatever has crashed since.
    assert {text for channel, text in by_text if channel == "email"} >= saved


def test_the_channels_that_repeat_are_those_whose_messages_have_a_key():
    assert [kind for kind in ChannelKind if kind.repeats] == [ChannelKind.EMAIL, ChannelKind.WEBHOOK]
