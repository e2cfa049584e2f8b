# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is the owner: sessions, and how soon somebody may guess again. Pure.

5 wrong passwords of one browser -> 30 seconds, then twice as long after each, 15 minutes at most
20 wrong passwords of all within an hour -> nobody, until the oldest of them is an hour ago
"""

from dataclasses import replace

from esimshaper.core.model.page import Guesses, PageState, Password, Session

SESSION_SECONDS = 12 * 3600
MAX_SESSIONS = 32
FREE_GUESSES = 5
FIRST_WAIT, LONGEST_WAIT = 30, 900
MAX_FAILED, FAILED_SECONDS = 20, 3600
MAX_GUESSERS = 256


def wait_seconds(kept: PageState, who: str, now: int) -> int:
    """How long `who` may not try a password; 0: it may now."""
    own = next((each.until for each in kept.guesses if each.who == who), 0)
    recent = _recent(kept, now)
    of_all = recent[-MAX_FAILED] + FAILED_SECONDS - now if len(recent) >= MAX_FAILED else 0
    # A clock that was set back must not lock anybody out for longer than it would have been.
    return max(0, min(own - now, LONGEST_WAIT), min(of_all, FAILED_SECONDS))


def tried(kept: PageState, who: str, now: int) -> PageState:
    """`kept` with one more wrong password. It counts before it is compared, and so also if the daemon ends there."""
    failures = 1 + next((each.failures for each in kept.guesses if each.who == who), 0)
    more = failures - FREE_GUESSES
    wait = min(FIRST_WAIT * 2 ** min(more, 10), LONGEST_WAIT) if more >= 0 else 0
    others = [each for each in kept.guesses if each.who != who]
    guesses = (*others, Guesses(who, failures, now + wait))[-MAX_GUESSERS:]
    return replace(kept, guesses=guesses, failed=(*_recent(kept, now), now)[-MAX_FAILED:])


def is_besieged(kept: PageState, now: int) -> bool:
    """Whether so many passwords were wrong that nobody may try."""
    return len(_recent(kept, now)) >= MAX_FAILED


def logged_in(kept: PageState, who: str, token: str, now: int) -> PageState:
    """`kept` after the right password of `who`, whose last try was `tried`; `token` is the hash of the new one."""
    number = 1 + max((each.number for each in kept.sessions), default=0)
    session = Session(number, token, who, now, now + SESSION_SECONDS)
    guesses = tuple(each for each in kept.guesses if each.who != who)
    sessions = (*live_sessions(kept, now), session)[-MAX_SESSIONS:]
    return replace(kept, sessions=sessions, guesses=guesses, failed=kept.failed[:-1])


def session_of(kept: PageState, token: str, who: str, now: int) -> Session | None:
    """The session of a token, if it goes on and is the browser's own: a token that was overheard is of no use."""
    return next((each for each in live_sessions(kept, now) if each.token == token and each.who == who), None)


def live_sessions(kept: PageState, now: int) -> tuple[Session, ...]:
    """Those that are not over. One that has not begun yet is over: somebody has set the clock back."""
    return tuple(each for each in kept.sessions if each.began - SESSION_SECONDS <= now < each.until)


def logged_out(kept: PageState, token: str | None = None, who: str | None = None) -> PageState:
    """`kept` without the session of a token, or those of a browser; without all, if neither is given."""
    every = token is None and who is None
    sessions = (each for each in kept.sessions if not every and each.token != token and each.who != who)
    return replace(kept, sessions=tuple(sessions))


def with_password(kept: PageState, password: Password) -> PageState:
    """`kept` with another password: whoever knew the former one is out, and whoever guessed may try."""
    return replace(kept, password=password, sessions=(), guesses=(), failed=())


def _recent(kept: PageState, now: int) -> tuple[int, ...]:
    return tuple(at for at in kept.failed if now - FAILED_SECONDS < at <= now)
