# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong on a real box: each is one clear line, or goes on with the numbers right."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from esimshaper.lab import Lab, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.router import PYTHON, Router, bytes_of


@pytest.fixture
def router(make_router: Callable[..., Router], lab: Lab) -> Router:
    return make_router(lab)


def refused(router: Router, *prefix: str, **environment: str) -> str:
    """What `run` says on standard error when it cannot start, wrapped by a program that takes something away."""
    command = router.lab.router.command([*prefix, PYTHON, "-m", "esimshaper", "run", "--config", str(router.config)])
    done = subprocess.run(
        command, env=router.environment | environment, text=True, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search("^esimshaper: ", done.stderr, re.MULTILINE)
    assert "\n  hint: " in done.stderr
    return done.stderr


def in_mounts(*lines: str) -> tuple[str, ...]:
    """Runs what follows in a mount namespace of its own, after these lines of shell."""
    return ("unshare", "--mount", "sh", "-c", "\n".join(("set -e", *lines, 'exec "$@"')), "sh")


def test_missing_bpffs_is_said(router: Router, bpffs: Path) -> None:
    said = refused(router, *in_mounts(f"umount -l {bpffs}"))
    assert "BPF file system is not mounted" in said
    assert "mount -t bpf" in said


@pytest.mark.parametrize("missing", ["bpf", "net_admin"])
def test_missing_capability_is_said(router: Router, missing: str) -> None:
    drop = ",".join(f"-{name}" for name in (missing, "sys_admin"))
    said = refused(router, "setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}")
    assert "CAP_BPF and CAP_NET_ADMIN" in said


def test_missing_bcc_is_said(router: Router) -> None:
    folder = Path("/usr/lib/python3/dist-packages/bcc")
    empty = router.place / "empty"
    empty.mkdir()
    (empty / "__init__.py").write_text("raise ImportError(\"No module named 'bcc'\")\n")
    said = refused(router, *in_mounts(f"mount --bind {empty} {folder}"))
    assert "apt install python3-bpfcc" in said


def test_missing_libbpf_is_said(router: Router) -> None:
    library = next(Path("/usr/lib").rglob("libbpf.so.1"))
    said = refused(router, *in_mounts(f"mount --bind /dev/null {library.resolve()}"))
    assert "apt install libbpf1" in said


def change(router: Router, lines: str) -> dict[str, str]:
    """An environment in which Python runs these lines before the program."""
    (router.place / "sitecustomize.py").write_text(lines)
    return {"PYTHONPATH": f"{router.place}{os.pathsep}{router.environment['PYTHONPATH']}"}


def test_missing_clsact_is_said(router: Router) -> None:
    """The kernel's own word for a qdisc that it does not have, at the lowest wire there is: the netlink request.

    This kernel has clsact built in, so its name is spelled wrongly on the way; the answer is the kernel's.
    """
    environment = change(
        router,
        "from esimshaper.edge.netlink import Netlink\n"
        "real = Netlink.do\n"
        "Netlink.do = lambda kernel, request: real(kernel, request.replace(b'clsact', b'nosuch'))\n",
    )
    router.borrow()
    said = refused(router, **environment)
    assert "clsact" in said
    assert "modprobe sch_ingress" in said


def test_a_daemon_that_may_not_build_needs_a_build_before_it(router: Router, lab: Lab) -> None:
    def build() -> str:
        return router.run("build", "--config", str(router.config)).stdout

    command = lab.router.command([PYTHON, "-m", "esimshaper", "run", "--no-build", "--config", str(router.config)])
    done = subprocess.run(command, env=router.environment, text=True, capture_output=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "the kernel part was not built" in done.stderr
    assert "journalctl -u esimshaper-build" in done.stderr
    assert build() == "the kernel part was built\n"
    assert "esimshaper" not in lab.router.run(["tc", "filter", "show", "dev", lab.wan_interface, "ingress"])
    assert build() == "the kernel part is there already\n"
    with router.log.open("ab") as log:
        router.process = lab.router.popen(command, env=router.environment, stdout=log, stderr=log)
    wait_until("the daemon's start", lambda: router._answers(attached=True), timeout=30)
    assert build() == "the kernel part is there already\n"


def test_what_is_in_the_place_of_the_socket_is_left_there(router: Router) -> None:
    router.borrow()
    router.socket.parent.mkdir()
    router.socket.write_text("precious")
    assert "is not a socket" in refused(router)
    assert router.socket.read_text() == "precious"
    router.socket.unlink()
    with socket.socket(socket.AF_UNIX) as another:
        another.bind(str(router.socket))
        another.listen()
        assert "another daemon listens" in refused(router)
        assert router.socket.is_socket()


def test_works_without_btf_and_without_kernel_headers(router: Router, lab: Lab) -> None:
    hidden = ("/sys/kernel/btf", "/usr/src", f"/lib/modules/{os.uname().release}", "/usr/include/linux")
    hide = [f"mount -t tmpfs none {folder}" for folder in hidden if Path(folder).is_dir()]
    assert hide
    command = [*in_mounts(*hide), PYTHON, "-m", "esimshaper", "run", "--config", str(router.config)]
    with router.log.open("ab") as log:
        router.process = lab.router.popen(command, env=router.environment, stdout=log, stderr=log)
    wait_until("the daemon's start", lambda: router._answers(attached=True), timeout=30)
    before = router.measure()
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 200_000)
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)


