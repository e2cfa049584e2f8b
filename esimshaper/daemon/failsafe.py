# SPDX-License-Identifier: GPL-2.0-or-later
"""on_failure: whether uncounted traffic is forwarded. Settings and Attachments -> the failsafe table.

The table names, by number, the one interface that is counted. So the kernel itself forwards nothing when the WAN is
made anew, or when the daemon dies before it has attached a program; the next attachment opens the table again.
"""

import contextlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.reading import Attachment, Hook
from esimshaper.core.settings import tunnels
from esimshaper.core.settings.values import OnFailure, Settings
from esimshaper.edge.host import systemd
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.host.paths import state_directory
from esimshaper.edge.nft.scripts import NO_INTERFACE
from esimshaper.edge.nft.tables import FailsafeTable
from esimshaper.edge.tc.attachments import TrafficControl

log = logging.getLogger(__name__)


class Failsafe:
    """Owns the table. Programs that an earlier daemon attached go on counting, so what they count passes."""

    def __init__(self) -> None:
        self._table = FailsafeTable(state_directory() / "closed.nft")
        self._open = False
        self._problem = ""

    def begin(self, settings: Settings, markers: Path) -> bool:
        """Holds uncounted traffic before a start. Whether the uplink is counted already."""
        with contextlib.closing(TrafficControl(markers)) as control:
            numbers = {name: control.counted_link(settings.device(name)) for name in uplinks(settings)}
        self._hold(settings, numbers)
        return bool(numbers[settings.wan.interface])

    def follow(self, settings: Settings, attachments: Iterable[Attachment]) -> None:
        """Holds traffic that these attachments do not count."""
        attached = tuple(attachments)
        self._hold(settings, {name: counted_link(name, attached) for name in uplinks(settings)})

    def report_failure(self, settings: Settings, markers: Path, problem: Unusable) -> str:
        """A sentence on what a kernel part that cannot be set up means for traffic; systemd gets it too."""
        counted = self.begin(settings, markers)
        means = self._consequence(settings, counted=counted)
        systemd.tell_manager(status=f"{problem.message}; {means}")
        if systemd.in_journal():
            known = fields(Message.START_FAILED, interface=settings.wan.interface)
            hint = f" What to do: {problem.hint}" if problem.hint else ""
            log.error("%s; %s.%s", problem.message, means, hint, extra=known)
        return means

    def _hold(self, settings: Settings, numbers: Mapping[str, int]) -> None:
        """`numbers`: of the interface of each uplink where it is counted, else NO_INTERFACE."""
        if settings.on_failure is OnFailure.OPEN:
            if not self._open:
                self._table.open()
            self._open, self._problem = True, ""
            return
        self._open = False
        wan = settings.wan
        counted = {number for number in numbers.values() if number}
        counted |= {each.index for each in wan.stacked if each.index and numbers.get(each.at)}
        carried = tunnels.ends_to_refuse(wan.tunnels)
        problem = self._table.close(wan.written, settings.uplink_names, counted, carried)
        if problem and problem != self._problem:
            known = fields(Message.GUARD_FAILING, interface=settings.wan.interface)
            log.error("uncounted traffic cannot be refused (on_failure: closed): %s", problem, extra=known)
        self._problem = problem

    def _consequence(self, settings: Settings, *, counted: bool) -> str:
        wan = settings.wan.interface
        if counted:
            return f"the kernel goes on counting and limiting at {wan} as before"
        if settings.on_failure is OnFailure.OPEN:
            return "until then traffic passes, uncounted and unlimited (on_failure: open)"
        if self._problem:
            return f"traffic passes, uncounted, as it cannot be refused: {self._problem}"
        return f"until then nothing is forwarded to {wan} or from it (on_failure: closed)"


def uplinks(settings: Settings) -> tuple[str, ...]:
    """The names of all interfaces that are counted as uplinks."""
    return (settings.wan.interface, *settings.wan.others)


def counted_link(wan: str, attachments: Iterable[Attachment]) -> int:
    """The number of the WAN's interface if all that passes it is counted, both ways; else NO_INTERFACE."""
    there = {each.hook: each.index for each in attachments if each.interface == wan and each.attached}
    found = {there.get(hook, NO_INTERFACE) for hook in (Hook.WAN_INGRESS, Hook.WAN_EGRESS)}
    return found.pop() if len(found) == 1 else NO_INTERFACE
