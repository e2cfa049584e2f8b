# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper top`: asks the daemon once a second and shows who is busy. Owns the terminal while it runs."""

import json
import os
import select
import shutil
import sys
import termios
import tty
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages.texts import _, ngettext
from esimshaper.views.core_texts import said
from esimshaper.views.fit import Column, Tone, cells_of, folded_words
from esimshaper.views.flows import remote
from esimshaper.views.page import BAR_WIDTH, Line, Page, Picture, Table, bar, print_plain, renderable
from esimshaper.views.words import LEVELS, Document, rate, reason, state_cell, who

FLOWS_ASKED = "500"  # flows: the most recent ones, among which the busy ones are
PLAIN_ROWS = 10

# Columns of a live view must not jump from one second to the next, so their widths do not follow their texts.
NAME_WIDTH = 24
FLOW_WIDTH = 32
SERVICE_WIDTH = 16
RATE_WIDTH = len("99.9 Mbit/s")
SIZE_WIDTH = len("999 MB") + 1
FlowKey = tuple[Any, ...]
Fetch = Callable[[str, Mapping[str, str]], dict[str, Any]]
"""Path and parameters -> document."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The documents of one second. `flow_bits`: down and up in bit/s since the sample before, by flow."""

    at: float
    status: Document
    clients: Sequence[Document]
    flows: Sequence[Document]
    flow_bits: Mapping[FlowKey, tuple[int, int]]


Clock = Callable[[], float]
"""Seconds of CLOCK_MONOTONIC."""


def run(fetch: Fetch, clock: Clock, *, count: int | None, interval: float, as_json: bool) -> None:
    """Shows until q, Ctrl-C or `count` samples. Raises what `fetch` raises, with the terminal as it was before."""
    # Closed by hand, so that the terminal is given back before anybody prints an error.
    with closing(_samples(fetch, clock, interval, count)) as samples:
        if as_json:
            _print_json(samples)
        elif sys.stdout.isatty():
            _run_live(samples)
        else:
            for sample in samples:
                print_plain([*top_page(sample, PLAIN_ROWS, PLAIN_ROWS), Line()])


def _print_json(samples: Iterator[Sample]) -> None:
    """One document per line."""
    for sample in samples:
        document = {
            "version": DOCUMENT_VERSION,
            "status": sample.status,
            "clients": sample.clients,
            "flows": sample.flows,
        }
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()


def _samples(fetch: Fetch, clock: Clock, interval: float, count: int | None) -> Generator[Sample, None, None]:
    """One sample per interval; ends after `count`, or when q is pressed."""
    before: Sample | None = None
    taken = 0
    with _keys(clock) as quit_pressed:
        while True:
            before = _sample(fetch, clock(), before)
            yield before
            taken += 1
            if count is not None and taken >= count:
                return
            if quit_pressed(max(0.0, before.at + interval - clock())):
                return


def _sample(fetch: Fetch, at: float, before: Sample | None) -> Sample:
    status = fetch("/v1/status", {})
    clients = fetch("/v1/clients", {})["clients"]
    flows = fetch("/v1/flows", {"limit": FLOWS_ASKED, "order": "recent"})["flows"]
    return Sample(at, status, clients, flows, _flow_bits(flows, at, before) if before else {})


def _flow_bits(flows: Sequence[Document], at: float, before: Sample) -> dict[FlowKey, tuple[int, int]]:
    """Bits per second of each flow since `before`; of a flow younger than that, all bytes count."""
    old = {_flow_key(flow): flow for flow in before.flows}
    seconds = max(at - before.at, 0.001)
    bits = {}
    for flow in flows:
        past = old.get(_flow_key(flow))
        if past is None and flow["age_seconds"] > seconds + 1:
            continue  # an older flow was not among the flows of the last answer: its speed is not known
        down, up = (flow[name] - (past[name] if past else 0) for name in ("down_bytes", "up_bytes"))
        if down > 0 or up > 0:
            bits[_flow_key(flow)] = (int(max(down, 0) * 8 / seconds), int(max(up, 0) * 8 / seconds))
    return bits


def _flow_key(flow: Document) -> FlowKey:
    names = ("key", "protocol_number", "remote_address", "remote_port", "wan_address", "wan_port")
    return tuple(flow[name] for name in names)


