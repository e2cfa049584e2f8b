# SPDX-License-Identifier: GPL-2.0-or-later
"""The pictures of the demo. In: Sample or Outcome, and the state of play. Out: pages (views/page.py). Pure but Show.

Show owns the terminal while traffic moves: a live picture there, in a pipe a block of plain lines now and then.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from esimshaper.core.model.counts import Counters, sum_of
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, ClientKey
from esimshaper.core.model.units import format_rate, format_size
from esimshaper.demo.evidence import Document, Limit, Outcome, Purpose, Sample, Share, label
from esimshaper.demo.plans import glance, spent_page
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar, print_plain, renderable
from esimshaper.views.words import TONES

if TYPE_CHECKING:
    from rich.live import Live

NARROW, SHORT = 80, 24
_FIXED_LINES, _FIXED_COLUMNS = 17, 94  # lines of the live picture, without events and without bars
_MOST_EVENTS = 12
_QUOTA_BAR = 7

WELCOME = """\
A traveller's router, simulated: five devices behind it, a modem link, and a
carrier that bills each byte. The router runs the real thing: esimshaper's eBPF
meter in the kernel, and its daemon. Two devices have a quota of today: past it
the phone is throttled, the TV is blocked. The eSIM is changed in the middle,
and gives way to hotel Wi-Fi in the end.
The carrier's bill is added up by another process, on the far side of the link.
It must be equal to the byte.
"""


@dataclass
class Play:
    """Where the story is. Times are seconds since the traffic began; `happened` has one (time, line) per event.

    distance: how far away the bill is added up, for people. command: the shell command to watch the router.
    """

    seconds: float
    link: str
    distance: str
    command: str
    now: float = 0.0
    happened: list[tuple[float, Line]] = field(default_factory=list)

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        self.happened.append((self.now, Line(f"{clock(self.now)}  {sentence}", tone)))


def live_page(sample: Sample, play: Play, columns: int = NARROW, lines: int = SHORT) -> Page:
    """The picture while traffic moves, for a terminal of that size."""
    command = folded(f"  {play.command}", columns)
    room = max(3, min(_MOST_EVENTS, lines - _FIXED_LINES - len(command)))
    return [
        Line(f"esimshaper demo   {play.link}   {clock(play.now)} of {clock(play.seconds)}", Tone.TITLE),
        Line(),
        _clients(sample, max(8, min(14, (columns - _FIXED_COLUMNS) // 2))),
        Line(),
        _counts(sample, play),
        glance(sample.plans),
        *_events(play, room),
        Line(),
        Line("Look at it yourself, from another terminal in this directory:", Tone.QUIET),
        *(Line(part, Tone.QUIET) for part in command),
    ]


def folded(command: str, columns: int) -> list[str]:
    """A shell command in lines that can be pasted."""
    if len(command) <= columns:
        return [command]
    first, option, rest = command.rpartition("--socket ")
    return [f"{first}\\", f"    {option}{rest}"]


def _clients(sample: Sample, width: int) -> Table:
    keys = [*_members(sample), ROUTER, *([UNATTRIBUTED] if sample.kernel.get(UNATTRIBUTED) else [])]
    rates = {key: sample.rates.get(key, (0, 0)) for key in keys}
    fastest = max(max(pair) for pair in rates.values())
    rows = [_client(sample, key, rates[key], fastest, width) for key in keys]
    columns = (
        Column("CLIENT"),
        Column("", tone=Tone.DOWN, rank=2, bar=True),
        Column("DOWN NOW", right=True, tone=Tone.DOWN),
        Column("", tone=Tone.UP, rank=2, bar=True),
        Column("UP NOW", right=True, tone=Tone.UP),
        Column("USED", right=True),
        Column("QUOTA"),
        Column("OF", right=True, rank=1),
        Column("STATE"),
    )
    return Table(columns, rows)


def _client(sample: Sample, key: ClientKey, rates: tuple[int, int], fastest: int, width: int) -> list[str | Cell]:
    down, up = rates
    quota, level = sample.quotas.get(key), _level(sample, key)
    limit = quota["limit_bytes"] if quota else 0
    return [
        label(key, sample.documents).ljust(15),
        bar(down, fastest, width).ljust(width),
        (format_rate(down) if down else "-").rjust(11),
        bar(up, fastest, width).ljust(width),
        (format_rate(up) if up else "-").rjust(11),
        format_size(sample.kernel.get(key, Counters()).total_bytes).rjust(7),
        Cell(bar(sample.used.get(key, 0), limit, _QUOTA_BAR).ljust(_QUOTA_BAR), TONES[level]),
        format_size(limit).rjust(7) if quota else " " * 7,
        Cell(level.ljust(9), TONES[level]),
    ]


def _level(sample: Sample, key: ClientKey) -> str:
    """The level of a client by the daemon; while it is dead, by the kernel's policies."""
    quota = sample.quotas.get(key)
    if quota and sample.used.get(key, 0) > quota["limit_bytes"]:
        return "blocked" if quota["action"] == "block" else "throttled"
    state: Document = sample.documents.get(key, {}).get("state", {})
    return str(state.get("level", "open"))


