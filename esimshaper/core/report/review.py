# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> the document of `esimshaper review`. Pure. The frame is as in documents.py.

review    {"on": bool, "threshold_bytes": of a day, "rate_bits_per_second": of what waits, "expires_seconds": int,
           "waiting": [use], oldest first, "answers": [answer], newest first, "again": [again]}
use       {"number": int, 0: nobody was asked; + the names of a client, "called", + service,
           "since" + "since_unix": when it began to wait, or null,
           "asked" + "asked_unix": when the client asked for it on the page, or null,
           "first" + "first_unix", "seen" + "seen_unix", "today": volume, "ever": volume, "days": int,
           "hours": [int], of the clock, in which it moved on its last day, "ends": [host], those known now}
answer    {"number", + the names of a client, or null; "subject": as in `for`, "called", + service,
           "approved": bool, "at" + "at_unix", "until" + "until_unix", "ever": volume since it was first used,
           "seen" + "seen_unix", null: never,
           "asked" + "asked_unix": when a client asked last, since the answer, or null}
again     {"why": "ends" or "heavy", "answer": answer or null, "use": use or null}
service   {"service": name, "category": str or null, "titles": {language: name for people}}
volume    as in services.py
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from esimshaper.core.model.approval import Answer, Use
from esimshaper.core.model.approval_answers import Due, of_answer
from esimshaper.core.model.approval_answers import held_of as held_of_client
from esimshaper.core.model.flows import Flow
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import Subject, SubjectKind
from esimshaper.core.model.rules import Rules, hierarchy_of
from esimshaper.core.model.services import NO_VOLUME, Service, Volume
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, identity, moment, names, new_document
from esimshaper.core.report.services import category_of, volume_entry
from esimshaper.core.report.subjects import subject_label

MOST_ENDS = 5
"""So many hosts are named of each."""


def review_document(state: State, facts: DaemonFacts, rules: Rules, due: Due, flows: Iterable[Flow]) -> Document:
    """See the module's docstring. `due`: to be looked at again. `flows`: those in the kernel, for where bytes go."""
    settings, kept = rules.approval, state.approval.kept
    scene = _Scene(state, facts, rules, _ends(flows))
    waiting = sorted((use.waits, key) for key, use in kept.uses.items() if use.waits)
    return new_document(facts.now) | {
        "on": settings is not None,
        "threshold_bytes": state.approval.threshold if settings else 0,
        "rate_bits_per_second": settings.rate if settings else 0,
        "expires_seconds": settings.lasts if settings else 0,
        "waiting": [scene.use(key, kept.uses[key]) for _, key in waiting],
        "answers": [scene.answer(each) for each in sorted(kept.answers, key=lambda each: -each.at)],
        "again": [
            *({"why": "ends", "answer": scene.answer(each), "use": None} for each in due.answers),
            *({"why": "heavy", "answer": None, "use": scene.use(key, use)} for key, use in due.uses.items()),
        ],
    }


class _Scene:
    """What entries of the document are made of."""

    def __init__(
        self, state: State, facts: DaemonFacts, rules: Rules, ends: Mapping[tuple[ClientKey, str], list[str]]
    ) -> None:
        self._state, self._facts, self._rules, self._ends = state, facts, rules, ends
        self._zone = facts.now.tzinfo
        self._today = datetime.fromtimestamp(state.clock.time, self._zone).toordinal()

    def use(self, key: tuple[ClientKey, str], use: Use) -> Document:
        client, service = key
        who = identity(self._state, client, self._facts)
        is_of_today = use.day == self._today
        return {
            "number": use.number if use.waits else 0,
            **names(who),
            "called": who.called,
            **service_entry(service, self._facts),
            **moment("since", use.waits or None, self._zone),
            **moment("asked", use.asked or None, self._zone),
            **moment("first", use.first, self._zone),
            **moment("seen", use.seen, self._zone),
            "today": volume_entry(Volume(use.down, use.up) if is_of_today else NO_VOLUME),
            "ever": volume_entry(Volume(use.all_down, use.all_up)),
            "days": use.days,
            "hours": [hour for hour in range(24) if use.hours >> hour & 1],
            "ends": self._ends.get(key, []),
        }

    def answer(self, answer: Answer) -> Document:
        used = [use for _, use in of_answer(self._state.approval.kept, self._rules, answer)]
        ever = sum((Volume(use.all_down, use.all_up) for use in used), NO_VOLUME)
        is_client = answer.subject.kind is SubjectKind.CLIENT
        who = identity(self._state, ClientKey(answer.subject.id), self._facts)
        label = subject_label(self._state, answer.subject, self._facts)
        return {
            "number": answer.number,
            **(names(who) if is_client else dict.fromkeys(names(who))),
            "subject": label,
            "called": who.called if is_client else label,
            **service_entry(answer.service, self._facts),
            "approved": answer.approved,
            **moment("at", answer.at, self._zone),
            **moment("until", answer.until, self._zone),
            "ever": volume_entry(ever),
            **moment("seen", max((use.seen for use in used), default=None), self._zone),
            **moment("asked", max((use.asked for use in used), default=0) or None, self._zone),
        }


def is_on(state: State) -> bool:
    """Whether anything waits at all, by the settings."""
    return bool(state.approval.rate)


def number_waiting(state: State) -> int:
    """How many services of clients wait for the owner's word."""
    return sum(bool(use.waits) for use in state.approval.kept.uses.values()) if is_on(state) else 0


def held_of(state: State, facts: DaemonFacts, client: ClientKey) -> list[Document]:
    """What a client may see of its own: {"held": "waits" or "refused", + service, "asked" + "asked_unix" or null,
    "rate_bits_per_second": null for refused, "until" + "until_unix": null for what waits and for always}."""
    kept, zone = state.approval.kept, facts.now.tzinfo
    if not is_on(state):
        return []
    whose = hierarchy_of(Subject(SubjectKind.CLIENT, client), facts.names, facts.groups)
    return [
        {
            "held": "refused" if answer else "waits",
            **service_entry(service, facts),
            **moment("asked", kept.uses[client, service].asked or None, zone),
            "rate_bits_per_second": None if answer else state.approval.rate,
            **moment("until", answer.until if answer else None, zone),
        }
        for service, answer in sorted(held_of_client(kept, whose, client).items())
    ]


def service_entry(name: str, facts: DaemonFacts) -> Document:
    """See `service` in the module's docstring."""
    known = facts.catalogue.get(name, Service(name))
    return {"service": name, "category": category_of(name, facts.catalogue), "titles": dict(known.titles)}


def _ends(flows: Iterable[Flow]) -> Mapping[tuple[ClientKey, str], list[str]]:
    """The far ends by client and service, those with most bytes first."""
    sizes: dict[tuple[ClientKey, str], dict[str, int]] = {}
    for flow in flows:
        found = sizes.setdefault((flow.client, flow.service), {})
        end = flow.name or flow.remote_address
        found[end] = found.get(end, 0) + flow.counters.total_bytes
    return {key: sorted(found, key=lambda end: (-found[end], end))[:MOST_ENDS] for key, found in sizes.items()}
