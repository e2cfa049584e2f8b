# SPDX-License-Identifier: GPL-2.0-or-later
"""`doctor` from a real box to what a person or a machine reads."""

import json
import sys
from pathlib import Path

from esimshaper import doctor
from esimshaper.core.diagnosis.findings import diagnose
from esimshaper.core.model.box import BoxFacts, Finding, Severity
from esimshaper.views.page import plain_lines
from tests.edge.probe.boxes import WAN_AND_LAN, needs_root, nft, on_a_box

CONFIG = """
wan: {interface: wan0}
lan: {interfaces: [br0], leases: []}
timezone: Asia/Tokyo
quotas: [{name: slow, for: everyone, limit: 1GB, period: day, then: {throttle: 128kbit}}]
"""


@needs_root
def test_doctor_names_every_trouble_of_a_real_box_at_once(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    config.write_text(CONFIG.replace("leases: []", "leases: [], mark_mask: 0xff000000"))
    setup = (
        WAN_AND_LAN
        + nft("meta mark set 0x1")
        + """
ip rule add fwmark 0x1 table 100 priority 500
ip link set wan0 master br0
tc qdisc add dev wan0 clsact
tc qdisc add dev wan0 root handle 5: htb
ip link add link carrier0 guests type macvlan
ip link set guests up
mount -t proc proc /proc
echo 0 >/proc/sys/net/ipv4/ip_forward
tc filter add dev wan0 ingress prio 1 protocol all u32 match u32 0 0 flowid 1:1
"""
    )
    findings: list[Finding] = on_a_box(f"doctor.examine(Path({str(config)!r}))", setup)
    found = {(finding.check, finding.severity) for finding in findings}
    assert found >= {
        ("qdisc", Severity.WARNING),
        ("lan", Severity.WARNING),
        ("lan", Severity.NOTE),
        ("configuration", Severity.OK),
        ("kernel", Severity.OK),
        ("wan", Severity.PROBLEM),
        ("filters", Severity.WARNING),
        ("marks", Severity.PROBLEM),
        ("marks", Severity.WARNING),
    }
    assert not doctor.able(findings)


@needs_root
def test_a_box_as_it_should_be_is_able(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    config.write_text(CONFIG)
    setup = (
        WAN_AND_LAN + "mount -t bpf bpf /sys/fs/bpf; mount -t proc proc /proc; echo 1 >/proc/sys/net/ipv4/ip_forward"
    )
    findings: list[Finding] = on_a_box(f"doctor.examine(Path({str(config)!r}), state=Path('/tmp'))", setup)
    assert doctor.able(findings), findings


@needs_root
def test_a_modem_with_another_name_is_found(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    config.write_text(CONFIG.replace("wan0", "wwan0"))
    setup = WAN_AND_LAN + "ip link add link br0 wwan3 type macvlan"
    findings: list[Finding] = on_a_box(f"doctor.examine(Path({str(config)!r}))", setup)
    (wan,) = [one for one in findings if one.check == "wan"]
    assert (wan.severity, wan.hint.startswith("wwan3 may be the modem")) == (Severity.WARNING, True), wan


@needs_root
def test_a_vpn_of_the_router_is_a_note_until_it_is_named(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    setup = WAN_AND_LAN + "ip tuntap add vpn0 mode tun; ip link set vpn0 up"
    found = []
    for tunnels in ("", "{interface: vpn0, port: 1194}"):
        config.write_text(CONFIG.replace("wan0}", f"wan0, tunnels: [{tunnels}]}}"))
        findings: list[Finding] = on_a_box(f"doctor.examine(Path({str(config)!r}))", setup)
        found.append([one.severity for one in findings if one.check == "tunnels"])
    assert found == [[Severity.NOTE], []]


def test_without_a_configuration_doctor_says_what_it_did_not_look_at(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(doctor.paths, "CONFIG_FILE", tmp_path / "none.yaml")
    (finding,) = [one for one in doctor.examine() if one.check == "configuration"]
    assert finding.severity is Severity.NOTE
    assert "the interfaces were not examined" in finding.sentence


def test_a_configuration_that_was_named_but_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (finding,) = [one for one in doctor.examine(tmp_path / "none.yaml") if one.check == "configuration"]
    assert finding.severity is Severity.PROBLEM


def test_who_may_not_look_gets_no_verdict() -> None:
    findings = [Finding.problem("privileges", "CAP_BPF missing.", "sudo"), Finding.problem("kernel", "Forbidden.")]
    assert doctor.summary(findings).startswith("Too little could be examined for a verdict. Run it as root")


def test_a_verdict_on_half_of_it_says_so() -> None:
    unseen = diagnose(BoxFacts(unknown={"kernel": "it took more than 120 seconds"}))
    assert doctor.summary(unseen).startswith(
        "As far as could be examined, this box can meter truthfully. See the 1 warning"
    )


def test_a_wrong_configuration_is_a_problem_for_each_mistake(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    config.write_text("wan: {interfaze: wan0}\nlan: {interfaces: 7}\n")
    mistakes = [one for one in doctor.examine(config) if one.check == "configuration"]
    assert len(mistakes) >= 2
    assert all(one.severity is Severity.PROBLEM for one in mistakes)
    assert str(config) in mistakes[0].sentence


def test_a_missing_certificate_is_reported_as_by_check(tmp_path: Path) -> None:
    config = tmp_path / "esimshaper.yaml"
    tls = "metrics: {tls: {certificate: /nowhere/c.pem, key: /nowhere/k.pem}}"
    config.write_text(f"wan: {{interface: wan0}}\nlan: {{interfaces: [br0]}}\n{tls}\n")
    (found,) = (one for one in doctor.examine(config) if one.check == "metrics")
    assert found.severity is Severity.WARNING
    assert found.sentence.startswith(f"{config}:3:30: there is no /nowhere/c.pem")


FINDINGS = [
    Finding.ok("kernel", "Good."),
    Finding.warning("clock", "Doubtful.", "set it"),
    Finding.problem("bpffs", "Bad.", "mount it"),
]


def printed(findings: list[Finding], *, signs: bool) -> list[str]:
    return list(plain_lines(doctor.page(findings, signs=signs)))


def test_in_a_pipe_doctor_prints_words_in_ascii_with_hints_below() -> None:
    lines = printed(FINDINGS, signs=False)
    assert lines[:5] == [
        "ok      kernel: Good.",
        "warning clock: Doubtful.",
        "        -> set it",
        "problem bpffs: Bad.",
        "        -> mount it",
    ]
    assert "\n".join(lines).isascii()
    assert lines[-1] == "This box cannot meter truthfully yet: 1 problem to solve."


def test_on_a_terminal_doctor_prints_signs() -> None:
    text = "\n".join(printed(FINDINGS, signs=True))
    assert all(sign in text for sign in "✔!✘")


def test_the_document_says_the_same_for_machines() -> None:
    document = json.loads(json.dumps(doctor.document(FINDINGS)))
    assert document.keys() == {"version", "able", "self_test", "findings"}
    assert (document["version"], document["able"], document["self_test"]) == (1, False, False)
    assert document["findings"][2] == {"check": "bpffs", "level": "problem", "sentence": "Bad.", "hint": "mount it"}
    assert doctor.document(FINDINGS[:2])["able"]
    assert doctor.document([Finding.ok("self-test", "Good.")])["self_test"]


def test_doctor_points_to_the_self_test_until_it_was_run() -> None:
    assert "doctor --self-test" in printed(FINDINGS[:2], signs=False)[-1]
    measured = [*FINDINGS[:2], Finding.ok("self-test", "Good.")]
    assert "doctor --self-test" not in "\n".join(printed(measured, signs=False))


def test_on_a_terminal_without_rich_doctor_prints_words(monkeypatch, capsys) -> None:
    """rich is one of the libraries that doctor has to find missing."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for module in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    doctor.show(FINDINGS)
    assert capsys.readouterr().out.startswith("ok      kernel: Good.\n")


def test_a_hint_stays_in_one_piece_on_a_narrow_terminal(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    command = "tc filter show dev wwan0 ingress; give it a priority above 10"
    doctor.show([Finding.warning("filters", "A sentence that is too long for one line of forty columns.", command)])
    assert f"-> {command}\n" in capsys.readouterr().out
