# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: verbs -> the daemon, its control socket, or one part of the program. Decides exit statuses only.

Exit status: 0 done, 1 failed, 2 wrong use or wrong configuration, 3 daemon not running.
Every verb imports what it needs when it runs, so that `status` does not load what `run` needs.
"""
# ruff: noqa: PLC0415, T201 - as just said; and a command line prints

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from esimshaper import __version__
from esimshaper.cli import (
    acts,
    alarms,
    allow_name,
    ask,
    base,
    completion,
    explain,
    guesses,
    limits,
    name,
    notify,
    past,
    plan,
    recommend,
    reload,
    replay,
    report,
    review,
    rules,
    saver,
    services,
    setup,
    transfer,
    web,
)
from esimshaper.cli.base import (
    DONE,
    FAILED,
    NOT_RUNNING,
    WRONG_USE,
    Verb,
    Verbs,
    add_json,
    add_socket,
    add_verb,
    print_json,
)
from esimshaper.cli.parser import Parser, Program, folded, understand, verbs_of
from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.errors import Unusable
from esimshaper.edge.host.paths import CONFIG_FILE
from esimshaper.languages import choice, texts
from esimshaper.languages.texts import _


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb and gives its exit status. Expected failures become one line and a hint on stderr."""
    texts.speak(choice.for_terminal(os.environ))
    options = understand(build_parser(), arguments)
    verb: Verb = options.verb
    try:
        status = verb(options)
        sys.stdout.flush()  # here, where the error of a reader that is gone is still caught
    except BrokenPipeError:  # the reader has seen enough: `| head`
        _forget_output()
        return DONE
    except ModuleNotFoundError as error:
        package = _package_of(error.name or "")
        if not package:
            raise
        return _complain(Unusable(_("the Python library {name} is missing", name=error.name), f"apt install {package}"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        _forget_output()
        return _complain(Unusable(_("cannot write: {why}", why=error.strerror)))
    except KeyboardInterrupt:
        return DONE if options.endless else FAILED
    except Unusable as problem:
        return _complain(problem, at_home=not (getattr(options, "socket", None) or "RUNTIME_DIRECTORY" in os.environ))
    return status


def _package_of(module: str) -> str:
    from esimshaper.core.model.packages import LIBRARIES

    return next((library.package for library in LIBRARIES if library.module == module.split(".")[0]), "")


def _forget_output() -> None:
    """Lets Python's flush at exit succeed: it must not try again to write what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(problem: Unusable, *, at_home: bool = False) -> int:
    """Says what is wrong. at_home: the daemon that was asked is that of the service, not one at another socket."""
    from esimshaper.edge.control_client import DaemonNotRunning
    from esimshaper.views.core_texts import said

    absent = isinstance(problem, DaemonNotRunning)
    hint = problem.hint
    if absent and at_home:
        from esimshaper.cli.absent import advice

        hint = advice() or hint
    print(folded(f"esimshaper: {said(problem.message)}"), file=sys.stderr)
    if hint:
        print("  " + _("hint: {hint}", hint=said(hint)), file=sys.stderr)
    return NOT_RUNNING if absent else FAILED


# --- verbs


def _run(options: argparse.Namespace) -> int:
    from esimshaper.daemon.verbs import run
    from esimshaper.edge.settings_file import SettingsError

    try:
        return run(options.config, options.socket, may_build=options.build)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG_USE


def _build(options: argparse.Namespace) -> int:
    from esimshaper.daemon.verbs import build
    from esimshaper.edge.settings_file import SettingsError

    try:
        built = build(options.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    print(_("the kernel part was built") if built else _("the kernel part is there already"))
    return DONE


def _check(options: argparse.Namespace) -> int:
    from esimshaper.edge.settings_file import SettingsError, read_settings
    from esimshaper.edge.settings_file.catalogue import FOLDER, read_services

    problems: list[dict[str, Any]] = []
    try:
        loaded = read_settings(options.file)
        loaded.check_files()
        read_services(options.file.parent / FOLDER)
    except SettingsError as error:
        if not options.json:
            print(error, file=sys.stderr)
        problems = error.documents
    else:
        if not options.json:
            print(_("{file}: good ({what})", file=options.file, what=loaded.settings.in_short))
    if options.json:
        print_json(
            {"version": DOCUMENT_VERSION, "file": str(options.file), "valid": not problems, "problems": problems}
        )
    return WRONG_USE if problems else DONE


def _unload(options: argparse.Namespace) -> int:
    from esimshaper.daemon.verbs import unload

    done = unload(options.config)
    if options.json:
        print_json({"version": DOCUMENT_VERSION, "removed": done.removed, "notes": done.notes})
    elif done.removed:
        removed = (_("removed {thing}", thing=thing) for thing in done.removed)
        print("\n".join((*removed, *(_("note: {note}", note=note) for note in done.notes))))
    else:
        print(_("nothing of esimshaper is loaded"))
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    from esimshaper import doctor
    from esimshaper.core.diagnosis.findings import in_order

    if options.bill:
        return _doctor_bill(options)
    findings = doctor.examine(options.config)
    if options.self_test:
        with base.progress("self-test") as tell:
            findings = list(in_order([*findings, *doctor.measure(options.config, tell)]))
    if options.json:
        print_json(doctor.document(findings))
    else:
        doctor.show(findings)
    return DONE if doctor.able(findings) else FAILED


def _doctor_bill(options: argparse.Namespace) -> int:
    from esimshaper import bill, doctor

    findings = bill.examine(options.config)
    if options.json:
        print_json(doctor.document(findings))
    else:
        verdict = _("You pay what the carrier says: sudo esimshaper correct QUOTA SIZE takes its figure over.")
        doctor.show(findings, verdict)
    return DONE


def _demo(options: argparse.Namespace) -> int:
    from esimshaper.demo import main as demo

    return demo(options.wan, options.seconds, keep=options.keep, web=options.web)


def _help(options: argparse.Namespace) -> int:
    verbs = verbs_of(options.parser)
    if not options.about:
        print(options.parser.format_help(), end="")
        return DONE
    verb = guesses.understood(options.about, verbs)
    if not verb:
        raise Unusable(*guesses.answer(options.about, verbs))
    print(verbs[verb].format_help(), end="")
    return DONE


def _version(_options: argparse.Namespace) -> int:
    print(f"esimshaper {__version__}")
    return DONE


# --- the parser

GROUPS = {
    "look at it": ("status", "clients", "top", "quotas", "services", "rules", "history", "report", "flows", "explain"),
    "what happened": ("events", "alarms", "review", "saver", "notify"),
    "what you buy": ("plan", "recommend", "replay"),
    "decide by hand": (
        *("grant", "block", "allow", "unblock", "low-data", "undo", "correct", "restart", "name", "allow-name"),
    ),
    "take along": ("export", "import"),
    "set it up": ("setup", "check", "reload", "web", "doctor"),
    "the service": ("run", "build", "unload"),
    "more": ("demo", "completion", "help", "version"),
}
"""The verbs as `help` lists them."""


def build_parser() -> Program:
    """The whole command line; the manual page and shell completion are made from it too."""
    parser = Program(
        prog="esimshaper",
        description="Counts the bytes that a cellular carrier bills, per device behind this router, and holds them to "
        "quotas. To begin on a new router: sudo esimshaper setup",
        epilog="`esimshaper help VERB` says more of a verb. Exit status: 0 done, 1 failed, 2 wrong use or wrong "
        "configuration, 3 daemon not running.",
    )
    parser.groups = GROUPS
    parser.add_argument("--version", action="version", version=f"esimshaper {__version__}")
    parser.set_defaults(parser=parser)  # for `completion`, which is made from it
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=Parser)
    _add_daemon_verbs(verbs)
    ask.add_verbs(verbs)
    services.add_verb_services(verbs)
    rules.add_verbs(verbs)
    alarms.add_verb_alarms(verbs)
    review.add_verb_review(verbs)
    saver.add_verb_saver(verbs)
    past.add_verbs(verbs)
    report.add_verb_report(verbs)
    transfer.add_verbs(verbs)
    limits.add_verbs(verbs)
    acts.add_verbs(verbs)
    reload.add_verb_reload(verbs)
    explain.add_verb_explain(verbs)
    plan.add_verb_plan(verbs)
    web.add_verb_web(verbs)
    notify.add_verb_notify(verbs)
    recommend.add_verb_recommend(verbs)
    replay.add_verb_replay(verbs)
    name.add_verb_name(verbs)
    allow_name.add_verb_allow_name(verbs)
    setup.add_verb_setup(verbs)
    _add_other_verbs(verbs)
    completion.add_verbs(verbs)
    _add_verbs_about_verbs(verbs)
    return parser


def _add_config(parser: argparse.ArgumentParser, default: Path | None = CONFIG_FILE) -> None:
    shown = f"the configuration (default: {CONFIG_FILE}{'' if default else ' if it is there'})"
    parser.add_argument("--config", type=Path, metavar="FILE", default=default, help=shown)


def _add_daemon_verbs(verbs: Verbs) -> None:
    run = add_verb(
        verbs,
        "run",
        _run,
        "runs the daemon in the foreground until SIGTERM; the kernel goes on counting after that",
        "sudo esimshaper run --config /etc/esimshaper/esimshaper.yaml",
    )
    _add_config(run)
    add_socket(run)
    run.add_argument(
        "--no-build",
        action="store_false",
        dest="build",
        help="fail if the kernel part is not there: something else has the right to make it (esimshaper build)",
    )
    run.set_defaults(endless=True)
    build = add_verb(
        verbs,
        "build",
        _build,
        "compiles and loads the kernel part that a configuration needs, if it is not there; attaches nothing",
        "sudo esimshaper build && sudo esimshaper run --no-build",
    )
    _add_config(build)
    check = add_verb(
        verbs,
        "check",
        _check,
        "says everything that is wrong with a configuration, and changes nothing",
        "esimshaper check /etc/esimshaper/esimshaper.yaml",
    )
    check.add_argument("file", type=Path, metavar="FILE", nargs="?", default=CONFIG_FILE, help="default: %(default)s")
    add_json(check)


def _add_other_verbs(verbs: Verbs) -> None:
    unload = add_verb(
        verbs,
        "unload",
        _unload,
        "removes every kernel object of esimshaper and nothing else; history stays",
        "sudo systemctl stop esimshaper && sudo esimshaper unload",
    )
    _add_config(unload)
    add_json(unload)
    doctor = add_verb(
        verbs,
        "doctor",
        _doctor,
        "says whether this machine can meter truthfully, and what to do if not",
        "sudo esimshaper doctor --self-test",
    )
    _add_config(doctor, default=None)
    doctor.add_argument(
        "--self-test",
        action="store_true",
        help="also send known bytes through the real programs and compare; a few seconds, nothing reaches the WAN",
    )
    doctor.add_argument(
        "--bill",
        action="store_true",
        help="instead say why the carrier may show another number than this router, with the figures of this router",
    )
    add_json(doctor)
    demo = add_verb(
        verbs, "demo", _demo, "shows the meter at work in a simulated travel router", "sudo esimshaper demo --wan tap"
    )
    demo.add_argument(
        "--wan", choices=("tun", "tap", "veth"), default="tun", help="raw-IP modem (default) or Ethernet uplink"
    )
    demo.add_argument("--seconds", type=_demo_seconds, default=24, help="of traffic (default: %(default)s)")
    demo.add_argument("--keep", action="store_true", help="stay afterwards, to look around; Ctrl-C ends it")
    demo.add_argument("--web", action="store_true", help="stay afterwards with the page, and say how to look at it")


def _add_verbs_about_verbs(verbs: Verbs) -> None:
    shown = add_verb(verbs, "help", _help, "lists the verbs, or says what one of them does", "esimshaper help grant")
    shown.add_argument("about", metavar="VERB", nargs="?", help="a verb, or a word that means one")
    add_verb(verbs, "version", _version, "says which version this is", "esimshaper version")


def _demo_seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 4 <= int(text) <= 3600):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds from 4 to 3600")
    return int(text)
