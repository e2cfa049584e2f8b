# SPDX-License-Identifier: GPL-2.0-or-later
"""An export is recorded use as well: each byte once, from the finest rows of its time."""

import pytest

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.recorded import Recorded
from esimshaper.edge.imports.recorded import read_recorded

HEADER = "resolution,start,client,uplink,source,service,down_bytes,up_bytes,down_packets,up_packets,estimated"
DAY, HOUR = 1_764_547_200, 1_764_633_600
"""2025-12-01 and 2025-12-02, at midnight UTC."""


def row(resolution, start, size, service="", client="tv", uplink="modem", source="a"):
    return f"{resolution},{start},{client},{uplink},{source},{service},{size},1,0,0,no"


@pytest.fixture
def read(tmp_path):
    def records(*rows):
        file = tmp_path / "export.csv"
        file.write_text("\n".join((HEADER, *rows)) + "\n")
        return list(read_recorded(file))

    return records


def test_each_time_is_taken_from_its_finest_rows_and_the_month_from_none(read):
    found = read(
        *(row("5min", HOUR + 3600 + at, 10) for at in (0, 300)),
        *(row("hour", HOUR + at, 20) for at in (0, 3600)),
        *(row("day", at, 500) for at in (DAY, HOUR)),
        row("month", DAY, 999),
    )
    ends = [(DAY + 86_400, 500), (HOUR + 3600, 20), (HOUR + 3900, 10), (HOUR + 4200, 10)]
    assert [(record.at, record.down) for record in found] == ends


def test_what_no_service_has_is_a_record_of_its_own_and_histories_are_added_up(read):
    found = read(
        row("5min", DAY, 100),
        row("5min", DAY, 30, "video"),
        row("5min", DAY, 7, source="b"),
        row("5min", DAY, -5, "line"),
    )
    assert set(found) == {
        Recorded(DAY + 300, "tv", 77, 0, "", "modem"),
        Recorded(DAY + 300, "tv", 30, 1, "video", "modem"),
        Recorded(DAY + 300, "tv", 0, 1, "line", "modem"),
    }


def test_a_mistake_in_an_export_has_its_place(read):
    with pytest.raises(Unusable, match=r"export.csv:3:down_bytes: `x` is not a number of bytes"):
        read(row("5min", DAY, 1), row("5min", DAY + 300, "x"))
    with pytest.raises(Unusable, match=r"export.csv:2: 3 fields, but the first line has 11"):
        read("5min,1,tv")
