# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole systems: Debian trees made by mmdebstrap, booted by systemd-nspawn as the router of a lab. Needs root.

Owns /var/tmp/esimshaper-tree-PID-NAME, the control groups esimshaper-tree-PID-N and the processes in them; PID is
that of the test run. What a killed run left behind is known by its dead PID, and removed by `sweep`.
"""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from esimshaper.lab import Lab
from esimshaper.lab.namespaces import is_dead, wait_until

RELEASES = ("bookworm", "trixie")
PLACE = Path("/var/tmp")
PREFIX = "esimshaper-tree"
ANY_DEBIAN = ("systemd-sysv", "dbus", "iproute2", "nftables", "procps")
"""What there is wherever Debian is installed. What esimshaper needs, its own package says."""
TIMEOUT = 300
"""Seconds for a program in a system; a processor may be emulated."""

_OWNED = re.compile(rf"{PREFIX}-(\d+)-.*")
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private")
_numbers = itertools.count()


def dependencies(package: Path) -> list[str]:
    """Names of the Debian packages that a package depends on; of alternatives the first."""
    field = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True, check=True).stdout
    return [re.split(r"[\s(:|]", one.strip(), maxsplit=1)[0] for one in field.split(",")]


class Trees:
    """The trees of a test run: made at the same time, in the background, each with its release's own packages, and
    shared by its workers.

    They are gone when the run ends, unless ESIMSHAPER_TREES names a folder to keep them in and to find them in the next
    time.
    """

    def __init__(self, releases: Iterable[str], packages: Iterable[str]) -> None:
        self._place = Path(os.environ.get("ESIMSHAPER_TREES") or _SHARED)
        self._place.mkdir(exist_ok=True)
        wanted = [*ANY_DEBIAN, "prometheus", *packages]
        self._making = {release: make(release, self._place / release, wanted) for release in releases}

    def __getitem__(self, release: str) -> Path:
        """The tree of a release; waits until it is there. Raises AssertionError with what mmdebstrap said."""
        if making := self._making.pop(release, None):
            said, _ = making.communicate()
            assert making.returncode == 0, said
        tree = self._place / release
        assert tree.is_dir(), "mmdebstrap failed: the first test that needed this tree has what it said"
        return tree

    def close(self) -> None:
        for making in self._making.values():
            making.kill()
            making.communicate()


def remove_shared() -> None:
    """At the end of the run, when no worker needs a tree any more."""
    shutil.rmtree(_SHARED, ignore_errors=True)


def owned(name: str) -> Path:
    """A folder of this test run's own, with place for large things."""
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    return PLACE / f"{PREFIX}-{run}-{name}"


_SHARED = owned("trees")

_FINISH = """
cd "$1"
rm -f etc/dpkg/dpkg.cfg.d/99mmdebstrap etc/resolv.conf # those are of this machine
echo 0123456789abcdef0123456789abcdef >etc/machine-id  # or systemd would take it for a first boot, and enable all
echo router >etc/hostname
echo 127.0.0.1 localhost router >etc/hosts             # or Prometheus would ask for its name, and wait
"""


_ONCE = """
tree=$1
shift
test -d "$tree" || { rm -rf "$tree.new" && "$@" "$tree.new" && mv "$tree.new" "$tree"; }
"""


