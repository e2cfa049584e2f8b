# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters of a request -> the typed Request. Pure. ROUTES is most of what the control socket takes.

What comes from outside gets its type here and nowhere else; nothing behind this module sees a raw parameter.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from esimshaper.core.model.history import Grouping, Span
from esimshaper.core.model.limits import OverrideKind
from esimshaper.core.model.plan import Event
from esimshaper.core.model.requests import (
    AlarmFineCommand,
    AlarmMuteCommand,
    AlarmSlowCommand,
    AlarmsQuery,
    ClientsQuery,
    CorrectCommand,
    End,
    EventsQuery,
    ExportQuery,
    Figure,
    FlowsQuery,
    GrantCommand,
    HistoryQuery,
    ImportCommand,
    NotifyQuery,
    NotifyReportCommand,
    NotifyTestCommand,
    OverrideCommand,
    PlanAddCommand,
    PlanCorrectCommand,
    PlanQuery,
    PlanResetCommand,
    PlanStartCommand,
    PlanSwitchCommand,
    QuotasQuery,
    ReloadCommand,
    ReportQuery,
    Request,
    RestartCommand,
    RevokeCommand,
    ServicesQuery,
    StatusQuery,
    SubjectsQuery,
    UndoCommand,
    WebLogoutCommand,
    WebPasswordCommand,
    WebQuery,
)
from esimshaper.core.model.time_of_day import WallTime, parse_wall_time
from esimshaper.core.model.units import ALLOW_SECONDS, MAX_BYTES, MAX_PASSWORD, MAX_ROWS, MAX_SECONDS, MIN_PASSWORD
from esimshaper.core.model.watch import AlarmKind
from esimshaper.edge.http import transfer
from esimshaper.edge.http.transfer import BadParameter

__all__ = ["ROUTES", "BadParameter", "Params"]

UNITS = ("B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")
"""Of a carrier's figure."""

Params = Mapping[str, Any]
"""The query of a GET, all of it text; or the JSON object that is the body of a POST."""


def _clients(params: Params) -> Request:
    only(params, "client")
    return ClientsQuery(params.get("client", ""))


def _quotas(params: Params) -> Request:
    only(params, "subject")
    return QuotasQuery(params.get("subject", ""))


def _flows(params: Params) -> Request:
    only(params, "limit", "order", "client")
    limit = number_of(params, "limit", 1, MAX_ROWS, default=20)
    order = _choice(params, "order", "bytes", ("bytes", "recent"))
    return FlowsQuery(limit, order == "recent", params.get("client", ""))


def _services(params: Params) -> Request:
    only(params, "client", "category", "service", "since")
    return ServicesQuery(*(params.get(name, "") for name in ("client", "category", "service", "since")))


def _history(params: Params) -> Request:
    only(params, "by", "limit", "client", "since", "until", "each", "by_service", "uplink", "plan", "zone")
    by = Span(_choice(params, "by", Span.DAY.value, (span.value for span in Span)))
    since = params.get("since", "")
    limit = number_of(params, "limit", 1, MAX_ROWS, default=MAX_ROWS if since else 31)
    each, by_service = (_choice(params, name, "no", ("yes", "no")) == "yes" for name in ("each", "by_service"))
    if each and by_service:
        raise BadParameter("each is by client and by_service by service; give one of them")
    return HistoryQuery(
        by,
        limit,
        params.get("client", ""),
        since,
        each,
        params.get("until", ""),
        by_service,
        *(params.get(name, "") for name in ("uplink", "plan", "zone")),
    )


def _report(params: Params) -> Request:
    names = ("since", "until", "zone", "client", "uplink", "plan")
    only(params, "by", *names)
    by = Grouping(_choice(params, "by", Grouping.CLIENT.value, (each.value for each in Grouping)))
    return ReportQuery(by, *(params.get(name, "") for name in names))


def _export(params: Params) -> Request:
    only(params, "since", "until", "client", "uplink", "after")
    since, until, client, uplink = (params.get(name, "") for name in ("since", "until", "client", "uplink"))
    return ExportQuery(since, until, client, uplink, transfer.place(params["after"]) if "after" in params else None)


def _import(params: Params) -> Request:
    only(params, "rows", "client")
    rows = params.get("rows")
    if not isinstance(rows, list):
        raise BadParameter("rows must be a list")
    return ImportCommand(transfer.rows(rows), _client(params))


def _events(params: Params) -> Request:
    only(params, "since", "limit", "subject")
    limit = number_of(params, "limit", 1, MAX_ROWS, default=MAX_ROWS)
    return EventsQuery(params.get("since", ""), limit, params.get("subject", ""))


def _grant(params: Params) -> Request:
    only(params, "subject", "bytes", "seconds", "until", "at")
    subject, size = text_of(params, "subject"), number_of(params, "bytes", 1, MAX_BYTES)
    return GrantCommand(subject, size, _end(params), _at(params))


