# SPDX-License-Identifier: GPL-2.0-or-later
"""State and DaemonFacts -> the document of `esimshaper saver`. Pure. The frame is as in documents.py.

saver      {"measure": share of films that are not paced, as in the settings, or null, "days": of what is told,
            "mechanisms": [mechanism]}; what they saved is never added up, as it is not known in the same way
mechanism  {"mechanism": "pace", "names" or "metered", "what": the services that are paced, else "",
            "how": "counted", "estimated" or "unknown", "why": "", or of what is unknown "off": nobody measures,
            "little": too little was seen so far, "unseen": what does not come cannot be seen,
            "saved_bytes": in these days, null for unknown; "low_bytes", "high_bytes": with a probability of 90 % it
            is between these, "rate_bits_per_second": of a pace, else null, "watched": watched or null, "names": int of
            what DNS refuses, else null, "refused": answers of the last hour that refused one of them, which is
            counted, though their bytes are unknown; null while nobody can say}
watched    {"held_seconds", "free_seconds": with the pace, and without it, "samples": days of clients with both,
            "held_bytes_per_minute", "free_bytes_per_minute": null where nothing was watched so}

    saved  {"mechanism", "how", "bytes": as each evening had it, up to the end of yesterday}, in `status`
    own    of a device: {"what", "rate_bits_per_second", "saved_bytes": most likely, or null for unknown, "days"}
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EACH_CLIENT, EVERYONE, Subject, SubjectKind
from esimshaper.core.model.measure import NO_SAMPLE, SAMPLE_DAYS, Estimate, Finding, How, Sample
from esimshaper.core.model.rules import hierarchy_of
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, new_document

Samples = Mapping[tuple[str, ...], float]


def saver_document(facts: DaemonFacts, findings: Iterable[Finding], measure: Fraction) -> Document:
    """See the module's docstring."""
    withheld = facts.withheld
    mechanisms = [_pace(each, measure) for each in findings]
    if withheld.names or withheld.services:
        mechanisms.append(_unseen("names", withheld.names, withheld.refused))
    if withheld.metered:
        mechanisms.append(_unseen("metered", None))
    return new_document(facts.now) | {
        "measure": str(measure) if measure else None,
        "days": SAMPLE_DAYS,
        "mechanisms": mechanisms,
    }


def of_client(facts: DaemonFacts, findings: Iterable[Finding], client: ClientKey) -> list[Document]:
    """The paces of a device, as it may see them."""
    whose = {*hierarchy_of(Subject(SubjectKind.CLIENT, client), facts.names, facts.groups), EVERYONE, EACH_CLIENT}
    return [
        {
            "what": each.pace.written,
            "rate_bits_per_second": each.pace.rate,
            "saved_bytes": _saved_by(each.estimate, each.samples.get(client, NO_SAMPLE)),
            "days": SAMPLE_DAYS,
        }
        for each in findings
        if each.pace.subject in whose
    ]


def saved_ever(state: State) -> Samples:
    """Bytes by mechanism and how they are known, as each evening had them."""
    saved = state.measure.kept.saved
    return {("pace", How.ESTIMATED.value): sum(saved.values())} if saved else {}


def saved_entries(state: State) -> list[Document]:
    """The `saved` of all mechanisms of which something is known."""
    ever = saved_ever(state)
    return [{"mechanism": mechanism, "how": how, "bytes": int(size)} for (mechanism, how), size in ever.items()]


def _saved_by(found: Estimate | None, sample: Sample) -> int | None:
    return round(sample.held_seconds * (found.free_rate - found.held_rate)) if found else None


def _pace(each: Finding, measure: Fraction) -> Document:
    found, total = each.estimate, sum(each.samples.values(), NO_SAMPLE)
    how, why = (How.ESTIMATED, "") if found else (How.UNKNOWN, "little" if measure else "off")
    return {
        "mechanism": "pace",
        "what": each.pace.written,
        "how": how.value,
        "why": why,
        "saved_bytes": found.saved if found else None,
        "low_bytes": found.low if found else None,
        "high_bytes": found.high if found else None,
        "rate_bits_per_second": each.pace.rate,
        "watched": {
            "held_seconds": round(total.held_seconds),
            "free_seconds": round(total.free_seconds),
            "samples": found.samples if found else 0,
            "held_bytes_per_minute": _per_minute(total.held_bytes, total.held_seconds),
            "free_bytes_per_minute": _per_minute(total.free_bytes, total.free_seconds),
        },
        "names": None,
        "refused": None,
    }


def _per_minute(size: int, seconds: float) -> int | None:
    return round(size * 60 / seconds) if seconds else None


def _unseen(mechanism: str, names: int | None, refused: int | None = None) -> Document:
    nothing = dict.fromkeys(("saved_bytes", "low_bytes", "high_bytes", "rate_bits_per_second", "watched"))
    known = {"how": How.UNKNOWN.value, "why": "unseen", "names": names, "refused": refused}
    return {"mechanism": mechanism, "what": "", **known, **nothing}
