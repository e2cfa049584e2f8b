# SPDX-License-Identifier: GPL-2.0-or-later
"""What limits by service add to a packet, and how long it takes to write them. In: a Meter. Out: Rows.

The same packet of a named flow: once its client, its group and everyone have a limit, once each of these has one on the
service, in a pool. An account without policies of services pays what renames.py measures.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from statistics import quantiles

from bench.population import run
from bench.renames import EGRESS, INGRESS, REPEAT, datagram, flow_of, names_of
from bench.rows import Row, aim, number
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.service_policies import ServicePolicy
from esimshaper.core.model.service_sets import Pool
from esimshaper.edge.bpf import layouts
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.bpf.names import Rename

AT_MOST = 1.10
AT_MOST_WRITING = 100  # milliseconds
CLIENTS, SERVICES = 253, 64
FAR = Thresholds(1 << 60, 1 << 60, 1 << 60)
LIMITED = Policy(block_at=FAR, throttle_at=FAR, warn_at=FAR)


def rows(meter: Meter, mark: int, floor: float, rounds: int) -> Iterator[Row]:
    """`meter` has a client whose mark is `mark`, in a group. `floor`: what an empty program takes."""
    run(meter, EGRESS, datagram(4000, 36, up=True), mark)
    with closing(names_of(meter)) as names:
        assert names.name([Rename(flow_of(4000), FIRST_CLIENT_ACCOUNT, layouts.SERVICE_FIRST, final=True)]) == 0
    group = meter.policies()[FIRST_CLIENT_ACCOUNT].parent
    parents = {FIRST_CLIENT_ACCOUNT: group, group: meter.everyone, meter.everyone: Account(0)}
    meter.want_pools(tuple(Pool(holder, 1) for holder in parents))
    pools = tuple(meter.read().pools)
    meter.write_policies(dict.fromkeys(pools, LIMITED))

    def of_accounts() -> None:
        meter.write_policies({each: replace(LIMITED, parent=parent) for each, parent in parents.items()})
        meter.write_service_policies({})

    def by_service() -> None:
        meter.write_policies({each: Policy(parent=parent) for each, parent in parents.items()})
        row = {layouts.SERVICE_FIRST: ServicePolicy(pools=pools)}
        meter.write_service_policies({FIRST_CLIENT_ACCOUNT: row})

    for program in (EGRESS, INGRESS):
        packet = datagram(4000, 36, up=program == EGRESS)
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for figures, limit in zip(taken, (of_accounts, by_service), strict=True):
                limit()
                figures.append(run(meter, program, packet, mark, REPEAT).nanoseconds - floor)
        yield ratio_row(program, taken)
    assert all(meter.read().budgets[each].both for each in pools), "each packet was in all of them"
    yield writing_row(meter, rounds)


def ratio_row(program: str, taken: tuple[Sequence[float], Sequence[float]]) -> Row:
    least = [quantiles(figures, n=4)[0] for figures in taken]  # see bench/renames.py
    detail = f"{number(least[1])} ns, {number(least[0])} with those: the fastest quarter of {len(taken[0])} runs each"
    what = f"{program}, limits on a service of client, group and all: beside limits of these"
    return aim(what, least[1] / least[0], "times", AT_MOST, detail)


def writing_row(meter: Meter, times: int) -> Row:
    """Rows of as many clients as a /24 has, none like another, written over what there was."""
    taken = []
    for turn in range(times):
        wanted = {
            Account(FIRST_CLIENT_ACCOUNT + client): {
                layouts.SERVICE_FIRST + each: ServicePolicy(paced=True, police_rate=1000 + client + turn)
                for each in range(SERVICES)
            }
            for client in range(min(CLIENTS, meter.everyone - FIRST_CLIENT_ACCOUNT))
        }
        began = time.perf_counter()
        meter.write_service_policies(wanted)
        taken.append((time.perf_counter() - began) * 1000)
    what = f"policies of {SERVICES} services for each of {len(wanted)} clients, written"
    meter.write_service_policies({})
    return aim(what, max(taken), "ms", AT_MOST_WRITING, f"the slowest of {times} times")
