# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper doctor`: probes the box, has the facts judged, and puts the findings into words for people and machines.

It probes by esimshaper.edge.probe and judges by esimshaper.core.diagnosis. Probing changes nothing on the box (R23).
The self-test runs only when it is asked for, in namespaces of its own, and sends nothing to the WAN.

`--json` is one object; the version goes up when a name vanishes or changes its meaning, and new names may come:

    {"version": 1, "able": bool,          able: no finding is a problem; then the exit status is 0, else 1
     "self_test": bool,                   whether it was asked for
     "findings": [{"check": str,          what was looked at: "kernel", "wan", "marks", "self-test" ...
                   "level": "ok" | "note" | "warning" | "problem",
                   "sentence": str,       the consequence for the person
                   "hint": str}]}         what to do, often a command; may be empty
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from esimshaper import __version__
from esimshaper.core.diagnosis import selftest as selftest_diagnosis
from esimshaper.core.diagnosis.findings import NOT_SEEN, diagnose, in_order
from esimshaper.core.diagnosis.tunnels import SHARED_PORTS
from esimshaper.core.model.box import DaemonStatus, Finding, Severity, SimStatus, Wanted
from esimshaper.core.model.documents import DOCUMENT_VERSION
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.limits import ActionKind
from esimshaper.core.model.page_facts import PageWanted
from esimshaper.core.model.plan import FULL, Plan
from esimshaper.core.model.reading import Hook
from esimshaper.core.settings.uplink import detour_of, present
from esimshaper.core.settings.values import WEB_PORT, WEB_TLS_PORT, Settings
from esimshaper.daemon.ways import WaysOut
from esimshaper.edge import control_client
from esimshaper.edge.bpf.pins import MARKERS
from esimshaper.edge.host import paths
from esimshaper.edge.lan.addresses import own_addresses
from esimshaper.edge.lan.neighbours import Neighbours
from esimshaper.edge.probe import box as probe
from esimshaper.edge.tc.attachments import TrafficControl
from esimshaper.views import page as view
from esimshaper.views.fit import Tone
from esimshaper.views.page import Cell, Line, Page

_SIGNS = {
    Severity.OK: ("✔", Tone.GOOD),
    Severity.NOTE: ("i", Tone.UP),
    Severity.WARNING: ("!", Tone.WARNING),
    Severity.PROBLEM: ("✘", Tone.BAD),
}
"""How a finding begins on a terminal."""


def examine(config: Path | None = None, *, state: Path | None = None) -> list[Finding]:
    """All findings about this box, and with a configuration about its interfaces.

    `config`: by default the one in /etc, if there is one. `state`: the daemon's state directory, by default that of
    systemd.
    """
    wanted, findings = _wanted(config or paths.CONFIG_FILE, asked=config is not None)
    control = control_client.default_socket()
    facts = probe.gather(
        wanted,
        state or paths.state_directory(),
        control,
        _daemon_status(control),
        __version__,
        paths.NAMES_REPORT,
        paths.modems_report(),
        _password(),
    )
    return list(in_order([*findings, *diagnose(facts)]))


def measure(config: Path | None = None, progress: Callable[[str], None] = lambda _: None) -> list[Finding]:
    """The findings of the self-test, with the mark mask of the configuration. It takes seconds, and tells `progress` of
    each step.
    """
    from esimshaper import selftest  # noqa: PLC0415  needs the lab, and the rest of doctor does not

    wanted, _ = _wanted(config or paths.CONFIG_FILE, asked=False)
    return list(selftest_diagnosis.diagnose(selftest.run((wanted or Wanted("", ())).mark_mask, progress)))


def _wanted(config: Path, *, asked: bool) -> tuple[Wanted | None, list[Finding]]:
    if not asked and not config.exists():
        sentence = f"There is no {config}: the interfaces were not examined."
        return None, [
            Finding.note(
                "configuration",
                sentence,
                "sudo esimshaper setup writes one; esimshaper doctor --config FILE names another",
            )
        ]
    try:
        from esimshaper.edge import settings_file  # noqa: PLC0415  needs libraries that may be missing
    except ImportError as error:
        return None, [Finding.problem("configuration", f"{config} cannot be read: {error}.")]
    try:
        loaded = settings_file.read_settings(config)
    except settings_file.SettingsError as error:
        return None, [Finding.problem("configuration", one.sentence, one.hint) for one in error.problems]
    findings = [Finding.ok("configuration", f"{config} has no mistakes ({loaded.settings.in_short}).")]
    try:
        loaded.check_files()
    except settings_file.SettingsError as error:
        findings += [Finding.warning("metrics", one.sentence, one.hint) for one in error.problems]
    return _wanted_by(loaded.settings, (config, *settings_file.drop_ins(config))), findings


