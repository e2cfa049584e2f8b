# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper saver`: what is estimated says how well, and nothing is added up that is not known in the same way."""

from esimshaper.views.page import Line
from esimshaper.views.saver import saved_line, saver_page
from tests.web import owner_documents as owner


def said(document):
    return [each.text for each in saver_page(document) if isinstance(each, Line)]


def test_what_is_estimated_says_how_well_and_what_is_unknown_says_why():
    assert said(owner.saver()) == [
        "video at 2.50 Mbit/s",
        "  estimated: 65.0 GB saved in the last 31 days",
        "  between 48.0 GB and 91.0 GB, with a certainty of nine in ten",
        "  a minute costs 11.0 MB, and 40.0 MB without the pace",
        "  watched: 1d 13h with it, 5h 0m without it",
        "",
        "social at 2.50 Mbit/s",
        "  unknown so far: too few films were watched without the pace, to compare",
        "",
        "games at 2.50 Mbit/s",
        "  unknown: nothing is measured; `measure: 1/8` lets one film of eight go free, to compare",
        "",
        "DNS refuses 84211 names of the lists",
        "  counted: 1204 answers of the last hour refused a name",
        "  bytes unknown: what does not come cannot be counted",
        "",
        "devices are told that the link is metered",
        "  bytes unknown: what does not come cannot be counted",
        "",
        "These are not added up, as they are not known in the same way.",
    ]


def test_a_pace_that_may_have_saved_nothing_is_no_good_news():
    [_, estimated, *_] = saver_page(owner.saver(mechanisms=[owner.pace(low_bytes=-5, saved_bytes=-1)]))
    assert isinstance(estimated, Line)
    assert "0 B saved" in estimated.text
    assert estimated.tone.name == "PLAIN"


def test_status_says_what_was_estimated_and_nothing_where_nothing_was():
    assert saved_line([]) == []
    [line] = saved_line([{"mechanism": "pace", "how": "estimated", "bytes": 3_000_000_000}])
    assert line.text == "Saved by paces so far, as estimated: 3.00 GB (see: esimshaper saver)"


def test_without_a_saver_it_says_what_to_write():
    assert said(owner.saver(mechanisms=[]))[-1].strip().startswith("saver: {pace: [")
