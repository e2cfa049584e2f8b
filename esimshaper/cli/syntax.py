# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line as data: the argument parser -> commands, their options and places. Pure.

Completion (completion.py) and the manual page (manual.py) are made from this. Only this module looks into argparse,
whose parts have no public names.
"""

import argparse
from dataclasses import dataclass
from enum import Enum


class Expects(Enum):
    """What an argument accepts; the values are the words of shells and of the verb `completion`."""

    NOTHING = ""
    ANYTHING = "anything"
    FILE = "file"
    WORD = "word"
    SUBJECT = "subjects"
    CLIENT = "clients"
    MEMBERS = "members"
    QUOTA = "quotas"
    SERVICE = "services"
    CATEGORY = "categories"


_METAVARS = {
    **dict.fromkeys(("FILE", "PATH", "WHAT"), Expects.FILE),
    **dict.fromkeys(("NAME", "DEVICE"), Expects.CLIENT),
    "SUBJECT": Expects.SUBJECT,
    "WHO": Expects.MEMBERS,
    "QUOTA": Expects.QUOTA,
    "SERVICE": Expects.SERVICE,
    "CATEGORY": Expects.CATEGORY,
}


@dataclass(frozen=True, slots=True)
class Argument:
    """An option (with `flags`), or a positional argument (without).

    `value` is its placeholder for people: FILE or {both,download}; empty for a switch. `words` are all accepted words,
    if it expects a WORD. `rivals` are flags that exclude it.
    """

    flags: tuple[str, ...]
    value: str
    expects: Expects
    words: tuple[str, ...]
    help: str
    rivals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A verb; without a name, the program itself before its verb. `epilog` is an example, or the exit statuses."""

    name: str
    summary: str
    description: str
    usage: str
    epilog: str
    options: tuple[Argument, ...]
    places: tuple[Argument, ...]


def read(parser: argparse.ArgumentParser) -> tuple[Command, tuple[Command, ...]]:
    """The program itself, and the verbs in their order."""
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    summaries = {action.dest: action.help or "" for action in verbs._get_subactions()}
    return _command("", parser, ""), tuple(
        _command(name, verb, summaries[name]) for name, verb in verbs.choices.items() if name in summaries
    )


def _command(name: str, parser: argparse.ArgumentParser, summary: str) -> Command:
    arguments = [
        _argument(parser, each) for each in parser._actions if not isinstance(each, argparse._SubParsersAction)
    ]
    usage = " ".join(parser.format_usage().split()).removeprefix("usage: ")
    return Command(
        name,
        summary,
        parser.description or "",
        usage,
        parser.epilog or "",
        tuple(each for each in arguments if each.flags),
        tuple(each for each in arguments if not each.flags),
    )


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    groups = (group._group_actions for group in parser._mutually_exclusive_groups)
    together = next((group for group in groups if action in group), [])
    words = tuple(str(word) for word in action.choices or ())
    metavar = str(action.metavar or (f"{{{','.join(words)}}}" if words else action.dest.upper()))
    takes = action.nargs != 0
    kind = Expects.WORD if words else _METAVARS.get(metavar, Expects.ANYTHING)
    return Argument(
        tuple(action.option_strings),
        metavar if takes else "",
        kind if takes else Expects.NOTHING,
        words,
        parser._get_formatter()._expand_help(action),
        tuple(flag for rival in together if rival is not action for flag in rival.option_strings),
    )
