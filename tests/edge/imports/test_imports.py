# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of used bytes of ours and of others: what they say comes in, and each mistake has its place and advice."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import UNATTRIBUTED, ClientKey
from esimshaper.core.model.transfer import COLUMNS, Transferred
from esimshaper.edge import imports
from esimshaper.edge.imports.lines import Context
from esimshaper.edge.imports.own import csv_header, csv_line, json_line

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 30, 12, tzinfo=TOKYO).timestamp()
OCTOBER = datetime(2026, 10, 1, tzinfo=TOKYO)
CONTEXT = Context(NOW, TOKYO, OCTOBER)
ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")
START = int(OCTOBER.timestamp())

names = st.text(st.characters(blacklist_categories=("C", "Zl", "Zp")), max_size=12).filter(
    lambda text: text.isprintable()
)
counts = st.integers(0, 2**50)
own_rows = st.builds(
    Transferred,
    st.sampled_from(Resolution),
    st.integers(946_684_800, int(NOW)),
    st.sampled_from([ALICE, BOB, ClientKey("router")]),
    names,
    names.filter(bool),
    names,
    *[counts] * 4,
    estimated=st.booleans(),
)


def ordered(rows: list[Transferred]) -> list[Transferred]:
    by_key = {row[:6]: row for row in rows}
    return sorted(by_key.values(), key=lambda row: (list(Resolution).index(row.resolution), *row[1:6]))


def read(path: Path, text: str | bytes, context: Context = CONTEXT) -> list[Transferred]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(imports.read(path, imports.format_of(path), context))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usage"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(own_rows, min_size=1, max_size=8).map(ordered))
def test_what_we_write_we_read_in_both_forms(path, rows):
    assert read(path, csv_header() + "".join(map(csv_line, rows))) == rows
    assert read(path, "".join(map(json_line, rows))) == rows
    assert read(path, csv_header("name") + "".join(csv_line(row, "=SUM(1)") for row in rows)) == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.sampled_from(["", ",".join(COLUMNS), '{"']))
def test_nothing_but_a_sentence_comes_of_nonsense(path, data, first):
    path.write_bytes(first.encode() + data)
    for look in (*(partial(all_of, path, kind) for kind in imports._FORMATS), partial(imports.format_of, path)):
        found = complaint(look)
        assert found is None or (str(found).startswith(str(path)) and found.hint)


def all_of(path: Path, kind: str) -> None:
    list(imports.read(path, kind, CONTEXT))


def complaint(look: Callable[[], object]) -> Unusable | None:
    try:
        look()
    except Unusable as error:
        return error
    return None


LINE = "day,2026-10-01T15:00:00Z,02:00:00:00:00:10,cellular,abc,,5,4,3,2,no\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resolution,start\n", ":1: the column `client` is missing"),
        (csv_header() + LINE * 2, ":3: `02:00:00:00:00:10` is there twice at this time"),
        (csv_header() + LINE + LINE.replace("-01T", "-00T"), ":3:start: this is not a time"),
        (csv_header() + LINE + LINE.replace("10-01T", "09-01T"), ":3:start: this row is before its turn"),
        (csv_header() + LINE.replace(",5,", ",5GB,"), ":2:down_bytes: `5GB` is not a whole number"),
        (csv_header() + LINE.replace(",5,", ",-5,"), ":2:down_bytes: `-5` is not a whole number"),
        (csv_header() + LINE.replace("02:", "zz:"), ":2:client: `zz:00:00:00:00:10` is not a MAC"),
        (csv_header() + LINE.replace("day", "year"), ":2:resolution: it is not known"),
        (csv_header() + LINE.replace("2026", "2036"), ":2:start: 2036-10-02 00:00 is not between 2000 and now"),
        (csv_header() + LINE.replace("Z,", ","), ":2:start: the time has no offset"),
        (csv_header() + LINE.replace(",no", ""), ":2: 10 fields, but the first line has 11"),
        (csv_header() + LINE.replace("no\n", "maybe\n"), ":2:estimated: it is neither yes nor no"),
        ((csv_header() + LINE).encode("utf-16"), ":1"),
        (csv_header().encode() + LINE.replace("cellular", "Zürich").encode("latin1"), ":2:byte 45: this is not UTF-8"),
        (csv_header() + "day," + "x" * 9000, ":2: the line is longer than 8192 bytes"),
        ("month,client,used\n2026-13,,1GB\n", ":2:month: `2026-13` is not a month such as 2026-10"),
        ("month,client,used\n2026-10,,many\n", ":2:used: "),
        ("month,client,used\n2026-10,,1GB\n2026-10,,2GB\n", ":3:month: this month of this client is there twice"),
        ("month,who\n", ":1: the column `used` is missing"),
        ("a,b,c\n", ":1: this is no format that is known"),
        ('{"vnstatversion":"1.18","jsonversion":"1"}', ":1: this is not JSON of vnStat 2"),
        ('{"vnstatversion":"2.10",\n"jsonversion":', ":2: this is not JSON"),
        ('{"columns":["ip"],"data":[]}', ":1:columns: they have not all of mac, rx_bytes, tx_bytes"),
        ('{"columns":["mac","rx_bytes","tx_bytes"],"data":[["x"]]}', ":1:data 1: it has not 3 values"),
    ],
)
def test_a_mistake_has_its_place_and_advice(path, text, said):
    with pytest.raises(Unusable) as caught:
        read(path, text)
    assert str(caught.value).startswith(f"{path}{said}")
    assert caught.value.hint


