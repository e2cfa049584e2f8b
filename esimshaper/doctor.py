# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper doctor`: probes the box, has the facts judged, and puts the findings into words for people and machines.

Glue between esimshaper.edge.probe.box and esimshaper.core.diagnosis. Looking changes nothing on the box; the self-test,
which is only run when asked for, stays in namespaces of its own and sends nothing to the WAN.

`--json` is one object; the version goes up when a name vanishes or changes its meaning, and new names may come:

    {"version": 1, "able": bool,          able: no finding is a problem; then the exit status is 0, else 1
     "self_test": bool,                   whether it was asked for
     "findings": [{"check": str,          what was looked at: "kernel", "wan", "marks", "self-test" ...
                   "level": "ok" | "note" | "warning" | "problem",
                   "sentence": str,       what it means for the numbers
                   "hint": str}]}         what to do, often a command; may be empty
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from esimshaper import __version__
from esimshaper.core.diagnosis import (
    box as diagnosis,
)
from esimshaper.core.diagnosis import (
    limits as diagnosis_limits,
)
from esimshaper.core.diagnosis import (
    network as diagnosis_network,
)
from esimshaper.core.diagnosis import (
    selftest as diagnosis_selftest,
)
from esimshaper.core.diagnosis import (
    service as diagnosis_service,
)
from esimshaper.core.model.box import Finding, Running, Severity, Wanted
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import ActionKind
from esimshaper.core.settings.uplink import fits, with_uplink
from esimshaper.edge import control_client
from esimshaper.edge.host import paths
from esimshaper.edge.probe import box as probe

VERSION = 1
"""Of the document that `doctor --json` prints."""

CONFIG = Path("/etc/esimshaper/esimshaper.yaml")

# Sign and colour (SGR) on a terminal.
MARKS = {
    Severity.OK: ("✔", "32"),
    Severity.NOTE: ("i", "36"),
    Severity.WARNING: ("!", "33"),
    Severity.PROBLEM: ("✘", "31"),
}

STAGES = (diagnosis, diagnosis_limits, diagnosis_network, diagnosis_service)
"""In the order in which a person would repair things."""


def examine(config: Path | None = None, *, state: Path | None = None) -> list[Finding]:
    """All findings about this box, and with a configuration about its interfaces.

    `config`: without one, that in /etc if it is there. `state`: the daemon's state directory, by default where
    systemd has it.
    """
    wanted, findings = _wanted(config or CONFIG, asked=config is not None)
    control = control_client.default_socket()
    facts = probe.gather(wanted, state or paths.state_directory(), control, _running(control), __version__)
    findings += [finding for stage in STAGES for finding in stage.diagnose(facts)]
    return [*findings, *diagnosis.unknown(facts)]


def measure(config: Path | None = None, progress: Callable[[str], None] = lambda _: None) -> list[Finding]:
    """The self-test, with the mark mask of the configuration. It takes seconds; `progress` is told of its steps."""
    from esimshaper import selftest  # noqa: PLC0415  needs the lab, which all the rest can do without

    wanted, _ = _wanted(config or CONFIG, asked=False)
    return list(diagnosis_selftest.diagnose(selftest.run((wanted or Wanted("", ())).mark_mask, progress)))


def _wanted(config: Path, *, asked: bool) -> tuple[Wanted | None, list[Finding]]:
    if not asked and not config.exists():
        sentence = f"There is no {config}: interfaces were not looked at."
        return None, [Finding.note("configuration", sentence, "make one, or name it: esimshaper doctor --config FILE")]
    try:
        from esimshaper.edge import settings_file  # noqa: PLC0415  needs libraries that may be missing
    except ImportError as error:
        return None, [Finding.problem("configuration", f"{config} cannot be read: {error}.")]
    try:
        loaded = settings_file.read_settings(config)
    except settings_file.SettingsError as error:
        return None, [Finding.problem("configuration", one.sentence, one.hint) for one in error.problems]
    findings = [Finding.ok("configuration", f"{config} is right.")]
    try:
        loaded.check_files()
    except settings_file.SettingsError as error:
        findings += [Finding.warning("metrics", one.sentence, one.hint) for one in error.problems]
    settings, tls = loaded.settings, loaded.settings.metrics.tls
    here = (name for _, name in sorted(socket.if_nameindex(), reverse=True))  # the newest first
    settings = with_uplink(settings, [name for name in here if fits(name, settings.wan.written)])
    wan, lan, actions = settings.wan, settings.lan, {quota.action.kind for quota in settings.quotas}
    wanted = Wanted(
        wan.interface,
        lan.interfaces,
        lan.leases,
        lan.mark_mask,
        shapes=ActionKind.THROTTLE in actions or bool(wan.download or wan.upload),
        blocks=ActionKind.BLOCK in actions,
        replaces_qdisc=wan.replace_qdisc,
        tunnels=tuple(tunnel.interface for tunnel in wan.tunnels),
        files=tuple(map(str, (config, *sorted((config.parent / "conf.d").glob("*.yaml"))))),
        certificates=tuple(filter(None, (tls.certificate, tls.key, tls.client_ca))) if tls else (),
    )
    return wanted, findings


def _running(control: Path) -> Running | None:
    """What the daemon says of itself; None if there is none, or it may not be asked."""
    try:
        status = control_client.get(control, "/v1/status")
        detached = [each for each in status["programs"] if not each["attached"]]
        problems = [status[part]["problem"] for part in ("storage", "tunnels", "metrics")]
        return Running(
            status["program"]["version"],
            tuple(f"not counting at {each['hook']} of {each['interface']}: {each['problem']}" for each in detached),
            tuple(problem for problem in problems if problem),
            {event["reason"]: event["bytes"] for event in status["events"]},
        )
    except (Unusable, KeyError, TypeError):  # the latter two: documents of another version
        return None


def able(findings: Sequence[Finding]) -> bool:
    """Whether the box can meter truthfully: the exit status of `doctor` is 0 if so, else 1."""
    return all(finding.level is not Severity.PROBLEM for finding in findings)


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """For --json. Levels: ok, note, warning, problem."""
    return {
        "version": VERSION,
        "able": able(findings),
        "self_test": _measured(findings),
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


def _measured(findings: Sequence[Finding]) -> bool:
    return any(one.check == diagnosis_selftest.CHECK for one in findings)


def verdict(findings: Sequence[Finding]) -> str:
    """One sentence over all of them; what was not tried is named."""
    if any(one.check == "privileges" and one.level is Severity.PROBLEM for one in findings):
        return "Not enough could be seen to tell. Run it as root: sudo esimshaper doctor"
    problems = sum(one.level is Severity.PROBLEM for one in findings)
    if problems:
        return f"This box cannot meter truthfully yet: {problems} problem{'s' if problems > 1 else ''} to solve."
    doubts = sum(one.level is Severity.WARNING for one in findings)
    unseen = any(one.sentence.startswith(diagnosis.UNSEEN) for one in findings)
    words = "As far as could be seen, this" if unseen else "This"
    words += " box can meter truthfully." + (f" See the {doubts} warning{'s' if doubts > 1 else ''}." * bool(doubts))
    if _measured(findings):
        return words
    return f"{words}\nTo see it proved with known bytes, without using any data: sudo esimshaper doctor --self-test"
