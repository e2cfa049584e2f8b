# SPDX-License-Identifier: GPL-2.0-or-later
"""What tells the daemon of ways to the Internet: the report on modems, and the routing of the box. Owns a socket."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from esimshaper.core.model.identity import Neighbour
from esimshaper.core.model.modems import Modem
from esimshaper.core.model.uplinks import AUTO, Ways
from esimshaper.core.settings.values import Settings
from esimshaper.edge.host.paths import modems_report
from esimshaper.edge.lan.routes import Routes
from esimshaper.edge.modems.report_file import ReportFile


class WaysOut:
    """modems: those that the last `look` has seen."""

    def __init__(self) -> None:
        self._report = ReportFile(modems_report())
        self._routes = Routes()
        self._metered: Mapping[str, bool] = {}
        self._answered = Ways()
        self.modems: tuple[Modem, ...] = ()

    def close(self) -> None:
        self._routes.close()

    def look(self) -> tuple[Modem, ...]:
        """The modems of now; costs a stat(2)."""
        said = self._report.read()
        self.modems = said.modems if said else ()
        self._metered = said.metered if said else {}
        return self.modems

    @property
    def has_news(self) -> bool:
        """Whether modems are elsewhere than at the last answer of `read`, or something is metered that was not."""
        return self._told() != self._answered

    def read(self, settings: Settings, devices: Iterable[Neighbour] = ()) -> Ways:
        """The ways of `devices`, or of the router itself; routes only where `settings` name no interface."""
        self._answered = self._told()
        if any(each.interface == AUTO for each in settings.uplinks):
            return replace(self._answered, routes=self.routes(devices))
        return self._answered

    def routes(self, devices: Iterable[Neighbour]) -> tuple[str, ...]:
        """The interfaces by which `devices` reach the Internet."""
        return self._routes.read(devices)

    def _told(self) -> Ways:
        best = sorted(self.modems, key=lambda each: not each.connected)
        return Ways(tuple(each.interface for each in best if each.interface), metered=self._metered)
