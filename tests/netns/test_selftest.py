# SPDX-License-Identifier: GPL-2.0-or-later
"""`doctor --self-test` with this kernel: it passes, it would not if the meter were wrong, and nothing of it stays."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esimshaper.core.model.box import Finding, Severity
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.carrier import python_environment
from esimshaper.lab.namespaces import is_dead, wait_until
from tests.edge.probe.boxes import ROOT, on_a_box
from tests.netns.router import Router

DOCTOR = [sys.executable, "-m", "esimshaper", "doctor", "--self-test"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Finding], str]:
    """What was on a box before, what the self-test found with another mark mask, and what was there after it."""
    config = tmp_path_factory.mktemp("config") / "esimshaper.yaml"
    config.write_text("wan: {interface: wan0}\nlan: {interfaces: [br0], mark_mask: 0x00000ff0}\n")
    setup = "mount -t bpf bpf /sys/fs/bpf; mkdir -p /sys/fs/bpf/esimshaper/v0-x; mount -t tmpfs none /run; touch /run/a"
    look = "ip -d link; ip addr; tc qdisc; nft list ruleset; ls -lR /sys/fs/bpf /run; mount | grep selftest"
    seen = f"__import__('subprocess').getoutput({look!r})"
    before, findings, after = on_a_box(f"({seen}, doctor.measure(Path({str(config)!r})), {seen})", setup)
    return before, findings, after


def test_known_bytes_are_counted_exactly_and_limits_cut_at_the_byte(run: tuple[str, list[Finding], str]) -> None:
    (finding,) = run[1]
    assert finding.severity is Severity.OK, finding.sentence
    moved = re.match(r"([\d,]+) bytes over raw IP and Ethernet", finding.sentence)
    assert moved
    assert int(moved[1].replace(",", "")) > 2 * 2 * 4_000_000  # two links, two families, 2 MB of TCP each way
    assert "8 limits cut at the byte" in finding.sentence


def test_nothing_is_left_on_the_box_and_what_is_there_is_not_touched(run: tuple[str, list[Finding], str]) -> None:
    before, _, after = run
    assert "/sys/fs/bpf/esimshaper/v0-x" in before
    assert after == before


def test_beside_a_running_daemon_it_passes_and_changes_none_of_its_numbers(make_router: Callable[..., Router]) -> None:
    with Lab(WanKind.TUN, ("alice-phone",), bare=True) as lab:
        router = make_router(lab).start()
        lab.clients[0].call(traffic.udp_echo, lab.servers4[0])
        before = router.measure()
        command = lab.router.command([*DOCTOR, "--json", "--config", str(router.config)])
        done = subprocess.run(command, env=router.environment, capture_output=True, text=True, check=False)
        document = json.loads(done.stdout)
        found = {(each["check"], each["level"]) for each in document["findings"]}
        assert found >= {("daemon", "ok"), ("self-test", "ok"), ("wan", "ok"), ("lan", "ok")}, document
        moved = router.measure() - before
        assert moved.sum == moved.bill.seen_by_router
        assert moved.sum.total_bytes < 10_000  # the router's own neighbour discovery


def test_a_wrong_meter_is_found_out(tmp_path: Path) -> None:
    """One that forgets segments' own headers, and lets everything pass."""
    for part in ("esimshaper", "bpf"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file, right, wrong in (
        ("size.h", r"size\.bytes \+= \(u64\)\(segments - 1\) \* packet->repeated - jumbo;", ";"),
        ("compare.h", r"policy->block_at\[\w+\]", "(~0ULL)"),
    ):
        source = tmp_path / "bpf" / file
        text, changes = re.subn(right, wrong, source.read_text())
        assert changes
        source.write_text(text)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [*DOCTOR, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert (document["able"], document["self_test"]) == (False, True)
    found = [each for each in document["findings"] if each["check"] == "self-test"]
    assert {each["level"] for each in found} == {"problem"}
    for words in ("too few, so that much would be used and billed", "limits do not hold"):
        assert any(words in each["sentence"] for each in found)


def test_without_tun_it_says_so() -> None:
    (finding,) = on_a_box("doctor.measure()", "mount -t tmpfs none /dev/net")
    assert (finding.severity, "modprobe tun" in finding.hint) == (Severity.WARNING, True)


def test_what_it_needs_and_is_not_there_is_named_with_its_package() -> None:
    (finding,) = on_a_box("doctor.measure()", "mount --bind /dev/null $(readlink -f $(command -v ip))")
    assert (finding.severity, finding.hint) == (Severity.WARNING, "apt install iproute2")


def test_a_kernel_part_that_cannot_be_built_is_a_problem_and_not_a_pass() -> None:
    hide = "for folder in /usr/lib/python3/dist-packages/bcc; do mount -t tmpfs none $folder; done"
    (finding,) = on_a_box("doctor.measure()", hide)
    assert (finding.severity, finding.check) == (Severity.PROBLEM, "self-test")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_all_of_it_ends_with_doctor_however_that_ends(number: signal.Signals) -> None:
    with subprocess.Popen(
        DOCTOR, env=python_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as doctor:
        wait_until("traffic", lambda: any("esimshaper.lab.servers" in line for line in below(doctor.pid).values()), 60)
        processes = below(doctor.pid)
        doctor.send_signal(number)
        _, errors = doctor.communicate(timeout=300)
        wait_until("the end of all", lambda: all(is_dead(pid) for pid in processes))
    assert b"Traceback" not in errors
    assert doctor.returncode == (1 if number is signal.SIGINT else -number)


def below(pid: int) -> dict[int, str]:
    """Command lines of all descendants of a process."""
    found: dict[int, str] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(path.name))
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            waiting.append(child)
            try:
                found[child] = (Path("/proc") / str(child) / "cmdline").read_text(errors="replace").replace("\0", " ")
            except OSError:
                continue
    return found
