# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper doctor`: probes the box, has the facts judged, and puts the findings into words for people and machines.

Glue between esimshaper.edge.probe and esimshaper.core.diagnosis; changes nothing on the box.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from esimshaper.core import diagnosis, diagnosis_network
from esimshaper.core.facts import Finding, Level, Wanted
from esimshaper.edge import places, probe
from esimshaper.edge.control_client import default_socket

VERSION = 1
"""Of the document that `doctor --json` prints."""

# Sign and colour (SGR) on a terminal.
MARKS = {Level.OK: ("✔", "32"), Level.NOTE: ("i", "36"), Level.WARNING: ("!", "33"), Level.PROBLEM: ("✘", "31")}


def examine(config: Path | None = None, *, state: Path | None = None, control: Path | None = None) -> list[Finding]:
    """All findings about this box, and with a configuration about its interfaces.

    `state` and `control` are the daemon's state directory and control socket, by default where systemd has them.
    """
    wanted, refused = _wanted(config)
    facts = probe.gather(
        wanted,
        state or places.state_directory(),
        control or default_socket(),
    )
    return [*refused, *diagnosis.diagnose(facts), *diagnosis_network.diagnose(facts), *diagnosis.unknown(facts)]


def _wanted(config: Path | None) -> tuple[Wanted | None, list[Finding]]:
    if config is None:
        return None, []
    try:
        from esimshaper.edge import settings_file  # noqa: PLC0415  needs libraries that may be missing
    except ImportError as error:
        return None, [Finding.problem("configuration", f"{config} cannot be read: {error}.")]
    try:
        settings = settings_file.load(config)
    except settings_file.SettingsError as error:
        places = ((f"{one.file}:{one.line}:{one.column}: {one.message}", one.hint) for one in error.problems)
        return None, [Finding.problem("configuration", message, hint) for message, hint in places]
    lan = settings.lan
    wanted = Wanted(settings.wan.interface, lan.interfaces, lan.leases, lan.mark_mask)
    return wanted, [Finding.ok("configuration", f"{config} is right.")]


def able(findings: Sequence[Finding]) -> bool:
    """Whether the box can meter truthfully: the exit status of `doctor` is 0 if so, else 1."""
    return all(finding.level is not Level.PROBLEM for finding in findings)


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """For --json. Levels: ok, note, warning, problem."""
    return {
        "version": VERSION,
        "able": able(findings),
        "findings": [
            {"check": one.check, "level": one.level.value, "sentence": one.sentence, "hint": one.hint}
            for one in findings
        ],
    }


def render(findings: Sequence[Finding], *, color: bool) -> str:
    """A line for each finding, its hint below, and the verdict at the end. Without colour: words in plain ASCII."""
    return "\n".join((*_lines(findings, color=color), "", verdict(findings)))


def _lines(findings: Sequence[Finding], *, color: bool) -> Iterator[str]:
    for one in findings:
        sign, shade = MARKS[one.level]
        lead = f"\033[{shade}m{sign}\033[0m " if color else f"{one.level.value:<8}"
        yield f"{lead}{one.check}: {one.sentence}"
        if one.hint:
            yield f"{'  ' if color else ' ' * 8}-> {one.hint}"


def verdict(findings: Sequence[Finding]) -> str:
    """One sentence over all of them."""
    problems = sum(one.level is Level.PROBLEM for one in findings)
    if problems:
        return f"This box cannot meter truthfully yet: {problems} problem{'s' if problems > 1 else ''} to solve."
    doubts = sum(one.level is Level.WARNING for one in findings)
    return "This box can meter truthfully." + (
        f" See the {doubts} warning{'s' if doubts > 1 else ''}." if doubts else ""
    )
