# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents that web.sock gives to an owner, of the same router as in documents.py."""

from datetime import timedelta
from typing import Any

from tests.web.documents import (
    ALICE,
    DAY,
    GB,
    MB,
    MIDNIGHT,
    NOW,
    SERVICES,
    TABLET,
    Document,
    asked,
    frame,
    own_alarm,
    totals,
)

OPEN = {
    "level": "open",
    "reason": "",
    "quota": "",
    "rate_bits_per_second": None,
    "until": None,
    "by_hours": False,
    "services": [],
}
THROTTLED = {
    "level": "throttled",
    "reason": "daily: 512 MB used of 500 MB, throttled to 256 kbit/s until tomorrow 00:00",
    "quota": "daily",
    "rate_bits_per_second": 256_000,
    "until": MIDNIGHT,
    "by_hours": False,
    "services": [],
}
BLOCKED = OPEN | {"level": "blocked", "reason": "blocked by hand until 20:00", "until": "2026-12-01T20:00:00+09:00"}
IDLE = {"down_bits_per_second": 0, "up_bits_per_second": 0}


def client(name: str, key: str, today: int, state: Document | None = None, **parts: Any) -> Document:
    """A row of /v1/clients; a device without a name in the settings has its key for it."""
    return {
        "client": name,
        "key": key,
        "mac": key,
        "hostname": "",
        "addresses": ["192.168.8.20", "2001:db8:8::20"],
        "state": state or OPEN,
        "now": IDLE | {"down_bits_per_second": 2_400_000 if today > 400 * MB else 0},
        "today": totals(today),
        "month": totals(today * 4),
        **parts,
    }


def row(name: str, used: int, limit: int, **parts: Any) -> Document:
    """A row of /v1/quotas."""
    return {
        "quota": name,
        "subject": "everyone",
        "client": "",
        "key": "",
        "hostname": "",
        "period": "month",
        "renews": "2027-01-01T00:00:00+09:00",
        "limit_bytes": limit,
        "granted_bytes": 0,
        "used_bytes": used,
        "left_bytes": max(0, limit - used),
        "action": "block",
        "rate_bits_per_second": None,
        "reached": used >= limit,
        "state": OPEN,
        "resting": False,
        "uplinks": [],
        "plan": "",
        "services": [],
        **parts,
    }


EVERYONE = row("plan", 6_128 * MB, 10 * GB)
FAMILY = row(
    "family-week", 2_300 * MB, 3 * GB, subject="group/family", period="week", renews="2026-12-07T00:00:00+09:00"
)
DAILY = row(
    "daily",
    512 * MB,
    500 * MB,
    subject="client/alice-phone",
    client="alice-phone",
    key=ALICE,
    period="day",
    renews=MIDNIGHT,
    action="throttle",
    rate_bits_per_second=256_000,
)

CLIENTS = [
    client("alice-phone", ALICE, 512 * MB, THROTTLED),
    client("work-laptop", "02:00:00:00:00:12", 341 * MB),
    client("02:00:00:00:00:1f", "02:00:00:00:00:1f", 96 * MB, hostname="Pixel-7-of-somebody-with-a-long-name"),
    client("tablet", TABLET, 44 * MB, BLOCKED),
    client("router", "router", 12 * MB),
    client("camera", "02:00:00:00:00:13", 0),
]


def clients(*entries: Document) -> Document:
    return frame(quotas=[EVERYONE], clients=list(entries or CLIENTS), coming=[])


def status() -> Document:
    now = {"down_bits_per_second": 4_100_000, "up_bits_per_second": 300_000}
    return frame(now=now, today=totals(1_005 * MB), month=totals(6_128 * MB))


def quotas(*rows: Document, subject: str | None = None) -> Document:
    return frame(subject=subject, quotas=list(rows))


def limits() -> Document:
    """The answer to /v1/limits."""
    tablet = DAILY | {"subject": "client/tablet", "client": "tablet", "key": TABLET, "used_bytes": 44 * MB}
    tablet |= {"left_bytes": 456 * MB, "reached": False}
    hotel = row("hotel", 100 * MB, GB, uplinks=["hotel"])
    return frame(file="/etc/esimshaper/esimshaper.yaml", quotas=[EVERYONE, FAMILY, DAILY, tablet, hotel])


