# SPDX-License-Identifier: GPL-2.0-or-later
"""What several uplinks carried comes back as it was saved."""

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.state import Booked, Carried
from esimshaper.edge.history.meter_tables import KEYS, meter_from, tables

CARRIED = Carried(
    seen={
        "cellular": {Account(2): Counters(5, 6, 7, 8), Account(99): Counters(1)},
        "hotel de l'été & co": {Account(2): Counters(1)},
    },
    totals={"cellular": Counters(50, 60, 7, 8), "hotel de l'été & co": Counters(1)},
    waiting={"cellular": Counters(1), "hotel de l'été & co": Counters(down_bytes=-3)},
)


def test_all_of_it_but_what_belongs_to_a_comparison_of_queues_is_kept() -> None:
    meter = Booked(7, {Account(2): Counters(6, 6)}, {Account(2): ClientKey("02:00:00:00:00:10")}, carried=CARRIED)
    saved = tables(meter)
    assert set(saved) == set(KEYS)
    found = meter_from(lambda table: [(*key, *values) for key, values in saved[table].items()])
    assert found is not None
    assert found.carried == CARRIED
    assert found.accounts == meter.accounts
