# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps `flows` and `flow_names` -> the Flows that a person looks at. Owns nothing."""

import heapq
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.flows import Flow, Protocol
from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.services import OTHER, How
from esimshaper.edge.bpf import layouts, libbpf
from esimshaper.edge.bpf.names import noted
from esimshaper.edge.host import clock

PINGS = (Protocol.ICMP, Protocol.ICMPV6)


def choose_flows(
    maps: Mapping[str, libbpf.Map],
    owners: Mapping[Account, ClientKey],
    services: Mapping[int, str],
    limit: int,
    clients: Collection[ClientKey] | None,
    *,
    recent_first: bool,
) -> tuple[int, list[Flow]]:
    """How many flows some clients have (None: all), and `limit` of them, the largest or most recent first.

    services: their names, by number.
    """
    now = clock.monotonic_ns()
    number = 0

    def wanted() -> Iterator[tuple[int, bytes, tuple[int, ...]]]:
        nonlocal number
        for key, value in _raw(maps["flows"]):
            if clients is None or owners.get(Account(value[6]), UNATTRIBUTED) in clients:
                number += 1
                yield value[5] if recent_first else sum(layouts.flow_counts(value)[:2]), key, value

    # Chosen before they are decoded: a full table has 65,536 flows, and a person looks at some tens.
    chosen = heapq.nlargest(limit, wanted())
    names = maps.get("flow_names")
    return number, [
        _flow(
            layouts.FLOW_KEY.unpack(key),
            value,
            owners.get(Account(value[6]), UNATTRIBUTED),
            services.get(layouts.service_of(value[1]), OTHER),
            noted(names, key, value[6]) if names else ("", How.NONE),
            now,
        )
        for _, key, value in chosen
    ]


def _raw(flows: libbpf.Map) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    size = layouts.FLOW_KEY.size
    for keys, values, number in flows.chunks():
        for at, value in enumerate(layouts.FLOW.iter_unpack(values[: number * layouts.FLOW.size])):
            yield bytes(keys[at * size : (at + 1) * size]), value


def _flow(
    key: tuple[Any, ...], value: tuple[int, ...], client: ClientKey, service: str, noted_: tuple[str, How], now: int
) -> Flow:
    remote, local, remote_port, local_port, protocol = key
    *_, first_seen, last_seen, _, _, _, _ = value
    name, how = noted_
    return Flow(
        client=client,
        protocol=protocol,
        remote_address=layouts.address_text(remote),
        remote_port=0 if protocol in PINGS else remote_port,  # there it tells who asked
        wan_address=layouts.address_text(local),
        wan_port=local_port,
        counters=Counters(*layouts.flow_counts(value)),
        age=max(0, now - first_seen) / 1e9,
        idle=max(0, now - last_seen) / 1e9,
        service=service,
        name=name,
        how=how,
    )
