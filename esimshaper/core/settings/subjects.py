# SPDX-License-Identifier: GPL-2.0-or-later
"""`for` of a quota -> its Subject, one of the clients and groups of the configuration. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from esimshaper.core.model.identity import ROUTER, ClientKey, composed
from esimshaper.core.model.limits import UNKNOWN_GROUP, Subject, SubjectKind
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.values import Client

_MEANT = {
    **dict.fromkeys(("all", "anyone", "everybody"), SubjectKind.EVERYONE.value),
    **dict.fromkeys(("each", "every client", "each device"), SubjectKind.EACH_CLIENT.value),
    **dict.fromkeys(("guests", "strangers", "unlisted", "unnamed", "others"), f"group/{UNKNOWN_GROUP}"),
}
"""What people write -> the subject that they probably mean."""


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a quota may name: the clients of the configuration, by name, and its groups."""

    macs: Mapping[str, ClientKey]
    groups: Collection[str]


def known_from(tree: Block, clients: Collection[Client]) -> Known | None:
    """All names and groups under `clients`; None if a name is missing there, as a quota may mean that client.

    A client with a wrong MAC address is known too, with an empty address: a quota for it is not a second mistake.
    """
    listed = tree.blocks("clients")
    if not all(client.has("name") for client in listed):
        return None
    macs = {client.name: client.key for client in clients}
    names = filter(None, (client.name() for client in listed))
    groups = set(filter(None, (client.name("group") for client in listed)))
    return Known({name: macs.get(name, ClientKey("")) for name in names}, groups)


def subject_from(quota: Block, known: Known | None) -> Subject | None:
    """The subject of `quota`; None where it is missing or wrong, or where `known` is None."""
    if known is None:
        return None
    hint = _hint(str(quota.get("for", "")), known)
    return quota.parse("for", lambda text: parse_subject(text, known), hint)


def _hint(text: str, known: Known) -> str:
    """The spelling that was perhaps meant by `text`, or what can stand there."""
    words = {
        **_MEANT,
        **{name.lower(): name for name in known.macs},
        **{each.lower(): f"group/{each}" for each in known.groups},
    }
    near = get_close_matches(composed(text).rpartition("/")[2].lower(), list(words), n=1)
    meant = f"Did you mean `{words[near[0]]}`? " if near else ""
    return (
        f"{meant}Names and groups are what `clients` has, not what devices call themselves; group/unknown is all "
        "devices that are not listed there."
    )


def parse_subject(text: str, known: Known) -> Subject:
    """The subject that `everyone`, `each-client`, `router`, `NAME`, `client/NAME` or `group/NAME` means.

    A bare NAME is that of a client, or else of a group. Raises ValueError for other texts, and for a NAME that is not
    in `known`. The group `unknown` needs no client.
    """
    word, slash, name = composed(text).partition("/")
    if text in (SubjectKind.EVERYONE.value, SubjectKind.EACH_CLIENT.value):
        return Subject(SubjectKind(text))
    if text in (ROUTER, f"{SubjectKind.CLIENT.value}/{ROUTER}"):
        return Subject(SubjectKind.CLIENT, ROUTER)
    if not slash:
        is_group = word not in known.macs and word in known.groups
        word, name = (SubjectKind.GROUP if is_group else SubjectKind.CLIENT).value, word
    if word not in (SubjectKind.CLIENT.value, SubjectKind.GROUP.value):
        raise ValueError(f"`{text}` is not everyone, each-client, the name of a client or of a group, or router")
    if word == SubjectKind.GROUP.value:
        if name != UNKNOWN_GROUP and name not in known.groups:
            raise ValueError(f"no client is in the group `{name}`")
        return Subject(SubjectKind.GROUP, name)
    if name not in known.macs:
        raise ValueError(f"no client is named `{name}`" + ("" if slash else ", and no group"))
    return Subject(SubjectKind.CLIENT, known.macs[name])
