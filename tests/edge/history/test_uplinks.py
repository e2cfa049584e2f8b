# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge history, uplinks: each byte has one, sums are over all of them, and older files do not know theirs."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryPeriod, Resolution, RowChoice, RowRange
from esimshaper.core.model.identity import UNATTRIBUTED, Account
from esimshaper.core.model.services import Volume
from esimshaper.edge.history.database import History
from tests.edge.history import test_services
from tests.edge.history.test_database import ALICE, BASELINE, BOB, START, booking, everything, history, path, row
from tests.edge.history.test_services import ALL, FIVE, SERVICES

__all__ = ["history", "path"]


def test_rows_say_by_which_uplink_and_add_up_over_them(history):
    of_both = [row(down=5, uplink="cellular"), row(down=7, uplink="hotel"), row(START + 300, BOB, uplink="hotel")]
    history.save(booking(*of_both))
    history.save(booking(row(down=1, uplink="hotel", estimated=True)))
    five = Resolution.FIVE_MINUTES
    assert [(each.uplink, each.counters.down_bytes) for each in history.rows(five, START, START + 1)] == [
        ("cellular", 5),
        ("hotel", 8),
    ]
    whole = RowRange(five, 0, 2**40)
    assert history.totals(five, START) == {ALICE: Counters(13, 6, 9, 12)}
    (hotel,) = history.sums([whole], RowChoice(uplinks=["hotel", "nowhere"]))
    assert hotel.usage == {ALICE: Counters(8, 4, 6, 8), BOB: Counters(1, 2, 3, 4)}
    assert history.periods(whole, 9, RowChoice([ALICE], ["hotel"])) == (
        HistoryPeriod(START, Counters(8, 4, 6, 8), estimated=True),
    )
    assert history.sums([whole], RowChoice(uplinks=["nowhere"]))[0].usage == {}


def test_a_lost_number_of_a_client_or_an_uplink_costs_no_byte(path, history):
    history.save(booking(row(down=5, uplink="cellular"), row(client=BOB, down=7)))
    history.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM usage_clients")
        raw.execute("DELETE FROM uplinks WHERE name = 'cellular'")
        raw.commit()
    with closing(History(path)) as again:
        assert {(each.client, each.uplink) for each in everything(again)} == {("unattributed", "")}
        assert again.totals(Resolution.FIVE_MINUTES, START)[UNATTRIBUTED].down_bytes == 12


def test_services_come_by_uplink(path):
    cellular, hotel = (replace(test_services.row(), uplink=name) for name in ("cellular", "hotel"))
    with closing(History(path)) as history:
        history.save(booking(cellular, hotel, replace(hotel, start=START + 300)))
        (of_hotel,) = history.sums([ALL], RowChoice(uplinks=["hotel"]))
        assert of_hotel.services == {ALICE: {name: volume + volume for name, volume in SERVICES.items()}}
        assert history.service_periods(ALL, RowChoice(uplinks=["cellular"])) == {START: SERVICES}


def test_a_file_of_version_7_keeps_its_services_and_does_not_know_its_uplink(path):
    """history_v7.sql is the dump of a file that version 7 of the program wrote: the last one without uplinks."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("history_v7.sql").read_text())
    counts = {Account(2): {3: Volume(2**40, 1)}}
    meter = replace(BASELINE.meter, services=counts, served={ALICE: {"youtube": Volume(2**40, 1)}})
    with closing(History(path)) as history:
        assert (history.notes, history.load()) == ("", replace(BASELINE, meter=meter))
        for resolution in Resolution:
            found = history.rows(resolution, 0, 2**40)
            assert found == tuple(
                replace(test_services.row(START + late, client, resolution), services={})
                for late in (0, 300)
                for client in (ALICE, BOB)
            )
            (sums,) = history.sums([RowRange(resolution, 0, 2**40)])
            doubled = {name: volume + volume for name, volume in SERVICES.items()}
            assert sums.services == {ALICE: doubled, BOB: doubled}
        history.save(booking(replace(test_services.row(), uplink="cellular")))
        assert {each.uplink for each in history.rows(FIVE, 0, 2**40)} == {"", "cellular"}
    with closing(History(path)) as again:
        assert (again.notes, len(again.happenings(0))) == ("", 1)
