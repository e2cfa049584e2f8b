# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> the document of `esimshaper alarms`, and its metrics. Pure. The frame is as in documents.py.

alarms    {"level": "calm" | "normal" | "strict" | "off",
           "allowance": {"bytes": of a day, "of": name of a quota or `plan NAME`, empty: nothing says it} or null,
           "open": [alarm], "past": [alarm], newest first, "muted": [mute], "learning": [label of a client]}
alarm     {"number", "client": label, "key", both empty for everyone, "called", "kinds": [str],
           "since" + "since_unix", "until" + "until_unix": null while it goes on, "bytes", "told": bool,
           "text": sentence without its subject, "answer": "fine", "cut" or empty}
mute      {"kind": str or null for any, "client": label or null for anybody, "until" + "until_unix"}
"""

from collections.abc import Mapping

from esimshaper.core.model.identity import PSEUDO_KEYS, ClientKey, Identity
from esimshaper.core.model.state import State
from esimshaper.core.model.watch import LEARNING_HOURS, AlarmKind, Episode, Mute
from esimshaper.core.report.frame import DaemonFacts, Document, moment, new_document

_SEEN_SECONDS = 86400
"""So long a device sees an alarm of its own that is over."""


def alarms_document(state: State, facts: DaemonFacts, limit: int) -> Document:
    """All alarms that go on, and the last `limit` that are over. See the module's docstring."""
    kept, allowance = state.watch.kept, state.watch.allowance
    newest = kept.episodes[::-1]
    return new_document(facts.now) | {
        "level": facts.watch.level.value,
        "allowance": {"bytes": allowance.bytes, "of": allowance.of} if allowance else None,
        "open": [_alarm(state, facts, each) for each in newest if each.is_open],
        "past": [_alarm(state, facts, each) for each in newest if not each.is_open][:limit],
        "muted": [_mute(state, facts, each) for each in kept.mutes],
        "learning": learning(state),
    }


def of_client(state: State, facts: DaemonFacts, key: ClientKey) -> list[Document]:
    """The alarms of one client that go on, or ended within a day; nothing in them is of anybody else."""
    since, zone = int(facts.now.timestamp()) - _SEEN_SECONDS, facts.now.tzinfo
    return [
        {
            "kinds": [kind.value for kind in each.kinds],
            **moment("since", each.since, zone),
            **moment("until", each.until or None, zone),
            "bytes": each.bytes,
            "answer": each.answer.value,
        }
        for each in state.watch.kept.episodes[::-1]
        if each.client == key and each.told and (each.is_open or each.until > since)
    ]


def learning(state: State) -> list[str]:
    """Labels of clients of which it is not known yet what is usual."""
    learned = state.watch.kept.learned
    unknown = (key for key, each in learned.items() if each.hours < LEARNING_HOURS and key not in PSEUDO_KEYS)
    return sorted(_identity(state, key).label for key in unknown)


def open_alarms(state: State) -> Mapping[tuple[str, ...], int]:
    """1 by client and kind, of alarms that people were told of."""
    told = [each for each in state.watch.kept.episodes if each.is_open and each.told]
    return {(_label(state, each.client), kind.value): 1 for each in told for kind in each.kinds}


def alarms_told(state: State) -> Mapping[tuple[str, ...], int]:
    """How many alarms there were ever, by kind."""
    return {(kind.value,): state.watch.kept.counts.get(kind, 0) for kind in AlarmKind}


def _alarm(state: State, facts: DaemonFacts, each: Episode) -> Document:
    zone = facts.now.tzinfo
    return {
        "number": each.number,
        "client": _label(state, each.client),
        "key": each.client,
        "called": _identity(state, each.client).called if each.client else "everyone",
        "kinds": [kind.value for kind in each.kinds],
        **moment("since", each.since, zone),
        **moment("until", each.until or None, zone),
        "bytes": each.bytes,
        "told": each.told,
        "text": each.text,
        "answer": each.answer.value,
    }


def _mute(state: State, facts: DaemonFacts, each: Mute) -> Document:
    return {
        "kind": each.kind.value if each.kind else None,
        "client": _label(state, each.client) if each.client else None,
        **moment("until", each.until, facts.now.tzinfo),
    }


def _label(state: State, key: ClientKey) -> str:
    return _identity(state, key).label if key else ""


def _identity(state: State, key: ClientKey) -> Identity:
    return state.names.identities.get(key, Identity(key))
