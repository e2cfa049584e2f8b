# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is the owner: sessions, and how soon somebody may guess again. Pure.

5 wrong passwords of one browser -> 30 seconds, then twice as long after each, 15 minutes at most
20 wrong passwords of all within an hour -> nobody, until the oldest of them is an hour ago; but where the owner has
                                            logged in before, so that no guest can lock the owner out
"""

from dataclasses import replace

from esimshaper.core.model.page import Guesses, PageState, Password, Session

SESSION_SECONDS = 12 * 3600
KNOWN_SECONDS = 90 * 86400
"""So long after its session a browser is known to be the owner's."""
MAX_SESSIONS = 32
FREE_GUESSES = 5
FIRST_WAIT, LONGEST_WAIT = 30, 900
MAX_FAILED, FAILED_SECONDS = 20, 3600
MAX_GUESSERS = 256


def wait_seconds(kept: PageState, who: str, now: int) -> int:
    """How long `who` may not try a password; 0: it may now."""
    own = next((each.until for each in kept.guesses if each.who == who), 0)
    recent = _recent(kept, now)
    is_full = len(recent) >= MAX_FAILED and not _is_known(kept, who)
    of_all = recent[-MAX_FAILED] + FAILED_SECONDS - now if is_full else 0
    # A clock that was set back must not lock anybody out for longer than it would have been.
    return max(0, min(own - now, LONGEST_WAIT), min(of_all, FAILED_SECONDS))


def tried(kept: PageState, who: str, now: int) -> PageState:
    """`kept` with one more wrong password. It counts before it is compared, and so also if the daemon ends there."""
    failures = 1 + next((each.failures for each in kept.guesses if each.who == who), 0)
    more = failures - FREE_GUESSES
    wait = min(FIRST_WAIT * 2 ** min(more, 10), LONGEST_WAIT) if more >= 0 else 0
    others = [each for each in kept.guesses if each.who != who]
    guesses = (*others, Guesses(who, failures, now + wait))[-MAX_GUESSERS:]
    if _is_known(kept, who):
        return replace(kept, guesses=guesses)
    return replace(kept, guesses=guesses, failed=(*_recent(kept, now), now)[-MAX_FAILED:])


def is_besieged(kept: PageState, now: int) -> bool:
    """Whether so many passwords were wrong that nobody may try who is not known."""
    return len(_recent(kept, now)) >= MAX_FAILED


def logged_in(kept: PageState, who: str, token: str, now: int) -> PageState:
    """`kept` after the right password of `who`, whose last try was `tried`; `token` is the hash of the new one."""
    number = 1 + max((each.number for each in kept.sessions), default=0)
    session = Session(number, token, who, now, now + SESSION_SECONDS)
    guesses = tuple(each for each in kept.guesses if each.who != who)
    sessions = (*remembered(kept, now), session)[-MAX_SESSIONS:]
    failed = kept.failed if _is_known(kept, who) else kept.failed[:-1]
    return replace(kept, sessions=sessions, guesses=guesses, failed=failed)


def session_of(kept: PageState, token: str, who: str, now: int) -> Session | None:
    """The session of a token, if it goes on and is the browser's own: a token that was overheard is of no use."""
    return next((each for each in live_sessions(kept, now) if each.token == token and each.who == who), None)


def live_sessions(kept: PageState, now: int) -> tuple[Session, ...]:
    """Those that are not over. One that has not begun yet is over: somebody has set the clock back."""
    return tuple(each for each in kept.sessions if each.began - SESSION_SECONDS <= now < each.until)


def remembered(kept: PageState, now: int) -> tuple[Session, ...]:
    """What is kept of sessions: those that go on, and before them the last one of each browser that is known by it."""
    live = live_sessions(kept, now)
    over = {each.who: each for each in kept.sessions if each not in live and now < each.until + KNOWN_SECONDS}
    return (*(each for who, each in over.items() if who not in {each.who for each in live}), *live)


def left(kept: PageState, token: str, now: int) -> PageState:
    """`kept` after the owner has logged out in the browser that has this token: it is still known."""
    return replace(
        kept,
        sessions=tuple(
            each._replace(until=min(each.until, now)) if each.token == token else each for each in kept.sessions
        ),
    )


def logged_out(kept: PageState, who: str | None = None) -> PageState:
    """`kept` without the sessions of a browser, or without all; it is not known any more."""
    sessions = (each for each in kept.sessions if who is not None and each.who != who)
    return replace(kept, sessions=tuple(sessions))


def with_password(kept: PageState, password: Password) -> PageState:
    """`kept` with another password: whoever knew the former one is out, and whoever guessed may try."""
    return replace(kept, password=password, sessions=(), guesses=(), failed=())


def _recent(kept: PageState, now: int) -> tuple[int, ...]:
    return tuple(at for at in kept.failed if now - FAILED_SECONDS < at <= now)


def _is_known(kept: PageState, who: str) -> bool:
    """Whether the owner has logged in there with the password of now."""
    return any(each.who == who for each in kept.sessions)
