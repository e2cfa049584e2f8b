# SPDX-License-Identifier: GPL-2.0-or-later
"""The acting edges as one: Outcome -> policies in the kernel, classes in tc, refusals in nftables. Owns the shaper.

What is there is compared with what is wanted, so doing it twice changes nothing, and a restart goes on from what it
finds. Classes come before the policies that name them.
"""

import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.limits import ClientState, Level, Policy, Subject, SubjectKind
from esimshaper.core.model.reading import Attachment, ClassCounters, Hook, Observation, Reading
from esimshaper.core.model.shaping import Change, Side, Step
from esimshaper.core.model.state import Outcome
from esimshaper.core.settings.values import Settings, Wan
from esimshaper.core.shaping import policy_transition, tree, tree_diff
from esimshaper.daemon.class_counters import ClassCounterReader
from esimshaper.edge.bpf.meter import Meter
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.nft.tables import RejectTable
from esimshaper.edge.tc.shaper import Shaper

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of shaping. `left`: to go once nothing is given to it any more. `moved`: classes that go with it, to be
    made elsewhere by the next tick. `looked`: what is there could be found out."""

    left: Sequence[Change] = ()
    moved: frozenset[int] = frozenset()
    looked: bool = True


class Enforcer:
    """`problems`: what could not be done at the last attempt, in sentences; each is logged when it comes up.

    `inherited`: what an earlier daemon had told the kernel.
    """

    def __init__(self, settings: Settings, meter: Meter, cleanup: contextlib.ExitStack) -> None:
        self._meter = meter
        self._told = self.inherited = meter.policies()
        self._shaping_problems: tuple[str, ...] = ()
        self._sides: Collection[Side] = ()  # those with the classes that are wanted
        self.problems: tuple[str, ...] = ()
        self._begin(settings)
        cleanup.callback(lambda: self._shaper.close())

    def _begin(self, settings: Settings) -> None:
        """At this uplink, not knowing what is there."""
        self._wan = settings.wan
        self._shaper = Shaper(settings.wan.interface, replace_foreign=settings.wan.replace_qdisc)
        self._departures = ClassCounterReader(self._shaper, self._told)
        ways = (settings.wan.written, *(tunnel.interface for tunnel in settings.wan.tunnels))
        self._refusal = RejectTable(ways, settings.lan.mark_mask)
        self._compare_anew()

    def configure(self, settings: Settings) -> None:
        """Acts as these settings say from the next `enforce` on; `sweep` then removes what is left elsewhere."""
        if _without_rates(settings.wan) != _without_rates(self._wan):
            self._shaper.close()
            self._begin(settings)
        self._wan = settings.wan
        self._compare_anew()

    def _compare_anew(self) -> None:
        self._shaped: tuple[int, tree.Demand] | None = None
        self._classes: Mapping[Account, tuple[int, ...]] = {}
        self._policies: Mapping[Account, Policy] | None = None

    def sweep(self) -> None:
        """Removes what shapes another interface than the uplink."""
        self._shaper.remove(keep=self._wan.interface)

    def sent(self, reading: Reading) -> Mapping[Account, ClassCounters] | None:
        """What left through the classes of each account, for an Observation of `reading`, which was read before."""
        return self._departures.read(reading.queued)

    def enforce(
        self, outcome: Outcome, seen: Observation, verdicts: Mapping[Subject, ClientState], *, look_around: bool
    ) -> None:
        """`look_around`: compare with what is there though nothing else is wanted; somebody may have changed it."""
        reading, link = seen.reading, _metered_link(seen.attachments, self._wan.interface)
        if not look_around and outcome.policies is self._policies and self._shaped and self._shaped[0] == link:
            return  # core found nothing to work out anew, on the same link
        if outcome.new_clients:
            self._meter.add_clients(outcome.new_clients)
        if outcome.new_groups and self._meter.add_groups(outcome.new_groups, self._spare(outcome, reading)):
            return  # policies that know these accounts follow at once; until then their members keep what they have
        self._policies = outcome.policies
        demand = self._demand(outcome, reading)
        attempt = _Attempt()
        if look_around or self._shaped != (link, demand):
            attempt = self._shape(demand, again=self._shaped == (link, demand), metered=bool(link))
            self._shaped = (link, demand) if attempt.looked and not attempt.moved else None
            self._classes = tree.classes(demand, attempt.moved)
        if link and attempt.looked:  # else what was made earlier, by whomever, is there or gone with its interface
            self._meter.give_classes_at(*(link if side in self._sides else 0 for side in (Side.UPLOAD, Side.DOWNLOAD)))
        self._tell(tree.named(outcome.policies, self._classes))
        self._tidy(attempt.left)
        if look_around and self._refusal.notice_changes():
            text = "somebody changed our table in nftables; it is as before again"
            log.warning(text, extra=fields(Message.REFUSALS_RESTORED))
        refused = self._refusal.reject(blocked_accounts(reading, verdicts), link)
        self._say((*self._shaping_problems, *([refused] if refused else [])))

    def _spare(self, outcome: Outcome, reading: Reading) -> list[str]:
        """Groups whose account nobody is below any more."""
        parents = {policy.parent for policy in self._told.values()}
        return [name for name in outcome.idle_groups if reading.groups[name] not in parents]

    def _demand(self, outcome: Outcome, reading: Reading) -> tree.Demand:
        shares = bool(self._wan.download or self._wan.upload)
        return tree.demand_of(self._meter.everyone, outcome.shaped, reading.clients, outcome.policies, shares=shares)

    def _shape(self, demand: tree.Demand, *, again: bool, metered: bool) -> _Attempt:
        """`again`: nothing else is wanted than before. `metered`: the meter has made the qdisc that arriving packets
        are redirected at; without it, the redirect is left for later.
        """
        found = self._shaper.observe()
        if found is None:
            return _Attempt(looked=False)
        wanted = tree.wanted(tree.Link(self._wan.download, self._wan.upload, found.wire), demand)
        moved = tree_diff.moved(found.tree, wanted)
        wanted = tree_diff.without(wanted, moved)
        meanwhile = tree_diff.both(found.tree, wanted)
        wished, left = tree_diff.diff(found.tree, meanwhile), tree_diff.diff(meanwhile, wanted)
        changes = [each for each in wished if metered or each.step is not Step.ADD_REDIRECT]
        failed = self._shaper.apply(changes)
        self._departures.made_anew(made_anew(changes))
        if again and (changes or left) and not self._shaping_problems and not failed:
            text, where = "somebody changed our classes at %s; they are as before again", self._wan.interface
            log.warning(text, where, extra=fields(Message.CLASSES_RESTORED, interface=where))
        self._shaping_problems = (*([found.problem] if found.problem and (changes or left) else []), *failed)
        self._sides = frozenset() if failed else {Side.DOWNLOAD, *([] if found.problem else [Side.UPLOAD])}
        return _Attempt(left, moved)

    def _tidy(self, changes: Sequence[Change]) -> None:
        if changes:
            self._shaping_problems = (*self._shaping_problems, *self._shaper.apply(changes))
            self._departures.made_anew(made_anew(changes))

    def _tell(self, policies: Mapping[Account, Policy]) -> None:
        """Only what is new: each write is a system call, and a full house has a thousand accounts."""
        for step in policy_transition.writes(self._told, policies, self._meter.everyone):
            if step:
                self._meter.write_policies(step)
                self._told = self._told | step
                self._departures.told(step)

    def _say(self, problems: tuple[str, ...]) -> None:
        for problem in problems:
            if problem not in self.problems:
                log.warning("%s", problem, extra=fields(Message.LIMITS_FAILING, interface=self._wan.interface))
        if self.problems and not problems:
            working = fields(Message.LIMITS_WORKING, interface=self._wan.interface)
            log.info("limits are in force again at %s", self._wan.interface, extra=working)
        self.problems = problems


def _without_rates(wan: Wan) -> Wan:
    return replace(wan, download=None, upload=None)


def made_anew(changes: Iterable[Change]) -> frozenset[int] | None:
    """Upload classes that go, or begin to count from zero; None for all of them."""
    uploads = [change for change in changes if change.side is Side.UPLOAD]
    if any(change.step in (Step.ADD_QDISC, Step.REMOVE_QDISC) for change in uploads):
        return None
    return frozenset(each.item.id for each in uploads if each.item and each.step is not Step.CHANGE_CLASS)


def _metered_link(attachments: Iterable[Attachment], wan: str) -> int:
    """The number of the WAN's interface, if uploads pass our program there; else 0."""
    there = (each for each in attachments if each.attached and each.interface == wan)
    return next((each.index for each in there if each.hook is Hook.WAN_EGRESS), 0)


def blocked_accounts(reading: Reading, verdicts: Mapping[Subject, ClientState]) -> list[Account]:
    """Accounts of clients that may send nothing now; not those without a mark."""
    return [
        account
        for account, client in reading.owners.items()
        if account > ACCOUNT_UNATTRIBUTED and _level(verdicts, client) is Level.BLOCKED
    ]


def _level(verdicts: Mapping[Subject, ClientState], client: ClientKey) -> Level:
    return verdicts.get(Subject(SubjectKind.CLIENT, client), ClientState()).level
