# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that people write -> clients, or the Subject of a command; and back. Pure.

A device chooses its host name itself. So a configured name counts more than a host name: else a stranger could take the
place of a device by taking its name.

    subjects  {"subjects": ["everyone", "group/NAME" ..., "client/NAME" ...], "quotas": [name]}
              also "services" and "categories": [name] of the catalogue; the frame is as in documents.py
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from esimshaper.core.model.identity import BUILT_IN_CLIENTS, UNATTRIBUTED, ClientKey, Identity, composed
from esimshaper.core.model.limits import EVERYONE, UNKNOWN_GROUP, Quota, Subject, SubjectKind
from esimshaper.core.model.rules import hierarchy_of
from esimshaper.core.model.services import BUILT_IN, HIDDEN
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document, identity, known_clients, new_document

_ADDRESS = re.compile("[0-9a-f]{2}([:-][0-9a-f]{2}){5}|[0-9]+(\\.[0-9]+){3}|[0-9a-f]*:[0-9a-f:]+")
_MEANT = {
    **dict.fromkeys(("all", "any", "anyone", "anybody", "everybody", "everything"), EVERYONE.kind.value),
    **dict.fromkeys(("unknown", "unnamed", "strangers", "guests", "others", "rest"), f"group/{UNKNOWN_GROUP}"),
}
"""What people say -> the subject that they probably mean."""


def find_clients(state: State, text: str, facts: DaemonFacts) -> tuple[ClientKey, ...]:
    """The clients that a person means by `text`, with or without `client/`; empty if there is none.

    By configured name; or else by MAC or address; or else by host name.
    """
    text = composed(text).strip().removeprefix(f"{SubjectKind.CLIENT.value}/")
    wanted = text.lower()
    identities = [identity(state, key, facts) for key in {*known_clients(state), *facts.names}]
    ways = (
        [who.key for who in identities if who.name == text],
        [who.key for who in identities if who.name.lower() == wanted],
        [who.key for who in identities if wanted.replace("-", ":") == who.key or wanted in {who.key, *who.addresses}],
        [who.key for who in identities if composed(who.hostname).lower() == wanted],
    )
    return tuple(sorted(next((found for found in ways if found), []))) if wanted else ()


def find_many(state: State, text: str, facts: DaemonFacts) -> tuple[ClientKey, ...]:
    """As `find_clients`; or the members of the group that a person means."""
    group = _group_meant(state, composed(text).strip(), facts)
    if not group:
        return find_clients(state, text, facts)
    if group == UNKNOWN_GROUP:
        return tuple(sorted(_limitable(state, facts) - facts.names.keys() - BUILT_IN_CLIENTS))
    return tuple(sorted(key for key, of in facts.groups.items() if of == group))


def subject_label(state: State, subject: Subject, facts: DaemonFacts) -> str:
    """The subject as in `for` of the configuration, and as the label of metrics: client/NAME, or client/MAC."""
    client = subject.kind is SubjectKind.CLIENT
    return subject.written(identity(state, ClientKey(subject.id), facts).label if client else "")


def subject_entry(state: State, subject: Subject, facts: DaemonFacts) -> Document:
    """The subject as part of an entry: `subject` as in `for`; `called`, if people call it by a host name, else null."""
    who = identity(state, ClientKey(subject.id), facts) if subject.kind is SubjectKind.CLIENT else None
    called = who.called if who and who.called != who.label else None
    return {"subject": subject_label(state, subject, facts), "called": called}


def typed_entry(state: State, subject: Subject, facts: DaemonFacts) -> Document:
    """The `subject_entry` and `typed`: the shortest way in which a command can name the subject alone."""
    label = subject_label(state, subject, facts)
    client = subject.kind is SubjectKind.CLIENT
    typed = _speller(state, facts)(identity(state, ClientKey(subject.id), facts)) if client else label
    return subject_entry(state, subject, facts) | {"typed": typed}


