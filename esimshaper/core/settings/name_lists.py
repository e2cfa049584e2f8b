# SPDX-License-Identifier: GPL-2.0-or-later
"""A list of host names as others publish them -> a file for /etc/esimshaper/services.d. Pure.

    hosts format    0.0.0.0 ads.example.com tracker.example.org   # a comment
    v2fly           domain:example.com @ads, full:www.example.net, example.org, include:other
    one a line      example.org

The names of a file become one service. What cannot be in a catalogue (patterns, other lists) is left out and told.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from esimshaper.core.settings.services import host_name

MOST_NAMES = 5_000
MOST_CHARACTERS = 250_000
"""Of the file that is made: larger ones are not read. The daemon reads such a file in half a second, and the process
that names conversations has all names in its memory, of which it gets little."""
MOST_PROBLEMS = 20
"""A file of another kind has a problem in each line."""

LOCAL = frozenset(
    {
        *("localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost", "ip6-loopback"),
        *("ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts"),
    }
)
"""Names of the machine itself, with which lists in hosts format begin."""

_SERVICE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_CATEGORY = re.compile(r"[a-z](?:[a-z-]{0,30}[a-z])?")
_KINDS = {"domain": "", "full": "", "keyword": "a keyword", "regexp": "a pattern", "include": "another list"}


@dataclass(frozen=True, slots=True)
class LineProblem:
    """A sentence about one line; `line` is 0 for one about the whole."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Made:
    """text: of a file of the catalogue, empty if there are `problems`. left_out: lines that are not in it, and why."""

    text: str = ""
    problems: tuple[LineProblem, ...] = ()
    left_out: tuple[LineProblem, ...] = ()


def service_of_list(text: str, service: str, category: str | None) -> Made:
    """The names of a list as the service of that name, in a category or in none."""
    service = service.lower().replace("_", "-").replace(".", "-")
    problems = [*_wrong_words(service, category)]
    left_out: list[LineProblem] = []
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            names |= dict.fromkeys(_names(line))
        except NotInACatalogueError as reason:
            left_out.append(LineProblem(number, f"left out: {reason}"))
        except ValueError as error:
            problems.append(LineProblem(number, str(error)))
    kept = _without_covered(names)
    if not kept and not problems:
        problems.append(LineProblem(0, "no host name is in this list"))
    made = _written(service, category, kept)
    if len(kept) > MOST_NAMES or len(made) > MOST_CHARACTERS:
        most = f"a file of services has {MOST_NAMES:,} names at most, and {MOST_CHARACTERS:,} characters"
        problems.append(LineProblem(0, f"{len(kept):,} names are too many ({most}): take a shorter list"))
    if problems:
        return Made(problems=tuple(_first(problems)))
    return Made(made, left_out=tuple(_first(left_out)))


class NotInACatalogueError(Exception):
    """A line makes sense, and a catalogue has nothing for it; the text says what it is."""


def _wrong_words(service: str, category: str | None) -> Iterator[LineProblem]:
    if not _SERVICE.fullmatch(service):
        yield LineProblem(
            0, f"`{service}` is no name of a service: --as gives one of small letters, digits and hyphens"
        )
    if category is not None and not _CATEGORY.fullmatch(category):
        yield LineProblem(0, f"`{category}` is no category: write small letters and hyphens, as in video")


def _names(line: str) -> list[str]:
    """The host names of a line. Raises NotInACatalogueError; ValueError with what is wrong."""
    words = line.partition("#")[0].split()
    if not words:
        return []
    if _is_address(words[0]) and len(words) > 1:
        return [host_name(word) for word in words[1:] if word.lower() not in LOCAL and not _is_address(word)]
    return [] if words[0].lower() in LOCAL else [_rule(words)]


def _rule(words: list[str]) -> str:
    """The name in a line of v2fly's lists, which may have attributes (@ads) and other lists (&ads) behind it."""
    if strange := next((word for word in words[1:] if word[0] not in "@&"), ""):
        raise ValueError(f"`{strange}` stands behind a name; expected is one name a line, or an address before names")
    kind, colon, rest = words[0].partition(":")
    if not colon:
        return host_name(kind)
    if kind not in _KINDS:
        raise ValueError(f"`{words[0]}` is no host name")
    if what := _KINDS[kind]:
        raise NotInACatalogueError(f"`{words[0]}` is {what}")
    return host_name(rest)


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def _without_covered(names: Iterable[str]) -> list[str]:
    """Without names that end in another one of them: a catalogue means those by it as well."""
    all_names = frozenset(names)

    def is_covered(name: str) -> bool:
        labels = name.split(".")
        return any(".".join(labels[at:]) in all_names for at in range(1, len(labels)))

    return sorted(name for name in all_names if not is_covered(name))


def _first(problems: list[LineProblem]) -> Iterator[LineProblem]:
    yield from problems[:MOST_PROBLEMS]
    if len(problems) > MOST_PROBLEMS:
        yield LineProblem(0, f"and {len(problems) - MOST_PROBLEMS:,} further lines like these")


def _written(service: str, category: str | None, names: list[str]) -> str:
    """YAML, with quotes, so that no name is taken for a number. What is in them has neither quotes nor backslashes."""
    lines = [
        f"# {len(names):,} names, made by `esimshaper services import`.",
        "services:",
        f'  - name: "{service}"',
        *([f'    category: "{category}"'] if category else []),
        "    domains:",
        *(f'      - "{name}"' for name in names),
    ]
    return "\n".join(lines) + "\n"