def _members(sample: Sample) -> list[ClientKey]:
    """Devices in a fixed order, so that no line jumps; the daemon lists a device once it has moved a byte."""
    return sorted(key for key in sample.documents if key not in (ROUTER, UNATTRIBUTED))


def _counts(sample: Sample, play: Play) -> Table:
    """The three counts of everything, in full figures."""
    rows = [
        _count("carrier's bill", sample.bill.total, play.distance),
        _count("kernel's counters", sum_of(sample.kernel.values()), ""),
        _count(
            "daemon's totals", sum_of(sample.daemon.values()), "once a second" if sample.alive else "KILLED; both go on"
        ),
    ]
    columns = (
        Column("EVERYONE"),
        Column("BYTES DOWN", right=True, tone=Tone.DOWN),
        Column("BYTES UP", right=True, tone=Tone.UP),
        Column("", tone=Tone.QUIET if sample.alive else Tone.BAD),
    )
    return Table(columns, rows)


def _count(what: str, counters: Counters, remark: str) -> list[str]:
    return [what, f"{counters.down_bytes:,}".rjust(13), f"{counters.up_bytes:,}".rjust(13), remark.ljust(20)]


def _events(play: Play, room: int) -> Iterator[Line]:
    """The last events, always in as many lines, so that nothing below moves."""
    shown = play.happened[-room:]
    yield from (line for _, line in shown)
    for _ in range(room - len(shown)):
        yield Line()


def outcome_page(outcome: Outcome) -> Page:
    """The carrier's bill beside our totals, and the bytes that the limits let through."""
    verdicts = [
        Line("Equal to the byte, for everyone and for each client.", Tone.GOOD)
        if outcome.true
        else Line("NOT EQUAL: this should not be. Please report it, with this screen.", Tone.BAD),
        Line("No byte passed the limit of the TV, not even while the daemon was dead.", Tone.GOOD)
        if outcome.held
        else Line("A LIMIT WAS NOT HELD: this should not be. Please report it, with this screen.", Tone.BAD),
    ]
    verdicts.append(
        Line("What the bytes were for is what the hosts were, to the byte.", Tone.GOOD)
        if outcome.named
        else Line("SOME BYTES HAVE ANOTHER NAME than their host. Please report it, with this screen.", Tone.BAD)
    )
    nobody = Share("unattributed", Counters(), outcome.unattributed)
    return [
        _bill_table(outcome),
        Line(),
        _share_table([*outcome.shares, *([nobody] if outcome.unattributed else [])]),
        Line(),
        _purpose_table(outcome.purposes),
        Line(),
        *([*spent_page(outcome.spent), Line()] if outcome.spent else []),
        _limit_table(outcome.limits),
        *verdicts,
    ]


