# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, `setup`: asks for what the box cannot tell, shows the configuration, writes it and tests it.

Each question has an option of its own for scripts; what an option answers is not asked.
"""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from esimshaper.cli.base import DONE, FAILED, WRONG_USE, Verbs, add_verb, agree
from esimshaper.core.model.errors import Unusable
from esimshaper.edge.host.paths import CONFIG_FILE
from esimshaper.languages.texts import _


def add_verb_setup(verbs: Verbs) -> None:
    """`setup`."""
    setup = add_verb(
        verbs,
        "setup",
        _setup,
        "finds uplink, LAN and time zone, asks for the plan, writes the configuration and tests it",
        'sudo esimshaper setup --yes --plan "10 GB for 30 days" --used 1.2GB',
    )
    setup.add_argument("--config", type=Path, metavar="FILE", default=CONFIG_FILE, help="default: %(default)s")
    setup.add_argument("--wan", metavar="INTERFACE", help="the uplink; wwan* for a number that changes")
    setup.add_argument("--lan", metavar="INTERFACES", help="where devices are; several with commas between them")
    setup.add_argument("--timezone", metavar="ZONE", help="where days and months begin at midnight")
    setup.add_argument("--leases", metavar="FILES", help="lease files of the DHCP server; several with commas")
    setup.add_argument("--plan", metavar="WORDS", help='what all devices share: "10 GB for 30 days", unlimited')
    setup.add_argument("--began", metavar="MOMENT", help="when the plan began, as in 2026-11-01T09:00")
    setup.add_argument("--used", metavar="SIZE", help="what was used of the plan before, as the carrier says")
    setup.add_argument("--each", metavar="WORDS", help="a limit for each device, in the words of --plan")
    setup.add_argument("--yes", action="store_true", help="ask nothing: take what was found and what options say")
    setup.add_argument(
        "--replace", action="store_true", help="with --yes: also in the place of a file that somebody has edited"
    )
    setup.add_argument("--dry-run", action="store_true", help="show the configuration and write nothing")


def _setup(options: argparse.Namespace) -> int:
    try:
        return _talk(options)
    except EOFError:
        print("\nesimshaper: " + _("the input has ended; nothing was written"), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nesimshaper: " + _("stopped; nothing was written"), file=sys.stderr)
        return FAILED


def _talk(options: argparse.Namespace) -> int:
    from esimshaper import setup
    from esimshaper.cli.questions import ask, say
    from esimshaper.core.settings.written import configuration

    if not options.dry_run and not setup.may_write(options.config):
        raise Unusable(
            _("you may not write {file}", file=options.config),
            _("sudo esimshaper setup, or look first with --dry-run"),
        )
    if not options.dry_run and not _may_replace(options, setup.is_untouched):
        return FAILED
    answers = ask(options, setup.look())
    text = configuration(answers)
    say("", _("This is the configuration for {file}:", file=options.config), "")
    print(text)
    if options.dry_run:
        return DONE
    if not options.yes and not agree(_("Write it?"), default=True):
        say(_("Nothing was written."))
        return FAILED
    return _put_in_place(options.config, text)


def _may_replace(options: argparse.Namespace, is_untouched: Callable[[Path], bool]) -> bool:
    from esimshaper.cli.questions import say

    if not options.config.exists():
        return True
    if is_untouched(options.config):
        return True
    if options.yes and not options.replace:
        raise Unusable(
            _("{file} is there already", file=options.config), _("--replace writes another one and keeps a copy of it")
        )
    text = _(
        "There is a configuration already: {file}. A copy of it is kept if you write another one.", file=options.config
    )
    say(text)
    return options.yes or agree(_("Go on?"), default=False)


def _put_in_place(config: Path, text: str) -> int:
    from esimshaper import setup
    from esimshaper.cli.questions import say
    from esimshaper.edge.settings_file import SettingsError

    try:
        copy = setup.write(config, text)
    except SettingsError as error:
        print(error, file=sys.stderr)
        say(_("{file} is as it was, since the new one would be refused.", file=config))
        return WRONG_USE
    before = _(" The one before is {copy}.", copy=copy) if copy else ""
    say(_("{file} is written.", file=config) + before, "")
    try:
        able = _test(config)
    except KeyboardInterrupt:
        able = True
        repeat = f"sudo esimshaper doctor --config {config}"
        say("", _("The test was stopped; `{command}` repeats it.", command=repeat))
    say("", _("Next:"))
    for command in setup.next_commands(config):
        print(f"  {command}")
    return DONE if able else FAILED


def _test(config: Path) -> bool:
    """Shows what doctor finds wrong, and its verdict; whether the box can count."""
    from esimshaper import doctor
    from esimshaper.cli.questions import say
    from esimshaper.core.model.box import Severity

    say(_("Looking whether this box can count (esimshaper doctor) ..."))
    findings = doctor.examine(config)
    doctor.show([each for each in findings if each.severity in (Severity.PROBLEM, Severity.WARNING)])
    return doctor.able(findings)
