# SPDX-License-Identifier: GPL-2.0-or-later
"""A program for test_history_faults.py: `history_writer.py DATABASE` books and saves for ever, until it is killed.

It goes on from what is saved, as the daemon does, and prints a line after each save.
"""

import sys
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from esimshaper.core.commands import resume
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import EVERYONE, Action, ActionKind, Period, PeriodUnit, Quota
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.pipeline import advance
from esimshaper.core.saving.booking import note_saved
from esimshaper.edge.history.database import History

CLIENTS = {Account(number): ClientKey(f"02:00:00:00:00:{number:02x}") for number in range(20)}
ZONE = ZoneInfo("Asia/Kolkata")
WHOLE = Account(100)
PLAN = Quota("plan", EVERYONE, 10**15, Period(PeriodUnit.MONTH), ZONE, Action(ActionKind.BLOCK))
POLICY = Rules("wwan0", ZONE, quotas=(PLAN,))


def main(path: str) -> None:
    history = History(Path(path))
    if history.notes:
        sys.exit(history.notes)
    state = resume(history.load(), history.identities())
    reading = Reading(1, 1000.0, {account: Counters() for account in CLIENTS}, CLIENTS, everyone=WHOLE)
    if state.baseline:
        reading = replace(reading, boottime=state.baseline.meter.boottime, accounts=state.baseline.meter.accounts)
    while True:
        # A minute later each client has moved something, and 5 MB in all: that is a save with each tick.
        accounts = {a: c + Counters(300_000 + a, 1000, 300, 20) for a, c in reading.accounts.items()}
        used = Budget(sum(counters.total_bytes for counters in accounts.values()))
        reading = replace(reading, boottime=reading.boottime + 60, accounts=accounts, budgets={WHOLE: used})
        state, outcome = advance(state, POLICY, 1_800_000_000 + reading.boottime, Observation(reading))
        if outcome.booking is None:
            sys.exit("there was nothing to save")
        history.save(outcome.booking)
        state = note_saved(state, outcome.booking)
        sys.stdout.write("saved\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
