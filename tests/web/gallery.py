# SPDX-License-Identifier: GPL-2.0-or-later
"""Each screen as it is drawn from recorded documents, in the states that look different: what browsers look at."""

from collections.abc import Mapping
from typing import Any

from esimshaper.web.render import page_json, render
from esimshaper.web.screen import Documents, Visit
from esimshaper.web.screens import device, past
from tests.web import documents as docs
from tests.web import owner_documents as owner

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"

SLOW = docs.me(state=docs.used_up("slow"), quotas=[docs.quota(used=512 * docs.MB), docs.me()["quotas"][1]])

STOPPED = SLOW | {
    "state": docs.used_up("stopped"),
    "asked": docs.asked(given=0),
    "saver": [{"what": "video", "rate_bits_per_second": 2_500_000, "saved_bytes": 3 * docs.GB, "days": 31}],
    "held": [docs.held(), docs.held(held="refused", asked=docs.NOW.isoformat(), service="x", titles={})],
    "alarms": [docs.own_alarm(), docs.own_alarm(kinds=["upload"], until=docs.NOW.isoformat(), answer="cut")],
}

FILMS = docs.limited("blocked", "video")
PARTLY = docs.me(
    state=docs.state(services=[FILMS, docs.limited("throttled", "games", "music", rate=256_000)]),
    quotas=[docs.quota("films", 500 * docs.MB, action="block", services=["video"]), *docs.me()["quotas"]],
)

HELD = [
    docs.held_back(),
    docs.held_back("steam", titles={"en": "Steam"}, category=False, layer="hand", until="2026-12-01T20:00:00+09:00"),
    docs.held_back("video", decision="pace", rate_bits_per_second=2_500_000),
]
OWNER = {"is_owner": True}

HOME = {
    "/v1/clients": owner.clients(),
    "/v1/status": owner.status(),
    "/v1/plan": owner.plans(),
    "/v1/owner/asks": owner.asks() | {"services_waiting": 2},
    "/v1/alarms": owner.alarms(),
}
NO_ALARMS = owner.alarms(open=[], past=[], muted=[], learning=[])
NOTHING_WAITS = owner.review(waiting=[], answers=[], again=[])
NOT_TOLD = owner.notify(quiet=None) | {"channels": []}
QUIET = HOME | {
    "/v1/plan": docs.frame(plans=[]),
    "/v1/owner/asks": docs.frame(asks=[], last=None, services_waiting=0),
    "/v1/alarms": NO_ALARMS,
}
DEVICE = {
    device.CLIENT: owner.clients(owner.CLIENTS[0]),
    device.QUOTAS: owner.quotas(owner.EVERYONE, owner.FAMILY, owner.DAILY),
    device.HOURS: owner.history("hour", 24),
    device.DAYS: owner.history("day", 31),
    device.SERVICES: owner.services(),
}
FAMILY = owner.quotas(owner.EVERYONE, owner.FAMILY, subject="group/family")

