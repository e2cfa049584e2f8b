# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured comes back from the history as it was."""

from contextlib import closing

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.measure import Key, MeasureState, Sample, Turn, Whose
from esimshaper.core.model.state import Baseline, Booked, Booking
from esimshaper.edge.history.database import History

TV = ClientKey("02:00:00:00:00:11")
STATE = MeasureState(
    100,
    739_000,
    {Key(739_000, TV, "video"): Sample(1, 2.5, 3, 4.0), Key(738_999, TV, "video"): Sample(5, 6.0)},
    {Whose(TV, "video"): Turn(7, 8.5)},
    {"video": 9},
)


def test_all_of_it_comes_back_and_what_is_gone_is_gone(tmp_path):
    for state in (STATE, MeasureState()):
        with closing(History(tmp_path / "history.db")) as history:
            history.save(Booking((), Baseline(Booked(7, {}, {}), measure=state)))
        with closing(History(tmp_path / "history.db")) as history:
            loaded = history.load()
        assert loaded is not None
        assert loaded.measure == state
