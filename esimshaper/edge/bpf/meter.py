# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: our maps and programs in bpffs, by libbpf. Bytes of the kernel in, Reading and Flow out; policies in.

Counters are written by the kernel only; bpf/contract.h names the writer of each map.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from esimshaper.core.model.counts import Budget, Counters, Event, Reason
from esimshaper.core.model.flows import Flow
from esimshaper.core.model.hold import Reserve
from esimshaper.core.model.identity import (
    BUILT_IN_CLIENTS,
    FIRST_CLIENT_ACCOUNT,
    OTHERS,
    PSEUDO_CLIENTS,
    ROUTER,
    Account,
    ClientKey,
)
from esimshaper.core.model.kernel import OURS
from esimshaper.core.model.limits import Network, Policy
from esimshaper.core.model.reading import ByUplink, Reading, Table, Tunnels
from esimshaper.core.model.service_policies import ServicePolicies
from esimshaper.core.model.service_sets import Pool
from esimshaper.core.model.tunnels import TunnelEnd
from esimshaper.edge.bpf import layouts, libbpf, policy_layout
from esimshaper.edge.bpf.accounts import AccountReader
from esimshaper.edge.bpf.flow_table import choose_flows
from esimshaper.edge.bpf.moves import as_charged, read_moves
from esimshaper.edge.bpf.opened import numbers_of_scopes, opened_maps, opened_programs
from esimshaper.edge.bpf.pool_numbers import PoolNumbers
from esimshaper.edge.bpf.service_maps import ServiceMaps
from esimshaper.edge.bpf.uplink_maps import UplinkMaps
from esimshaper.edge.bpf.usage import BUILT_IN, UsageReader
from esimshaper.edge.host import clock

COUNTED = ("flows", "fragments", "addresses")