def _bill_table(outcome: Outcome) -> Table:
    billed, counted, daemon = outcome.total.billed, outcome.total.counted, outcome.daemon
    rows = [
        _compared("bytes down", billed.down_bytes, counted.down_bytes, daemon.down_bytes),
        _compared("bytes up", billed.up_bytes, counted.up_bytes, daemon.up_bytes),
        _compared("packets", _packets(billed), _packets(counted)),
    ]
    titles = ("", "CARRIER'S BILL", "ESIMSHAPER", "DIFFERENCE")
    return Table(tuple(Column(title, right=bool(title)) for title in titles), rows)


def _packets(counters: Counters) -> int:
    return counters.down_packets + counters.up_packets


def _compared(what: str, billed: int, counted: int, daemon: int | None = None) -> list[str]:
    """The count of kernel or daemon that is further from the bill."""
    ours = max(counted, counted if daemon is None else daemon, key=lambda number: abs(number - billed))
    unit = " B" if daemon is not None else ""
    return [what.ljust(15), f"{billed:,}".rjust(14), f"{ours:,}".rjust(14), f"{ours - billed:,}{unit}"]


def _purpose_table(purposes: Sequence[Purpose]) -> Table:
    rows = [
        [
            each.label.ljust(15),
            each.service,
            format_size(each.billed),
            format_size(each.counted),
            f"{each.counted - each.billed:,} B",
        ]
        for each in purposes
    ]
    titles = ("WHO", "WHAT FOR", "BILLED BY HOST", "OURS BY NAME", "DIFFERENCE")
    return Table(tuple(Column(title, right=at > 1) for at, title in enumerate(titles)), rows)


def _share_table(shares: Sequence[Share]) -> Table:
    rows = [
        [
            share.label.ljust(15),
            format_size(share.billed.down_bytes),
            format_size(share.billed.up_bytes),
            format_size(share.counted.down_bytes),
            format_size(share.counted.up_bytes),
            f"{share.difference:,} B",
        ]
        for share in shares
    ]
    columns = (
        Column("WHO"),
        Column("BILLED DOWN", right=True, tone=Tone.DOWN),
        Column("UP", right=True, tone=Tone.UP),
        Column("OURS DOWN", right=True, tone=Tone.DOWN),
        Column("UP", right=True, tone=Tone.UP),
        Column("DIFFERENCE", right=True),
    )
    return Table(columns, rows)


def _limit_table(limits: Sequence[Limit]) -> Table:
    rows = [
        [
            each.label.ljust(15),
            f"{each.limit:,}",
            f"{each.passed:,}",
            f"{each.beyond:,}",
            format_rate(each.rate) if each.rate else "blocked",
            f"{each.late:,}" if not each.rate else "-",
        ]
        for each in limits
    ]
    columns = (
        Column("QUOTA OF"),
        Column("LIMIT", right=True),
        Column("LET THROUGH", right=True),
        Column("BEYOND IT", right=True),
        Column("THEN", right=True),
        Column("BILLED AFTER", right=True),
    )
    return Table(columns, rows)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


class Show:
    """The picture while the `with` block lasts. On a terminal it vanishes then, for the outcome to take its place."""

    def __init__(self, play: Play, blocks: int = 4) -> None:
        self._play = play
        self._live: Live | None = None
        self._pause, self._next = play.seconds / blocks, play.seconds / blocks
        self._shown = 0

    def __enter__(self) -> Self:
        if on_terminal():
            from rich.console import Console  # noqa: PLC0415 - not needed in a pipe
            from rich.live import Live  # noqa: PLC0415

            console = Console(highlight=False)
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        else:
            print_plain([Line()])

    def draw(self, sample: Sample) -> None:
        if self._live:
            size = self._live.console.size
            page = live_page(sample, self._play, size.width, size.height)
            self._live.update(renderable(page, size.width), refresh=True)
            return
        fresh, self._shown = self._play.happened[self._shown :], len(self._play.happened)
        print_plain([line for _, line in fresh])
        if self._play.now >= self._next:
            self._next += self._pause
            title = Line(f"--- {clock(self._play.now)} of {clock(self._play.seconds)}")
            print_plain([Line(), title, _clients(sample, 10), Line(), _counts(sample, self._play), Line()])


def on_terminal() -> bool:
    """Whether a moving picture can be shown."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
