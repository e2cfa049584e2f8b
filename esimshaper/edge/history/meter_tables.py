# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: the tables of the meter. Pure."""

from collections.abc import Mapping

from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.reading import ClassCounters, Tunnels
from esimshaper.core.model.state import Booked, Carried, QueueDrops
from esimshaper.core.model.uplink import UplinkDrops
from esimshaper.edge.history import service_tables
from esimshaper.edge.history.rows import Fetch, Keys, Rows, Tables, Values, numbers

CARRIED = ("uplink", "waiting", "carried")
"""Kinds of counters of several uplinks: booked, not booked yet, and as read, by account and uplink."""

KEYS: Keys = {
    "reading": ("id",),
    "baseline": ("kind", "name"),
    "budgets": ("account",),
    "unsent": ("account",),
    "uplink": ("id",),
    "uplink_waiting": ("account",),
    **service_tables.KEYS,
}


def tables(meter: Booked) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "reading": {(1,): (str(meter.epoch), meter.boottime, meter.clean)},
        "baseline": _counters(meter),
        "budgets": {(account,): (b.both, b.download, b.upload) for account, b in meter.budgets.items()},
        "unsent": {(account,): _drops_values(each) for account, each in meter.drops.items()},
        "uplink": {(1,): (meter.uplink.corrected, meter.uplink.estimated)},
        "uplink_waiting": {(account,): (size,) for account, size in meter.uplink.waiting.items()},
        **service_tables.tables(meter),
    }


def meter_from(rows: Fetch) -> Booked | None:
    """The Booked in the tables; None if nothing was saved yet. Raises ValueError."""
    reading = next(iter(rows("reading")), None)
    if reading is None:
        return None
    _, epoch, boottime, clean = reading
    kinds: dict[str, dict[str, Counters]] = {"account": {}, "client": {}, "wan": {}, "inner": {}, "outer": {}}
    kinds.update({kind: {} for kind in CARRIED})
    owners: dict[Account, ClientKey] = {}
    for kind, name, owner, *counters in rows("baseline"):
        if kind not in kinds:
            raise ValueError(f"unknown kind of counter: {kind}")
        kinds[kind][name] = Counters(*counters)
        if kind == "account" and owner is not None:
            owners[Account(int(name))] = ClientKey(owner)
    return Booked(
        epoch=int(epoch),
        accounts={Account(int(number)): counters for number, counters in kinds["account"].items()},
        owners=owners,
        totals={ClientKey(client): counters for client, counters in kinds["client"].items()},
        wan=kinds["wan"],
        boottime=boottime,
        clean=bool(clean),
        budgets={Account(account): Budget(*counts) for account, *counts in rows("budgets")},
        drops={
            Account(account): QueueDrops(ClassCounters(link, size, packets, backlog), *others)
            for account, link, size, packets, backlog, *others in rows("unsent")
        },
        tunnels=Tunnels(
            kinds["outer"].get("", Counters()),
            {Account(int(number)): counters for number, counters in kinds["inner"].items()},
        ),
        uplink=_uplink(rows),
        services=service_tables.counts_from(rows),
        served=service_tables.totals_from(rows),
        carried=_carried(kinds),
    )


def _carried(kinds: Mapping[str, Mapping[str, Counters]]) -> Carried:
    seen: dict[str, dict[Account, Counters]] = {}
    for name, counters in kinds["carried"].items():
        account, _, uplink = name.partition("/")
        seen.setdefault(uplink, {})[Account(int(account))] = counters
    return Carried(seen, kinds["uplink"], kinds["waiting"])


def _uplink(rows: Fetch) -> UplinkDrops:
    _, corrected, estimated = next(iter(rows("uplink")), (1, 0, 0))
    waiting = {Account(account): size for account, size in rows("uplink_waiting")}
    return UplinkDrops(waiting=waiting, corrected=corrected, estimated=estimated)


def _counters(meter: Booked) -> Rows:
    """Kind and name -> owner and counters. An account with an owner always has a row."""
    accounts = meter.accounts.keys() | meter.owners.keys()
    return {
        **{("account", str(a)): (meter.owners.get(a), *numbers(meter.accounts.get(a, Counters()))) for a in accounts},
        **{("client", client): (None, *numbers(counters)) for client, counters in meter.totals.items()},
        **{("wan", interface): (None, *numbers(counters)) for interface, counters in meter.wan.items()},
        **{("inner", str(a)): (None, *numbers(counters)) for a, counters in meter.tunnels.inner.items()},
        **({("outer", ""): (None, *numbers(meter.tunnels.outer))} if meter.tunnels.outer else {}),
        **{("uplink", name): (None, *numbers(counters)) for name, counters in meter.carried.totals.items()},
        **{("waiting", name): (None, *numbers(counters)) for name, counters in meter.carried.waiting.items()},
        **{
            ("carried", f"{account}/{name}"): (None, *numbers(counters))
            for name, accounts in meter.carried.seen.items()
            for account, counters in accounts.items()
        },
    }


def _drops_values(each: QueueDrops) -> Values:
    sent = each.sent
    return sent.link, sent.bytes, sent.packets, sent.backlog, each.queued, each.surplus, each.dropped, each.unsent
