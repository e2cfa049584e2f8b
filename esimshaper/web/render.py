# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents of web.sock -> HTML. Reads templates/ once for each language, and touches nothing else.

SCREENS is the table of all that people can look at.
"""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from esimshaper.languages.catalogs import translations
from esimshaper.languages.choice import NAMES, tag
from esimshaper.web.assets import PATHS
from esimshaper.web.screen import Context, Documents, Screen, Visit
from esimshaper.web.screens import (
    alarms,
    approvals,
    device,
    entrance,
    error,
    files,
    home,
    low_data,
    me,
    past,
    rules,
    saver,
)
from esimshaper.web.words import Words, printable

__all__ = ["SCREENS", "Screen", "Visit", "page_json", "render", "screen_at"]

SCREENS: Mapping[str, Screen] = {
    "me": Screen("/", "me.html", ("/v1/me",), me.build, owner=False),
    "about": Screen("/about", "about.html", ("/v1/me",), me.build_about, owner=False),
    "login": Screen("/login", "login.html", ("/v1/page",), entrance.build, owner=False),
    "home": Screen(
        "/home",
        "home.html",
        ("/v1/clients", "/v1/status", "/v1/plan", "/v1/owner/asks", "/v1/alarms"),
        home.build,
    ),
    "alarms": Screen("/alarms", "alarms.html", ("/v1/alarms", "/v1/notify"), alarms.build),
    "approvals": Screen("/approvals", "approvals.html", ("/v1/review",), approvals.build),
    "low-data": Screen("/low-data", "low-data.html", ("/v1/low-data",), low_data.build),
    "saver": Screen("/saver", "saver.html", ("/v1/saver",), saver.build),
    "devices": Screen("/devices", "devices.html", ("/v1/clients",), home.build_devices),
    "device": Screen(
        "/device/{key}",
        "device.html",
        (device.CLIENT, device.QUOTAS, device.HOURS, device.DAYS, device.SERVICES),
        device.build,
    ),
    "person": Screen("/person/{name}", "person.html", (device.MEMBERS, device.BUDGETS), device.build_person),
    **{
        f"services-{time}": Screen(path, "services.html", (past.SERVICE_NEEDS[time],), past.services(time))
        for time, path in past.SERVICE_PATHS.items()
    },
    **{
        f"history-{by}": Screen(past.PATHS[by], "history.html", (past.NEEDS[by],), past.history(by))
        for by in ("day", "hour", "month")
    },
    "history-trip": Screen(past.PATHS["trip"], "history.html", (past.NEEDS["trip"],), past.build_trips),
    **{
        f"file-{by}": Screen(f"{past.PATHS[by]}.csv", "", (need,), files.table(by), file=f"{by}s.csv")
        for by, need in files.TABLES.items()
    },
    "file-report": Screen("/report", "", tuple(files.REPORT.values()), files.build_report, file="report.html"),
    "limits": Screen("/limits", "limits.html", ("/v1/limits", "/v1/names"), rules.build_limits),
    "plan": Screen("/plan", "plan.html", ("/v1/plan",), rules.build_plan),
    "sessions": Screen("/sessions", "sessions.html", ("/v1/owner/sessions",), rules.build_sessions),
    "error": Screen("", "error.html", (), error.build, owner=False),
}
"""All screens by their names. `error` has no path: it is shown in the place of another."""

_PATHS = {screen.path for screen in SCREENS.values()}


def screen_at(path: str) -> tuple[str, dict[str, str]] | None:
    """The screen of a path that is not percent-encoded any more, and the parts of it that vary; None if it has none."""
    for name, screen in SCREENS.items():
        fixed, brace, part = screen.path.partition("{")
        if path and path == screen.path:
            return name, {}
        if brace and path.startswith(fixed) and "/" not in path[len(fixed) :] and path != fixed:
            return name, {part.rstrip("}"): path[len(fixed) :]}
    return None


def needs_of(screen: str, parts: Mapping[str, str]) -> dict[str, str]:
    """What to ask web.sock for a screen: the path of each of its needs, with its parts filled in and encoded."""
    encoded = {name: quote(value, safe="") for name, value in parts.items()}
    return {need: need.format(**encoded) for need in SCREENS[screen].needs}


def render(screen: str, documents: Documents, visit: Visit) -> str:
    """A screen as HTML, or a file. `documents` are by the needs of the screen, as they stand in SCREENS."""
    context = _context(screen, documents, visit)
    if SCREENS[screen].file:
        return str(context["text"])
    return _environment(visit.language).get_template(SCREENS[screen].template).render(context)


def page_json(screen: str, documents: Documents, visit: Visit) -> str:
    """What page.js refreshes: texts and meters by name, and a digest of all else; when that changes, it loads anew."""
    context = _context(screen, documents, visit)
    return json.dumps({name: context[name] for name in ("live", "meters", "shape")})


def _context(name: str, documents: Documents, visit: Visit) -> Context:
    screen, words = SCREENS[name], _words(visit.language)
    context: Context = {
        "live": {},
        "meters": {},
        "shape": None,
        "waits": False,
        **screen.build(documents, visit, words),
    }
    return context | {"visit": visit, "screen": name, "words": words, "shape": _shape(name, visit, context["shape"])}


def _shape(name: str, visit: Visit, shape: Any) -> str:  # noqa: ANN401 - whatever JSON can write
    """Empty for a screen that does not change while somebody looks."""
    text = json.dumps([name, visit.is_owner, shape])
    return "" if shape is None else sha256(text.encode()).hexdigest()[:12]


def _shown(value: object) -> object:
    """All that a template writes and that is not markup of ours may be from a stranger."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _words(language: str) -> Words:
    return Words(language, translations(language))


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
        extensions=["jinja2.ext.i18n"],
    )
    install: Any = environment.install_gettext_translations  # type: ignore[attr-defined]
    install(translations(language), newstyle=True)
    environment.globals |= {"asset": PATHS.__getitem__, "languages": NAMES, "tag": tag, "paths": _PATHS}
    return environment
