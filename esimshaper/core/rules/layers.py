# SPDX-License-Identifier: GPL-2.0-or-later
"""Layers, clients and services -> Decisions. Pure.

Clients for whom the same entries hold share one row, so 64 rules for 253 clients cost what they cost for a few.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from esimshaper.core.model.decisions import Decision, Decisions, Entry, Layer
from esimshaper.core.model.identity import PSEUDO_KEYS, Account
from esimshaper.core.model.limits import EACH_CLIENT, EVERYONE, Subject
from esimshaper.core.model.rules import Hierarchy
from esimshaper.core.model.services import HIDDEN, NUMBER_HIDDEN, name_of_number


class Words(NamedTuple):
    """All services that the kernel knows, by number, and those that each word of `what` means."""

    all: frozenset[int]
    by_word: Mapping[str, frozenset[int]]

    def numbers(self, what: Iterable[str] | None) -> frozenset[int]:
        """The services that `what` names."""
        return self.all if what is None else frozenset().union(*(self.by_word.get(word, ()) for word in what))


def words_of(names: Mapping[int, str], categories: Mapping[str, str]) -> Words:
    """`names`: of the services that have a number; `categories`: by their names."""
    found: dict[str, set[int]] = {}
    for number in names:
        name = name_of_number(number, names)
        category = HIDDEN if number == NUMBER_HIDDEN else categories.get(name)
        for word in filter(None, (name, category)):
            found.setdefault(word, set()).add(number)
    return Words(frozenset(names), {word: frozenset(numbers) for word, numbers in found.items()})


def decide(layers: Sequence[Layer], hierarchies: Mapping[Account, Hierarchy], words: Words) -> Decisions:
    """What holds for each account; one for which nothing holds is left out. `hierarchies`: whose each account is."""
    by_subject: dict[Subject, list[int]] = {}
    entries = [(place, entry) for place, layer in enumerate(layers) for entry in layer.entries]
    for number, (_, entry) in enumerate(entries):
        by_subject.setdefault(entry.subject, []).append(number)
    rows: dict[tuple[int, ...], Mapping[int, Decision]] = {}
    found: dict[Account, Mapping[int, Decision]] = {}
    for account, hierarchy in hierarchies.items():
        own = tuple(sorted(number for subject in _subjects(hierarchy) for number in by_subject.get(subject, ())))
        if own not in rows:
            rows[own] = _row([entries[number] for number in own], words)
        if rows[own]:
            found[account] = rows[own]
    return found


def _subjects(hierarchy: Hierarchy) -> Hierarchy:
    """Whom an entry may be for to fit a client. Saying everyone, nobody means the router."""
    own = hierarchy[0]
    if own.id in PSEUDO_KEYS:
        return (own,)
    return (*hierarchy, EACH_CLIENT) if hierarchy[-1] == EVERYONE else (*hierarchy, EVERYONE, EACH_CLIENT)


def _row(entries: Iterable[tuple[int, Entry]], words: Words) -> Mapping[int, Decision]:
    """Of entries that fit a client, with the place of their layer: what holds for each service."""
    row: dict[int, Decision] = {}
    passed: dict[int, set[int]] = {}  # by layer, the services of which it says nothing
    for place, entry in entries:
        numbers = words.numbers(entry.what).difference(row, passed.get(place, ()))
        if entry.decision is None:
            passed.setdefault(place, set()).update(numbers)
        else:
            row |= dict.fromkeys(numbers, entry.decision)
    return row