@dataclass(frozen=True, slots=True)
class Program:
    """A loaded program. Its label names the program, the epoch of the maps that it counts into, and its source."""

    fd: int
    label: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event of an account: a threshold was crossed, or `client` was seen for the first time."""

    account: Account
    client: ClientKey | None


class Meter:
    """The maps and programs of one generation. Raises OSError or ValueError if the pins are not there or not ours."""

    def __init__(self, generation: Path, programs: Path | None = None) -> None:
        self.generation = generation
        with contextlib.ExitStack() as opened:
            self._programs = opened_programs(opened, programs)
            self._maps = opened_maps(opened, generation, self._programs)
            meta = self._maps["meta"].lookup(layouts.NUMBER.pack(0)) or b""  # which an array always has
            self.epoch: int = layouts.META.unpack(meta)[0]
            if not self.epoch:
                raise ValueError(f"{generation} was not finished")
            self._opened = opened.pop_all()
        self._owners_from: list[tuple[bytes, bytes]] | None = None
        self._owners_known: dict[Account, ClientKey] = {}
        # Behind the usual accounts are those of scopes, as many for each, and behind these those of pools.
        self._scopes = numbers_of_scopes(self._maps)
        self._service_maps = ServiceMaps(self._maps) if "service_policies" in self._maps else None
        self.first_pool = Account(self._maps["accounts"].max_entries - layouts.POOLS * bool(self._service_maps))
        self._pools = PoolNumbers(self._maps["pool_numbers"], self.first_pool) if "pool_numbers" in self._maps else None
        rows = self.first_pool // (1 + len(self._scopes))
        self.tunnels_account = Account(rows - 1)
        self.everyone = Account(self.tunnels_account - 1 - layouts.GROUPS)
        self.reserve_account = Account(self._maps["accounts"].max_entries)
        self._accounts = AccountReader(self._maps["accounts"], self.everyone, self.tunnels_account, self.first_pool)
        self._built_in = {**PSEUDO_CLIENTS, Account(self.everyone - 1): OTHERS}
        self._has_tunnels = bool(self._has_ends() or self._inner())  # else there is nothing to read
        self.scopes = {key: number * rows for key, number in self._scopes.items()}
        self.uplinks = UplinkMaps(self._maps, self.tunnels_account, self._scopes) if "by_uplink" in self._maps else None
        self._usage = UsageReader(self._maps, self.everyone) if "usage" in self._maps else None
        for views in (self._usage, self._service_maps):
            if views:
                self._opened.callback(views.close)
        self._digest = programs.name.removeprefix("programs-") if programs else ""

    def program(self, name: str) -> Program:
        """One of our programs, as traffic control attaches it."""
        return Program(self._programs[name], f"{OURS} {name} {self.epoch:016x} {self._digest}")

    def announcements(self, callback: Callable[[Announcement], None]) -> libbpf.Ring:
        """The ring of events that the daemon should hear of at once, and not only at its next reading."""

        def announce(record: bytes) -> None:
            address, kind, account, about = layouts.ANNOUNCEMENT.unpack(record)
            client = layouts.client_key(address, kind) if about == layouts.ANNOUNCE_CLIENT else None
            callback(Announcement(Account(account), client))

        return libbpf.Ring(self.generation / "announcements", announce)

    def read(self) -> Reading:
        """All counters now."""
        # Owners are read before the counters and again after them. So an account whose client came in between has its
        # owner, and counters that are read after their owner was known belong to that owner.
        owners = self._owners()
        # Before the accounts: so what has a name is not more than the account has.
        services = self._usage.read() if self._usage else {}
        given, counted = read_moves(self._maps), self._accounts.read()
        if self.uplinks is None:
            by_uplink: ByUplink = {}
            accounts, moves = as_charged(counted.counters, given, self._maps)
            outer = counted.outer
        else:
            by_uplink = self.uplinks.read()
            accounts, outer = self.uplinks.sums(by_uplink, counted.counters)
            moves = read_moves(self._maps)
        # Claims are read after the counters: a claim is written before its bytes are counted, so no counted byte lacks
        # its claim. An account whose first packet came in between claims at the next reading.
        # Nobody names IPsec by policy: it is there as soon as the kernel has found a packet of it.
        self._has_tunnels = self._has_tunnels or bool(outer.total_bytes)
        claims = self._inner() if self._has_tunnels else {}
        inner = {account: claimed for account, claimed in claims.items() if account in accounts}
        if self.uplinks is None:  # else the counts of uplinks have no claims among them
            accounts |= _without(accounts, inner)
        if (later := self._owners()) is not owners:
            owners = owners | later
        return Reading(
            self.epoch,
            clock.boottime(),
            accounts,
            owners,
            self._taken() | counted.budgets,
            self._groups(),
            self.everyone,
            self._free(owners),
            counted.wasted,
            self._events(),
            announced=counted.announced,
            queued=counted.queued,
            tunnels=Tunnels(outer, inner),
            tunnels_account=self.tunnels_account,
            moves=moves,
            reserve_account=self.reserve_account,
            services=services,
            service_names=self._usage.names if self._usage else {},
            by_uplink=by_uplink,
            scopes=self.scopes,
            refused=self._service_maps.read_refused() if self._service_maps else {},
            pools=self._pools.given if self._pools else {},
        )

    def number_services(self, names: Iterable[str]) -> Sequence[str]:
        """Gives each service a number for the life of the maps. Returns those for which none was left.

        There are 253; bytes of the others are `other`. Without services this does nothing.
        """
        return self._usage.add(names) if self._usage else ()

    def carry_tunnels(self, ends: Iterable[TunnelEnd], added: Mapping[int, int] = MappingProxyType({})) -> None:
        """Sets what of the router's own packets carries a tunnel.

        added: bytes that a tunnel adds to each packet, by the number of its interface; where none is named, those of
        WireGuard.
        """
        values = layouts.tunnel_ends(ends)
        self._has_tunnels = self._has_tunnels or bool(values)
        self._replace("tunnel_ends", values)
        self._replace("tunnel_links", {layouts.NUMBER.pack(link): size for link, size in added.items()})

    def _replace(self, name: str, values: Mapping[bytes, int]) -> None:
        """Makes a small map hold `values` and nothing else."""
        map_ = self._maps[name]
        for key in set(map_.keys()) - values.keys():  # first, as the map has room for one set of values only
            map_.delete(key)
        for key, value in values.items():
            map_.update(key, layouts.NUMBER.pack(value))

    def leave_unbilled(self, networks: Iterable[str]) -> None:
        """Sets the networks that end in the modem: what goes there is counted under a reason, and nothing else."""
        values = {layouts.network_bytes(each): 1 for each in networks}
        self._replace("unbilled", values)
        self._maps["unbilled_in_use"].update(layouts.NUMBER.pack(0), layouts.NUMBER.pack(len(values)))

    def note_lans(self, links: Iterable[int]) -> None:
        """Sets the indices of the LAN's interfaces: an upload from there that carries no account has lost it."""
        room = self._maps["lan_links"].max_entries
        self._replace("lan_links", {layouts.LINK.pack(link): 1 for link in sorted(links)[:room]})

    def add_groups(self, names: Iterable[str], spare: Iterable[str] = ()) -> bool:
        """Gives each group an account, that of a `spare` group if none is free. Returns whether any group got one."""
        known, groups = self._groups(), self._maps["groups"]
        of_all = (Account(n) for n in range(self.everyone + 1, self.everyone + 1 + layouts.GROUPS))
        free = [account for account in of_all if account not in known.values()]
        new, others = [name for name in names if name not in known], iter(spare)
        while len(free) < len(new) and (other := next(others, None)):
            groups.delete(layouts.GROUP_KEY.pack(other.encode()))
            free.append(known[other])
        added = list(zip(new, free, strict=False))
        for name, account in added:
            groups.update(layouts.GROUP_KEY.pack(name.encode()), layouts.NUMBER.pack(account))
        return bool(added)

    def add_clients(self, clients: Iterable[ClientKey]) -> None:
        """Gives each client an account before its first packet, as the kernel does at it. Raises OSError."""
        # A daemon that is killed between the two writes loses one account number, until the maps are made anew.
        free = libbpf.Map(self.generation / "free_accounts", 0, layouts.NUMBER.size)
        with contextlib.closing(free):
            for client in clients:
                number = free.pop()
                if number is None:
                    return
                key = layouts.client_bytes(client)
                self._maps["owners"].update(number, key)
                try:
                    self._maps["clients"].update(key, number, libbpf.NO_EXIST)
                except FileExistsError:  # its first packet came just now
                    self._maps["owners"].update(number, bytes(len(key)))
                    free.update(b"", number)

    def give_classes_at(self, upload: int, download: int) -> None:
        """Sets the indices of the interfaces where packets are given to classes, 0 for none.

        Elsewhere a throttled account is held to its police rate.
        """
        for direction, link in ((layouts.UP, upload), (layouts.DOWN, download)):
            self._maps["shaped_links"].update(layouts.NUMBER.pack(direction), layouts.NUMBER.pack(link))

    def shaped_uplink(self) -> int:
        """The index of the interface where uploads are given to classes, 0 for none."""
        value = self._maps["shaped_links"].lookup(layouts.NUMBER.pack(layouts.UP)) or layouts.NUMBER.pack(0)
        return int(layouts.NUMBER.unpack(value)[0])

    def write_policies(self, policies: Mapping[Account, Policy]) -> None:
        """Writes policies, in their order; each takes effect with the next packet."""
        for account, policy in policies.items():
            self._maps["policies"].update(
                layouts.NUMBER.pack(account), policy_layout.to_bytes(policy, self._zero(account))
            )

    def write_service_policies(self, policies: ServicePolicies) -> None:
        """Makes these what the kernel knows of services: writes what is new of them.

        Without services this does nothing.
        """
        if self._service_maps:
            self._service_maps.write(policies)

    def want_pools(self, pools: tuple[Pool, ...]) -> bool:
        """Gives each of these an account, and frees the others, to which no policy may refer. Whether one is new.

        Without services this does nothing.
        """
        return self._pools is not None and self._pools.want(pools)

    def write_reserve(self, reserve: Reserve, reachable: Iterable[Network]) -> None:
        """Sets the ends of the reserve, and the networks that may use its first half."""
        self._replace("reachable", {layouts.network_bytes(str(each)): 1 for each in reachable})
        ends = layouts.RESERVE.pack(reserve.until, reserve.listed_until)
        self._maps["reserve"].update(layouts.NUMBER.pack(0), ends)

    def policies(self) -> dict[Account, Policy]:
        """The policies of all accounts that are installed now, by this daemon or by an earlier one."""
        found = enumerate(self._maps["policies"].values(layouts.POLICY))
        return {Account(each): policy_layout.from_fields(fields, self._zero(Account(each))) for each, fields in found}

    def tables(self) -> tuple[Table, ...]:
        """How full the maps are. A full flow table takes some 20 ms to count, which is too long for every tick."""
        room = self.everyone - len(BUILT_IN_CLIENTS)
        return (
            Table("clients", self._maps["clients"].count(), room),
            *(Table(name, self._maps[name].count(), self._maps[name].max_entries) for name in COUNTED),
        )

    def flows(
        self, limit: int, clients: Collection[ClientKey] | None = None, *, recent_first: bool = False
    ) -> tuple[int, list[Flow]]:
        """How many flows some clients have (None: all), and `limit` of them, the largest or most recent first."""
        owners = self._owners() | {self.tunnels_account: ROUTER}
        names = self._usage.names if self._usage else BUILT_IN
        return choose_flows(self._maps, owners, names, limit, clients, recent_first=recent_first)

    def _zero(self, account: Account) -> int:
        return layouts.POOL_ZERO if account >= self.first_pool else 0

    def close(self) -> None:
        self._opened.close()

    def _has_ends(self) -> bool:
        return "tunnel_ends" in self._maps and self._maps["tunnel_ends"].count() > 0

    def _inner(self) -> dict[Account, Counters]:
        """The claims of accounts inside tunnels; everyone and groups claim nothing."""
        found = self._maps["tunnelled"].used(layouts.TUNNELLED)
        return {Account(n): Counters(*counts) for n, (*counts, _, _) in found if n < self.everyone and any(counts)}

    def _free(self, owners: Collection[Account]) -> tuple[Account, ...]:
        return tuple(Account(n) for n in range(FIRST_CLIENT_ACCOUNT, self.everyone) if Account(n) not in owners)

    def _events(self) -> dict[Reason, Event]:
        return {Reason(number): Event(*fields) for number, fields in self._maps["events"].used(layouts.EVENT)}

    def _taken(self) -> dict[Account, Budget]:
        """The budget of the reserve, once bytes were taken from it."""
        found = self._maps["leeway"].lookup(layouts.NUMBER.pack(self.everyone)) if "leeway" in self._maps else None
        taken = int(layouts.LEEWAY.unpack(found)[0]) if found else 0
        return {self.reserve_account: Budget(taken)} if taken else {}

    def _groups(self) -> dict[str, Account]:
        groups: dict[str, Account] = {}
        for keys, values, number in self._maps["groups"].chunks():
            names = layouts.GROUP_KEY.iter_unpack(keys[: number * layouts.GROUP_KEY.size])
            accounts = layouts.NUMBER.iter_unpack(values[: number * layouts.NUMBER.size])
            pairs = zip(names, accounts, strict=True)
            groups |= {name.rstrip(b"\0").decode(): Account(account) for (name,), (account,) in pairs}
        return groups

    def _owners(self) -> dict[Account, ClientKey]:
        """The client of each account; the same dict again while no client comes."""
        found = [
            (bytes(keys[: number * layouts.CLIENT_KEY.size]), bytes(values[: number * layouts.NUMBER.size]))
            for keys, values, number in self._maps["clients"].chunks()
        ]
        if found != self._owners_from:
            owners = dict(self._built_in)
            for keys, values in found:
                pairs = zip(layouts.CLIENT_KEY.iter_unpack(keys), layouts.NUMBER.iter_unpack(values), strict=True)
                owners |= {Account(account): layouts.client_key(*client) for client, (account,) in pairs}
            self._owners_from, self._owners_known = found, owners
        return self._owners_known


def _without(accounts: Mapping[Account, Counters], inner: Mapping[Account, Counters]) -> dict[Account, Counters]:
    """Those of `accounts` that claim downloads inside tunnels, without these claims."""
    counted = {account: accounts[account] for account in inner}
    return {
        account: replace(each, down_bytes=each.down_bytes - inner[account].down_bytes)
        for account, each in counted.items()
    }
