# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper doctor --bill`: asks the daemon for the figures of this router, and has the reasons put into words.

esimshaper.core.diagnosis.bill judges. Only asks; without a daemon, the reasons that the carrier alone knows remain.
"""

from datetime import tzinfo
from pathlib import Path
from typing import Any

from esimshaper.core.diagnosis import bill
from esimshaper.core.diagnosis.bill import BillFacts, Plan
from esimshaper.core.diagnosis.findings import in_order
from esimshaper.core.model.box import Finding
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED
from esimshaper.core.settings.values import Settings
from esimshaper.edge import control_client, settings_file
from esimshaper.edge.host import clock, paths

Document = dict[str, Any]


def examine(config: Path | None, socket: Path | None = None) -> list[Finding]:
    """Why the carrier may say another number, the reasons that show in figures first."""
    settings = _settings(config or paths.CONFIG_FILE)
    name = settings.timezone if settings else settings_file.of_the_box()
    zone, now = settings_file.rules_or_utc(name), clock.now()
    try:
        facts = _facts(socket or control_client.default_socket(), settings, zone, now)
    except (Unusable, KeyError, TypeError) as error:  # KeyError, TypeError: the document of another version
        why = (
            str(error).partition("(")[0].strip() if isinstance(error, Unusable) else "the daemon is of another version"
        )
        missing = Finding.note("figures", f"There are no figures of this router, as {why}.", "sudo esimshaper doctor")
        return [missing, *bill.without_figures(zone, now)]
    return list(in_order(bill.explain(facts)))


def _settings(config: Path) -> Settings | None:
    try:
        return settings_file.read_to_start(config).settings
    except settings_file.SettingsError:
        return None


def _facts(socket: Path, settings: Settings | None, zone: tzinfo, now: float) -> BillFacts:
    status = control_client.get(socket, "/v1/status")
    quotas = control_client.get(socket, "/v1/quotas")["quotas"]
    clients = {entry["key"]: entry for entry in control_client.get(socket, "/v1/clients")["clients"]}
    days = control_client.get(socket, "/v1/history", {"by": "day", "limit": "1000"})["rows"]
    hours = control_client.get(socket, "/v1/history", {"by": "hour", "limit": "48"})["rows"]
    before = {quota.name: quota.used for quota in settings.quotas} if settings else {}
    return BillFacts(
        now,
        zone,
        tuple(_plan(row, before) for row in quotas if row["subject"] == "everyone"),
        days[0]["start_unix"] if days else None,
        _between(hours, bill.midnights(now, zone)),
        tuple(status["wan"]["detour"]["interfaces"]),
        _month(clients.get(UNATTRIBUTED)),
        _month(clients.get(ROUTER)),
        sum(entry["wasted_bytes"] for entry in clients.values()),
        status["uplink_drops"]["estimated_bytes"],
        sum(row["estimated"] for row in days),
    )


def _plan(row: Document, before: dict[str, int]) -> Plan:
    return Plan(row["quota"], row["limit_bytes"], row["used_bytes"], row["began_unix"], before.get(row["quota"], 0))


def _between(hours: list[Document], ends: tuple[int, int]) -> int:
    return sum(row["total_bytes"] for row in hours if ends[0] <= row["start_unix"] < ends[1])


def _month(entry: Document | None) -> int:
    return int(entry["month"]["total_bytes"]) if entry else 0
