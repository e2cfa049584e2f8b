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
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.daemon.observer import build_for
from esimshaper.demo import plans
from esimshaper.demo import router_process as box
from esimshaper.demo.alarm import Noticed
from esimshaper.demo.evidence import Limit, Outcome, Share
from esimshaper.demo.failover import FailedOver, Way
from esimshaper.demo.story import Terms
from esimshaper.edge import settings_file
from esimshaper.lab import namespaces
from esimshaper.lab.carrier import python_environment
from tests import tools
from tests.kernel_parts import kernel_parts

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make network namespaces and to load BPF programs")

SECONDS = 5
TERMS = Terms.of(SECONDS)
LIMIT = 300.0
"""Seconds in which a demo must have come to its end even on a busy machine."""


COMPILED = """
from pathlib import Path
from esimshaper.demo.router_process import Places
from tests.kernel_parts import pin_again
enter = Places.__enter__
Places.__enter__ = lambda self: (enter(self), pin_again(Path({folder!r}), self.pins / {name!r}))[0]
"""


@pytest.fixture
def compiled(bpffs, tmp_path_factory):
    """A kernel part for a demo, as new: those tests that are about something else need not wait for a compiler."""
    config = tmp_path_factory.mktemp("config") / "esimshaper.yaml"  # a demo has the usual sizes
    uplinks = "wan: [{name: esim, interface: wan0}, {name: hotel Wi-Fi, interface: wan1, metered: no}]\n"
    config.write_text(f"{uplinks}lan: {{interfaces: [br0]}}\n")
    wanted = build_for(settings_file.load(config), bpffs / "pins")
    loan = kernel_parts.lend(wanted)
    yield wanted.generation
    kernel_parts.take_back(loan)


