# SPDX-License-Identifier: GPL-2.0-or-later
"""Times as people write them, and the moments at which the clock shows them; on days of 23 and 25 hours too."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.model.time_of_day import next_moment, parse_wall_time

BERLIN, SYDNEY, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Sydney"), ZoneInfo("Asia/Tokyo")
LORD_HOWE, APIA, ST_JOHNS = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia"), ZoneInfo("America/St_Johns")


def at(text: str, zone: ZoneInfo) -> float:
    """Unix seconds of a local time; `text` may have an offset where the clock shows it twice."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "now", "written", "then"),
    [
        # plain days
        (TOKYO, "2023-11-21T18:30", "23:00", "2023-11-21T23:00"),
        (TOKYO, "2023-11-21T23:00", "23:00", "2023-11-22T23:00"),
        (TOKYO, "2023-11-21T22:59:59", "23:00", "2023-11-21T23:00"),
        (TOKYO, "2023-12-31T18:30", "7:00", "2024-01-01T07:00"),
        (TOKYO, "2023-11-21T18:30", "24:00", "2023-11-22T00:00"),
        (TOKYO, "2023-11-21T00:00", "24:00", "2023-11-22T00:00"),
        (TOKYO, "2023-11-21T00:30", "tomorrow 07:00", "2023-11-22T07:00"),
        (TOKYO, "2023-11-21T18:30", "Tue 18:00", "2023-11-28T18:00"),  # today is a Tuesday
        (TOKYO, "2023-11-21T18:30", "tuesday 19:00", "2023-11-21T19:00"),
        (TOKYO, "2023-11-21T18:30", "SUN 07:00", "2023-11-26T07:00"),
        (TOKYO, "2023-11-21T18:30", "2024-02-29 07:00", "2024-02-29T07:00"),
        (TOKYO, "2023-11-21T18:30", "2024-02-29T7:00", "2024-02-29T07:00"),
        # 26 March 2023: 02:00 becomes 03:00, a day of 23 hours
        (BERLIN, "2023-03-25T22:00", "07:00", "2023-03-26T07:00"),
        (BERLIN, "2023-03-26T01:59:59", "02:30", "2023-03-26T03:00"),  # it is not there: the jump stands for it
        (BERLIN, "2023-03-26T03:00", "02:30", "2023-03-27T02:30"),
        (BERLIN, "2023-03-26T00:00", "02:00", "2023-03-26T03:00"),
        (BERLIN, "2023-03-25T12:00", "2023-03-26 02:30", "2023-03-26T03:00"),
        # 29 October 2023: 03:00 becomes 02:00, a day of 25 hours
        (BERLIN, "2023-10-28T22:00", "07:00", "2023-10-29T07:00"),
        (BERLIN, "2023-10-29T00:00", "02:30", "2023-10-29T02:30:00+02:00"),
        (BERLIN, "2023-10-29T02:30:00+02:00", "02:30", "2023-10-29T02:30:00+01:00"),  # it is there once more
        (BERLIN, "2023-10-29T02:30:00+01:00", "02:30", "2023-10-30T02:30"),
        (BERLIN, "2023-10-29T02:45:00+02:00", "2023-10-29 02:30", "2023-10-29T02:30:00+01:00"),
        # the other half of the world, and clocks that move by half an hour or over midnight
        (SYDNEY, "2023-09-30T22:00", "02:30", "2023-10-01T03:00"),
        (LORD_HOWE, "2023-09-30T22:00", "02:15", "2023-10-01T02:30"),
        (LORD_HOWE, "2023-04-02T01:50:00+11:00", "01:45", "2023-04-02T01:45:00+10:30"),
        (ST_JOHNS, "2006-10-28T23:30", "24:00", "2006-10-29T00:00:00-02:30"),
        (ST_JOHNS, "2006-10-29T00:00:30-02:30", "23:30", "2006-10-28T23:30:00-03:30"),
        # 30 December 2011 was left out in Samoa
        (APIA, "2011-12-29T12:00", "07:00", "2011-12-31T00:00"),
        (APIA, "2011-12-31T00:00", "07:00", "2011-12-31T07:00"),
    ],
)
def test_a_time_is_the_next_moment_at_which_the_clock_shows_it(zone, now, written, then):
    found = next_moment(parse_wall_time(written), zone, at(now, zone))
    assert datetime.fromtimestamp(found, UTC) == datetime.fromtimestamp(at(then, zone), UTC)


@pytest.mark.parametrize("written", ["2023-11-21 18:30", "2023-11-21 07:00", "1999-01-01 07:00", "2101-01-01 07:00"])
def test_a_day_that_is_over_or_out_of_the_world_is_refused(written):
    with pytest.raises(ValueError, match="is over already|is not in the years"):
        next_moment(parse_wall_time(written), TOKYO, at("2023-11-21T18:30", TOKYO))


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("", "`` is no time: write 07:00, tomorrow 07:00, tue 07:00 or 2026-12-01 07:00"),
        ("7", "`7` is no time: write 07:00"),
        ("7am", "`7am` is no time"),
        ("07:00:00", "`07:00:00` is no time"),
        ("\u0660\u0667:\u0660\u0660", "is no time"),  # Arabic digits
        ("-1:00", "is no time"),
        ("24:01", "24:00 is the end of a day (at `24:01`)"),
        ("23:60", "there is no minute 60 (at `23:60`)"),
        ("noday 07:00", "is no time (at `noday`)"),
        ("tue wed 07:00", "is no time"),
        ("07:00 tue", "`07:00 tue` is no time (at `tue`)"),
        ("2023-13-01 07:00", "not in the calendar (at `2023-13-01`)"),
        ("2023-02-29 07:00", "not in the calendar (at `2023-02-29`)"),
        ("tue", 'has no time of day; write it behind, in quotes: "tue 07:00"'),
        ("1h", "`1h` is no time"),
    ],
)
def test_nonsense_is_refused_with_its_place(written, error):
    with pytest.raises(ValueError) as refused:
        parse_wall_time(written)
    assert error in str(refused.value)