def names(**parts: Any) -> Document:
    """The answer to /v1/names."""
    allowed = [{"name": "login.example.com", "until": "2026-12-01T19:30:00+09:00", "until_unix": 0}]
    problem = "/etc/esimshaper/lists/ads.hosts:7: `com` would take away all names that end so"
    more: Document = {"refused_percent": 41, "refuses_much": True, "metered": True, "services": []}
    more |= {"dnsmasq": True, "names": 52_310, "allowed": allowed, "problems": [problem]}
    return frame(**more | parts)


def history(by: str, number: int) -> Document:
    """The answer to /v1/history: the last `number` steps, most of them with use."""
    steps = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
    last = NOW.replace(minute=0) if by == "hour" else NOW.replace(hour=0, minute=0)
    starts = [last - steps[by] * back for back in reversed(range(number))] if by in steps else _months(number)
    factor = {"hour": MB, "day": 24 * MB, "month": 300 * MB}[by]
    used = [(start, DAY[at % len(DAY)] * factor) for at, start in enumerate(starts)]
    return frame(
        by=by, client=None, rows=[{"start": start.isoformat(), **totals(size)} for start, size in used if size]
    )


def _months(number: int) -> list[Any]:
    first = NOW.replace(day=1, hour=0, minute=0)
    return [first.replace(year=2026 - (at > 11), month=12 - at % 12) for at in reversed(range(number))]


def trips() -> Document:
    """The answer to /v1/report?by=trip."""
    there = {"from": "2026-11-27T00:00:00+09:00", "to": "2026-12-09T00:00:00+09:00", "budget_bytes": 5 * GB}
    before = {"from": "2026-08-02T00:00:00+02:00", "to": "2026-08-17T00:00:00+02:00", "budget_bytes": None}
    rows = [{"trip": "Japan", **there, **totals(3_870 * MB)}, {"trip": "Italy", **before, **totals(6_200 * MB)}]
    return frame(by="trip", total=totals(10_070 * MB), rows=rows)


