# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of the demo that follow from measurements: limits are met, the daemon dies and returns, a grant.

In: samples. Out: sentences in Play, orders to the daemon. Owns nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from esimshaper.core.model.counts import Counters, sum_of
from esimshaper.core.model.units import format_size
from esimshaper.demo.evidence import Sample
from esimshaper.demo.plans import CURRENCY, FIRST, HIGH, LOW, SECOND
from esimshaper.demo.router_process import RouterProcess
from esimshaper.demo.screen import Play
from esimshaper.demo.story import FILM_BITS, MODEM, PHONE, THROTTLE_BITS, TV, Story, Terms
from esimshaper.views.fit import Tone

_NEAR, _NEAR_BYTES = 0.3, int(FILM_BITS / 8)
"""How much the TV has left when the daemon is killed: a part of its limit, but enough for a second."""
_SWITCH = 0.6
"""The part of the whole time after which the eSIM is changed."""
_PAUSE = 0.08
"""The part of the whole time that lies between two events, for eyes to follow."""

Due = Callable[[Sample], bool]


@dataclass(frozen=True, slots=True)
class Wait:
    """An event that the story waits for. `what` names it, in case it never comes; `due` says whether it has come."""

    what: str
    due: Due


class Director:
    """Scripts of events; each goes on when the event that it waits for has come."""

    def __init__(self, router: RouterProcess, play: Play, story: Story, terms: Terms) -> None:
        self._router, self._play, self._story, self._terms = router, play, story, terms
        self._phone, self._tv = story.key(PHONE), story.key(TV)
        self.missed = ""
        """The sentence on the daemon's death, for the case that bill and totals are equal."""
        self._sample: Sample | None = None
        scripts = (self._of_plan(), self._of_phone(), self._of_tv())  # an order is given before the daemon is killed
        self._scripts = [(script, next(script)) for script in scripts]

    @property
    def waits_for(self) -> list[str]:
        """The events that have not come yet."""
        return [wait.what for _, wait in self._scripts]

    def follow(self, sample: Sample) -> None:
        """Brings about the events that are due after `sample`."""
        self._sample = sample
        going_on = []
        for script, wait in self._scripts:
            following = next(script, None) if wait.due(sample) else wait
            if following:
                going_on.append((script, following))
        self._scripts = going_on

    def _of_plan(self) -> Iterator[Wait]:
        step = self._terms.step
        yield Wait("the plan came to its step", lambda s: s.plans.get(FIRST, {}).get("counted_bytes", 0) > step)
        self._play.say(f"past its {megabytes(step)} the plan {FIRST} costs {HIGH} {CURRENCY}, not {LOW}", Tone.WARNING)
        yield Wait("it was time for another eSIM", lambda s: s.alive and self._play.now >= _SWITCH * self._play.seconds)
        self._router.order("/v1/plan/switch", {"plan": SECOND, "uplink": MODEM})
        self._play.say(f"another eSIM, by hand: esimshaper plan switch {SECOND}", Tone.GOOD)

    def _of_phone(self) -> Iterator[Wait]:
        yield Wait("alice-phone reached its limit", lambda s: s.used.get(self._phone, 0) > self._terms.phone)
        size, rate = megabytes(self._terms.phone), f"{THROTTLE_BITS // 10**6} Mbit/s"
        self._play.say(f"alice-phone has used its {size} of today: throttled to {rate}", Tone.WARNING)

    def _of_tv(self) -> Iterator[Wait]:
        limit = self._terms.tv
        near = max(0, limit - max(_NEAR_BYTES, int(_NEAR * limit)))
        yield Wait("smart-tv came near its limit", lambda s: s.used.get(self._tv, 0) > near)
        began, counted = self._play.now, self._counted()
        self._router.kill()
        alone = ", by the kernel alone" if not self._story.resets(TV) else ""
        left = format_size(max(0, limit - self._used()))
        self._play.say(f"the daemon is killed (kill -9): smart-tv has {left} left", Tone.WARNING)
        yield Wait("smart-tv was cut at its limit", lambda _: self._story.resets(TV) > 0)
        self._play.say(f"smart-tv is cut at its {megabytes(limit)}{alone}: connection reset", Tone.BAD)
        yield self._pause(1.2)
        self._router.start()
        self._play.say("the daemon is started again", Tone.WARNING)
        yield Wait("the daemon came back", lambda s: s.alive)
        missed = format_size((self._counted() - counted).total_bytes)
        self._play.say(f"the daemon is back and has all of the {missed} that crossed meanwhile", Tone.WARNING)
        self.missed = (
            f"Killed under load (kill -9), the daemon missed nothing: {missed} in {self._play.now - began:.1f} s."
        )
        yield self._pause(1)
        yield from self._granted()

    def _granted(self) -> Iterator[Wait]:
        size, cuts = self._terms.grant, self._story.resets(TV)
        self._router.order("/v1/grant", {"subject": "client/smart-tv", "bytes": size})
        self._play.say(f"by hand: esimshaper grant client/smart-tv {megabytes(size).replace(' ', '')}", Tone.GOOD)
        yield Wait("smart-tv was cut after its grant", lambda _: self._story.resets(TV) > cuts)
        self._play.say(f"smart-tv is cut again, {megabytes(size)} later", Tone.BAD)
        yield self._pause(1)

    def _pause(self, times: float) -> Wait:
        end = self._play.now + times * _PAUSE * self._play.seconds
        return Wait("the time was over", lambda _: self._play.now >= end)

    def _counted(self) -> Counters:
        return sum_of(self._sample.kernel.values()) if self._sample else Counters()

    def _used(self) -> int:
        return self._sample.used.get(self._tv, 0) if self._sample else 0


def megabytes(size: int) -> str:
    """A limit as people write it."""
    return f"{size / 10**6:g} MB"
