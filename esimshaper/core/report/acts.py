# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> the answers to `correct`, `restart`, `undo` and `undo --redo`. Pure.

The frame is as in documents.py, `state` and `quota` are as in quotas.py.

    act       {"act": "block" | "allow" | "unblock" | "grant" | "revoke" | "correct" | "restart" | "plan", "subject",
               "quota": name or empty; of "plan" that of the plan, "bytes": 0 of a revoke for all, "over_plan": bool,
               "at" + "at_unix", "begins" + "begins_unix": null for at once, "until" + "until_unix"}
    correct   {"quota": name, "subject", "quotas": [quota], "state", "held_by": as in the answer to `grant`}
              for restart too, where `subject` may be "each-client"
    Beside `subject` stand `called` and `typed`, as in quotas.py.
    undo      {"undone": act, "changed": false if nothing was left of it, "next": act or null,
               "quotas": [quota] of the subject, "state", "held_by"}
    redo      the same, with "redone" in the place of "undone"
"""

from collections.abc import Sequence

from esimshaper.core.model.limit_state import Act
from esimshaper.core.model.limits import Quota, Subject, SubjectKind
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, moment, new_document
from esimshaper.core.report.quotas import entries, held_by, state_entry, usages
from esimshaper.core.report.subjects import typed_entry


def usage_document(state: State, facts: DaemonFacts, quota: Quota, subject: Subject | None) -> Document:
    """The answer after a quota was corrected or restarted, for `subject` or (None) for all whom it is for."""
    whose = subject or quota.subject
    return new_document(facts.now) | {"quota": quota.name} | _standing(state, facts, whose, quota.name)


def undo_document(state: State, facts: DaemonFacts, undone: Act, *, changed: bool) -> Document:
    """The answer after the act `undone` was taken back."""
    return _after(state, facts, "undone", undone, state.limits.kept.acts, changed=changed)


def redo_document(state: State, facts: DaemonFacts, redone: Act, *, changed: bool) -> Document:
    """The answer after the act `redone` was done again."""
    return _after(state, facts, "redone", redone, state.limits.undone, changed=changed)


def _after(state: State, facts: DaemonFacts, what: str, act: Act, others: Sequence[Act], *, changed: bool) -> Document:
    """others: on the last of them the same can be done next."""
    return new_document(facts.now) | {
        what: act_entry(state, facts, act),
        "changed": changed,
        "next": act_entry(state, facts, others[-1]) if others else None,
        **_standing(state, facts, act.subject, act.quota),
    }


def _standing(state: State, facts: DaemonFacts, subject: Subject, quota: str) -> Document:
    """How a subject stands, and its quotas, or the one that is named."""
    each = subject.kind is SubjectKind.EACH_CLIENT
    own = [
        usage
        for usage in usages(state, facts)
        if (each or usage.tally.subject == subject) and quota in ("", usage.quota.name)
    ]
    return {
        **typed_entry(state, subject, facts),
        "quotas": entries(state, facts, own),
        "state": state_entry(state, subject, facts.now.tzinfo),
        "held_by": held_by(state, facts, subject),
    }


def act_entry(state: State, facts: DaemonFacts, act: Act) -> Document:
    """An `act` of the module's docstring."""
    zone = facts.now.tzinfo
    return {
        "act": act.kind.value,
        **typed_entry(state, act.subject, facts),
        "quota": act.quota,
        "bytes": act.bytes,
        "over_plan": act.over_plan,
        **moment("at", act.at, zone),
        **moment("begins", act.begins, zone),
        **moment("until", act.until, zone),
    }