@contextmanager
def _keys(clock: Clock) -> Iterator[Callable[[float], bool]]:
    """Gives a function that waits some seconds, or less if q is pressed, and says whether it was."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield _wait
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield lambda seconds: _wait_for_q(seconds, clock)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _wait(seconds: float) -> bool:
    select.select([], [], [], seconds)
    return False


def _wait_for_q(seconds: float, clock: Clock) -> bool:
    end = clock() + seconds
    while True:  # at least once, or q would never be read where each sample is late
        left = max(0.0, end - clock())
        if not select.select([sys.stdin], [], [], left)[0]:
            return False
        keys = os.read(sys.stdin.fileno(), 64)
        if not keys or b"q" in keys.lower():  # end of input: the terminal is gone
            return True


def _run_live(samples: Iterator[Sample]) -> None:
    from rich.console import Console  # noqa: PLC0415 - not needed, so not loaded, in a pipe
    from rich.live import Live  # noqa: PLC0415

    console = Console(highlight=False)
    # Redirecting would put a proxy in the place of sys.stdout that denies being a terminal: no keys would be read.
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        for sample in samples:
            size = shutil.get_terminal_size()
            room = max(6, size.lines - 10)  # without the header, two table heads, "more", blank lines and the last line
            clients = min(len(sample.clients), max(3, room // 2))
            page = [*top_page(sample, clients, room - clients), Line(), Line(_("q quits"), Tone.QUIET)]
            live.update(renderable(page, size.columns), refresh=True)


def top_page(sample: Sample, clients: int, flows: int) -> Page:
    """The page for one sample, with at most so many clients and flows."""
    status = sample.status
    wan, now, today = status["wan"], status["now"], status["today"]
    down, up = format_rate(now["down_bits_per_second"]), format_rate(now["up_bits_per_second"])
    plans = (row for row in status["quotas"]["top"] if row["subject"] == "everyone")
    left = (_("{quota} {size} left", quota=row["quota"], size=format_size(row["left_bytes"])) for row in plans)
    moving = [_("down {rate}", rate=down), _("up {rate}", rate=up)]
    head = [wan["interface"], *left, *moving, _("today {size}", size=format_size(today["total_bytes"]))]
    problems = [Line(_("WAN {name}: NOT METERING", name=wan["interface"]), Tone.BAD)] if not wan["attached"] else []
    problems += [Line(said(problem), Tone.BAD) for problem in wan["problems"]]
    others = ", ".join(wan["detour"]["interfaces"])
    problems += [Line(_("devices go out by {others}, uncounted", others=others), Tone.WARNING)] if others else []
    return [
        Picture(lambda width: [Line(line, Tone.TITLE) for line in folded_words(head, width, indent="")]),
        *problems,
        Line(),
        _clients(sample.clients, clients),
        *_more(len(sample.clients) - clients),
        Line(),
        _flows(sample, flows),
    ]


def _more(number: int) -> list[Line]:
    text = ngettext(
        "{n} more; `esimshaper clients` shows them all", "{n} more; `esimshaper clients` shows them all", number
    )
    return [Line(text, Tone.QUIET)] if number > 0 else []


def _clients(entries: Sequence[Document], limit: int) -> Table:
    served = any(entry["services"]["today"] for entry in entries)
    ranked = sorted(entries, key=lambda entry: (-_bits(entry), -entry["today"]["total_bytes"]))[:limit]
    largest = max((_bits(entry) for entry in ranked), default=0)
    rows = [
        [
            who(entry),
            bar(_bits(entry), largest),
            rate(entry["now"]["down_bits_per_second"]),
            rate(entry["now"]["up_bits_per_second"]),
            format_size(entry["today"]["total_bytes"]),
            *([entry["services"]["now"] or "-"] if served else []),
            state_cell(entry["state"]),
            reason(entry["state"]),
        ]
        for entry in ranked
    ]
    columns = (
        Column("CLIENT", width=NAME_WIDTH),
        Column("BUSY", bar=True, rank=2, width=BAR_WIDTH),
        Column("DOWN", right=True, tone=Tone.DOWN, width=RATE_WIDTH),
        Column("UP", right=True, tone=Tone.UP, width=RATE_WIDTH, rank=1),
        Column("TODAY", right=True, width=SIZE_WIDTH),
        *([Column("MOSTLY", width=SERVICE_WIDTH, rank=2)] if served else []),
        Column("STATE", whole=True, width=max(cells_of(_(word)) for word in LEVELS.values())),
        Column("WHY", tone=Tone.QUIET, rank=3),
    )
    return Table(columns, rows)


def _bits(entry: Document) -> int:
    return int(entry["now"]["down_bits_per_second"] + entry["now"]["up_bits_per_second"])


def _flows(sample: Sample, limit: int) -> Table:
    moving = [(flow, sample.flow_bits.get(_flow_key(flow), (0, 0))) for flow in sample.flows]
    if sample.flow_bits:  # the first sample knows no rates yet
        moving = [(flow, bits) for flow, bits in moving if any(bits)]
    moving.sort(key=lambda pair: (-sum(pair[1]), -pair[0]["total_bytes"]))
    rows = [
        [
            f"{flow['protocol']} {flow['name'] or remote(flow)}",
            who(flow),
            rate(down),
            rate(up),
            format_size(flow["total_bytes"]),
        ]
        for flow, (down, up) in moving[:limit]
    ]
    columns = (
        Column("FLOW", width=FLOW_WIDTH),
        Column("CLIENT", width=NAME_WIDTH, rank=2),
        Column("DOWN", right=True, tone=Tone.DOWN, width=RATE_WIDTH),
        Column("UP", right=True, tone=Tone.UP, width=RATE_WIDTH, rank=1),
        Column("TOTAL", right=True, width=SIZE_WIDTH),
    )
    return Table(columns, rows)