DAY = {"year": 2026, "month": 11, "day": 20}
TRAFFIC = {
    "total": {"rx": 9, "tx": 9},
    "fiveminute": [{"id": 2, "date": DAY, "time": {"hour": 12, "minute": 15}, "rx": 484507, "tx": 6440}],
    "hour": [{"id": 1, "date": DAY, "time": {"hour": 12, "minute": 0}, "rx": 5, "tx": 6}],
    "day": [{"id": 1, "date": DAY, "timestamp": 1795100400, "rx": 7, "tx": 8}],
    "month": [{"id": 1, "date": {"year": 2026, "month": 10}, "rx": 2**40, "tx": 1}],
    "year": [{"id": 1, "date": {"year": 2026}, "rx": 1, "tx": 1}],
    "top": [],
}
VNSTAT = {
    "vnstatversion": "2.10",
    "jsonversion": "2",
    "interfaces": [
        {
            "name": "wwan0",
            "alias": "",
            "created": {"date": {"year": 2026, "month": 5, "day": 20}},
            "updated": {"date": DAY, "time": {"hour": 19, "minute": 45}},
            "traffic": TRAFFIC,
        }
    ],
}


def test_vnstat_gives_five_minutes_hours_days_and_months_in_the_zone_of_its_box(path):
    rows = read(path, json.dumps(VNSTAT, indent=1))
    noon = int(datetime(2026, 11, 20, 12, tzinfo=TOKYO).timestamp())
    assert [(row.resolution, row.start, row.down_bytes, row.up_bytes) for row in rows] == [
        (Resolution.FIVE_MINUTES, noon + 900, 484_507, 6440),
        (Resolution.HOUR, noon, 5, 6),
        (Resolution.DAY, 1_795_100_400, 7, 8),
        (Resolution.MONTH, START, 2**40, 1),
    ]
    assert {(row.client, row.uplink, row.source) for row in rows} == {(UNATTRIBUTED, "wwan0", "vnstat")}
    double = {**VNSTAT, "interfaces": VNSTAT["interfaces"] * 2}
    with pytest.raises(Unusable, match=r"wwan0.fiveminute: the same time is there twice"):
        read(path, json.dumps(double))


NLBW = (
    '"family"\t"proto"\t"port"\t"mac"\t"ip"\t"conns"\t"rx_bytes"\t"rx_pkts"\t"tx_bytes"\t"tx_pkts"\t"layer7"\n'
    '4\t"TCP"\t443\t"02:00:00:00:00:10"\t"10.11.12.7"\t111\t1000\t10\t100\t5\t"HTTPS"\n'
    '6\t"UDP"\t443\t"02:00:00:00:00:10"\t"fd00::7"\t1\t500\t4\t50\t2\t"QUIC"\n'
    '4\t"UDP"\t53\t"00:00:00:00:00:00"\t"10.11.12.9"\t1\t7\t1\t8\t1\t\n'
)


def test_nlbwmon_gives_a_total_for_each_mac_as_csv_and_as_json(path):
    expected = [
        Transferred(Resolution.MONTH, START, ALICE, "", "nlbwmon", "", 1500, 150, 14, 7, estimated=True),
        Transferred(Resolution.MONTH, START, UNATTRIBUTED, "", "nlbwmon", "", 7, 8, 1, 1, estimated=True),
    ]
    assert read(path, NLBW) == expected
    header, *lines = ([json.loads(cell) if cell else None for cell in line.split("\t")] for line in NLBW.splitlines())
    assert read(path, json.dumps({"columns": header, "data": lines}, separators=(",", ":"))) == expected
    with pytest.raises(Unusable, match="nlbwmon does not write which month this is"):
        read(path, NLBW, Context(NOW, TOKYO))


def test_totals_of_a_phone_are_typed_with_units(path):
    text = "month,client,used\n2026-10,,3.4GB\n2026-09,02:00:00:00:00:11,500 MB\n"
    assert [(row.start, row.client, row.down_bytes, row.estimated) for row in read(path, text)] == [
        (START, UNATTRIBUTED, 3_400_000_000, True),
        (int(datetime(2026, 9, 1, tzinfo=TOKYO).timestamp()), BOB, 500_000_000, True),
    ]


def test_a_long_file_is_read_by_the_line(path):
    """A pipe has no end that could be read first: rows come before the rest is there."""
    path.write_text(csv_header() + "".join(LINE.replace("10-01", f"10-{day:02}") for day in range(1, 31)))
    rows = imports.read(path, "our own CSV", CONTEXT)
    first = next(rows)
    with path.open("a") as file:
        file.write("nonsense\n")
    with pytest.raises(Unusable, match=":32: 1 fields"):
        list(rows)
    assert first.client == ALICE