def _gets_slow(plans: Iterable[Plan]) -> bool:
    return any(step.rate and step.rate < FULL for plan in plans for meter in plan.meters for step in meter.steps)


def _wanted_by(settings: Settings, files: Iterable[Path]) -> Wanted:
    """What the box has to fit, with the interfaces that its names mean now. `files`: those of the configuration."""
    settings, detour = _look_around(settings)
    wan, lan, tls = settings.wan, settings.lan, settings.metrics.tls
    actions = {quota.action.kind for quota in settings.quotas}
    return Wanted(
        settings.device(wan.interface),
        tuple(map(settings.device, lan.interfaces)),
        lan.leases,
        lan.mark_mask,
        shapes=ActionKind.THROTTLE in actions or bool(wan.download or wan.upload) or _gets_slow(settings.plans),
        blocks=ActionKind.BLOCK in actions or bool(settings.blocks),
        replaces_qdisc=wan.replace_qdisc,
        tunnels=tuple(settings.device(tunnel.interface) for tunnel in wan.tunnels),
        shared_ports=tuple(
            (each.interface, each.port)
            for each in wan.tunnels
            if each.port in SHARED_PORTS and not (each.protocol and each.peer)
        ),
        files=tuple(map(str, files)),
        names=settings.services.names,
        certificates=tuple(filter(None, (tls.certificate, tls.key, tls.client_ca))) if tls else (),
        written={device: name for name, device in settings.devices.items()},
        other_uplinks=wan.others,
        stacked={each.interface: f"{each.at}, {each.why}" for each in wan.stacked},
        unbilled=wan.unbilled,
        detour=detour,
        found_by=wan.found_by,
        uplinks=tuple(uplink.name for uplink in settings.uplinks),
        plans=settings.plans,
        scopes={quota.name: quota.scope.written for quota in settings.quotas if quota.scope},
        page=_page_of(settings),
        notices=settings.notices,
        saver=settings.saver,
        own=own_addresses(map(settings.device, lan.interfaces)),
    )


def _look_around(settings: Settings) -> tuple[Settings, str]:
    """The settings for the interfaces of now, and the sentence on a way past them."""
    try:
        with contextlib.ExitStack() as opened:
            control, neighbours, ways = TrafficControl(paths.pins_root() / MARKERS), Neighbours(), WaysOut()
            for each in (control, neighbours, ways):
                opened.callback(each.close)
            there = control.links()
            ways.look()
            settings = present(settings, there, control.known(), ways.read(settings))
            devices = neighbours.read(tuple(map(settings.device, settings.lan.interfaces)))
            return settings, detour_of(settings, there, ways.routes(devices)).sentence
    except OSError:
        return settings, ""  # the probes of interfaces say why


def _daemon_status(control: Path) -> DaemonStatus | None:
    """What the daemon reports of itself; None if none runs, or this user may not ask it."""
    try:
        status = control_client.get(control, "/v1/status")
        # Of the second look at the LAN, a check of its own speaks.
        hooks = [each for each in status["programs"] if each["hook"] != Hook.LAN_EGRESS.value]
        detached = [each for each in hooks if not each["attached"]]
        problems = [status[part]["problem"] for part in ("storage", "tunnels", "metrics")]
        names = control_client.get(control, "/v1/names")
        return DaemonStatus(
            status["program"]["version"],
            tuple(f"not counting at {each['hook']} of {each['interface']}: {each['problem']}" for each in detached),
            tuple(problem for problem in problems if problem),
            {event["reason"]: event["bytes"] for event in status["events"]},
            _remotes(control),
            accepted=status["configuration"]["accepted"],
            services=_services(control),
            sims={each["interface"]: _sim(each) for each in status["modems"] if each["interface"]},
            lists=tuple(names["problems"]),
            refused=names["names"] if names["dnsmasq"] else None,
            refused_percent=names["refused_percent"],
        )
    except (Unusable, KeyError, TypeError):  # KeyError, TypeError: the document of another version
        return None


def _password() -> bool | None:
    """Whether the page has a password; None where there is no page, or this user may not ask."""
    try:
        return bool(control_client.get(paths.web_socket(), "/v1/page")["password_set"])
    except (Unusable, KeyError):
        return None


