# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper demo`: the meter at work in a simulated travel router, and its truth proved against the carrier's bill.

    lab + router_process.py (daemon) -> story.py, programs.py (traffic) -> evidence.py (three counts)
        -> director.py (events), screen.py -> failover.py (a second uplink) -> saving.py (films)

Owns nothing itself: context managers in this process make everything and take it away. Needs root.
"""
# ruff: noqa: T201 - it shows things

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from esimshaper.core.model.errors import Unusable
from esimshaper.demo import alarm, failover, page, saving, screen
from esimshaper.demo.director import Director
from esimshaper.demo.evidence import Evidence
from esimshaper.demo.owner import Owner, can_be_reached, missing_for_sms
from esimshaper.demo.router_process import Places, RouterProcess
from esimshaper.demo.screen import Play, Show
from esimshaper.demo.story import BOX, CAST, SERVERS, SITES, Act, Story, Terms, acts, configuration
from esimshaper.lab import BillIncomplete, Lab, LabUnavailable, Shape, WanKind
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page, show

SECONDS = 24
DELAY_MS = 15.0  # one way, as in a mobile network; it also brings the speed down to one that eyes can follow
_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 10.0
_LINKS = {WanKind.TUN: "wan0: modem, raw IP", WanKind.TAP: "wan0: modem, Ethernet", WanKind.VETH: "wan0: Ethernet, GRO"}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(wan: str = "tun", seconds: int = SECONDS, *, keep: bool = False, web: bool = False) -> int:
    """Runs the demo with `seconds` of traffic; 0 only if all limits held, and all counts agree: bill, totals, services,
    plans, uplinks, films.

    wan: link type of the modem, see WanKind. keep: afterwards the router goes on, with traffic, until Ctrl-C.
    web: it has the page, which stays as well.
    Raises Unusable where this machine cannot run it.
    """
    if os.geteuid():
        raise Unusable(
            "the demo needs root: it makes network namespaces and loads a meter into the kernel",
            "sudo make demo; it touches none of your own interfaces and leaves nothing behind",
        )
    show([*map(Line, screen.WELCOME.splitlines()), Line()])
    try:
        with _signals_end_it(), contextlib.ExitStack() as stack:
            try:
                return _run(stack, WanKind(wan), seconds, keep=keep or web, web=web)
            finally:
                _ignore_signals()  # nothing may interrupt the clean-up
    except LabUnavailable as problem:
        raise Unusable(problem.reason.rstrip("."), problem.hint) from None
    except (TimeoutError, BillIncomplete) as problem:
        raise Unusable(str(problem), "is the machine very busy? try again") from None
    except KeyboardInterrupt:
        print("\nStopped. Everything is taken away again.", file=sys.stderr)
        return 1


def _run(stack: contextlib.ExitStack, kind: WanKind, seconds: int, *, keep: bool, web: bool) -> int:
    places = stack.enter_context(Places())
    delayed = kind is not WanKind.VETH
    shape = Shape(DELAY_MS) if delayed else None
    lab = Lab(kind, [member.hostname for member in CAST], shape=shape, names=SITES, servers=SERVERS)
    with _step(f"router, {len(CAST)} devices with DHCP, carrier, servers"), _ctrl_c_is_not_for_children():
        stack.enter_context(lab)
    terms = Terms.of(seconds)
    places.config.write_text(configuration(lab, terms) + page.SETTINGS * web, encoding="utf-8")
    router = RouterProcess(lab, places)
    stack.callback(router.end)
    with _step("meter, compiled and loaded into the kernel; daemon"):
        router.start()
        router.wait()
    meter = router.meter()
    stack.callback(meter.close)
    evidence, story = Evidence(lab, router, meter), Story(lab)
    stack.callback(story.stop)
    story.introduce()
    evidence.begin()
    show([Line()])
    distance = f"{DELAY_MS:g} ms further away" if delayed else ""
    play = Play(seconds, _LINKS[kind], distance, _command("top", places.socket))
    director = Director(router, play, story, terms)
    with Show(play) as picture:
        _perform(play, evidence, story, acts(terms), director, picture)
    story.stop()
    router.revive()
    failures = [*(f"it never happened that {what}" for what in director.waits_for), *story.failures(timeout=60)]
    outcome = evidence.conclude(story, terms.step)
    remarks = [Line(f"But: {failure}", Tone.BAD) for failure in failures]
    if outcome.true and director.missed:
        remarks.insert(0, Line(director.missed))
    show([*screen.outcome_page(outcome), *remarks, Line()])
    found = failover.perform(lab, router, lambda said: show([Line(said)]))
    show([*failover.failover_page(found), Line()])
    saved = saving.perform(lab, router, places, lambda said: show([Line(said)]))
    show([*saving.saved_page(saved), Line()])
    told = _alarm(stack, lab, router, places)
    if keep:
        ways = page.ways(stack, lab, router, places) if web else []
        _keep(stack, lab, terms, places.socket, ways)
    else:
        show(_next_steps())
    right = outcome.true and outcome.held and outcome.named and outcome.paid and found.true and saved.true and told
    return 0 if right and not failures else 1


def _alarm(stack: contextlib.ExitStack, lab: Lab, router: RouterProcess, places: Places) -> bool:
    """The act of the alarm; False if it failed. Where packages are missing it is left out, and that is said."""
    if not can_be_reached():
        show([Line("Left out, how the owner is told of an alarm: sudo apt install python3-aiosmtpd"), Line()])
        return True
    with _step("the owner's mailbox and a modem"):
        owner = stack.enter_context(Owner(lab, lab.servers4[BOX], places.root))
    noticed = alarm.perform(lab, router, places, owner, lambda said: show([Line(said)]))
    hint = f"The demo sends an SMS as well with: sudo apt install {' '.join(missing_for_sms())}"
    hints = [] if owner.has_phone else [Line(hint, Tone.QUIET)]
    show([*alarm.alarm_page(noticed), *hints, Line()])
    return noticed.true


def _perform(
    play: Play, evidence: Evidence, story: Story, cast: Sequence[Act], director: Director, picture: Show
) -> None:
    """Plays the whole story. A slow machine gets more time until every event has happened, but not for ever."""
    begin = time.monotonic()
    todo = list(cast)
    while play.now < play.seconds or (director.waits_for and play.now < play.seconds * 1.5 + _PATIENCE_SECONDS):
        while todo and todo[0].begin * play.seconds <= play.now:
            act = todo.pop(0)
            play.say(act.says)
            story.begin(act, (act.end - act.begin) * play.seconds)
        sample = evidence.sample()
        director.follow(sample)
        picture.draw(sample)
        time.sleep(_LOOK_SECONDS)
        play.now = time.monotonic() - begin


def _keep(stack: contextlib.ExitStack, lab: Lab, terms: Terms, socket: Path, ways: Sequence[str]) -> None:
    """The router goes on until Ctrl-C, so that people can look around."""
    story = Story(lab)
    stack.callback(story.stop)
    for act in acts(terms):
        if act.end > act.begin:
            story.begin(act, float("inf"))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    commands = [_command(words, socket) for words in ("top", "plan", "services", "flows", "grant smart-tv 50MB")]
    show(
        [
            Line("The router goes on. Look around from another terminal in this directory:"),
            *(Line(part) for command in commands for part in screen.folded(f"  {command}", width)),
            *map(Line, ways),
            Line("Ctrl-C takes everything away."),
        ]
    )
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    print("\nTaking everything away.")


def _next_steps() -> Page:
    hints = {
        f"{_sudo()}make demo ARGS=--keep": "as above, then stays: look around",
        f"{_sudo()}make demo ARGS=--web": "the same with the page, for your browser",
        f"{_sudo()}{_program()} doctor": "can this machine meter for real?",
        "README.md": "set it up on a router",
    }
    width = max(map(len, hints))
    return [Line(f"{what:<{width}}  {why}", Tone.QUIET) for what, why in hints.items()]


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    """Says which part is made, and how long it took."""
    print(f"Making {what} ... ", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print("no")
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)


def _command(words: str, socket: Path) -> str:
    return f"{_sudo()}{_program()} {words} --socket {socket}"


def _sudo() -> str:
    return "sudo " if "SUDO_UID" in os.environ else ""


def _program() -> str:
    """How a person starts this program in the directory of the sources."""
    found = shutil.which("python3")
    python = "python3" if found and Path(found).resolve() == Path(sys.executable).resolve() else sys.executable
    return f"{python} -m esimshaper"


@contextlib.contextmanager
def _signals_end_it() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: by an exception, so that every context manager cleans up."""
    before = [(number, signal.getsignal(number)) for number in _SIGNALS]
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _leave)
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextlib.contextmanager
def _ctrl_c_is_not_for_children() -> Iterator[None]:
    """A terminal sends Ctrl-C to all processes in the foreground; children that are started here ignore it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
