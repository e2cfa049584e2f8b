# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page's people do: each function turns a State into another, to be saved with the next tick. Pure."""

from collections.abc import Callable
from dataclasses import replace

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.page import Ask, PageSlice, PageState, Password, Session
from esimshaper.core.model.state import State
from esimshaper.core.page import asks, memory, owner

Change = Callable[[State], State]


def set_password(state: State, password: Password) -> State:
    """Another password; all sessions end."""
    return _with(state, owner.with_password(state.page.kept, password))


def wait_seconds(state: State, who: str) -> int:
    """How long `who` may not try a password; 0: it may now."""
    return owner.wait_seconds(state.page.kept, who, _now(state))


def is_besieged(state: State) -> bool:
    """Whether so many passwords were wrong that nobody may try for a while."""
    return owner.is_besieged(state.page.kept, _now(state))


def try_password(state: State, who: str) -> State:
    """One more wrong password, until `log_in` takes it back."""
    return _with(state, owner.tried(state.page.kept, who, _now(state)))


def log_in(state: State, who: str, token: str) -> State:
    """The password was right; `token`: the hash of the session's token."""
    return _with(state, owner.logged_in(state.page.kept, who, token, _now(state)))


def session_of(state: State, token: str, who: str) -> Session | None:
    """The session of a token that `who` shows, if it goes on."""
    return owner.session_of(state.page.kept, token, who, _now(state))


def sessions(state: State) -> tuple[Session, ...]:
    """Those that go on."""
    return owner.live_sessions(state.page.kept, _now(state))


def leave(state: State, token: str) -> State:
    """The owner logs out in the browser that has this token."""
    return _with(state, owner.left(state.page.kept, token, _now(state)))


def log_out(state: State, who: str | None = None) -> State:
    """Ends the sessions of a browser, or all."""
    return _with(state, owner.logged_out(state.page.kept, who))


def ask(state: State, client: ClientKey, size: int, text: str, request: str, service: str = "") -> State:
    """A device asks for more, or for a service that is held. Raises TooSoon, AlreadyDone."""
    memory.refuse_done(state.page.kept, request)
    kept = asks.asked(state.page.kept, client, size, text, _now(state), service)
    return _with(state, memory.with_done(kept, request, "asked", _now(state)))


def open_ask(state: State, number: int) -> Ask:
    """The question of that number. Raises Unusable if nobody asks it any more."""
    return asks.open_ask(state.page.kept, number)


def answer(state: State, number: int, given: int) -> State:
    """The owner's answer to a question: `given` bytes or seconds, 0 for no. Raises Unusable."""
    return _with(state, asks.answered(state.page.kept, number, given, _now(state)))


def name(state: State, client: ClientKey, given: str) -> State:
    """The owner calls a device so; an empty name is taken back. Raises Unusable."""
    taken = {each.name.lower() for key, each in state.names.identities.items() if key != client and each.name}
    if given.lower() in taken:
        raise Unusable(f"another device is called `{given}` in the configuration", "Choose another name.")
    return _with(state, memory.named(state.page.kept, client, given))


def refuse_done(state: State, request: str) -> None:
    """Raises AlreadyDone if a request of this id was carried out."""
    memory.refuse_done(state.page.kept, request)


def once(change: Change, request: str, said: str) -> Change:
    """`change`, which raises AlreadyDone from the second time on; what says so is saved with the change itself."""

    def carry_out(state: State) -> State:
        refuse_done(state, request)
        after = change(state)
        return _with(after, memory.with_done(after.page.kept, request, said, _now(after)))

    return carry_out


def _now(state: State) -> int:
    return int(state.clock.time)


def _with(state: State, kept: PageState) -> State:
    """`state` with what is kept of the page, to be saved at the next tick."""
    return replace(state, page=PageSlice(kept), saving=replace(state.saving, urgent=True))
