# SPDX-License-Identifier: GPL-2.0-or-later
"""Watches how many answers of DNS are refusals, by the report of the process that names; tells of too many, once."""

import logging
from pathlib import Path

from esimshaper.core.model.withholding import MOST_PERCENT
from esimshaper.core.saver.refusals import Look, Looks, looked, percent_refused, refused_within
from esimshaper.edge.host import clock
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.names import report_file

log = logging.getLogger(__name__)


class Refusals:
    """percent: of the last hour's answers; None while nobody can say. report: the file, which is there by chance."""

    def __init__(self, report: Path) -> None:
        self.percent: int | None = None
        self._report = report
        self._looks: Looks = ()
        self._is_told = False

    @property
    def refused(self) -> int | None:
        """Answers of the last hour that refused a name; None while nobody can say."""
        return refused_within(self._looks, clock.monotonic())

    def begin_anew(self) -> None:
        """Nothing is refused any more, or by other lists: what was before says nothing of these."""
        self.percent, self._looks = None, ()

    def follow(self) -> None:
        """Looks again; each look-around calls it."""
        try:
            report = report_file.report(self._report)
        except (OSError, ValueError):
            return  # half a report, or one of another version: the next one is a minute off
        if report is None:
            return
        new = Look(clock.monotonic(), report.resolved, report.refused)
        if self._looks and new[1:] == self._looks[-1][1:]:
            return
        self._looks = looked(self._looks, new)
        self.percent = percent_refused(self._looks)
        is_much = self.percent is not None and self.percent > MOST_PERCENT
        if is_much and not self._is_told:
            text = "DNS refused %d %% of all answers of the last hour: a block list may take away what people need"
            log.warning(text, self.percent, extra=fields(Message.LISTS_GREEDY))
        elif self._is_told and not is_much and self.percent is not None:
            log.info("DNS refuses %d %% of all answers now", self.percent, extra=fields(Message.LISTS_MODEST))
        self._is_told = is_much or (self._is_told and self.percent is None)
