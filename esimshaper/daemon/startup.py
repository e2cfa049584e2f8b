# SPDX-License-Identifier: GPL-2.0-or-later
"""A start, in its order: the failsafe, the maps, limits by what was saved, and then the programs that count.

No packet passes uncounted (on_failure: closed, R15), and none is counted without limits.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from esimshaper.core.model.state import State
from esimshaper.core.settings import uplink
from esimshaper.daemon.bookings import Bookings
from esimshaper.daemon.catalogue import Catalogue
from esimshaper.daemon.configuration import Configuration
from esimshaper.daemon.enforcer import Enforcer
from esimshaper.daemon.failsafe import Failsafe
from esimshaper.daemon.observer import Observer
from esimshaper.daemon.stopping import Stopping
from esimshaper.daemon.storage import Storage
from esimshaper.daemon.ticker import Ticker
from esimshaper.daemon.ways import WaysOut
from esimshaper.edge.bpf.pins import Pins
from esimshaper.edge.host.paths import pins_root, state_directory
from esimshaper.edge.tc.attachments import TrafficControl


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a daemon that has started; its first tick begins at `resumed` (None: at its own state)."""

    storage: Storage
    observer: Observer
    enforcer: Enforcer
    ticker: Ticker
    bookings: Bookings
    catalogue: Catalogue
    resumed: State | None


async def start(
    configuration: Configuration,
    failsafe: Failsafe,
    cleanup: contextlib.ExitStack,
    stopping: Stopping,
    hurry: Callable[[], None],
    *,
    may_build: bool,
) -> Parts:
    """Opens or makes all parts, attaches and resumes. Raises FailedOperation; `cleanup` closes all that was opened.

    `hurry`: see Ticker. `may_build`: this process may compile and load a missing kernel part.
    """
    pins = Pins(pins_root())
    cleanup.callback(pins.close)
    with contextlib.closing(TrafficControl(pins.markers)) as control, contextlib.closing(WaysOut()) as ways:
        ways.look()
        written = configuration.settings
        configuration.follow(uplink.present(written, control.links(), control.known(), ways.read(written)))
    settings = configuration.settings
    failsafe.begin(settings, pins.markers)
    storage = Storage(state_directory() / "history.db")
    observer = Observer(settings, pins, cleanup, may_build=may_build)
    enforcer = Enforcer(settings, observer.meter, cleanup)
    ticker = Ticker(configuration, observer, enforcer, failsafe, hurry)
    bookings = Bookings(ticker, configuration, observer, storage, pins, stopping)
    resumed = await _attach(ticker, bookings, observer)
    catalogue = Catalogue(observer.meter, observer.build, configuration.path, state_directory())
    catalogue.begin()
    configuration.categorise(catalogue.services)
    return Parts(storage, observer, enforcer, ticker, bookings, catalogue, resumed)


async def _attach(ticker: Ticker, bookings: Bookings, observer: Observer) -> State | None:
    """The saved state, if the history can be opened. Without it the ticker goes on from the policies in the kernel."""
    opened = await bookings.open()
    state = ticker.recover(opened or ticker.state)
    ticker.hold(state)
    observer.attach()
    ticker.sweep()
    if opened:
        return await bookings.take_over(state)
    ticker.state = state
    return None
