# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench`: all figures in one run, each beside what it is held against. Owns nothing but its output.

Works in namespaces, mounts and a bpffs of its own; leaves nothing behind. Exit status 1 if something is not true
(FAIL). What is only slower or bigger than aimed at is a MISS, and fails with --strict alone: a small machine, or one
that is busy with something else, does not make the program wrong.
"""
# ruff: noqa: T201 - a command line prints

import argparse
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import (
    bill,
    channels,
    conversations,
    cost,
    crowd,
    dns,
    flood,
    forwarding,
    overshoot,
    page,
    past,
    questions,
    queues,
    reading,
    resident,
    ruling,
    shaping,
    slow,
    watching,
)
from bench.place import Place, machine, private_place
from bench.rows import Row, Verdict, show, write_json
from esimshaper.core.model.errors import Unusable
from esimshaper.lab import LabUnavailable


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that are measured together and can be asked for by name."""

    name: str
    title: str
    rows: Callable[[Place], Iterator[Row]]


SECTIONS = (
    Section("bill", "Is the bill true", bill.rows),
    Section("cost", "Cost per packet", cost.rows),
    Section("forwarding", "Forwarding", forwarding.rows),
    Section("overshoot", "How exact is a cut", overshoot.rows),
    Section("shaping", "Shaping", shaping.rows),
    Section("slow", "A slow plan", slow.rows),
    Section("crowd", "A throttled crowd", crowd.rows),
    Section("flood", "A flood", flood.rows),
    Section("naming", "Names of conversations", conversations.rows),
    Section("page", "The page", page.rows),
    Section("dns", "Names that DNS refuses", dns.rows),
    Section("queues", "Queues of others", queues.rows),
    Section("watch", "Abnormal use", watching.rows),
    Section("reading", "Reading", reading.rows),
    Section("rules", "Rules by service", ruling.rows),
    Section("daemon", "The running daemon", resident.memory_and_processor),
    Section("start", "Start", resident.starts),
    Section("flash", "Flash", resident.flash),
    Section("past", "Years of history", past.rows),
    Section("questions", "Questions beside ticks", questions.rows),
    Section("channels", "Servers that hang, drip and lie", channels.rows),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, gives the exit status."""
    options = build_parser().parse_args(arguments)
    if os.geteuid() != 0:
        print("The benchmark needs root for network namespaces and BPF: sudo make bench", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signal_number, _frame: sys.exit(128 + signal_number))
    box = machine()
    print(", ".join(f"{name} {value}" for name, value in box.items()), flush=True)
    began = time.monotonic()
    done: dict[str, list[Row]] = {}
    with private_place(quick=options.quick) as place:
        for section in SECTIONS:
            if not options.only or section.name in options.only:
                done[section.name] = measure(section, place)
                show(section.title, done[section.name])
    if options.json:
        write_json(options.json, box, done)
    return conclude([row for rows in done.values() for row in rows], time.monotonic() - began, strict=options.strict)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="The figures of esimshaper.")
    parser.add_argument("--quick", action="store_true", help="fewer variants and rounds: a few minutes")
    parser.add_argument("--only", action="append", choices=[section.name for section in SECTIONS], metavar="NAME",
                        help="one section: " + ", ".join(section.name for section in SECTIONS))  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of it to FILE too")
    parser.add_argument("--strict", action="store_true", help="exit status 1 for a missed aim too")
    return parser


def measure(section: Section, place: Place) -> list[Row]:
    """All rows of a section. One that breaks off is a row that failed; the others are still wanted."""
    rows: list[Row] = []
    if sys.stderr.isatty():
        print(f"{section.title} ...", end="\r", file=sys.stderr, flush=True)
    try:
        rows.extend(section.rows(place))
    except (Unusable, LabUnavailable) as problem:
        rows.append(Row("could not be measured", 1, "problem", "0", Verdict.FAIL, str(problem)))
    except Exception as problem:  # noqa: BLE001 - whatever it was, the other figures are still wanted
        traceback.print_exc()
        rows.append(Row("broke off", 1, "problem", "0", Verdict.FAIL, f"{type(problem).__name__}: {problem}"))
    return rows


def conclude(rows: Sequence[Row], seconds: float, *, strict: bool) -> int:
    """The last line, and the exit status."""
    failed = sum(row.verdict is Verdict.FAIL for row in rows)
    missed = sum(row.verdict is Verdict.MISS for row in rows)
    print(f"{len(rows)} figures in {seconds:.0f} s; {failed} not true, {missed} aims missed")
    return 1 if failed or (strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
