# SPDX-License-Identifier: GPL-2.0-or-later
"""The tick: observe -> advance -> (begin to save) -> enforce. Owns the State. On the loop's thread only."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from esimshaper.core import commands, pipeline
from esimshaper.core.model.happenings import Told
from esimshaper.core.model.reading import Observation
from esimshaper.core.model.state import Booking, Outcome, State
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.configuration import Configuration
from esimshaper.daemon.enforcer import Enforcer
from esimshaper.daemon.failsafe import Failsafe
from esimshaper.daemon.observer import Observer
from esimshaper.daemon.strays import Strays
from esimshaper.edge.host import clock
from esimshaper.edge.host.messages import Message, fields

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

_NANOSECONDS = 1e9
_AFTER = 0.06
"""Seconds after which a tick surely finds that the moment of a switch is over: see OFFSET_SECONDS of limits."""


class Ticker:
    """`state` is the latest one. `at` and `seconds`: when the last tick began (None before the first) and what it took.

    `look_around`: the next tick also looks at what changes seldom. `hurry` asks for another tick at once.
    """

    save: Callable[[Booking], None]
    """Begins to save a booking that `advance` handed out; see Bookings."""

    told: Callable[[], tuple[Told, ...]] = tuple
    """The messages of the daemon since it was asked last; see Chronicle."""

    def __init__(
        self,
        configuration: Configuration,
        observer: Observer,
        enforcer: Enforcer,
        failsafe: Failsafe,
        hurry: Callable[[], None],
    ) -> None:
        self._configuration = configuration
        self._observer = observer
        self._enforcer = enforcer
        self._failsafe = failsafe
        self._hurry = hurry
        self._strays = Strays()
        self.state = State()
        self.at: datetime | None = None
        self.seconds = 0.0
        self.look_around = True

    def tick(self, resumed: State | None = None) -> None:
        """One tick, from `resumed` on if that is given."""
        # `resumed` becomes the state here and not before: what was counted since it was saved is missing from it, and
        # nobody may be shown that.
        began = clock.stopwatch()
        look_around, self.look_around = self.look_around, False
        if look_around:
            self._observer.look_around()
        self.at = clock.local(self._configuration.zone)
        seen = self.observe_and_hear()
        self.state, outcome = self.advance(resumed or self.state, seen)
        if outcome.booking:
            self.save(outcome.booking)
        has_new = self._enforcer.enforce(outcome, seen, self.state.limits.states, look_around=look_around)
        self._strays.tell(seen.reading, self.state.names.identities)
        if look_around:
            self._failsafe.follow(self._configuration.settings, seen.attachments)
        if has_new or outcome.new_groups or outcome.new_clients:
            self._hurry()  # their policies follow once they have accounts
        self.seconds = clock.stopwatch() - began

    def observe(self) -> Observation:
        """The counters first, the statistics of classes after them: core.meter.queue_drops relies on that order."""
        seen = self._observer.observe()
        return replace(seen, sent=self._enforcer.read_classes(seen.reading), members=self._enforcer.members)

    def observe_and_hear(self) -> Observation:
        """As `observe`, with what the daemon has told since: for a tick whose state stays."""
        return replace(self.observe(), told=self.told())

    def advance(self, state: State, seen: Observation) -> tuple[State, Outcome]:
        """The next state, by the rules of now and the time of the reading."""
        return pipeline.advance(state, self._configuration.rules, clock.wall_at(seen.reading.boottime), seen)

    def seconds_to_switch(self) -> float:
        """How long until something that was set for later begins or ends; endless if nothing is near."""
        ahead = (frame.at / _NANOSECONDS - clock.boottime() for frame in self.state.limits.frames)
        return next((seconds + _AFTER for seconds in ahead if seconds + _AFTER > 0), math.inf)

    def recover(self, state: State) -> State:
        """`state` with what an earlier daemon left in the kernel."""
        installed = self._enforcer.inherited
        return pipeline.recover_from_kernel(
            state, self._configuration.rules, clock.now(), self._observer.observe(), installed
        )

    def hold(self, state: State) -> None:
        """Holds everybody to the limits that follow from `state`; the State stays as it is."""
        for _ in ("groups and clients get their accounts", "these get their pools", "policies name all of them"):
            seen = self._observer.observe()
            limited, outcome = self.advance(state, seen)
            self._enforcer.enforce(outcome, seen, limited.limits.states, look_around=True)

    def sweep(self) -> None:
        """Removes what is ours and not wanted any more."""
        self._enforcer.sweep()  # the shaping stands on a qdisc of the meter, so it goes first
        self._observer.sweep()

    def change_settings(self, settings: Settings, saved: commands.Saved) -> None:
        """Puts other settings in force at once; no packet is counted twice, or by settings of both kinds.

        `saved`: what history has for their new quotas.
        """
        self.tick()  # books what has passed the interfaces that were wanted until now
        zone = self._configuration.rules.zone
        self._configuration.take(self._observer.present(settings))
        self.state = commands.begin_quotas(self.state, self._configuration.rules, saved, zone)
        self._put_in_force()

    def follow_uplink(self) -> None:
        """Goes on at the interfaces that the names mean now, if one came back under another name, or was renamed."""
        before = self._configuration.settings
        settings = self._observer.present(before)
        if settings is before:
            return
        self.look_around = False  # with the settings of before; those of now are put in force at once
        self.tick()
        self._configuration.follow(settings)
        name, device = settings.wan.interface, settings.device(settings.wan.interface)
        if device != before.device(before.wan.interface):
            also = f" ({device})" if device != name else ""
            log.info("the uplink is %s now", f"{name}{also}", extra=fields(Message.UPLINK_RENAMED, interface=name))
        told = {each.name: each.metered for each in before.uplinks}
        for each in settings.uplinks:
            if told.get(each.name, each.metered) != each.metered:
                now = "metered" if each.metered else "not metered, so no limit looks at it"
                log.info("uplink %s is %s, as NetworkManager says", each.name, now)
        self._put_in_force()

    def _put_in_force(self) -> None:
        settings = self._configuration.settings
        self._observer.configure(settings)
        self._enforcer.configure(settings)
        self.hold(self.state)  # limits before programs, as at a start
        self._observer.look_around()
        self.sweep()
        self.look_around = True
        self.tick()