def _revoke(params: Params) -> Request:
    only(params, "subject", "bytes")
    return RevokeCommand(
        text_of(params, "subject"), number_of(params, "bytes", 1, MAX_BYTES) if "bytes" in params else None
    )


def _block(params: Params) -> Request:
    only(params, "subject", "seconds", "until", "at")
    return OverrideCommand(text_of(params, "subject"), OverrideKind.BLOCK, _end(params), _at(params))


def _allow(params: Params) -> Request:
    only(params, "subject", "seconds", "until", "at", "always", "over_plan")
    always, end = _flag(params, "always"), _end(params)
    if always and end:
        raise BadParameter("an allow ends, or lasts always; not both")
    kind = OverrideKind.ALLOW_OVER_PLAN if _flag(params, "over_plan") else OverrideKind.ALLOW
    return OverrideCommand(text_of(params, "subject"), kind, None if always else end or ALLOW_SECONDS, _at(params))


def _clear(params: Params) -> Request:
    only(params, "subject")
    return OverrideCommand(text_of(params, "subject"), None, None)


def _correct(params: Params) -> Request:
    only(params, "quota", "client", "bytes")
    return CorrectCommand(text_of(params, "quota"), _client(params), number_of(params, "bytes", 0, MAX_BYTES))


def _restart(params: Params) -> Request:
    only(params, "quota", "client")
    return RestartCommand(text_of(params, "quota"), _client(params))


def _plan_start(params: Params) -> Request:
    only(params, "plan", "at", "event")
    event = _choice(params, "event", "", ("", *(event.value for event in Event)))
    return PlanStartCommand(_optional(params, "plan"), _optional(params, "at"), Event(event) if event else None)


def _plan_add(params: Params) -> Request:
    only(params, "plan", "bytes", "price", "ends")
    size = number_of(params, "bytes", 1, MAX_BYTES) if "bytes" in params else None
    ends = _wall_time(params, "ends") if "ends" in params else None
    price = _decimal(params, "price") if "price" in params else None
    return PlanAddCommand(_optional(params, "plan"), size, price, ends)


def _plan_switch(params: Params) -> Request:
    only(params, "plan", "uplink")
    return PlanSwitchCommand(text_of(params, "plan"), _optional(params, "uplink"))


def _plan_reset(params: Params) -> Request:
    only(params, "plan")
    return PlanResetCommand(_optional(params, "plan"))