@contextlib.contextmanager
def demo(tmp_path, compiled=None, *, output=subprocess.PIPE, **options):
    """A demo in a process group of its own, as in a terminal, with all of its temporary files in `tmp_path`."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in {"seconds": SECONDS, **options}.items())
    before = COMPILED.format(folder=str(compiled), name=compiled.name) if compiled else ""
    program = f"{before}\nimport sys\nfrom esimshaper.demo import main\nsys.exit(main({arguments}))"
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


def number(text):
    return int(text.replace(",", ""))


def quota_row(said, who):
    """Limit and what was let through as numbers; beyond it, what then, billed after as they are shown."""
    pattern = rf"^{who} +([\d,]+) +([\d,]+) +([\d,]+)  +(\S.*\S)  +(\S+)$"
    limit, passed, *rest = re.search(pattern, said, re.MULTILINE).groups()
    return number(limit), number(passed), *(text.strip() for text in rest)


# What it shows


TOLD = (
    "alice-phone has used its 2.5 MB of today: throttled to 2 Mbit/s",
    "the daemon is killed (kill -9): smart-tv has",
    "smart-tv is cut at its 2.083 MB, by the kernel alone: connection reset",
    "the daemon is started again",
    "the daemon is back and has all of the",
    "by hand: esimshaper grant client/smart-tv 1.041MB",
    "smart-tv is cut again, 1.041 MB later",
)


@as_root
@pytest.mark.parametrize("wan", ["tun", "veth"])
def test_bill_and_totals_are_equal_limits_hold_and_nothing_stays_behind(wan, tmp_path, compiled):
    before = host_links()
    with demo(tmp_path, compiled if wan == "veth" else None, wan=wan) as process:
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, said
    for what in ("bytes down", "bytes up", "packets"):
        billed, counted, difference = re.search(rf"^{what} +([\d,]+) +([\d,]+) +(\S+)", said, re.MULTILINE).groups()
        assert billed == counted
        assert number(billed) > 1000
        assert difference == "0"
    story = said.partition("BILLED DOWN")[2].partition("the eSIM is out of reach")[0]
    for who in ("alice-phone", "bob-laptop", "smart-tv", "console (00:13)", "carol-tablet", "router"):
        rows = re.findall(rf"^{re.escape(who)} .* B$", story, re.MULTILINE)
        assert [row for row in rows if not row.endswith(" 0 B")] == []
        assert len(rows) == (1 if who == "router" else 2), "beside the bill, and what it was for"
    assert "What the bytes were for is what the hosts were, to the byte." in said
    assert "Each uplink is equal to its own bill, and no quota counted a byte of the hotel's." in said
    assert "A quarter of the bytes, nothing stood still, and each byte is on the bill." in said
    assert "its update got 0 B" in said
    assert "Noticed, cut and told within a minute, while others went on." in said
    assert re.search(r"^  \| .*console", said.partition("The SMS:")[2], re.MULTILINE), (
        "who it was, to the owner's phone"
    )
    assert [sentence for sentence in TOLD if said.count(sentence) != 1] == []
    assert sorted(TOLD[1:], key=said.index) == list(TOLD[1:])  # the limit is met while the daemon is dead
    assert re.search(r"missed nothing: [\d.]+ [KM]B in", said)
    assert said.count("EVERYONE") >= 3
    assert host_links() == before
    assert remains(process, tmp_path) == []
    limit, passed, beyond, then, wasted = quota_row(said, "smart-tv")
    assert limit == TERMS.tv + TERMS.grant
    assert limit * 0.9 < passed <= limit
    assert (beyond, then) == ("0", "blocked")
    assert 0 < number(wasted) < limit / 5
    limit, passed, beyond, then, _ = quota_row(said, "alice-phone")
    assert (limit, then) == (TERMS.phone, "2.00 Mbit/s")
    assert passed == limit + number(beyond) > limit


@as_root
def test_terminal_shows_it_live(tmp_path, compiled):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with demo(tmp_path, compiled, output=theirs) as process:
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
    for state in ("open", "throttled", "blocked"):
        assert state in text
    assert f"--socket /run/esimshaper-demo-{process.pid}/control.sock" in text
    assert not re.search(r"^ +\.\.\.\s*$", text, re.MULTILINE)  # how rich shows that a picture is too tall
    assert "Equal to the byte" in text
    assert remains(process, tmp_path) == []


# What it proves


@as_root
def test_missed_bytes_end_in_a_failure(tmp_path, compiled):
    with demo(tmp_path, compiled) as process:
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


@as_root
def test_limit_that_is_not_held_ends_in_a_failure(tmp_path, compiled):
    with demo(tmp_path, compiled) as process:
        read_until(process, "alice-phone watches")
        socket = f"/run/esimshaper-demo-{process.pid}/control.sock"
        allow = [sys.executable, "-m", "esimshaper", "allow", "client/smart-tv", "--socket", socket]
        subprocess.run(allow, env=python_environment(), check=True, capture_output=True)
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "Equal to the byte" in said
    assert "A LIMIT WAS NOT HELD" in said
    assert "But: it never happened that smart-tv was cut at its limit" in said
    assert number(quota_row(said, "smart-tv")[2]) > 0
    assert remains(process, tmp_path) == []


KEPT = Limit("smart-tv", rate=0, limit=1000, billed=1100, late=100, got=900, kernel=1090, daemon=1090)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(KEPT, late=99),  # one byte more than the limit went through
        replace(KEPT, got=1001),  # programs got what we say was not let through
        replace(KEPT, daemon=1089),
        replace(KEPT, rate=1, daemon=1091),
    ],
)
def test_one_byte_past_a_limit_or_apart_is_not_held(wrong):
    assert KEPT.held
    assert replace(KEPT, rate=1, late=0).held  # a throttled client goes on past its limit
    assert not wrong.held
    nothing = Share("everyone", Counters(), Counters())
    assert not Outcome(nothing, (), Counters(), Counters(), (KEPT, wrong)).held


def test_one_byte_apart_at_an_uplink_or_in_a_quota_or_a_tv_that_is_not_refused_is_not_true():
    ways = tuple(Way(name, Counters(100, 10), Counters(100, 10)) for name in ("esim", "hotel"))
    right = FailedOver(ways, watched=90, charged=0, is_refused=True)
    assert right.true
    assert not replace(right, ways=(ways[0], replace(ways[1], counted=Counters(100, 11)))).true
    assert not replace(right, ways=(ways[0], Way("hotel", Counters(), Counters()))).true
    for wrong in ({"watched": 0}, {"charged": 1}, {"is_refused": False}):
        assert not replace(right, **wrong).true


@pytest.mark.parametrize(
    "wrong",
    [
        {"noticed": None},
        {"cut": None},
        {"mailed": 61.0},
        {"texted": None},
        {"sent": 0},
        {"after": 1},
        {"call": 0},
    ],
)
def test_an_alarm_that_is_late_or_lets_something_pass_is_not_true(wrong):
    right = Noticed(9.0, 8.5, 20.0, 22.0, sent=25_000_000, after=0, call=90_000, mail=None, sms="")
    assert right.true
    assert not replace(right, **wrong).true


PLANS = {"asia": {"counted_bytes": 700, "cost": "480"}, "japan": {"counted_bytes": 300, "cost": "700"}}


@pytest.mark.parametrize(
    ("before", "billed", "step", "true"),
    [
        ({}, 1000, 700, True),
        ({"asia": {"counted_bytes": 100}}, 900, 700, True),  # what was used before the baseline is not of the bill
        ({}, 999, 700, False),
        ({}, 1000, 699, False),  # one byte past the step the plan costs more, and the daemon has not said so
    ],
)
def test_plans_have_each_billed_byte_and_cost_what_their_terms_say(before, billed, step, true):
    found = plans.spent(before, PLANS, billed, step)
    assert found.true is true
    nothing = Share("everyone", Counters(), Counters())
    assert Outcome(nothing, (), Counters(), Counters(), spent=found).paid is true


# Coming and going


@as_root
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, 128 + signal.SIGTERM)], ids=["SIGINT", "SIGTERM"]
)
def test_leaves_nothing_behind_when_interrupted_under_load(number, status, tmp_path, compiled):
    with demo(tmp_path, compiled, seconds=60) as process:
        read_until(process, "alice-phone watches")
        os.killpg(process.pid, number)  # as Ctrl-C in a terminal: to everything that it started, too
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == status
    assert "Traceback" not in said
    assert remains(process, tmp_path) == []


@as_root
def test_next_demo_removes_what_a_killed_one_left(tmp_path, compiled):
    with demo(tmp_path, compiled, seconds=60) as process:
        read_until(process, "alice-phone watches")
        process.kill()
        process.wait(timeout=LIMIT)
    assert remains(process, tmp_path)
    box.sweep()
    # The lab's carrier removes the lab by itself.
    namespaces.wait_until("the end of the lab", lambda: not remains(process, tmp_path))


@as_root
def test_keeps_the_router_until_interrupted(tmp_path, compiled):
    with demo(tmp_path, compiled, seconds=2, keep=True) as process:
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
