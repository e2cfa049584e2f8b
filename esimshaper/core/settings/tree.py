# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole configuration: a tree of plain values goes in, Settings or all Problems with it come out. Pure.

Shapes, defaults and help texts are in esimshaper.schema.json; edge/settings_file/ compares the tree with it first. What
the schema cannot say is decided here: what a text means, and what one value means for another.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from esimshaper.core.model.metrics import ServiceMetrics
from esimshaper.core.model.uplinks import AUTO
from esimshaper.core.settings.approval import approval_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.clients import clients_from
from esimshaper.core.settings.hours import curfews_from
from esimshaper.core.settings.lan import lan_from
from esimshaper.core.settings.measure import measure_from
from esimshaper.core.settings.meter import meter_from
from esimshaper.core.settings.metrics import metrics_from
from esimshaper.core.settings.notices import notices_from
from esimshaper.core.settings.paces import paces_from
from esimshaper.core.settings.periods import Zones, zone_from
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.quotas import check_number, quotas_from
from esimshaper.core.settings.router import router_from
from esimshaper.core.settings.saver import saver_from
from esimshaper.core.settings.scopes import with_scopes
from esimshaper.core.settings.service_quotas import check_pools
from esimshaper.core.settings.service_rules import check_counted, low_data_from, rules_from
from esimshaper.core.settings.sides import check_sides
from esimshaper.core.settings.subjects import known_from
from esimshaper.core.settings.trips import trips_from
from esimshaper.core.settings.values import OnFailure, ServiceSettings, Settings
from esimshaper.core.settings.wan import wan_from
from esimshaper.core.settings.watch import watch_from
from esimshaper.core.settings.web import web_from


class Parsed(NamedTuple):
    """The result for a tree. `settings` is None where there is a problem, or where a block is missing."""

    settings: Settings | None
    problems: tuple[Problem, ...]


def parse_settings(tree: Mapping[str, Any], zones: Zones) -> Parsed:
    """Parses each value of `tree` once, and finds all problems with them beyond the schema.

    `tree` has all defaults. A value that the schema refused is missing, or None in a list: the problems of such a tree
    are right, but its settings must not be used.
    """
    problems: list[Problem] = []
    top = Block(tree, problems)
    wan, lan, meter = wan_from(top), lan_from(top.block("lan")), meter_from(top)
    check_sides(top)
    on_failure = OnFailure(top.get("on_failure", OnFailure.OPEN))
    if wan is not None and on_failure is OnFailure.CLOSED and any(each.interface == AUTO for each in wan.uplinks):
        message = "with an uplink that is found by itself, `closed` has nothing to hold until it is found"
        top.refuse("on_failure", message, "Write the interface under wan, for example wwan0 or wwan*, or `open` here.")
    metrics = metrics_from(top.block("metrics"))
    clients = clients_from(top)
    zone = zone_from(top, "timezone", zones)
    router = router_from(top.block("router"))
    known = known_from(top, clients)
    quotas = with_scopes(top, quotas_from(top, known, zone, zones), wan)
    curfews = curfews_from(top, known, zone, zones)
    trips, web, watch = trips_from(top, zone), web_from(top), watch_from(top, known)
    notices, services = notices_from(top, zone), _services(top.block("services"))
    paces = paces_from(top, known, names=services.names)
    saver = replace(saver_from(top, web), paces=paces, measure=measure_from(top))
    approval = approval_from(top, known, names=services.names)
    service_rules, low_data = rules_from(top, known, zone, zones), low_data_from(top, known)
    check_counted(top)
    if meter is not None:
        check_number(top, meter.max_clients)
        check_pools(top, quotas, meter.max_clients, names=services.names)
    if problems or wan is None or lan is None or meter is None or metrics is None or zone is None or router is None:
        return Parsed(None, tuple(problems))
    notices = replace(notices, reaches=bool(router.reachable) and bool(notices.channels))
    parsed = Settings(wan, lan, str(zone), clients, metrics, meter, quotas, on_failure, router, curfews, services)
    parsed = replace(parsed, rules=service_rules, low_data=low_data, approval=approval)
    return Parsed(replace(parsed, trips=trips, web=web, watch=watch, notices=notices, saver=saver), ())


def _services(block: Block) -> ServiceSettings:
    return ServiceSettings(
        block.get("names", "on") == "on", ServiceMetrics(block.get("metrics", ServiceMetrics.EVERYONE))
    )
