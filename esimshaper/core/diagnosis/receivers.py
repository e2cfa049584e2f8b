# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on the second look at downloads, where they leave for the LAN. Pure; see findings.py."""

from collections.abc import Iterable

from esimshaper.core.model.box import BoxFacts, Finding, Findings, TcFilter
from esimshaper.core.model.kernel import FILTER_PRIORITY, OURS

CHECK = "receivers"

UNSEEN = (
    "downloads are booked to whom the uplink takes for their receiver, and to nobody where it knows none: a forwarded "
    "port of a blocked device, for example, goes on"
)


def _second_look(facts: BoxFacts) -> Findings:
    """Whether our program is at each LAN interface where we count, and nothing takes packets away before it."""
    looking = []
    for name in facts.wanted.lans if facts.wanted else ():
        there = [each for each in facts.filters or () if each.interface == name and each.direction == "egress"]
        if _has_ours(there, "lan_egress"):
            looking.append(name)
        elif _has_ours((each for each in facts.filters or () if each.interface == name), "lan_ingress"):
            yield _missing(name, there)
        for other in there:
            if other.priority < FILTER_PRIORITY:
                sentence = (
                    f"{name} egress: {_words(other)} runs before esimshaper's program: packets that it takes are not "
                    "looked at, and limits of their receiver do not hold for them."
                )
                yield Finding.warning(CHECK, sentence, f"give it a priority above {FILTER_PRIORITY}: {_show(other)}")
    if looking:
        yield Finding.ok(CHECK, f"Limits hold for whoever gets a download, as seen at {', '.join(looking)}.")


def _missing(name: str, there: list[TcFilter]) -> Finding:
    """What stands in our place at the egress of a LAN interface, or that nothing does."""
    sentence = f"{name} egress: esimshaper's program is not there, so {UNSEEN}."
    taken = next((each for each in there if each.priority == FILTER_PRIORITY), None)
    if taken is None:
        return Finding.warning(CHECK, sentence, "journalctl -u esimshaper says why; systemctl restart esimshaper")
    sentence = f"{name} egress: {_words(taken)} is in the place of esimshaper's program, so {UNSEEN}."
    return Finding.warning(CHECK, sentence, f"give it another priority than {FILTER_PRIORITY}: {_show(taken)}")


def _later_filters(facts: BoxFacts) -> Findings:
    """Filters behind ours that may take the note away by which the LAN hook knows a download (skb->tc_index)."""
    for other in facts.filters or () if facts.wanted else ():
        at_wan = facts.wanted is not None and other.interface == facts.wanted.wan and other.direction == "ingress"
        if at_wan and other.priority > FILTER_PRIORITY and not other.name.startswith(f"{OURS} "):
            sentence = (
                f"{other.interface} ingress: {_words(other)} runs behind esimshaper's program. If it ends with `ok`, "
                f"esimshaper does not see who gets these packets: {UNSEEN}."
            )
            yield Finding.warning(CHECK, sentence, f"let the filter end with `action continue`: {_show(other)}")


def _has_ours(filters: Iterable[TcFilter], program: str) -> bool:
    return any(each.name.startswith(f"{OURS} {program}") for each in filters)


def _words(other: TcFilter) -> str:
    return f"{other.kind} {other.name}".strip() + f" (priority {other.priority}) of another program"


def _show(other: TcFilter) -> str:
    return f"tc filter show dev {other.interface} {other.direction}"


CHECKS = (_second_look, _later_filters)
