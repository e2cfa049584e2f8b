# SPDX-License-Identifier: GPL-2.0-or-later
"""Happenings -> the document of `esimshaper events`. Pure. The frame is as in documents.py.

events    {"count": int, "events": [event]}, oldest first; count: of events before `limit` was applied
event     {"at": ISO 8601, "at_unix": int, "kind": str, "text": sentence, "subjects": [subject as in `for`],
           "quota": name or empty}
          kind: "quota-warning", "quota-reached", "quota-renewed", "granted", "revoked"; "open", "throttled",
          "blocked" of a client; "alarm", "alarm-more", "alarm-end"; "approval", "approvals-due"; "by-hand",
          "gap", "counters-lost"; else a message of the daemon (see its manual)
"""

from collections.abc import Sequence

from esimshaper.core.model.happenings import Happening
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, moment, new_document
from esimshaper.core.report.subjects import subject_label


def events_document(state: State, facts: DaemonFacts, happened: Sequence[Happening], *, limit: int) -> Document:
    """The last `limit` of them. See the module's docstring."""
    return new_document(facts.now) | {
        "count": len(happened),
        "events": [
            {
                **moment("at", each.at, facts.now.tzinfo),
                "kind": each.kind,
                "text": each.text,
                "subjects": [subject_label(state, subject, facts) for subject in each.subjects],
                "quota": each.quota,
            }
            for each in happened[-limit:]
        ],
    }
