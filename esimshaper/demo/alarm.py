# SPDX-License-Identifier: GPL-2.0-or-later
"""An act of the demo: a program on the console sends out all that it finds. Out: Noticed, a page.

The watch notices it, the kernel cuts it, and the owner is told by mail and SMS, which are shown as they arrived. The
configuration gets two keys for it, and is reloaded.
"""

import contextlib
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from esimshaper.core.model.units import format_size
from esimshaper.demo.owner import NUMBER, Mail, Owner
from esimshaper.demo.router_process import Places, RouterProcess
from esimshaper.demo.story import CONSOLE, LAPTOP, TABLET
from esimshaper.lab import Lab, traffic
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page

WATCH = "watch: {upload: {block: 1h}}\n"
"""The rule by which an upload that nobody can want is blocked."""
_BITS = 24e6
_STOLEN = 300_000_000
"""Bytes that the program wants to send: more than it can before it is cut."""
_PATIENCE = 60.0
_LOOK = 0.25
_WIDTH = 76


@dataclass(frozen=True, slots=True)
class Noticed:
    """Moments are seconds since the program began; None: never. texted: also where there is no phone, `has_phone`.

    sent: bytes that the carrier billed of it. after: those that it got out in a second try. call: payload bytes that
    the tablet's call moved after the cut.
    """

    noticed: float | None
    cut: float | None
    mailed: float | None
    texted: float | None
    sent: int
    after: int
    call: int
    mail: Mail | None
    sms: str
    has_phone: bool = True

    @property
    def true(self) -> bool:
        """Whether it was noticed, cut and told within a minute, nothing passed behind the cut, and others went on."""
        moments = (self.noticed, self.cut, self.mailed, *([self.texted] if self.has_phone else []))
        in_time = all(each is not None and each <= _PATIENCE for each in moments)
        return in_time and self.sent > 0 and not self.after and self.call > 0


def perform(lab: Lab, router: RouterProcess, places: Places, owner: Owner, say: Callable[[str], None]) -> Noticed:
    """Plays it. Nothing else moves meanwhile but a call."""
    written = places.config.read_text(encoding="utf-8")
    places.config.write_text(written + WATCH + owner.settings(), encoding="utf-8")
    router.order("/v1/reload", {})
    router.start_notices(owner.bus_address)
    say(f"the configuration gets `{WATCH.strip()}` and how the owner is told, and is reloaded")
    console, server = lab.clients[CONSOLE], lab.servers4[LAPTOP]
    before, began = lab.carrier.settle().of(server), time.monotonic()
    say("a program on console sends all that it finds to a server without a name")
    theft = console.start(_steal, server, began)
    over = threading.Event()
    call = lab.clients[TABLET].start(_call, lab.servers4[TABLET], theft.done, over)
    seen = _watch(router, owner, began)
    cut = theft.result()
    over.set()
    between = lab.carrier.settle().of(server)
    with contextlib.suppress(OSError):
        console.call(traffic.tcp_up, server, 1_000_000, timeout=2.0)
    after = lab.carrier.settle().of(server) - between
    return Noticed(
        seen.get("alarm"),
        cut,
        seen.get("mail"),
        seen.get("sms"),
        (between - before).total_bytes,
        after.total_bytes,
        call.result(),
        next(iter(owner.mails), None),
        next(iter(owner.sms), ""),
        owner.has_phone,
    )


def _steal(server: str, began: float) -> float | None:
    """When it was cut; None if it has sent all."""
    try:
        traffic.udp_up(server, _STOLEN, bits=_BITS)
    except OSError:
        return time.monotonic() - began
    return None


def _call(server: str, is_cut: Callable[[], bool], over: threading.Event) -> int:
    """Payload bytes that passed after the theft was over, in both directions."""
    moved = 0
    while not over.is_set():
        counts = is_cut()
        with contextlib.suppress(OSError):
            step = traffic.quic(server, up=20_000, down=30_000)
            moved += (step.up + step.down) * counts
        over.wait(_LOOK)
    return moved


def _watch(router: RouterProcess, owner: Owner, began: float) -> dict[str, float]:
    """When the alarm, the mail and the SMS were there."""
    seen: dict[str, float] = {}
    while len(seen) < 2 + owner.has_phone and time.monotonic() - began < _PATIENCE:
        alarms = router.ask("/v1/alarms") or {"open": []}
        there = {
            "alarm": any("upload" in each["kinds"] for each in alarms["open"]),
            "mail": owner.mails,
            "sms": owner.sms,
        }
        seen |= {what: time.monotonic() - began for what, found in there.items() if found and what not in seen}
        time.sleep(_LOOK)
    return seen


def alarm_page(found: Noticed) -> Page:
    """When it was noticed, cut and told, and how; the messages as they arrived."""
    lines = [
        Line("What happened, in seconds after the program began:"),
        Line(
            f"  noticed by the watch {_when(found.noticed)}, cut {_when(found.cut)}: {format_size(found.sent)} had left"
        ),
        Line(f"  the mail {_when(found.mailed)}" + f", the SMS for {NUMBER} {_when(found.texted)}" * found.has_phone),
        Line(f"  in a second try it got out {found.after:,} B; the call went on: {format_size(found.call)} more"),
    ]
    if found.sms:
        lines += [Line(), Line("The SMS:", Tone.QUIET), *_quoted(found.sms)]
    if found.mail:
        lines += [
            Line(),
            Line("The mail:", Tone.QUIET),
            *_quoted(f"Subject: {found.mail.subject}\n\n{found.mail.text}"),
        ]
    verdict = (
        Line("Noticed, cut and told within a minute, while others went on.", Tone.GOOD)
        if found.true
        else Line("IT WAS NOT NOTICED, CUT OR TOLD IN A MINUTE, or something passed. Please report it.", Tone.BAD)
    )
    return [*lines, Line(), verdict]


def _when(moment: float | None) -> str:
    return "never" if moment is None else f"after {moment:.0f} s"


def _quoted(text: str) -> list[Line]:
    folded = [part for line in text.strip().splitlines() for part in textwrap.wrap(line, _WIDTH) or [""]]
    return [Line(f"  | {line}") for line in folded]
