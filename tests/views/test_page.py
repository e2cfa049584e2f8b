# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages as a terminal and a pipe show them."""

from esimshaper.views import page, pages


def test_a_host_name_cannot_write_to_the_terminal():
    entry = {
        "client": "02:00:00:00:00:10",
        "key": "02:00:00:00:00:10",
        "mac": "",
        "hostname": "\x1b]0;owned\x07[red]x",
        "addresses": [],
        "now": {"down_bits_per_second": 0, "up_bits_per_second": 0},
        "today": {"down_bytes": 0, "up_bytes": 0, "total_bytes": 0},
        "month": {"down_bytes": 0, "up_bytes": 0, "total_bytes": 0},
        "wasted_bytes": 0,
        "services": dict.fromkeys(("now", "today", "unnamed_bytes", "hidden_bytes")),
        "state": {"level": "open", "reason": "", "quota": "", "by_hours": False, "services": []},
    }
    document = {"clients": [entry], "quotas": [], "coming": [], "time": ""}
    text = "\n".join(page.plain_lines(pages.clients_page(document)))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]x (00:10)" in text


def test_bars_show_the_smallest_amount_and_never_more_than_their_width():
    assert page.bar(0, 100) == ""
    assert len(page.bar(1, 10**12)) == 1
    assert page.bar(100, 100, 8) == "█" * 8
    assert page.bar(200, 100, 8) == "█" * 8
