# SPDX-License-Identifier: GPL-2.0-or-later
"""What is remembered of approval comes back from the history as it was."""

from contextlib import closing

from esimshaper.core.model.approval import Answer, ApprovalState, Use
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind
from esimshaper.core.model.state import Baseline, Booked, Booking
from esimshaper.edge.history.database import History

ALICE, BOB = ClientKey("02:00:00:00:00:11"), ClientKey("02:00:00:00:00:12")
STATE = ApprovalState(
    since=100,
    came={ALICE: 100, BOB: 200},
    uses={
        (ALICE, "netflix"): Use(1, 2, 739_000, 3, 4, 1 << 23, 5, 6, 7, heavy=8, known=True),
        (BOB, "youtube"): Use(1, 2, waits=9, number=4, asked=10),
    },
    answers=(
        Answer(1, EVERYONE, "tiktok", approved=False, at=50, until=None),
        Answer(3, Subject(SubjectKind.GROUP, "kids"), "netflix", approved=True, at=60, until=90),
    ),
    number=5,
    audited=70,
)


def test_all_of_it_comes_back_and_what_is_gone_is_gone(tmp_path):
    for state in (STATE, ApprovalState()):
        with closing(History(tmp_path / "history.db")) as history:
            history.save(Booking((), Baseline(Booked(7, {}, {}), approval=state)))
        with closing(History(tmp_path / "history.db")) as history:
            loaded = history.load()
        assert loaded is not None
        assert loaded.approval == state
