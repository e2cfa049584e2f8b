# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts of the lab: makes, enters and removes network namespaces, and runs programs in them. Needs root.

Owns every /run/netns/esl-PID-N-ROLE and /run/esimshaper-lab/esl-PID-N, PID being the process that built the lab.
`sweep` knows the remains of a killed lab by that name and its dead PID, and removes them.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

PREFIX = "esl"
NETNS_DIR = Path("/run/netns")
RUN_DIR = Path("/run/esimshaper-lab")
_OWNED = re.compile(rf"{PREFIX}-(\d+)-\d+(?:-.*)?")
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_libc = ctypes.CDLL(None, use_errno=True)


class LabUnavailable(Exception):  # noqa: N818 - reads as what happened
    """This machine cannot run the lab: `reason` says why, `hint` what would help; both are plain sentences."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(f"{reason} {hint}".strip())
        self.reason = reason
        self.hint = hint


def enter(netns: str) -> None:
    """Move the calling thread into a namespace of /run/netns. Raises OSError."""
    with (NETNS_DIR / netns).open() as handle:
        enter_fd(handle.fileno())


def enter_fd(fd: int) -> None:
    """Move the calling thread into the network namespace that `fd` refers to. Raises OSError."""
    if _libc.setns(fd, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def wait_until(what: str, condition: Callable[[], bool], timeout: float = 10.0) -> None:
    """Return once `condition` holds; TimeoutError names `what` after `timeout` seconds, on a busy machine later."""
    began = time.monotonic()
    while not _holds(condition):
        if time.monotonic() - began > timeout * _crowd():
            raise TimeoutError(f"lab: {what} did not happen within {time.monotonic() - began:.1f} s")


def _crowd() -> float:
    """How many processes want each processor: so many times as long as alone they may take."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _holds(condition: Callable[[], bool]) -> bool:
    """Its answer; after False there is a pause."""
    began = time.monotonic()
    if condition():
        return True
    # A condition that starts programs would else keep a processor busy, which those that are waited for need as well.
    time.sleep(min(max(0.005, 2 * (time.monotonic() - began)), 0.05))
    return False


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the lab. `ipv4` and `ipv6` are its addresses without prefix length, `mac` that of `interface`."""

    name: str
    netns: str
    interface: str = "eth0"
    mac: str = ""
    ipv4: str = ""
    ipv6: str = ""

    @property
    def path(self) -> Path:
        """The file that names the namespace."""
        return NETNS_DIR / self.netns

    def command(self, args: Sequence[str]) -> list[str]:
        """`args`, to be run in this namespace. `ip netns exec` would remount /sys and hide bpffs."""
        return ["nsenter", f"--net={self.path}", "--", *args]

    def run(self, args: Sequence[str], *, text_in: str = "", timeout: float = 60.0) -> str:
        """Standard output of a program that ends by itself; CalledProcessError if it fails."""
        done = subprocess.run(
            self.command(args), input=text_in, text=True, capture_output=True, timeout=timeout, check=False
        )
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, args, done.stdout, done.stderr)
            error.add_note(f"in {self.name}: {done.stderr.strip() or done.stdout.strip()}")
            raise error
        return done.stdout

    def popen(self, args: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":  # noqa: ANN401 - those of Popen
        """A program that keeps running; the lab kills it at its end if it is still there."""
        return subprocess.Popen(self.command(args), **options)

    def start(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """Run a Python function in a new thread in this namespace; sockets that it opens belong there."""
        future: Future[R] = Future()

        def body() -> None:
            try:
                enter(self.netns)
                future.set_result(function(*args, **kwargs))
            except BaseException as problem:  # noqa: BLE001 - handed on to whoever asks for the result
                future.set_exception(problem)

        threading.Thread(target=body, name=f"lab-{self.name}", daemon=True).start()
        return future

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs a function as `start` does, and waits for the result."""
        return self.start(function, *args, **kwargs).result()

    def ip(self, *lines: str) -> None:
        """Apply several `ip` commands at once, each without its leading `ip`."""
        self.run(["ip", "-batch", "-"], text_in="\n".join(lines) + "\n")

    def sysctl(self, **values: int) -> None:
        """Set `net.` variables of this namespace; `__` stands for `.`: ipv4__ip_forward=1. LabUnavailable."""
        self.call(_write_sysctls, {name.replace("__", "/"): value for name, value in values.items()})


def _write_sysctls(values: dict[str, int]) -> None:
    for name, value in values.items():
        try:
            (Path("/proc/sys/net") / name).write_text(f"{value}\n", encoding="ascii")
        except OSError as problem:
            raise LabUnavailable(
                f"/proc/sys/net/{name} cannot be set: {problem.strerror}.", "In a container, run it privileged."
            ) from problem


def add(names: Iterable[str]) -> None:
    """Make named namespaces. Raises LabUnavailable."""
    lines = "".join(f"netns add {name}\n" for name in names)
    done = subprocess.run(["ip", "-batch", "-"], input=lines, text=True, capture_output=True, check=False)
    if done.returncode:
        raise LabUnavailable(
            f"Network namespaces cannot be made: {done.stderr.strip()}.",
            "Run it as root, outside of a container or in a privileged one.",
        )


def remove(names: Iterable[str]) -> None:
    """Kill all processes in these namespaces, then remove the namespaces. Missing ones are fine."""
    paths = [NETNS_DIR / name for name in names]
    kill_inside(paths)
    for path in paths:
        subprocess.run(["ip", "netns", "del", path.name], capture_output=True, check=False)


def kill_inside(paths: Iterable[Path]) -> None:
    """Kill every process, except this one, whose network namespace is one of those files. Missing ones are fine."""
    inodes = set()
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # another lab may sweep at the same time
            inodes.add(path.stat().st_ino)
    victims = [pid for pid in _pids() if pid != os.getpid() and _netns_of(pid) in inodes]
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):  # a process stuck in the kernel must not keep the rest from going
        wait_until("the end of killed processes", lambda: all(is_dead(pid) for pid in victims), timeout=3)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _netns_of(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return -1


def is_dead(pid: int) -> bool:
    """Whether no process has this number, or only a zombie that nobody has collected yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def leftovers() -> list[Path]:
    """Namespaces and run directories of labs whose process is dead."""
    found = []
    for directory in (NETNS_DIR, RUN_DIR):
        for path in directory.iterdir() if directory.is_dir() else ():
            match = _OWNED.fullmatch(path.name)
            if match and is_dead(int(match[1])):
                found.append(path)
    return found


def sweep() -> None:
    """Remove what killed labs left behind."""
    found = leftovers()
    remove(path.name for path in found if path.parent == NETNS_DIR)
    for path in found:
        if path.parent == RUN_DIR:
            shutil.rmtree(path, ignore_errors=True)
