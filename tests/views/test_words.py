# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that several pages share."""

import pytest

from esimshaper.views.words import reason_lines, state_cell, when

NOW = "2026-11-23T18:30:00+09:00"  # a Monday


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-23T23:59:00+09:00", "23:59"),
        ("2026-11-24T00:00:00+09:00", "Tue 00:00"),
        ("2026-11-29T09:00:00+09:00", "Sun 09:00"),
        ("2026-11-30T00:00:00+09:00", "30 Nov 00:00"),
        ("2026-11-22T18:00:00+09:00", "22 Nov 18:00"),
        ("2027-09-18T00:00:00+09:00", "18 Sep 00:00"),
        ("2027-09-19T00:00:00+09:00", "2027-09-19"),
    ],
)
def test_a_moment_is_as_short_as_it_is_clear(moment: str, shown: str) -> None:
    assert when(moment, NOW) == shown


def test_services_that_are_held_have_a_line_with_all_whom_it_concerns_and_the_state_is_not_open() -> None:
    held = {"level": "blocked", "reason": "films (video): 5.00 MB used of 5.00 MB, blocked until tomorrow 00:00"}
    state = {"level": "open", "reason": "", "quota": "", "by_hours": False, "services": [held]}
    clients = [{"client": name, "key": name, "hostname": "", "state": state} for name in ("alice", "bob")]
    assert state_cell(state).text == "partly open"
    assert state_cell(state | {"services": []}).text == "open"
    assert [line.text for line in reason_lines(clients, NOW)] == [f"alice, bob: {held['reason']}"]
