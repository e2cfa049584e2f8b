# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions of `esimshaper setup`: options and what a person types -> Answers. Owns the terminal meanwhile.

A question that an option answers is not asked, and with --yes none is: then what was found counts.
"""
# ruff: noqa: T201 - a dialogue prints

import argparse
import shutil
import textwrap
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from esimshaper.cli.parser import reject
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.typed import typed_size
from esimshaper.core.model.units import parse_size
from esimshaper.core.settings import proposal
from esimshaper.core.settings.periods import parse_began
from esimshaper.core.settings.plan_words import EXAMPLES, Terms, parse_terms
from esimshaper.core.settings.proposal import Look
from esimshaper.core.settings.written import Answers
from esimshaper.edge.host import clock
from esimshaper.edge.settings_file.zones import known
from esimshaper.languages.texts import _

T = TypeVar("T")

MOST_COLUMNS = 88
"""Longer lines are hard to read."""

NOW, NONE = "now", "none"


def ask(options: argparse.Namespace, look: Look) -> Answers:
    """The answers of a person, or those that options give. Raises EOFError where the input ends."""
    wan = _wan(options, look)
    lans = _lans(options, look, wan)
    leases = _names(options.leases) if options.leases else proposal.lease_files(look)
    zone = _zone(options, look)
    plan = _plan(options)
    began = _began(options, zone, plan) if plan and plan.count else ""
    used = _used(options) if plan else ""
    each = _each(options)
    own = each is not None and each.count and (each.began or not began)
    each_began = _began(options, zone, each) if own and each else began
    return Answers(wan, lans, look.zone, zone, tuple(leases), plan, began, used, each, each_began)


def _wan(options: argparse.Namespace, look: Look) -> str:
    found = proposal.uplinks(look)
    _show(options, options.wan, _("The uplink is the interface of the modem."), look, found)
    return _settle(options, "wan", _("Uplink"), found[0] if found else "", lambda text: _one_name(text, look))


def _lans(options: argparse.Namespace, look: Look, wan: str) -> tuple[str, ...]:
    found = proposal.lans(look, wan)
    words = _("The LAN is where your devices are; of a bridge name the bridge.")
    _show(options, options.lan, words, look, found)
    likely = ",".join(proposal.proposed_lans(look, wan))
    return _settle(options, "lan", "LAN", likely, lambda text: _lan_names(text, wan))


def _zone(options: argparse.Namespace, look: Look) -> str:
    _explain(options, options.timezone, _("Days and months begin at midnight in this time zone."))
    return _settle(options, "timezone", _("Time zone"), look.zone, _known_zone)


def _plan(options: argparse.Namespace) -> Terms | None:
    words = _(
        "What did you buy? In words, as in {examples}, or {last}.", examples=", ".join(EXAMPLES[:-1]), last=EXAMPLES[-1]
    )
    _explain(options, options.plan, words)
    return _settle(options, "plan", _("Plan"), EXAMPLES[-1], parse_terms)


def _each(options: argparse.Namespace) -> Terms | None:
    _explain(options, options.each, _("A limit for each device besides, as in 500 MB a day then 256 kbit/s?"))
    return _settle(options, "each", _("Each device"), NONE, parse_terms)


def _began(options: argparse.Namespace, zone: str, terms: Terms) -> str:
    if terms.began and not options.began:
        return _moment(terms.began, zone)
    _explain(options, options.began, _("When did it begin? As in 2026-11-01T09:00, the 15th, yesterday, or now."))
    return _settle(options, "began", _("Began"), NOW, lambda text: _moment(text, zone))


def _used(options: argparse.Namespace) -> str:
    _explain(options, options.used, _("What was used of it in this period before now, as the carrier's app says?"))
    return _settle(options, "used", _("Used"), "0B", _size)


def _settle(options: argparse.Namespace, option: str, question: str, default: str, understand: Callable[[str], T]) -> T:
    """The answer by the option, the default under --yes, or what a person types, asked until it makes sense."""
    given = getattr(options, option)
    if given is not None or options.yes:
        if given is None and not default:
            raise Unusable(
                _("no {thing} was found on this box", thing=question), _("name it: {option}", option=f"--{option}")
            )
        try:
            return understand(given if given is not None else default)
        except ValueError as error:
            reject(options, f"--{option}: {error}")
    while True:
        typed = input(f"{question} [{default}]: " if default else f"{question}: ").strip()
        try:
            return understand(typed or default)
        except ValueError as error:
            say(_("{sentence}.", sentence=f"{str(error)[:1].upper()}{str(error)[1:]}"))


# --- what an answer means


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def _one_name(text: str, look: Look) -> str:
    if len(names := _names(text)) != 1:
        raise ValueError(_("one interface is the uplink; write its name"))
    there = [link.name for link in look.interfaces]
    if names[0] == "lo":
        raise ValueError(_("lo leads nowhere; `ip -br link` lists the interfaces"))
    if names[0] not in there and not names[0].endswith("*"):
        say(_("{interface} is not there now; nothing is counted until it is.", interface=names[0]))
    return names[0]


def _lan_names(text: str, wan: str) -> tuple[str, ...]:
    names = _names(text)
    if not names:
        raise ValueError(_("write the name of the interface; `ip -br link` lists them"))
    if wan in names:
        raise ValueError(_("{interface} is the uplink; the LAN is another interface", interface=wan))
    return names


def _known_zone(text: str) -> str:
    if known(text) is None:
        raise ValueError(
            _("`{text}` is not a time zone as in Asia/Tokyo; `timedatectl list-timezones` lists them", text=text)
        )
    return text


def _moment(text: str, zone: str) -> str:
    place = ZoneInfo(zone)
    return datetime.fromtimestamp(parse_began(text, place, clock.now()), place).isoformat()


def _size(text: str) -> str:
    size = typed_size("".join(text.split()))
    return size if parse_size(size) else ""


# --- what is said


def _show(options: argparse.Namespace, given: str | None, words: str, look: Look, names: Iterable[str]) -> None:
    _explain(options, given, words)
    if given is None and not options.yes:
        for name in names:
            say(f"  {name}: {proposal.described(look, name)}")


def _explain(options: argparse.Namespace, given: str | None, words: str) -> None:
    if given is None and not options.yes:
        say("", words)


def say(*lines: str) -> None:
    """Prints lines, broken at words where the terminal is narrow."""
    width = min(shutil.get_terminal_size().columns, MOST_COLUMNS)
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 2) if line.startswith(" ") else ""
        print(
            textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            if line and line.isascii()  # textwrap knows neither wide characters nor where to break
            else line
        )
