# SPDX-License-Identifier: GPL-2.0-or-later
"""An argument parser that answers a mistake with the usage and the example of the verb that was meant.

Together with syntax.py the only module that looks into argparse.
"""

import argparse
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import NoReturn

from esimshaper.cli import asked, guesses, prose
from esimshaper.languages.choice import ENGLISH
from esimshaper.languages.texts import _, spoken

WRONG_USE = 2
_CHOICE = re.compile(r"argument (.*?): invalid choice: '(.*)' \(choose from (.*)\)")
_MISSING = re.compile(r"the following arguments are required: (.*)")
_WRONG = re.compile(r"argument (.*?): (.*)")


class Parser(argparse.ArgumentParser):
    """The parser of the program, or of one verb."""

    def error(self, message: str) -> NoReturn:
        """Ends the program: what is wrong, an example, and the usage."""
        # In this order, as a usage alone may fill the screen of a phone.
        if choice := _CHOICE.fullmatch(message):
            known = choice[3].replace(chr(39), "")
            message = _("{name}: `{word}` is not one of {known}", name=choice[1], word=choice[2], known=known)
        elif (missing := _MISSING.fullmatch(message)) and spoken() != ENGLISH:
            message = _("these arguments are missing: {names}", names=missing[1])
        elif (wrong := _WRONG.fullmatch(message)) and spoken() != ENGLISH:
            message = _("{name}: {what}", name=wrong[1], what=wrong[2])
        lines = [folded(f"{self.prog}: {message}")]
        _head, example, shown = (self.epilog or "").partition("example: ")
        if example:
            lines.append("  " + _("example: {command}", command=shown))
        lines += ["  " + _("`{command}` says more", command=f"{self.prog} --help"), self.format_usage().rstrip()]
        self.exit(WRONG_USE, "\n".join((*lines, "")))


class Program(Parser):
    """The parser of the program. groups: a title, and the verbs below it, in the order in which people want them."""

    groups: Mapping[str, Sequence[str]] = MappingProxyType({})

    def format_help(self) -> str:
        """The verbs by what they are for, and not in one long list."""
        (verbs,) = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        does = {each.dest: each.help or "" for each in verbs._choices_actions}
        width = max(40, min(100, shutil.get_terminal_size().columns) - 1)
        parts = [self.format_usage().rstrip(), textwrap.fill(self.description or "", width)]
        for title, names in self.groups.items():
            lines = (textwrap.fill(f"  {name:<12}{does[name]}", width, subsequent_indent=" " * 14) for name in names)
            parts.append("\n".join((f"{title}:", *lines)))
        return "\n\n".join((*parts, textwrap.fill(self.epilog or "", width), ""))


def folded(sentence: str) -> str:
    """A sentence for stderr, broken at words where that is a terminal. (A command is not: somebody may copy it.)"""
    if not sys.stderr.isatty() or not sentence.isascii():  # textwrap knows neither wide characters nor where to break
        return sentence
    width = shutil.get_terminal_size().columns
    return textwrap.fill(sentence, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def understand(parser: Parser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of a whole command line (None: that of this process). Ends the program where it makes no sense."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words:
        parser.exit(WRONG_USE, parser.format_help())
    place = next((at for at, word in enumerate(words) if not word.startswith("-")), None)
    if place is not None:
        words[place] = _verb(parser, words[place], words[place + 1 :])
        known = verbs_of(parser)[words[place]]._option_string_actions
        valued = {flag for flag, action in known.items() if action.nargs != 0}
        words[place + 1 :] = prose.options_of(words[place], words[place + 1 :], valued)
    options, left = parser.parse_known_args(words)
    if isinstance(getattr(options, "what", None), list) and not any(word.startswith("-") for word in left):
        # argparse ends a list of words at the first option; those behind it are of the list, too.
        options.what, left = [*options.what, *left], []
    if left:
        _reject(options.own_parser, left[0])
    return options


def verbs_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The parsers of the verbs, in their order."""
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(verbs.choices)


def take_negative(parser: argparse.ArgumentParser) -> None:
    """Makes words such as -300MB values of the verb, and not options."""
    parser._negative_number_matcher = re.compile(r"^-\d")


def reject(options: argparse.Namespace, message: str) -> NoReturn:
    """Ends the program: the options make no sense together."""
    verb: Parser = options.own_parser
    verb.error(message)


def _verb(parser: Parser, word: str, others: Sequence[str]) -> str:
    verbs = verbs_of(parser)
    known = guesses.understood(word, verbs)
    answered = asked.question([word, *others])
    if answered and word.lower() not in verbs:
        parser.exit(WRONG_USE, f"{folded(f'{parser.prog}: {answered[0]}')}\n  {_tried(answered[1])}\n")
    if not known:
        wrong, command = guesses.answer(word, verbs, others)
        parser.exit(WRONG_USE, f"{folded(f'{parser.prog}: {wrong}')}\n  {_tried(command)}\n")
    return known


def _tried(command: str) -> str:
    return _("try: {command}", command=command)


def _reject(verb: Parser, word: str) -> NoReturn:
    """Says of a word that the verb did not take what could have stood there."""
    instead = guesses.behind(verb.prog.rpartition(" ")[2], word)
    if not word.startswith("-"):
        verb.error(_("one word too many: `{word}`", word=word) + (f"; {instead}" if instead else ""))
    if instead:
        verb.error(_("there is no option `{word}`", word=word) + f"; {instead}")
    near = get_close_matches(word.partition("=")[0], list(verb._option_string_actions), n=1)
    meant = _("; did you mean `{option}`?", option=near[0]) if near else ""
    verb.error(_("there is no option `{word}`", word=word) + meant)
