# SPDX-License-Identifier: GPL-2.0-or-later
"""Words behind a verb as people write sentences -> the options and places that the verb has. Pure.

    block tv for 2 hours       block tv --for '2 hours'         history yesterday     history --since yesterday
    block tv until 7 am        block tv --until '7 am'          grant 5 GB to tv      grant tv 5 GB

Only what can mean one thing is written anew. All else stays, and the parser says what is wrong with it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from esimshaper.core.model.history import Span
from esimshaper.core.model.time_of_day import parse_wall_time
from esimshaper.core.model.typed import typed_clock, typed_duration, typed_size
from esimshaper.core.model.units import parse_duration, parse_size
from esimshaper.core.report.since import parse_since

_Understood = Callable[[str], bool]
_LATE = datetime(2100, 1, 1, tzinfo=UTC)
"""Of this moment each other one is in the past."""


def _is(parse: Callable[[str], object]) -> _Understood:
    def understood(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return understood


_is_length = _is(lambda text: parse_duration(typed_duration(text)))
_is_time = _is(lambda text: parse_wall_time(typed_clock(text)))
_is_moment = _is(lambda text: parse_since(text, _LATE))
is_size = _is(lambda text: parse_size(typed_size(text)))


@dataclass(frozen=True, slots=True)
class _Grammar:
    """keywords: a word -> the option that it stands for, and what may follow. bare: the same without any word.

    flags: a word -> what it stands for by itself. fillers: words that say nothing, where another one follows.
    """

    keywords: Mapping[str, tuple[str, _Understood]]
    bare: tuple[str, _Understood]
    fillers: Collection[str] = field(default=())
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)


_TERM = _Grammar(
    {
        "for": ("--for", _is_length),
        **dict.fromkeys(("until", "till", "to"), ("--until", _is_time)),
        **dict.fromkeys(("at", "from"), ("--at", _is_time)),
    },
    ("--for", _is_length),
    flags={"today": ("--until", "24:00"), "forever": (), "now": ()},
)
_ALLOW = replace(_TERM, flags={**_TERM.flags, **dict.fromkeys(("forever", "always"), ("--always",))})
_PAST = _Grammar(
    {
        **dict.fromkeys(("since", "from"), ("--since", _is_moment)),
        **dict.fromkeys(("until", "till"), ("--until", _is_moment)),
        "by": ("--by", {each.value for each in Span}.__contains__),
    },
    ("--since", _is_moment),
    ("of", "for", "in", "the"),
    {"each": ("--each",), "calendar": ("--calendar",), "all": ()},
)
_EVENTS = _Grammar({"since": ("--since", _is_moment), "from": ("--since", _is_moment)}, _PAST.bare, _PAST.fillers)
_GRAMMARS = {
    "block": _TERM,
    "allow": _ALLOW,
    "grant": _Grammar(_TERM.keywords, ("--for", lambda text: _is_length(text) and not is_size(text))),  # 300M is data
    "history": _PAST,
    **dict.fromkeys(("events", "services"), _EVENTS),
}
_NEEDLESS = {
    "correct": ("to", "is", "at"),
    **dict.fromkeys(("clients", "quotas", "flows", "status", "top", "unblock", "services"), ("now", "please")),
}
_TODAY_ANYWAY = ("clients", "quotas", "status", "top")


def options_of(verb: str, words: Sequence[str], valued: Collection[str]) -> list[str]:
    """`words` as the parser of `verb` takes them; `valued`: its options that a value follows."""
    needless = (*_NEEDLESS.get(verb, ()), *(("today",) if verb in _TODAY_ANYWAY else ()))
    said = zip(["", *words], words, strict=False)  # each with the word before it: a value of an option stays
    words = [word for before, word in said if before in valued or word.lower() not in needless]
    if verb == "name" and len(words) > 2 and words[1].lower() in ("to", "as"):
        del words[1]
    ordered = _size_last(words) if verb in ("grant", "correct") else words
    grammar = _GRAMMARS.get(verb)
    return _with_options(ordered, grammar, valued) if grammar else ordered


def _with_options(words: Sequence[str], grammar: _Grammar, valued: Collection[str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(words):
        word, rest = words[at], words[at + 1 :]
        option, understood = grammar.keywords.get(word.lower(), (word if word in valued else "", None))
        by_option = dict(grammar.keywords.values())
        length = _longest(rest, understood or by_option.get(option))
        bare = 0 if option or word.startswith("-") else _longest(words[at:], grammar.bare[1])
        if option and length:
            found += [option, " ".join(rest[:length])]
            at += 1 + length
        elif option in valued:
            found += [option, *rest[:1]]
            at += 2
        elif word.lower() in grammar.flags:
            found += grammar.flags[word.lower()]
            at += 1
        elif bare:
            found += [grammar.bare[0], " ".join(words[at : at + bare])]
            at += bare
        else:
            found += [] if word.lower() in grammar.fillers and rest else [word]
            at += 1
    return found


def _longest(words: Sequence[str], understood: _Understood | None) -> int:
    """How many of the first words mean something together; 0 if none do."""
    if understood is None:
        return 0
    ends = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return next((number for number in range(min(ends, 5), 0, -1) if understood(" ".join(words[:number]))), 0)


def _size_last(words: Sequence[str]) -> list[str]:
    """An amount that stands first goes behind whom it is for."""
    length = _longest(words, is_size)
    rest = [word for word in words[length:] if word.lower() not in ("to", "for")] if length else []
    if not rest or rest[0].startswith("-"):
        return list(words)
    return [rest[0], *words[:length], *rest[1:]]