def make(release: str, tree: Path, packages: Iterable[str], *hooks: str) -> "subprocess.Popen[str]":
    """mmdebstrap at work, without what nobody reads here. A hook is shell, whose $1 is the tree.

    A tree that is there stays as it is, and one that somebody else is making is waited for.
    """
    excluded = (f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "locale", "man"))
    command = [
        *_DIES_WITH_US, "--pid", "--fork", "--kill-child",
        "flock", f"{tree}.lock", "sh", "-c", _ONCE, "once", str(tree),
        "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io", *excluded,
        '--aptopt=Acquire::Languages "none"', f"--include={','.join(packages)}",
        *(f"--customize-hook={hook}" for hook in (*hooks, _FINISH)), release,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class System:
    """One Debian that is booted, and gone with all that it wrote when the `with` block ends.

    Its network is that of the lab's router, and so is its end when we are killed. It sees the leases of the lab's DHCP
    server where dnsmasq has them on Debian.
    shared: what else of this machine it may read, and where.
    """

    def __init__(self, tree: Path, lab: Lab, shared: Mapping[Path, str]) -> None:
        self._name = f"{PREFIX}-{os.getpid()}-{next(_numbers)}"
        self._place = lab.directory / self._name
        self._place.mkdir()
        shared = {lab.lease_file: "/var/lib/misc/dnsmasq.leases", **shared}
        binds = [f"--bind-ro={ours}:{theirs}" for ours, theirs in shared.items()]
        script = str(Path(__file__).with_name("boot.sh"))
        self.console = lab.directory / f"{self._name}.console"
        with self.console.open("wb") as console:
            self._process = subprocess.Popen(
                [*_DIES_WITH_US, *lab.router.command([script, str(tree), str(self._place), self._name, *binds])],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            )  # fmt: skip
        self.leader = 0

    def __enter__(self) -> Self:
        try:
            wait_until("the boot of a Debian", self._is_up, timeout=60)
            state = self.try_run("systemctl", "is-system-running", "--wait").stdout
            assert state == "running\n", state + self.run("systemctl", "--failed")
        except BaseException as problem:
            problem.add_note(self.console.read_text(errors="replace"))
            self.close()
            raise
        return self

    def _is_up(self) -> bool:
        """Whether its systemd can be asked. Its first process is the child of systemd-nspawn."""
        assert self._process.poll() is None, "systemd-nspawn has ended"
        own = Path(f"/proc/{self._process.pid}")
        children = (own / f"task/{self._process.pid}/children").read_text().split()
        if children and (own / "comm").read_text() == "systemd-nspawn\n":
            self.leader = int(children[0])
        return bool(self.leader) and self.path("/run/systemd/private").exists()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self.leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGKILL)  # it is the first of its namespace, so all in it die as well
        self._process.kill()
        self._process.wait()
        for group in _groups():
            if group.name == self._name:
                _remove_group(group)

    def path(self, path: str) -> Path:
        """Where this machine sees a file of the system."""
        return Path(f"/proc/{self.leader}/root{path}")

    def command(self, *words: str) -> list[str]:
        """A command, to be run in the system by its root."""
        namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root")
        return ["nsenter", f"--target={self.leader}", *namespaces, "--", *clean, *words]

    def try_run(self, *words: str, text_in: str = "") -> "subprocess.CompletedProcess[str]":
        """What a program said and how it ended."""
        return subprocess.run(
            self.command(*words), input=text_in, text=True, capture_output=True, timeout=TIMEOUT, check=False
        )

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """A program that keeps running; what it says is on the console."""
        with self.console.open("ab") as console:
            return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=console, stderr=console)

    def run(self, *words: str, text_in: str = "") -> str:
        """Standard output of a program. AssertionError if it fails."""
        done = self.try_run(*words, text_in=text_in)
        assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def _groups() -> Iterator[Path]:
    """The control groups of systems, of all test runs."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
            yield from (path for path in Path(place).iterdir() if _OWNED.fullmatch(path.name))


def _remove_group(group: Path) -> None:
    """A group can go when the last process in it has."""

    def gone() -> bool:
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        return not group.exists()

    wait_until(f"the end of {group}", gone)


def leftovers() -> list[Path]:
    """Trees and control groups of test runs whose process is dead."""
    found = [*_groups(), *PLACE.glob(f"{PREFIX}-*")]
    return [path for path in found if (match := _OWNED.fullmatch(path.name)) and is_dead(int(match[1]))]


def sweep() -> None:
    """Remove what killed test runs left behind."""
    for path in leftovers():
        if path.parent == PLACE:
            shutil.rmtree(path, ignore_errors=True)
        else:
            _remove_group(path)
