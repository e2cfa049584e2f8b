# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper demo` as people run it: it tells the truth, and nothing stays behind. Needs root."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from esimshaper.core.model import Counters
from esimshaper.demo import box
from esimshaper.demo.evidence import Outcome, Share
from esimshaper.lab import namespaces
from esimshaper.lab.carrier import python_environment
from tests import tools

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make network namespaces and to load BPF programs")

SECONDS = 5
LIMIT = 60.0
"""Seconds in which a demo must have come to its end even on a busy machine."""


@contextlib.contextmanager
def demo(tmp_path, *, output=subprocess.PIPE, **options):
    """A demo in a process group of its own, as in a terminal, with all of its temporary files in `tmp_path`."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in {"seconds": SECONDS, **options}.items())
    program = f"import sys; from esimshaper.demo import main; sys.exit(main({arguments}))"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**python_environment(), "TMPDIR": str(tmp_path), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def remains(process, tmp_path):
    """Everything on this machine that bears the demo's number: files, mounts, processes; and its temporary files."""
    names = re.compile(rf"esimshaper-demo-{process.pid}\b|{namespaces.PREFIX}-{process.pid}-")
    directories = [path for path in (namespaces.NETNS_DIR, namespaces.RUN_DIR, box.RUN) if path.is_dir()]
    found = [str(path) for directory in directories for path in directory.iterdir() if names.search(path.name)]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if names.search(line)]
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            alive = not namespaces.is_dead(int(path.name))
            found += [f"{path.name} {words[:200]}"] if alive and names.search(words.decode(errors="replace")) else []
    return found + [str(path) for path in tmp_path.iterdir()]


def host_links():
    return subprocess.run(["tc", "qdisc", "show"], capture_output=True, text=True, check=True).stdout


def read_until(process, sentence):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if sentence in line:
            return
    pytest.fail(f"{sentence!r} never came:\n{''.join(lines)}")


# What it shows


@as_root
@pytest.mark.parametrize("wan", ["tun", "veth"])
def test_bill_and_totals_are_equal_and_nothing_stays_behind(wan, tmp_path):
    before = host_links()
    with demo(tmp_path, wan=wan) as process:
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, said
    for what in ("bytes down", "bytes up", "packets down", "packets up"):
        billed, counted, difference = re.search(rf"^{what} +([\d,]+) +([\d,]+) +(\S+)", said, re.MULTILINE).groups()
        assert billed == counted
        assert int(billed.replace(",", "")) > 1000
        assert difference == "0"
    for who in ("alice-phone", "bob-laptop", "smart-tv (00:12)", "console (00:13)", "carol-tablet", "router"):
        row = said.rindex(f"\n{who} ")
        assert said[row + 1 :].splitlines()[0].endswith(" 0 B")
    assert "daemon is killed (kill -9)" in said
    assert re.search(r"missed nothing: [\d.]+ [KM]B in", said)
    assert said.count("EVERYONE") >= 3
    assert host_links() == before
    assert remains(process, tmp_path) == []


@as_root
def test_terminal_shows_it_live(tmp_path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with demo(tmp_path, output=theirs) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # EIO: the terminal's other side is closed
            while chunk := os.read(ours, 65536):
                said += chunk
        process.wait(timeout=LIMIT)
    os.close(ours)
    text = said.decode()
    assert process.returncode == 0, text
    assert text.count("EVERYONE") > SECONDS  # drawn again and again
    assert "KILLED" in text
    assert f"--socket /run/esimshaper-demo-{process.pid}/control.sock" in text
    assert not re.search(r"^ +\.\.\.\s*$", text, re.MULTILINE)  # how rich shows that a picture is too tall
    assert "Equal to the byte" in text
    assert remains(process, tmp_path) == []


# What it proves


@as_root
def test_missed_bytes_end_in_a_failure(tmp_path):
    with demo(tmp_path) as process:
        read_until(process, "bob-laptop uploads")
        router = next(path for path in namespaces.NETNS_DIR.iterdir() if path.name.startswith(f"esl-{process.pid}-"))
        router = router.with_name(re.sub(r"^(esl-\d+-\d+)-.*", r"\1-router", router.name))
        command = ["nsenter", f"--net={router}", "tc", "filter", "del", "dev", "wan0", "ingress"]
        subprocess.run(command, check=True)
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "NOT EQUAL" in said
    assert "missed nothing" not in said
    assert remains(process, tmp_path) == []


ONE = Counters(1000, 200, 3, 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total", Share("everyone", ONE, ONE + Counters(up_bytes=1))),
        ("total", Share("everyone", ONE, ONE + Counters(down_packets=1))),
        ("shares", (Share("alice-phone", ONE + Counters(down_bytes=1), ONE),)),
        ("daemon", Counters(1000, 199)),
        ("unattributed", Counters(1, 0, 1, 0)),
    ],
)
def test_one_byte_or_packet_apart_is_not_true(field, value):
    right = {
        "total": Share("everyone", ONE, ONE),
        "shares": (Share("alice-phone", ONE, ONE),),
        "daemon": Counters(1000, 200),
        "unattributed": Counters(),
    }
    assert Outcome(**right).true
    assert not Outcome(**{**right, field: value}).true


# Coming and going


@as_root
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM)], ids=["SIGINT", "SIGTERM"]
)
def test_leaves_nothing_behind_when_interrupted_under_load(number, status, tmp_path):
    with demo(tmp_path, seconds=60) as process:
        read_until(process, "alice-phone watches")
        os.killpg(process.pid, number)  # as Ctrl-C in a terminal: to everything that it started, too
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == status
    assert "Traceback" not in said
    assert remains(process, tmp_path) == []


@as_root
def test_next_demo_removes_what_a_killed_one_left(tmp_path):
    with demo(tmp_path, seconds=60) as process:
        read_until(process, "alice-phone watches")
        process.kill()
        process.wait(timeout=LIMIT)
    assert remains(process, tmp_path)
    box.sweep()
    # The lab's carrier removes the lab by itself.
    namespaces.wait_until("the end of the lab", lambda: not remains(process, tmp_path))


@as_root
def test_keeps_the_router_until_interrupted(tmp_path):
    with demo(tmp_path, seconds=2, keep=True) as process:
        read_until(process, "The router goes on")
        socket = f"/run/esimshaper-demo-{process.pid}/control.sock"
        command = [sys.executable, "-m", "esimshaper", "clients", "--socket", socket]
        answer = subprocess.run(command, env=python_environment(), capture_output=True, text=True, check=True)
        assert "alice-phone" in answer.stdout
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert remains(process, tmp_path) == []


@as_root
@as_root
def test_says_why_when_it_is_not_root():
    command = [*tools.AS_NOBODY, sys.executable, "-m", "esimshaper", "demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs root" in done.stderr
    assert "sudo make demo" in done.stderr
    assert "Traceback" not in done.stderr


BCC = "/usr/lib/python3/dist-packages/bcc"
WITHOUT_BCC = f"""
mount -t tmpfs none {BCC}
echo "raise ModuleNotFoundError(\\"No module named 'bcc'\\", name='bcc')" >{BCC}/__init__.py
exec "$@"
"""


@as_root
def test_says_why_when_the_meter_cannot_be_built():
    command = ["unshare", "--mount", "sh", "-ec", WITHOUT_BCC, "sh", sys.executable, "-m", "esimshaper", "demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 1
    assert "apt install python3-bpfcc" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in box.RUN.glob("esimshaper-demo-*") if namespaces.is_dead(int(path.name.split("-")[2]))]
