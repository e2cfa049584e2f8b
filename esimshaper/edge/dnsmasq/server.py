# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: dnsmasq's configuration as far as it is ours, and how it hears of changes. For root. Owns esimshaper.conf.

The daemon may write neither: it leaves names in a folder, of which only lines that refuse names are passed on.
"""

import os
import re
import signal
import stat
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from esimshaper.core.model.kernel import METERED_HINT
from esimshaper.core.model.withholding import MOST_NAMES

CONF = "esimshaper.conf"
HEAD = "# Written by esimshaper-resolver: it goes with `dnsmasq` of esimshaper.yaml, or with `esimshaper unload`.\n"
MOST_BYTES = MOST_NAMES * 260
SECONDS = 60

_LINES = re.compile(rb"(?:server=/[a-z0-9_.-]{1,253}/#?\n)*")
_UNIT = "dnsmasq.service"


def _systemctl(verb: str) -> None:
    """Raises OSError where systemd does not answer."""
    try:
        subprocess.run(["/usr/bin/systemctl", verb, _UNIT], check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"systemctl {verb} {_UNIT} has not come to an end within {SECONDS} s") from None


@dataclass(frozen=True, slots=True)
class Places:
    """Where dnsmasq's files are, and how it is told: `tell` is called with a verb of systemctl.

    conf: its folder of configurations. shared: that of the dnsmasq that NetworkManager runs for devices, whose numbers
    of processes are in `pids`. servers: what it reads by our configuration. main: its own configuration.
    """

    conf: Path = Path("/etc/dnsmasq.d")
    shared: Path = Path("/etc/NetworkManager/dnsmasq-shared.d")
    pids: Path = Path("/run")
    servers: Path = Path("/run/esimshaper-resolver/servers")
    main: Path = Path("/etc/dnsmasq.conf")
    tell: Callable[[str], None] = _systemctl


def is_at_home() -> bool:
    """Whether this process stands beside the box's own dnsmasq, and not in a lab."""
    try:
        return Path("/proc/self/ns/net").readlink() == Path("/proc/1/ns/net").readlink()
    except OSError:
        return False


def configuration(servers: Path, *, metered: bool, portal: str = "", min_ttl: int = 600, stale: int = 86400) -> str:
    """What dnsmasq is told by a file; option 43 is forced, as NetworkManager on laptops does not ask for it.

    portal: the URL of option 114 (RFC 8910), which phones ask for; empty for none.
    """
    lines = [f"servers-file={servers}", f"min-cache-ttl={min_ttl}", f"use-stale-cache={stale}"]
    lines += [f"dhcp-option-force=43,{METERED_HINT}"] if metered else []
    lines += [f"dhcp-option=114,{portal}"] if portal else []
    return HEAD + "".join(f"{line}\n" for line in lines)


def names_to_refuse(path: Path) -> bytes:
    """The servers-file that the daemon has left; empty if there is none. Raises ValueError if it says anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""  # a link as well
    with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES or not _LINES.fullmatch(content):
        raise ValueError(f"{path} has other lines than names to refuse, so every name is answered")
    return content


def obey(places: Places, names: bytes, *, metered: bool, portal: str = "") -> str:
    """dnsmasq refuses these names from now on, and tells devices whether the link is metered, and of the page.

    Returns why its configuration stays as it was, empty if all is well. Raises OSError.
    """
    was_untold = _begin(places)
    changed_names = _replace(places.servers, names) or was_untold
    shared = configuration(places.servers, metered=False, portal=portal)  # NetworkManager forces option 43 itself
    if places.shared.is_dir():
        _replace(places.shared / CONF, shared.encode())
    problem, restarts = "", False
    if places.conf.is_dir():
        text = configuration(places.servers, metered=metered, portal=portal)
        problem, restarts = _put_configuration(places, text, untold=was_untold)
    if restarts:
        places.tell("try-restart")
    elif changed_names:
        places.tell("try-reload-or-restart")
    if changed_names:
        _signal_shared(places.pids)
    _untold(places).unlink()
    return problem


def remove(places: Places) -> list[str]:
    """As without us; what was removed, in words. Raises OSError."""
    had_names = places.servers.exists() and places.servers.stat().st_size > 0
    gone = [folder / CONF for folder in (places.conf, places.shared) if (folder / CONF).exists()]
    if not (gone or had_names or _untold(places).exists()):
        return []
    was_untold = _begin(places)
    _replace(places.servers, b"") if places.servers.exists() else None
    for path in gone:
        path.unlink()
    if places.conf / CONF in gone or was_untold:
        places.tell("try-restart")
    _signal_shared(places.pids)
    _untold(places).unlink()
    return [f"{path} of dnsmasq" for path in gone]


def _untold(places: Places) -> Path:
    return places.servers.with_name("untold")


def _begin(places: Places) -> bool:
    """Whether the one before was killed, or did not reach systemd: then dnsmasq has to be told all the same."""
    untold = _untold(places)
    was_there = untold.exists()
    untold.parent.mkdir(exist_ok=True)
    untold.touch()
    return was_there


def _put_configuration(places: Places, text: str, *, untold: bool) -> tuple[str, bool]:
    """Why it could not be, and whether dnsmasq has to begin anew for it. untold: one that stands was not seen to."""
    path = places.conf / CONF
    before = path.read_bytes() if path.exists() and not untold else None
    if not _replace(path, text.encode()) and not untold:
        return "", False
    # A word that stands twice, in a file of the owner and in ours, would end dnsmasq at its next start.
    if not (problem := _refused(places)):
        return "", True
    if before is None:
        path.unlink()
    else:
        _replace(path, before)
    return problem, False


def _refused(places: Places) -> str:
    main = places.main if places.main.exists() else Path("/dev/null")
    command = ["dnsmasq", "--test", f"--conf-file={main}", f"--conf-dir={places.conf},.dpkg-dist,.dpkg-old,.dpkg-new"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, env=_PATH)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"dnsmasq cannot be asked: {error}"
    return "" if done.returncode == 0 else " ".join(done.stderr.split())


_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def _replace(path: Path, content: bytes) -> bool:
    """Whether the file had another content."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(content)
        new.chmod(0o644)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return True


def _signal_shared(folder: Path) -> None:
    for number in _numbers(sorted(folder.glob("nm-dnsmasq-*.pid"))):
        with suppress(OSError):
            if Path(f"/proc/{number}/comm").read_text() == "dnsmasq\n":
                os.kill(number, signal.SIGHUP)


def _numbers(paths: Sequence[Path]) -> list[int]:
    found = []
    for path in paths:
        with suppress(OSError, ValueError):
            found.append(int(path.read_text()))
    return found