def test_clients_beyond_the_table_are_counted_together_and_the_sum_stays_the_bill(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, "meter: {max_clients: 1}\n").start()
    before = router.measure()
    for client in lab.clients:
        client.call(traffic.tcp_up, lab.servers4[0], 200_000)
    moved = router.measure() - before
    events = {event["reason"]: event for event in router.get("/v1/status")["events"]}
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["others"].up_bytes > 200_000
    assert events["lan_clients_full"]["packets"] > 0
    assert "No room for more clients" in router.run("status").stdout
    wait_until("being told", lambda: router.log.read_text().count("no room for more clients") == 1, timeout=15)
    assert sum(e["bytes"] for e in events.values() if e["unattributed"]) == moved.totals["unattributed"].total_bytes


def test_full_flow_table_changes_no_sum(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, "meter: {max_flows: 1024}\n").start()
    before = router.measure()
    for _ in range(3):
        lab.clients[0].run([PYTHON, "-c", MANY_FLOWS, lab.servers4[0]])
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert router.get("/v1/flows", limit="1")["count"] <= 1024
    assert moved.totals["02:00:00:00:00:10"].up_packets == 0 < moved.totals["02:00:00:00:00:10"].up_bytes


MANY_FLOWS = """
import socket, sys
for _ in range(2000):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", (sys.argv[1], 9))
"""


def test_full_disk_is_said_once_and_nothing_is_missing_afterwards(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab)
    state = router.place / "state"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", state], check=True)
    try:
        ballast = state / "ballast"
        subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4096"], capture_output=True, check=False)
        assert shutil.disk_usage(state).free == 0
        router.start()
        before = router.measure()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 1_000_000)
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
        assert router.get("/v1/status")["storage"]["problem"]
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 6_000_000)
        assert router.log.read_text().count("history cannot be saved") == 1
        ballast.unlink()
        assert router.stop() == 0
        router.start()
        after, saved = router.measure_with(router.history)
        assert bytes_of(saved) == bytes_of(after.sum)
        router.stop()
    finally:
        router.close()
        subprocess.run(["umount", "-l", state], check=True)


SAVE_EACH_SECOND = "from esimshaper.core.saving import booking\nbooking.SAVE_SECONDS = 1\n"
BREAK_SAVES = (
    "from pathlib import Path\n"
    "from esimshaper.edge.history.database import History\n"
    "real = History.save\n"
    "def save(self, booking):\n"
    "    if self._path.with_name('broken').exists():\n"
    "        raise OSError(5, 'Input/output error')\n"
    "    real(self, booking)\n"
    "History.save = save\n"
)


def problem_of(router: Router) -> str | None:
    problem: str | None = router.get("/v1/status")["storage"]["problem"]
    return problem


def test_failure_that_nobody_thought_of_is_said_and_the_save_tried_again(router: Router, lab: Lab) -> None:
    router.environment |= change(router, SAVE_EACH_SECOND + BREAK_SAVES)
    router.start()
    broken = router.place / "state" / "broken"
    for end in ("running", "stopped"):
        broken.touch()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 200_000)
        wait_until("a save that fails", lambda: "Input/output error" in (problem_of(router) or ""))
        assert router.scrape()["esimshaper_history_save_failures_total"] > 0
        broken.unlink()
        if end == "running":
            wait_until("a save that works", lambda: problem_of(router) is None)
    assert router.stop() == 0
    assert router.log.read_text().count("history cannot be saved") == 2
    router.start()
    after, saved = router.measure_with(router.history)
    assert bytes_of(saved) == bytes_of(after.sum)


def taken_away(state: Path) -> Path:
    """A file where the state directory was; returns where that is now."""
    away = state.with_name("away")
    state.rename(away)
    state.touch()
    return away


def give_back(state: Path, away: Path) -> None:
    state.unlink()
    away.rename(state)


def test_history_that_opens_late_never_makes_the_totals_fall(router: Router, lab: Lab) -> None:
    router.environment |= change(router, SAVE_EACH_SECOND)
    router.start()
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 200_000)
    router.settle()
    router.stop()
    state = router.place / "state"
    away = taken_away(state)
    router.start()
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 200_000)
    router.settle()
    before = router.scrape()
    give_back(state, away)
    opened = False
    while not opened:
        opened = problem_of(router) is None
        after = router.scrape()
        assert not [name for name in before if "bytes_total" in name and after.get(name, 0) < before[name]]
        before = after
    router.settle()
    assert router.scrape()["esimshaper_history_unsaved_bytes"] < 200_000
    after, saved = router.measure_with(router.history)
    assert bytes_of(saved) == bytes_of(after.sum)


@pytest.mark.parametrize("end", ["running", "stopped"])
def test_maps_of_other_sizes_wait_for_a_history_that_opens_late(router: Router, lab: Lab, end: str) -> None:
    router.environment |= change(router, SAVE_EACH_SECOND)
    router.start()
    before = router.measure()
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 200_000)
    router.settle()
    router.stop()
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 300_000)
    state = router.place / "state"
    away = taken_away(state)
    router.configure("meter: {max_flows: 2000}\n")
    router.start()
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 400_000)
    router.settle()
    give_back(state, away)
    if end == "running":
        wait_until("history", lambda: problem_of(router) is None)
    router.stop()
    router.start()
    after, saved = router.measure_with(router.history)
    assert bytes_of(saved) == bytes_of(before.sum + (after.bill - before.bill).total)


def test_damaged_database_is_moved_aside_and_the_totals_come_from_the_maps(router: Router, lab: Lab) -> None:
    router.start()
    lab.clients[0].call(traffic.tcp_down, lab.servers4[0], 300_000)
    before = router.measure()
    router.stop()
    database = router.place / "state" / "history.db"
    database.write_bytes(b"not a database at all" * 1000)
    router.start()
    after = router.measure() - before
    assert bytes_of(after.sum) == bytes_of(after.bill.total)
    assert [path.name for path in database.parent.glob("history.db.corrupt*")]
    assert "moved" in router.log.read_text()