CASES: Mapping[str, tuple[str, Documents, dict[str, Any]]] = {
    "me": ("me", {"/v1/me": docs.me()}, {}),
    "me-slow": ("me", {"/v1/me": SLOW | {"asked": docs.asked()}}, {"agent": IPHONE}),
    "me-held": ("me", {"/v1/me": docs.me(held_back=HELD, asked=docs.asked_for(seconds=3600))}, {}),
    "low-data": ("low-data", {"/v1/low-data": owner.low_data()}, OWNER | {"path": "/low-data"}),
    "low-data-off": (
        "low-data",
        {"/v1/low-data": owner.low_data(on=[], by_hand=[], held_back=[], security=False)},
        OWNER | {"path": "/low-data"},
    ),
    "me-stopped": (
        "me",
        {"/v1/me": STOPPED},
        {},
    ),
    "me-partly": ("me", {"/v1/me": PARTLY}, {}),
    "me-unlimited": ("me", {"/v1/me": docs.me(quotas=[], services=[], today=docs.totals(0), hours=docs.hours())}, {}),
    "me-unknown": ("me", {"/v1/me": docs.nobody()}, {}),
    "about": ("about", {"/v1/me": docs.me()}, {}),
    "login": ("login", {"/v1/page": docs.page()}, {"path": "/login"}),
    "login-unset": ("login", {"/v1/page": docs.page(password_set=False)}, {"path": "/login"}),
    "home": ("home", HOME, OWNER | {"path": "/home"}),
    "home-quiet": ("home", QUIET, OWNER | {"path": "/home"}),
    "alarms": ("alarms", {"/v1/alarms": owner.alarms(), "/v1/notify": owner.notify()}, OWNER | {"path": "/alarms"}),
    "alarms-none": ("alarms", {"/v1/alarms": NO_ALARMS, "/v1/notify": NOT_TOLD}, OWNER | {"path": "/alarms"}),
    "alarms-off": (
        "alarms",
        {"/v1/alarms": NO_ALARMS | {"level": "off", "allowance": None}, "/v1/notify": NOT_TOLD},
        OWNER | {"path": "/alarms"},
    ),
    "approvals": ("approvals", {"/v1/review": owner.review()}, OWNER | {"path": "/approvals"}),
    "approvals-none": ("approvals", {"/v1/review": NOTHING_WAITS}, OWNER | {"path": "/approvals"}),
    "approvals-off": ("approvals", {"/v1/review": NOTHING_WAITS | {"on": False}}, OWNER | {"path": "/approvals"}),
    "saver": ("saver", {"/v1/saver": owner.saver()}, OWNER | {"path": "/saver"}),
    "saver-off": ("saver", {"/v1/saver": owner.saver(mechanisms=[])}, OWNER | {"path": "/saver"}),
    "devices": ("devices", {"/v1/clients": owner.clients()}, OWNER | {"path": "/devices"}),
    "device": ("device", DEVICE, OWNER | {"path": "/device/x", "said": "300 MB more were given."}),
    "person": (
        "person",
        {device.MEMBERS: owner.clients(*owner.CLIENTS[:2]), device.BUDGETS: FAMILY},
        OWNER | {"path": "/person/family"},
    ),
    **{
        f"services-{time}": (f"services-{time}", {need: owner.services()}, OWNER | {"path": past.SERVICE_PATHS[time]})
        for time, need in past.SERVICE_NEEDS.items()
    },
    "history": ("history-day", {past.NEEDS["day"]: owner.history("day", 31)}, OWNER | {"path": "/history"}),
    "history-hours": (
        "history-hour",
        {past.NEEDS["hour"]: owner.history("hour", 48)},
        OWNER | {"path": "/history/hours"},
    ),
    "history-months": (
        "history-month",
        {past.NEEDS["month"]: owner.history("month", 12)},
        OWNER | {"path": "/history/months"},
    ),
    "history-trips": ("history-trip", {past.NEEDS["trip"]: owner.trips()}, OWNER | {"path": "/history/trips"}),
    "limits": ("limits", {"/v1/limits": owner.limits(), "/v1/names": owner.names()}, OWNER | {"path": "/limits"}),
    "plan": ("plan", {"/v1/plan": owner.plans()}, OWNER | {"path": "/plan"}),
    "sessions": ("sessions", {"/v1/owner/sessions": owner.sessions()}, OWNER | {"path": "/sessions"}),
    "error": ("error", {"error": {"kind": "daemon"}}, {}),
}
"""By a name: the screen, its documents, and what differs in the visit."""


def pages(language: str) -> dict[str, str]:
    """The HTML of each case, and what page.js asks for, by their paths below that of the language."""
    drawn = {
        name: render(screen, documents, _visit(language, parts)) for name, (screen, documents, parts) in CASES.items()
    }
    asked = {
        name: page_json(screen, documents, _visit(language, parts))
        for name, (screen, documents, parts) in CASES.items()
    }
    return drawn | {f"{name}?json": text for name, text in asked.items()}


def _visit(language: str, parts: dict[str, Any]) -> Visit:
    owner = {"is_owner": False, "is_https": False, "csrf": "token", "request": "r1"}
    return Visit(**{"path": "/", "language": language, **owner, **parts})
