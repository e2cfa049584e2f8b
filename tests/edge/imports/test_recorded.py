# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of recorded use: what they say, and each mistake with its line, what is wrong, and what to do."""

import contextlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.recorded import Recorded
from esimshaper.edge.imports.recorded import read_recorded

HEAD = "time,client,down_bytes,up_bytes\n"


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / "usage.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_times_are_seconds_or_have_an_offset_and_columns_any_order(tmp_path):
    file = write(
        tmp_path,
        "\ufeffclient,time,up_bytes,down_bytes,service,uplink\r\n"
        'tv,1445000400,2,1,video,cellular\r\n"a, b",2015-10-16T22:00:01.5+09:00,4,3,,\r\n\r\n',
    )
    assert list(read_recorded(file)) == [
        Recorded(1445000400, "tv", 1, 2, "video", "cellular"),
        Recorded(1445000401.5, "a, b", 3, 4, "", ""),
    ]


def test_services_of_a_client_may_have_one_time(tmp_path):
    text = "time,client,down_bytes,up_bytes,service\n1445000400,tv,1,0,a\n1445000400,tv,2,0,b\n"
    assert len(list(read_recorded(write(tmp_path, text)))) == 2


WRONG = {
    "nothing": ("", ":1: the column `time` is missing"),
    "a missing column": ("time,client,down_bytes\n", ":1: the column `up_bytes` is missing"),
    "an unknown column": ("time,client,down_bytes,up_bytes,mac\n", ":1: unknown column `mac`"),
    "a column twice": ("time,client,down_bytes,up_bytes,time\n", ":1: the column `time` is there twice"),
    "the same time twice": (HEAD + "1445000400,tv,1,0\n1445000400,tv,1,0\n", ":3:time: `tv` has this time twice"),
    "time that goes back": (HEAD + "1445000400,tv,1,0\n1445000399,pc,1,0\n", ":3:time: this time is before"),
    "a time without an offset": (HEAD + "2015-10-16T22:00:00,tv,1,0\n", "has no offset from UTC"),
    "no time": (HEAD + "soon,tv,1,0\n", ":2:time: `soon` is not a time"),
    "milliseconds": (HEAD + "1445000400000,tv,1,0\n", "is not in the years 2000 to 2100"),
    "not a number": (HEAD + "nan,tv,1,0\n", "is not in the years"),
    "a fraction of a byte": (HEAD + "1445000400,tv,1.5,0\n", ":2:down_bytes: `1.5` is not a number of bytes"),
    "less than nothing": (HEAD + "1445000400,tv,1,-1\n", ":2:up_bytes: `-1` is not a number of bytes"),
    "a unit": (HEAD + "1445000400,tv,1MB,0\n", "write whole bytes, without a unit"),
    "too few fields": (HEAD + "1445000400,tv,1\n", ":2: 3 fields, but the first line has 4"),
    "nobody": (HEAD + "1445000400,,1,0\n", ":2:client: there is no name"),
    "a quote that never ends": (HEAD + '1445000400,"tv,1,0\n', "this is not CSV"),
    "Latin-1": (HEAD.encode() + "1445000400,Küche,1,0\n".encode("latin-1"), ":2:byte 13: this is not UTF-8 text"),
    "UTF-16": (HEAD.encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
    "a zero byte": (HEAD + "1445000400,t\0v,1,0\n", ":2: there is a zero byte"),
    "a line without end": (HEAD + "x" * 5000, ":2: the line is longer than 4096 bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_have_a_line_and_advice(tmp_path, name):
    content, said = WRONG[name]
    file = write(tmp_path, content)
    with pytest.raises(Unusable) as raised:
        list(read_recorded(file))
    assert said in f"{raised.value.message} {raised.value.hint}"
    assert raised.value.message.startswith(f"{file}:")
    assert raised.value.hint


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(Unusable, match="No such file"):
        list(read_recorded(tmp_path / "usage.csv"))


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_whatever_stands_there_is_a_record_or_a_mistake(tmp_path_factory, content):
    file = write(tmp_path_factory.mktemp("usage"), HEAD.encode() + content)
    with contextlib.suppress(Unusable):
        assert all(record.client for record in read_recorded(file))


def test_any_length_takes_the_same_memory(tmp_path):
    """10 GB are read as 5 MB are: by the line."""
    file = write(tmp_path, HEAD + "".join(f"{1445000400 + each},tv,1,0\n" for each in range(40_000)))
    tracemalloc.start()
    try:
        assert sum(each.down for each in read_recorded(file)) == 40_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