def subjects_document(state: State, facts: DaemonFacts) -> Document:
    """Everyone whom a command can name; a shell completes it. See the module's docstring."""
    groups = sorted(f"group/{group}" for group in _groups(state, facts))
    clients = _spellings(state, facts)
    return new_document(facts.now) | {
        "subjects": [EVERYONE.kind.value, *groups, *sorted(f"client/{client}" for client in clients)],
        "quotas": [quota.name for quota in facts.quotas],
        "services": sorted({*facts.catalogue, *BUILT_IN}),
        "categories": sorted({HIDDEN, *(each.category for each in facts.catalogue.values() if each.category)}),
    }


def find_subject(state: State, text: str, facts: DaemonFacts) -> Subject:
    """The one whom a person means by `text`: as in `for`, or a bare name, or a client's MAC, address or host name.

    Raises ValueError with one sentence for a person if nobody is meant, or several are.
    """
    text = composed(text).strip()
    if text == EVERYONE.kind.value:
        return EVERYONE
    if text == SubjectKind.EACH_CLIENT.value:
        raise ValueError("only quotas are for each-client; name everyone, one client or a group")
    if group := _group_meant(state, text, facts):
        return Subject(SubjectKind.GROUP, group)
    found = find_clients(state, text, facts)
    if len(found) > 1:
        raise ValueError(f"`{text}` may be {' or '.join(f'client/{key}' for key in found)}; name one of them")
    if not found and (named := _of_quota(state, text, facts)):
        raise ValueError(f"`{text}` is a quota, and no device; it is that of `{named}`: write this instead")
    if not found:
        raise ValueError(nobody(state, text, facts))
    if found[0] == UNATTRIBUTED:
        raise ValueError(f"{found[0]} is not a device that can be limited")
    return Subject(SubjectKind.CLIENT, found[0])


def _group_meant(state: State, text: str, facts: DaemonFacts) -> str:
    """The group of that name, with or without `group/`; empty if there is none, or a client was given the name.

    A host name is not looked at, since a stranger could take the name of a group by it.
    """
    prefix = f"{SubjectKind.GROUP.value}/"
    name, bare = text.removeprefix(prefix), not text.startswith(prefix)
    taken = bare and name.lower() in {each.lower() for each in facts.names.values()}
    return name if name in _groups(state, facts) and not taken else ""


def with_ancestors(subject: Subject, facts: DaemonFacts) -> frozenset[Subject]:
    """A client, its group and everyone; a group and everyone."""
    return frozenset(hierarchy_of(subject, facts.names, facts.groups))


def _of_quota(state: State, text: str, facts: DaemonFacts) -> str:
    """Whose the quota of this name is, as a person would write it; empty if there is none, or it is for each."""
    own = [
        each.subject for each in facts.quotas if each.name == text and each.subject.kind is not SubjectKind.EACH_CLIENT
    ]
    return subject_label(state, own[0], facts).removeprefix("client/") if own else ""


def find_quota(state: State, text: str, facts: DaemonFacts) -> Quota:
    """The quota that a person means by `text`: its name, or that of the only one whom it is for.

    Raises ValueError with one sentence for a person.
    """
    wanted = composed(text).strip().lower()
    named = [quota for quota in facts.quotas if quota.name.lower() == wanted]
    own = [quota for quota in facts.quotas if _means(state, text, quota.subject, facts)]
    found = named or own
    shared = [each for each in facts.quotas if each.subject.kind is SubjectKind.EACH_CLIENT and not named]
    if len(found) == 1 and (named or not shared or found[0].subject.kind is not SubjectKind.CLIENT):
        return found[0]
    words = [*(quota.name for quota in own), *(f"{quota.name} --client {text}" for quota in shared)]
    if own or (words and find_clients(state, text, facts)):
        raise ValueError(f"`{text}` is no quota; say which one of it is meant: `{'`, or `'.join(words)}`")
    names = {quota.name.lower(): quota.name for quota in facts.quotas}
    near = get_close_matches(wanted, names, n=1)
    known = f"there are {', '.join(names.values())}" if names else "the configuration has room for some, under `quotas`"
    advice = f"did you mean `{names[near[0]]}`?" if near else known
    raise ValueError(f"there is no quota `{text}`; {advice}")


