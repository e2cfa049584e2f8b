# SPDX-License-Identifier: GPL-2.0-or-later
"""Recorded use -> what rules and plans would have made of it: the real pipeline over made-up readings. Pure.

    records --> readings --> advance --> states, notices
       `-- what is not blocked --> plans --> steps of price and rate

Where a window or hours end between two records, a tick of its own looks at it. What a block refuses is not counted, to
the byte, as in the kernel. How long the throttled need is not known: they use as much as was recorded.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from esimshaper.core.limits import acts
from esimshaper.core.model.counts import Budget, Counters
from esimshaper.core.model.hours import windows
from esimshaper.core.model.identity import FIRST_CLIENT_ACCOUNT, PSEUDO_CLIENTS, Account, ClientKey, composed
from esimshaper.core.model.limits import UNKNOWN_GROUP, ClientState, Policy, QuotaUsage, Subject, SubjectKind
from esimshaper.core.model.plan import Plan
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.recorded import Recorded
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.scope import Places
from esimshaper.core.model.service_policies import ServicePools
from esimshaper.core.model.service_sets import Pool
from esimshaper.core.model.services import HIDDEN, NUMBER_HIDDEN, NUMBER_OTHER, NUMBER_UNNAMED, OTHER, UNNAMED
from esimshaper.core.model.state import Outcome, State
from esimshaper.core.model.watch import NOT_WATCHED
from esimshaper.core.pipeline import advance
from esimshaper.core.plan.lived import LivedPlan, written
from esimshaper.core.saving.booking import note_saved
from esimshaper.core.watch.rehearsal import Rehearsal
from esimshaper.core.watch.watching import Around

Document = dict[str, Any]

_EVERYONE, _RESERVE, _GROUPS = Account(1_000_000), Account(1_000_001), Account(1_000_002)
"""Above the accounts of all clients."""
_ROWS = 2_000_000
"""Accounts of one tree: those of scopes stand behind."""
_BOOT = 1000.0
_POOLS = 100_000_000
"""The account of the first pool, behind all trees."""
_MOMENT = 0.001
"""Seconds between two ticks of one time: boot time never stands still."""
_UNSEEN, _FREE = Budget(), Policy()


def replayed(
    rules: Rules, plans: Iterable[Plan], records: Iterable[Recorded], *, roaming: bool = False
) -> Iterator[Document]:
    """What happens, in the order of time, and last the state at the end; nothing where there is no record."""
    replay: Replay | None = None
    for at, some in groupby(records, lambda record: record.at):
        replay = replay or Replay(rules, plans, at, roaming=roaming)
        yield from replay.take(list(some))
    if replay:
        yield replay.end()


class Replay:
    """A router that lives recorded use under `rules`, with `plans`, from the time of the first record on."""

    def __init__(self, rules: Rules, plans: Iterable[Plan], start: float, *, roaming: bool = False) -> None:
        # What is abnormal is worked out apart: it needs the time between two records, which quotas must not have.
        self._rules, self._roaming, self._now = replace(rules, watch=NOT_WATCHED), roaming, start
        self._plans = [LivedPlan(plan, int(start)) for plan in plans]
        self._by_name = {name: key for key, name in rules.names.items()}
        groups = {name: Account(_GROUPS + at) for at, name in enumerate({*rules.groups.values(), UNKNOWN_GROUP})}
        owners = dict(PSEUDO_CLIENTS)
        scopes = {scope.key: number * _ROWS for number, scope in enumerate(rules.scopes, 1)}
        self._reading = Reading(
            1, _BOOT, {}, owners, groups=groups, everyone=_EVERYONE, reserve_account=_RESERVE, scopes=scopes
        )
        self._places: Places = {}
        self._accounts = {key: account for account, key in owners.items()}
        self._recorded: set[ClientKey] = set()
        self._state = State()
        self._policies: Mapping[Account, Policy] = {}
        self._pools: ServicePools = {}
        self._services = {UNNAMED: NUMBER_UNNAMED, HIDDEN: NUMBER_HIDDEN, OTHER: NUMBER_OTHER}
        self._states: dict[Subject, ClientState] = {}
        self._refused = 0
        self._watch = Rehearsal(rules)
        self._moved: dict[ClientKey, Counters] = {}

    def take(self, records: list[Recorded]) -> Iterator[Document]:
        """What happens at the records of one moment, and between the last ones and these."""
        at = records[0].at
        yield from self._until(at)
        if self._know(records) or not self._policies:
            yield from self._tick(at)  # a new client has its limits before its first byte
        for record in records:
            passed = self._pass(record)
            for plan in self._plans:
                yield from plan.use(record, passed, roaming=self._roaming)
        yield from self._tick(at)
        yield from self._alarms(at)

    def end(self) -> Document:
        """The state at the end."""
        plans = [plan.document(self._now) for plan in self._plans]
        return {
            "time": written(self._now, self._rules.zone),
            "kind": "end",
            "plan": plans[0] if plans else None,
            "plans": plans,
            "quotas": [self._quota(usage) for usage in self._usages()],
            "refused_bytes": str(self._refused),
        }

    # --- time

    def _until(self, at: float) -> Iterator[Document]:
        """A tick at each moment before `at` at which a window or hours begin or end."""
        while (due := self._due()) < at:
            for plan in self._plans:
                yield from plan.reach(due)
            yield from self._tick(due)
        for plan in self._plans:
            yield from plan.reach(at)

    def _due(self) -> float:
        restarts = self._state.limits.kept.restarts
        moments: list[float] = [each.end for each in acts.windows(self._rules.quotas, restarts, self._now).values()]
        of_quotas = [quota.hours for quota in self._rules.quotas if quota.hours]
        for hours in (*of_quotas, *(curfew.hours for curfew in self._rules.curfews)):
            moments += [bound for each in windows(hours, self._now) for bound in (each.start, each.end)]
        moments += [plan.changes_at(self._now) for plan in self._plans]
        return min((moment for moment in moments if moment > self._now), default=float("inf"))

    def _tick(self, at: float) -> Iterator[Document]:
        outcome = self._advance(at)
        while self._give_pools(outcome.wanted_pools):
            yield from self._notices(outcome)
            outcome = self._advance(at)
        self._policies, self._places, self._pools = outcome.policies, outcome.places, outcome.pools
        yield from self._changes()
        yield from self._notices(outcome)

    def _advance(self, at: float) -> Outcome:
        boottime = self._reading.boottime + max(at - self._now, _MOMENT)
        self._now, self._reading = at, replace(self._reading, boottime=boottime)
        self._state, outcome = advance(self._state, self._rules, at, Observation(self._reading))
        return outcome

    def _give_pools(self, wanted: Iterable[Pool]) -> bool:
        """Gives accounts to pools that have none; whether one is new. None is freed, as no setting changes."""
        known = self._reading.pools
        new = dict.fromkeys(wanted).keys() - set(known.values())
        given = {Account(_POOLS + len(known) + at): pool for at, pool in enumerate(sorted(new))}
        if given:
            self._reading = replace(self._reading, pools={**known, **given})
        return bool(given)

    # --- bytes

    def _know(self, records: Iterable[Recorded]) -> bool:
        """Gives each new client an account, and each new service a number; returns whether there was one."""
        records = list(records)
        keys = dict.fromkeys(self._key(record.client) for record in records)
        self._recorded.update(keys)
        new = [key for key in keys if key not in self._accounts]
        for key in new:
            self._accounts[key] = Account(FIRST_CLIENT_ACCOUNT + len(self._accounts) - len(PSEUDO_CLIENTS))
        if new:
            owners = {account: key for key, account in self._accounts.items()}
            self._reading = replace(self._reading, owners=owners)
        named = dict.fromkeys(each.service for each in records if each.service and each.service not in self._services)
        for name in named:
            self._services[name] = len(self._services)
        if named:
            names = {number: name for name, number in self._services.items()}
            self._reading = replace(self._reading, service_names=names)
        return bool(new or named)

    def _key(self, client: str) -> ClientKey:
        name = composed(client)
        if name in self._by_name:
            return self._by_name[name]
        return ClientKey(name.lower() if ":" in name else name)  # a MAC, or an address of IPv6

    def _pass(self, record: Recorded) -> int:
        """Counts what no block refuses; returns how many bytes that are."""
        account = self._accounts[self._key(record.client)]
        hierarchy = [account, *self._above(account)]
        chain = [Account(each + offset) for offset in self._trees(record.uplink) for each in hierarchy]
        number = self._services[record.service or UNNAMED]
        chain += self._pools.get(account, {}).get(number, ())
        down, up = record.down, record.up
        for each in chain:
            down, up = self._within(each, down, up)
        used, reading = Budget(down + up, down, up), self._reading
        counted = reading.accounts.get(account, Counters()) + Counters(down, up, int(down > 0), int(up > 0))
        budgets = {each: reading.budgets.get(each, _UNSEEN) + used for each in chain}
        self._reading = replace(
            reading, accounts={**reading.accounts, account: counted}, budgets={**reading.budgets, **budgets}
        )
        key = self._reading.owners[account]
        self._moved[key] = self._moved.get(key, Counters()) + Counters(down, up)
        self._refused += record.down + record.up - down - up
        return down + up

    def _trees(self, uplink: str) -> list[int]:
        """How much higher the numbers of accounts are that count what passes an uplink (empty: the first one)."""
        name, offsets = uplink or self._rules.uplinks[0].name, self._reading.scopes
        return [0, *(offsets[scope.key] for scope, names in self._places.items() if name in names)]

    def _above(self, account: Account) -> list[Account]:
        """The accounts of the client's group and of everyone."""
        client = Subject(SubjectKind.CLIENT, self._reading.owners[account])
        groups = self._reading.groups
        above = self._rules.hierarchy(client)[1:]
        return [groups[each.id] if each.kind is SubjectKind.GROUP else _EVERYONE for each in above]

    def _within(self, account: Account, down: int, up: int) -> tuple[int, int]:
        """What of these bytes passes the block of one account; of both directions in their proportion."""
        policy, used = self._policies.get(account, _FREE), self._reading.budgets.get(account, _UNSEEN)
        if policy.blocked:
            return 0, 0
        down = min(down, max(0, policy.block_at.download - used.download))
        up = min(up, max(0, policy.block_at.upload - used.upload))
        room = max(0, policy.block_at.both - used.both)
        if down + up <= room:
            return down, up
        part = down * room // (down + up)
        return part, room - part

    # --- what happens

    def _alarms(self, at: float) -> Iterator[Document]:
        """What is abnormal in the time up to these records."""
        moved, self._moved = self._moved, {}
        around = Around(self._state.limits.kept.tallies, self._state.limits.kept.overrides)
        for when, episode, ended in self._watch.take(at, moved, around):
            who = self._label(episode.client) if episode.client else "everyone"
            noted = "" if episode.told else " (noted down only: it is usual, or not sure enough to be told)"
            yield {
                "time": written(when, self._rules.zone),
                "kind": "alarm-end" if ended else "alarm",
                "client": who,
                "reasons": [kind.value for kind in episode.kinds],
                "told": episode.told,
                "since": written(episode.since, self._rules.zone),
                "bytes": episode.bytes,
                "text": f"{who} is quiet again" if ended else f"{who} {episode.text}{noted}",
            }

    def _changes(self) -> Iterator[Document]:
        for subject, state in self._state.limits.states.items():
            if subject.kind is not SubjectKind.CLIENT or subject.id not in self._recorded:
                continue
            before = self._states.get(subject, ClientState())
            self._states[subject] = state
            if (before.level, before.quota, before.rate) != (state.level, state.quota, state.rate):
                yield {
                    "time": written(self._now, self._rules.zone),
                    "kind": "state",
                    "client": self._label(ClientKey(subject.id)),
                    "level": state.level.value,
                    "reason": state.reason,
                    "quota": state.quota or None,
                }

    def _notices(self, outcome: Outcome) -> Iterator[Document]:
        if outcome.booking is None:
            return
        self._state = note_saved(self._state, outcome.booking)
        for notice in outcome.booking.notices:
            yield {
                "time": written(notice.at or self._now, self._rules.zone),
                "kind": "notice",
                "notice": notice.kind.value,
                "subject": self._written(notice.subject),
                "quota": notice.quota or None,
                "text": notice.text,
            }

    def _usages(self) -> list[QuotaUsage]:
        """What is used of each quota, by those who were in the records."""
        quotas = {quota.name: quota for quota in self._state.plans.quotas(self._rules.quotas)}
        tallies = self._state.limits.kept.tallies
        here = [
            each for each in tallies if each.subject.kind is not SubjectKind.CLIENT or each.subject.id in self._recorded
        ]
        return [QuotaUsage(quotas[each.quota], each) for each in here]

    def _quota(self, usage: QuotaUsage) -> Document:
        tally = usage.tally
        return {
            "name": tally.quota,
            "subject": self._written(tally.subject),
            "used": str(tally.used),
            "left": str(max(0, usage.quota.limit + tally.granted - tally.used)),
        }

    def _written(self, subject: Subject) -> str:
        return subject.written(self._label(ClientKey(subject.id)))

    def _label(self, key: ClientKey) -> str:
        return self._rules.names.get(key, key)
