# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page remembers and for how long: requests that were done, names; and what a tick forgets. Pure."""

from dataclasses import replace

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.page import AlreadyDone, Done, PageSlice, PageState
from esimshaper.core.page import asks, owner

DONE_SECONDS = 86400
MAX_DONE = 256
MAX_NAMES = 1024


def advance(before: PageSlice, now: float) -> PageSlice:
    """The slice without what is over; the same one while nothing is."""
    kept, at = before.kept, int(now)
    sessions = owner.remembered(kept, at)
    open_long = tuple(each for each in kept.asks if at - (each.answered or each.at) < asks.KEPT_SECONDS)
    recent = tuple(each for each in kept.done if at - each.at < DONE_SECONDS)
    if (len(sessions), len(open_long), len(recent)) == (len(kept.sessions), len(kept.asks), len(kept.done)):
        return before
    return PageSlice(replace(kept, sessions=sessions, asks=open_long, done=recent))


def refuse_done(kept: PageState, request: str) -> None:
    """Raises AlreadyDone if a request of this id was carried out."""
    for each in kept.done:
        if each.request == request:
            raise AlreadyDone(each)


def with_done(kept: PageState, request: str, said: str, now: int) -> PageState:
    """`kept` with a request that is carried out."""
    return replace(kept, done=(*kept.done, Done(request, now, said))[-MAX_DONE:])


def named(kept: PageState, client: ClientKey, name: str) -> PageState:
    """`kept` with another name of a device; an empty one takes it back. Raises Unusable."""
    others = {key: each for key, each in kept.names.items() if key != client}
    if name and name.lower() in {each.lower() for each in others.values()}:
        raise Unusable(f"another device is called `{name}`", "Choose another name.")
    if name and len(others) >= MAX_NAMES:
        raise Unusable(f"{MAX_NAMES} devices have names already", "Take one back first.")
    return replace(kept, names={**others, client: name} if name else others)


def merged(saved: PageState, given_up: PageState) -> PageState:
    """`saved`, with what was done while it could not be read: `given_up` has that."""
    new = {each.client: each for each in given_up.asks}
    older = (each for each in saved.asks if each.client not in new)
    numbered = (each._replace(number=number) for number, each in enumerate((*older, *new.values()), start=1))
    return replace(
        saved if given_up.password is None else owner.with_password(saved, given_up.password),
        sessions=(*(saved.sessions if given_up.password is None else ()), *given_up.sessions),
        asks=tuple(numbered),
        names={**saved.names, **given_up.names},
        done=(*saved.done, *given_up.done)[-MAX_DONE:],
    )