def services() -> Document:
    used = [
        {
            **each,
            "clients": [
                {**CLIENTS[0], **totals(each["total_bytes"] // 2)},
                {**CLIENTS[1], **totals(each["total_bytes"] // 3)},
            ],
        }
        for each in SERVICES
    ]
    return frame(counted=True, services=used)


def plan(name: str = "japan-10gb", **parts: Any) -> Document:
    """A plan of /v1/plan."""
    return {
        "name": name,
        "uplinks": ["wwan0"],
        "begun": True,
        "is_over": False,
        "renews": False,
        "bought": "2026-11-27T09:00:00+09:00",
        "ends": "2026-12-04T00:00:00+09:00",
        "used_bytes": 6_128 * MB,
        "left_bytes": 3_872 * MB,
        "rate": "full",
        "cost": "4500",
        "currency": "JPY",
        "lots": [],
        "today": {"used_bytes": GB, "safe_bytes": 290 * MB, "clients": 4, "each_bytes": 72 * MB},
        **parts,
    }


def plans(*some: Document) -> Document:
    uplinks = [{"uplink": "wwan0", "plan": "japan-10gb"}, {"uplink": "hotel", "plan": None}]
    other = plan("backup-esim", uplinks=[], begun=False, ends=None, used_bytes=0, left_bytes=GB)
    return frame(plans=list(some or (plan(), other)), uplinks=uplinks, configured=2, spent={"JPY": "4500"})


def act(**parts: Any) -> Document:
    whose = {"act": "block", "subject": "client/alice-phone", "called": None, "typed": "alice-phone"}
    return {
        **whose,
        "quota": "",
        "bytes": 0,
        "over_plan": False,
        "at": MIDNIGHT,
        "begins": None,
        "until": None,
        **parts,
    }


def asks(*some: Document, last: Document | None = None) -> Document:
    one = asked() | {"client": ALICE, "name": "alice-phone"}
    return frame(asks=list(some or (one,)), last=last, services_waiting=0)


def used(number: int = 3, **parts: Any) -> Document:
    """A service of a client, of /v1/review."""
    device = {"client": "tv", "key": "02:00:00:00:00:15", "hostname": "", "called": "tv"}
    service = {"service": "netflix", "category": "video", "titles": {"en": "Netflix", "ja": "ネットフリックス"}}
    moved = {"today": totals(140 * MB) | {"up_bytes": 6 * MB}, "ever": totals(171 * MB), "days": 2, "hours": [17, 18]}
    times = {"since": "2026-12-01T17:58:00+09:00", "asked": None, "first": MIDNIGHT, "seen": NOW.isoformat()}
    ends = ["video.netflix.test", "<b>images.netflix.test"]
    return {"number": number, **device, **service, **moved, **times, "ends": ends, **parts}


def answered(number: int = 1, **parts: Any) -> Document:
    """An answer of /v1/review."""
    device = {"client": None, "key": None, "hostname": None, "subject": "everyone", "called": "everyone"}
    times = {"at": MIDNIGHT, "until": "2026-12-06T20:00:00+09:00", "seen": MIDNIGHT, "asked": None}
    service = {"service": "youtube", "category": "video", "titles": {"en": "YouTube"}, "ever": totals(910 * MB)}
    return {"number": number, **device, **service, **times, "approved": True, **parts}


def review(**parts: Any) -> Document:
    """The answer to /v1/review: one that waits, one that was asked for, answers of all kinds, two to look at again."""
    phone = {"client": "alice-phone", "key": ALICE, "called": "alice-phone", "hostname": ""}
    refused = answered(2, **phone, subject="client/alice-phone", approved=False, until=None, asked=NOW.isoformat())
    again = [
        {"why": "ends", "answer": answered(), "use": None},
        {"why": "heavy", "answer": None, "use": used(0, since=None, service="dropbox", titles={})},
    ]
    kids = answered(5, subject="group/kids", called="group/kids", approved=True, until=None)
    about = {"on": True, "threshold_bytes": 100 * MB, "rate_bits_per_second": 128_000, "expires_seconds": 30 * 86400}
    waiting = [used(), used(4, **phone, asked=NOW.isoformat(), ends=[])]
    return frame(**about, waiting=waiting, answers=[answered(), refused, kids], again=again) | parts


SURGE = "moved 62.0 MB in the last minute: 6 % of the day (1.00 GB by plan); most for youtube 48.0 MB, icloud 9.10 MB"
SENT = "sent 41.0 MB in the last five minutes, and received little: 4 % of the day (1.00 GB by plan)"
ALONE = "moved 12.0 MB in the last hour, in which no device moved anything: 1 % of the day (1.00 GB by plan)"


def alarm(number: int = 12, **parts: Any) -> Document:
    """An alarm of /v1/alarms."""
    device = {"client": "tv", "key": "02:00:00:00:00:15", "called": "tv", "text": SURGE, "told": True}
    return own_alarm(number=number, **device) | parts


def alarms(**parts: Any) -> Document:
    """The answer to /v1/alarms: one that goes on, one that was cut, one that nobody was told of, one of the router."""
    phone = {"client": "02:00:00:00:00:1f", "key": "02:00:00:00:00:1f", "called": "Pixel-7-of-somebody (0:1f)"}
    ended = {"since": "2026-12-01T03:10:00+09:00", "until": "2026-12-01T03:42:00+09:00", "bytes": 91 * MB}
    past = [
        alarm(11, **phone, **ended, kinds=["upload", "asleep"], text=SENT, answer="cut"),
        alarm(10, **ended, told=False),
        alarm(9, **ended, client="router", key="router", called="router", kinds=["nobody-home"], text=ALONE),
        alarm(8, **ended, answer="fine"),
    ]
    until = "2026-12-08T18:30:00+09:00"
    muted = [
        {"kind": "upload", "client": "work-laptop", "until": until},
        {"kind": None, "client": None, "until": until},
    ]
    about = {"level": "normal", "allowance": {"bytes": GB, "of": "plan"}, "learning": ["02:00:00:00:00:1f"]}
    return frame(**about, open=[alarm()], past=past, muted=muted) | parts


def channel(name: str, **parts: Any) -> Document:
    """A channel of /v1/notify that does well."""
    well = {"waiting": 0, "since": None, "failures": 0, "error": None, "impossible": False, "min_chosen": False}
    return {"name": name, "kind": name, "min": "warning", **well, **parts}


def notify(*channels: Document, quiet: str | None = "22:00-07:00") -> Document:
    """The answer to /v1/notify."""
    waits = {"waiting": 2, "since": "2026-12-01T14:02:00+09:00", "error": "no answer from mail.example.org"}
    no_modem = {"min": "alarm", "error": "there is no modem", "impossible": True}
    some = (channel("email", **waits), channel("sms", **no_modem), channel("apprise-1", min="info"))
    return frame(channels=list(channels or some), quiet=quiet, quiet_chosen=False, tests=[])


def pace(**parts: Any) -> Document:
    """A mechanism of /v1/saver."""
    watched = {"held_seconds": 136_000, "free_seconds": 18_000, "samples": 21}
    watched |= {"held_bytes_per_minute": 11 * MB, "free_bytes_per_minute": 40 * MB}
    sizes = {"saved_bytes": 65 * GB, "low_bytes": 48 * GB, "high_bytes": 91 * GB}
    named = {"mechanism": "pace", "what": "video", "how": "estimated", "why": "", "names": None, "refused": None}
    return {**named, **sizes, "rate_bits_per_second": 2_500_000, "watched": watched, **parts}


def saver(**parts: Any) -> Document:
    """The answer to /v1/saver: one that is estimated, two of which nobody knows yet, two of which nobody can know."""
    nothing = dict.fromkeys(("saved_bytes", "low_bytes", "high_bytes"))
    new = pace(**nothing, what="social", how="unknown", why="little", watched=None)
    unseen = {**nothing, "how": "unknown", "why": "unseen", "watched": None, "rate_bits_per_second": None, "what": ""}
    rest = [pace(**unseen, mechanism="names", names=84_211, refused=1_204), pace(**unseen, mechanism="metered")]
    off = pace(**nothing, what="games", how="unknown", why="off", watched=None)
    return frame(measure="1/8", days=31, mechanisms=[pace(), new, off, *rest]) | parts


def sessions() -> Document:
    since, until = "2026-12-01T09:12:00+09:00", "2026-12-01T21:12:00+09:00"
    here = {"id": "1", "name": "work-laptop", "client": "02:00:00:00:00:12", "since": since, "until": until}
    return frame(sessions=[here | {"current": True}, here | {"id": "2", "name": "tablet", "current": False}])


def report(by: str) -> Document:
    """The answer to /v1/report, of one device that used something on one day."""
    start = {"start": "2026-12-01T00:00:00+09:00", "start_unix": 1796050800, "estimated": False}
    of = {
        "client": {"client": "=alice", "key": ALICE, "mac": ALICE, "hostname": "", "group": None},
        "service": {"service": "youtube", "category": "video", "titles": {"en": "YouTube"}},
        "uplink": {"uplink": None},
        "trip": {"trip": "Japan", "from": "2026-11-27", "to": "2026-12-09", "budget_bytes": None, "left_bytes": None},
    }.get(by, start)
    span = {"since": "2026-11-01T00:00:00+09:00", "since_unix": 1793458800, "until": NOW.isoformat()}
    asked_for = {"until_unix": int(NOW.timestamp()), "client": None, "uplink": None, "plan": None}
    rows = [{**of, **totals(512 * MB), "plans": []}]
    return frame(by=by, **span, **asked_for, total=totals(512 * MB), estimated=False, notes=[], rows=rows)


def low_data(**parts: Any) -> Document:
    """The answer to /v1/low-data: on by the plan, with one group that is set otherwise."""
    since = "2026-12-01T14:02:00+09:00"
    tv = {"client": "tv", "key": "02:00:00:00:00:15", "hostname": "", "service": "windows-update", "titles": {}}
    held_back = [
        {
            **tv,
            "titles": {"en": "Windows Update"},
            "category": "updates",
            "since": since,
            "refused_packets": 12,
            "estimate_bytes": 1_240 * MB,
        },
        {
            **tv,
            "service": "telemetry",
            "category": "telemetry",
            "since": since,
            "refused_packets": 0,
            "estimate_bytes": 3 * MB,
        },
    ]
    return (
        frame(
            mode="auto",
            from_percent=80,
            ahead=False,
            hold=["updates", "cloud-sync", "ads", "telemetry", "app-stores"],
            video_bits_per_second=2_500_000,
            on=[{"subject": "everyone", "since": since, "why": "80 % of plan trip are used"}],
            by_hand=[{"subject": "group/kids", "mode": "off", "at": since}],
            held_back=held_back,
            estimate_seconds=14 * 86400,
            security=True,
        )
        | parts
    )