def _plan_correct(params: Params) -> Request:
    only(params, "plan", "figure", "unit", "at", "lower")
    unit = text_of(params, "unit")
    if unit not in UNITS:
        raise BadParameter(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
    figure = Figure(_decimal(params, "figure"), unit)
    if figure.bytes(binary=True) > MAX_BYTES:
        raise BadParameter(f"that is more than {MAX_BYTES // 1000**4} TB")
    return PlanCorrectCommand(_optional(params, "plan"), figure, _optional(params, "at"), _flag(params, "lower"))


def _decimal(params: Params, name: str) -> Decimal:
    """An amount that is not below zero, as a text: a number of JSON would be a float."""
    value = text_of(params, name)
    if not (value.isascii() and value.replace(".", "", 1).isdigit() and len(value) < 20):
        raise BadParameter(f'{name} must be a decimal number in quotes, such as "12.50", not {value!r}')
    return Decimal(value)


def _optional(params: Params, name: str) -> str:
    return text_of(params, name) if name in params else ""


def _client(params: Params) -> str:
    """One of those whom a quota is for; empty if none is named."""
    return text_of(params, "client") if "client" in params else ""


def _alarms(params: Params) -> Request:
    only(params, "limit")
    return AlarmsQuery(number_of(params, "limit", 1, MAX_ROWS, default=20))


def _alarm_fine(params: Params) -> Request:
    only(params, "number")
    return AlarmFineCommand(number_of(params, "number", 1, 2**53))


def _alarm_slow(params: Params) -> Request:
    only(params, "number", "seconds")
    return AlarmSlowCommand(number_of(params, "number", 1, 2**53), number_of(params, "seconds", 1, MAX_SECONDS))


def _alarm_mute(params: Params) -> Request:
    only(params, "kind", "client", "seconds", "clear")
    written = _choice(params, "kind", "", ("", *(kind.value for kind in AlarmKind)))
    kind = AlarmKind(written) if written else None
    clear = _flag(params, "clear")
    if clear == ("seconds" in params):
        raise BadParameter("seconds or clear: a mute ends by itself, or is taken back")
    return AlarmMuteCommand(kind, _client(params), None if clear else number_of(params, "seconds", 1, MAX_SECONDS))


def _reload(params: Params) -> Request:
    only(params, "dry_run")
    return ReloadCommand(_flag(params, "dry_run"))


def _web_password(params: Params) -> Request:
    only(params, "password")
    password = text_of(params, "password")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadParameter(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return WebPasswordCommand(password)


def _web_logout(params: Params) -> Request:
    only(params, "client")
    return WebLogoutCommand(_client(params))


def _notify_test(params: Params) -> NotifyTestCommand:
    only(params, "channel")
    return NotifyTestCommand(_optional(params, "channel"))


def _without(request: Request) -> "Reader":
    """Makes the reader of a request without parameters."""

    def read(params: Params) -> Request:
        only(params)
        return request

    return read


Reader = Callable[[Params], Request]
"""Raises BadParameter."""

ROUTES: Mapping[tuple[str, str], Reader] = {
    ("GET", "/v1/status"): _without(StatusQuery()),
    ("GET", "/v1/clients"): _clients,
    ("GET", "/v1/flows"): _flows,
    ("GET", "/v1/services"): _services,
    ("GET", "/v1/history"): _history,
    ("GET", "/v1/report"): _report,
    ("GET", "/v1/export"): _export,
    ("GET", "/v1/events"): _events,
    ("GET", "/v1/quotas"): _quotas,
    ("GET", "/v1/subjects"): _without(SubjectsQuery()),
    ("POST", "/v1/grant"): _grant,
    ("POST", "/v1/revoke"): _revoke,
    ("POST", "/v1/block"): _block,
    ("POST", "/v1/allow"): _allow,
    ("POST", "/v1/clear"): _clear,
    ("POST", "/v1/correct"): _correct,
    ("POST", "/v1/restart"): _restart,
    ("POST", "/v1/undo"): _without(UndoCommand()),
    ("POST", "/v1/redo"): _without(UndoCommand(redo=True)),
    ("POST", "/v1/reload"): _reload,
    ("GET", "/v1/plan"): _without(PlanQuery()),
    ("POST", "/v1/plan/start"): _plan_start,
    ("POST", "/v1/plan/add"): _plan_add,
    ("POST", "/v1/plan/switch"): _plan_switch,
    ("POST", "/v1/plan/reset"): _plan_reset,
    ("POST", "/v1/plan/correct"): _plan_correct,
    ("POST", "/v1/import"): _import,
    ("GET", "/v1/web"): _without(WebQuery()),
    ("POST", "/v1/web/password"): _web_password,
    ("POST", "/v1/web/logout"): _web_logout,
    ("GET", "/v1/notify"): _without(NotifyQuery()),
    ("POST", "/v1/notify/test"): _notify_test,
    ("POST", "/v1/notify/report"): _without(NotifyReportCommand()),
    ("GET", "/v1/alarms"): _alarms,
    ("POST", "/v1/alarms/fine"): _alarm_fine,
    ("POST", "/v1/alarms/mute"): _alarm_mute,
    ("POST", "/v1/alarms/slow"): _alarm_slow,
}
"""The readers of requests, by method and path; table.py has all of them."""


def only(params: Params, *names: str) -> None:
    """Raises BadParameter if there is another parameter than these."""
    for name in params:
        if name not in names:
            known = f"it takes {', '.join(names)}" if names else "it takes none"
            raise BadParameter(f"unknown parameter {name!r}: {known}")


def text_of(params: Params, name: str) -> str:
    """A text that must be there, and not be empty. Raises BadParameter."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise BadParameter(f"{name} is missing" if value is None else f"{name} must be a text that is not empty")
    return value


def _end(params: Params) -> End:
    """How long something lasts; None if that is left open."""
    if "seconds" in params and "until" in params:
        raise BadParameter("seconds and until are two ends; give one of them")
    if "until" in params:
        return _wall_time(params, "until")
    return number_of(params, "seconds", 1, MAX_SECONDS) if "seconds" in params else None


def _at(params: Params) -> WallTime | None:
    """When something begins; None for at once."""
    return _wall_time(params, "at") if "at" in params else None


def _wall_time(params: Params, name: str) -> WallTime:
    try:
        return parse_wall_time(text_of(params, name))
    except ValueError as error:
        raise BadParameter(f"{name}: {error}") from None


def number_of(params: Params, name: str, low: int, high: int, *, default: int | None = None) -> int:
    """A whole number from `low` to `high`, both included; without a default it must be there. Raises BadParameter."""
    value = params.get(name)
    if value in (None, ""):
        if default is None:
            raise BadParameter(f"{name} is missing")
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is not int or not low <= value <= high:  # a bool is an int, too
        raise BadParameter(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value


def _flag(params: Params, name: str) -> bool:
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise BadParameter(f"{name} must be true or false, not {value!r}")
    return value


def _choice(params: Params, name: str, default: str, allowed: Iterable[str]) -> str:
    value = params.get(name, "") or default
    words = list(allowed)
    if value not in words:
        raise BadParameter(f"{name} must be one of {', '.join(words)}, not {value!r}")
    return str(value)
