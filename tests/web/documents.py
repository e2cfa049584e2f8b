# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents as web.sock answers them, of a router on a journey in Japan: what tests of the page draw."""

from datetime import datetime, timedelta
from typing import Any

NOW = datetime.fromisoformat("2026-12-01T18:30:00+09:00")
MIDNIGHT = "2026-12-02T00:00:00+09:00"
MB, GB = 1_000_000, 1_000_000_000
ALICE, TABLET = "02:00:00:00:00:10", "02:00:00:00:00:11"

Document = dict[str, Any]


def frame(**parts: Any) -> Document:
    return {"version": 1, "time": NOW.isoformat(), "zone": "Asia/Tokyo", "revision": 7, **parts}


def totals(size: int) -> Document:
    return {"down_bytes": size - size // 8, "up_bytes": size // 8, "total_bytes": size}


def state(level: str = "ok", cause: str = "", **parts: Any) -> Document:
    of_quota = {"quota": "", "limit_bytes": None, "period": None, "shared": False}
    return {
        "level": level,
        "cause": cause,
        "reason": "",
        **of_quota,
        "rate_bits_per_second": None,
        "until": None,
        "services": [],
        **parts,
    }


def used_up(level: str, **parts: Any) -> Document:
    rate = 256_000 if level == "slow" else None
    of_quota = {"quota": "daily", "limit_bytes": 500 * MB, "period": "day", "shared": False}
    return state(level, "quota", **{**of_quota, "rate_bits_per_second": rate, "until": MIDNIGHT, **parts})


def limited(level: str, *services: str, rate: int | None = None) -> Document:
    """What holds for some services of a state."""
    return {
        "quota": "films",
        "services": list(services),
        "level": level,
        "reason": f"films ({', '.join(services)}): 500 MB used of 500 MB, blocked until tomorrow 00:00",
        "rate_bits_per_second": rate,
        "until": MIDNIGHT,
    }


def quota(name: str = "daily", used: int = 431 * MB, limit: int = 500 * MB, **parts: Any) -> Document:
    return {
        "name": name,
        "subject": f"client/{ALICE}",
        "shared": False,
        "period": "day",
        "limit_bytes": limit,
        "used_bytes": used,
        "left_bytes": max(0, limit - used),
        "renews": MIDNIGHT,
        "action": "throttle",
        "rate_bits_per_second": 256_000,
        "resting": False,
        "uplinks": [],
        "plan": "",
        "services": [],
        **parts,
    }


def hours(*sizes: int) -> list[Document]:
    """The last 24 hours, the last of `sizes` being this one."""
    this = NOW.replace(minute=0)
    padded = [0] * (24 - len(sizes)) + list(sizes)
    return [
        {"start": (this - timedelta(hours=23 - at)).isoformat(), "total_bytes": size} for at, size in enumerate(padded)
    ]


DAY = (12, 3, 1, 0, 0, 0, 0, 2, 9, 31, 44, 18, 22, 61, 40, 12, 9, 15, 38, 55, 70, 21, 17, 30)
"""MB an hour of a usual day."""

SERVICES = [
    {"service": "youtube", "titles": {"en": "YouTube"}, "category": "video", "total_bytes": 212 * MB},
    {
        "service": "icloud",
        "titles": {"en": "iCloud", "zh": "iCloud 云服务", "ja": "アイクラウド"},
        "category": "cloud-sync",
        "total_bytes": 96 * MB,
    },
    {"service": "whatsapp", "titles": {"en": "WhatsApp"}, "category": "messages", "total_bytes": 41 * MB},
    {"service": "unnamed", "titles": {}, "category": None, "total_bytes": 52 * MB},
    {"service": "hidden", "titles": {}, "category": None, "total_bytes": 30 * MB},
]

RECORDED = [
    {"what": "names", "seconds": None},
    {"what": "address", "seconds": 86400},
    {"what": "hours", "seconds": 400 * 86400},
    {"what": "days", "seconds": None},
    {"what": "services", "seconds": 400 * 86400},
    {"what": "flows", "seconds": 3600},
]


def me(**parts: Any) -> Document:
    """The answer to /v1/me for a phone that is open, with limits of its own and one that all share."""
    month = quota("plan", 6_128 * MB, 10 * GB, subject="everyone", shared=True, period="month", action="block")
    document = frame(
        clock="ok",
        client=ALICE,
        name="alice-phone",
        group=None,
        state=state(),
        now={"down_bits_per_second": 2_400_000, "up_bits_per_second": 120_000},
        today=totals(431 * MB),
        month=totals(1_240 * MB),
        hours=hours(*(size * MB for size in DAY)),
        quotas=[quota(), month | {"renews": "2027-01-01T00:00:00+09:00"}],
        plan=None,
        carrier=None,
        services=SERVICES,
        alarms=[],
        held=[],
        held_back=[],
        saver=[],
        asked=None,
        recorded=RECORDED,
    )
    return document | parts


def nobody() -> Document:
    """The answer to /v1/me where the neighbour table does not know the address."""
    return frame(clock="ok", client=None)


def asked(size: int = 300 * MB, given: int | None = None) -> Document:
    answer = None if given is None else {"bytes": given, "at": NOW.isoformat()}
    at = (NOW - timedelta(minutes=2)).isoformat()
    return {"id": "7", "at": at, "bytes": size, "text": "Maps for tomorrow", "service": "", "answer": answer}


def asked_for(service: str = "updates", seconds: int | None = None) -> Document:
    """As asked, for a service or a category."""
    answer = None if seconds is None else {"bytes": 0, "seconds": seconds, "at": NOW.isoformat()}
    return {**asked(0), "text": "", "service": service, "titles": {}, "answer": answer}


def held_back(what: str = "updates", **parts: Any) -> Document:
    """What is blocked or paced, of /v1/me."""
    block = {"decision": "block", "rate_bits_per_second": None, "layer": "low-data", "why": "on in the settings"}
    return {"what": what, "titles": {}, "category": True, **block, "until": None, **parts}


def own_alarm(**parts: Any) -> Document:
    """An alarm of /v1/me."""
    since = "2026-12-01T18:20:00+09:00"
    return {"kinds": ["surge"], "since": since, "until": None, "bytes": 62 * MB, "answer": "", **parts}


def held(**parts: Any) -> Document:
    """A service of /v1/me that approval holds back."""
    waits = {"held": "waits", "rate_bits_per_second": 128_000, "asked": None, "until": None}
    return {**waits, "service": "netflix", "category": "video", "titles": {"en": "Netflix"}, **parts}


def page(**parts: Any) -> Document:
    """The answer to /v1/page."""
    return frame(password_set=True, hosts=["192.168.8.1"], clock="ok", asks_open=0) | parts