def _means(state: State, text: str, subject: Subject, facts: DaemonFacts) -> bool:
    """Whether a person means this subject of a quota by `text`."""
    if subject.kind is SubjectKind.CLIENT:
        return find_clients(state, text, facts) == (ClientKey(subject.id),)
    return subject_label(state, subject, facts).lower() == composed(text).strip().lower()


def _groups(state: State, facts: DaemonFacts) -> set[str]:
    """The groups that exist, and former groups with an override: it can still be taken back."""
    overrides = state.limits.kept.overrides
    by_hand = (each.subject.id for each in overrides if each.subject.kind is SubjectKind.GROUP)
    return {*facts.groups.values(), UNKNOWN_GROUP, *by_hand}


def _limitable(state: State, facts: DaemonFacts) -> set[ClientKey]:
    return {*known_clients(state), *facts.names} - {UNATTRIBUTED}


def _spellings(state: State, facts: DaemonFacts) -> set[str]:
    """How a command can name each client."""
    spelled = _speller(state, facts)
    return {spelled(identity(state, key, facts)) for key in _limitable(state, facts)}


def _speller(state: State, facts: DaemonFacts) -> Callable[[Identity], str]:
    """How a command can name a client: by its configured name, by a host name that means it alone, or by its key."""
    known = [identity(state, key, facts) for key in _limitable(state, facts)]
    hosts = Counter(_plain(who.hostname) for who in known)
    words = (EVERYONE.kind.value, SubjectKind.EACH_CLIENT.value)
    taken = {*words, "", *(_plain(text) for who in known for text in (who.name, who.key, *who.addresses))}

    def is_sure(host: str) -> bool:
        return (
            hosts[host] == 1 and not {host, host.replace("-", ":")} & taken and host == host.strip() and "/" not in host
        )

    return lambda who: who.hostname if not who.name and is_sure(_plain(who.hostname)) else who.label


def _plain(text: str) -> str:
    return composed(text).lower()


def _advice(state: State, text: str, facts: DaemonFacts) -> str:
    """The subject that was perhaps meant, in a spelling that is understood."""
    if _ADDRESS.fullmatch(text.lower().removeprefix("client/")):  # none of a neighbour's: one digit is another device
        return "none with that address has moved a byte yet; `sudo esimshaper name MAC NAME` lists one before it comes"
    words = {word.lower(): word for word in _words(state, facts)}
    short = {word.partition("/")[2]: right for word, right in words.items() if "/" in word}
    meant = [_MEANT[text.lower()]] if text.lower() in _MEANT else []
    near = meant or get_close_matches(text.lower(), [*words, *short], n=1, cutoff=0.7)
    right = next((found[each] for each in near for found in (words, short) if each in found), "")
    if right:
        return f"did you mean `{right.removeprefix('client/')}`?"
    return (
        "`esimshaper clients` lists the devices, and `group: kids` beside the name of each makes a group in the "
        "configuration; sites and apps are in `esimshaper services` only"
    )


def nobody(state: State, text: str, facts: DaemonFacts) -> str:
    """One sentence for a person who named nobody that is here."""
    return f"there is no device or group `{text}`; {_advice(state, text, facts)}"


def _words(state: State, facts: DaemonFacts) -> Iterable[str]:
    yield EVERYONE.kind.value
    for group in _groups(state, facts):
        yield f"group/{group}"
    for key in _limitable(state, facts):
        who = identity(state, key, facts)
        yield who.hostname
        yield f"client/{who.label}"