def _page_of(settings: Settings) -> PageWanted | None:
    web = settings.web
    if web is None:
        return None
    default = (WEB_PORT, WEB_TLS_PORT) if web.tls else (WEB_PORT,)
    ports = tuple(dict.fromkeys(each.port for each in web.listen)) or default
    return PageWanted(ports, web.tls is not None, next(iter(web.names), ""))


def _sim(modem: dict[str, Any]) -> SimStatus:
    counted = modem["counted"]
    return SimStatus(modem["plan"] or "", (counted["modem_bytes"], counted["router_bytes"]) if counted else None)


def _services(control: Path) -> tuple[int, int, int] | None:
    """Bytes of today: all, those without a name, and those that are hidden. Raises Unusable."""
    clients = control_client.get(control, "/v1/clients")["clients"]
    each = [(one["today"]["total_bytes"], one["services"]) for one in clients if one.get("services")]
    parts = [(used, of["unnamed_bytes"], of["hidden_bytes"]) for used, of in each if of["unnamed_bytes"] is not None]
    return (sum(p[0] for p in parts), sum(p[1] for p in parts), sum(p[2] for p in parts)) if parts else None


def _remotes(control: Path) -> dict[str, int]:
    """Bytes of the daemon's largest flows, by the address of the far end. Raises Unusable."""
    found: dict[str, int] = {}
    for flow in control_client.get(control, "/v1/flows", {"limit": "1000"})["flows"]:
        found[flow["remote_address"]] = found.get(flow["remote_address"], 0) + flow["total_bytes"]
    return found


def able(findings: Sequence[Finding]) -> bool:
    """Whether the box can meter truthfully: the exit status of `doctor` is 0 if so, else 1."""
    return all(finding.severity is not Severity.PROBLEM for finding in findings)


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """For --json. Levels: ok, note, warning, problem."""
    return {
        "version": DOCUMENT_VERSION,
        "able": able(findings),
        "self_test": _has_self_test(findings),
        "findings": [
            {"check": one.check, "level": one.severity.value, "sentence": one.sentence, "hint": one.hint}
            for one in findings
        ],
    }


def show(findings: Sequence[Finding], verdict: str | None = None) -> None:
    """Prints the findings: with coloured signs on a terminal, in words where that is not wanted or cannot be.

    `verdict` stands at the end, by default the summary.
    """
    signs = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    try:
        view.show(page(findings, verdict, signs=signs))
    except ImportError:  # rich is one of the libraries that may be missing
        view.print_plain(page(findings, verdict, signs=False))


def page(findings: Sequence[Finding], verdict: str | None = None, *, signs: bool) -> Page:
    """A line for each finding, its hint below, and at the end the `verdict`, or the summary.

    `signs`: findings begin with a coloured sign, for terminals; else with a word, all in ASCII.
    """
    last = summary(findings) if verdict is None else verdict
    lines = [line for one in findings for line in _lines(one, signs=signs)]
    return [*lines, Line(), *(Line(text) for text in last.splitlines())]


def _lines(finding: Finding, *, signs: bool) -> Iterator[Line]:
    sign, tone = _SIGNS[finding.severity]
    lead = f"{sign} " if signs else f"{finding.severity.value:<8}"
    yield Line(f"{finding.check}: {finding.sentence}", lead=Cell(lead, tone))
    if finding.hint:
        yield Line(f"{' ' * len(lead)}-> {finding.hint}", command=True)


def _has_self_test(findings: Sequence[Finding]) -> bool:
    return any(one.check == selftest_diagnosis.CHECK for one in findings)


def summary(findings: Sequence[Finding]) -> str:
    """One sentence about all findings together, and what to run next where something was not tried."""
    if any(one.check == "privileges" and one.severity is Severity.PROBLEM for one in findings):
        return "Too little could be examined for a verdict. Run it as root: sudo esimshaper doctor"
    problems = sum(one.severity is Severity.PROBLEM for one in findings)
    if problems:
        return f"This box cannot meter truthfully yet: {problems} problem{'s' if problems > 1 else ''} to solve."
    doubts = sum(one.severity is Severity.WARNING for one in findings)
    unseen = any(one.sentence.startswith(NOT_SEEN) for one in findings)
    words = "As far as could be examined, this" if unseen else "This"
    words += " box can meter truthfully." + (f" See the {doubts} warning{'s' if doubts > 1 else ''}." * bool(doubts))
    if _has_self_test(findings):
        return words
    return f"{words}\nTo prove it with known bytes, without using any data: sudo esimshaper doctor --self-test"
