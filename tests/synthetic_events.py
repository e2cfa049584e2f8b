# SPDX-License-Identifier: GPL-2.0-or-later
"""What happened in two days of a family: for synthetic_router.py."""

from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.limits import Subject

_UNTIL = "(daily, until tomorrow 00:00)"


def happenings(now: int, tv: Subject, alice: Subject) -> list[Happening]:
    """Oldest first; `now` in Unix seconds."""
    limit = "daily: 500 MB used of 500 MB, throttled to 256 kbit/s until tomorrow 00:00"
    many = "5 devices are no longer throttled: alice-phone, tv, eva, kindle and 02:00:00:00:00:20"
    told = (
        (100_000, "detour", "devices reach the Internet by wlan1, which is not counted", (), ""),
        (90_000, "started", "esimshaper 0.1.0 has started", (), ""),
        (89_999, "counting", "counting at wwan0", (), ""),
        (66_600, "quota-renewed", f"tv has 500 MB again {_UNTIL}", (tv,), "daily"),
        (66_600, "open", many, (alice, tv), ""),
        (9_000, "quota-warning", f"alice-phone has used 400 MB of 500 MB {_UNTIL}", (alice,), "daily"),
        (3_600, "quota-reached", f"tv has used up 500 MB {_UNTIL}", (tv,), "daily"),
        (3_600, "throttled", f"tv is throttled now: {limit}", (tv,), "daily"),
        (1_800, "blocked", "alice-phone is blocked now: blocked by hand until 20:00", (alice,), ""),
        (60, "not-counting", "not counting at wwan0: there is no interface wwan0", (), ""),
    )
    return [Happening(now - ago, *rest) for ago, *rest in told]
