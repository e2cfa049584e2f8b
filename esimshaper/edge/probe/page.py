# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what there is of the page: sockets of systemd, programs at its ports, what DHCP says of it. Reads only."""

import itertools
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from esimshaper.core.model.page_facts import PageFacts, PageWanted
from esimshaper.edge.probe import hints

SECONDS = 10
_OURS = {"systemd", "python3"}
"""Who has the socket while the page waits, and while it is shown."""

_OPTION = re.compile(
    r"^\s*dhcp-option(?:-force)?\s*=.*?(?<![\d.])(?:option:)?114\s*,"  # dnsmasq
    r"|^\s*SendOption\s*=\s*114:"  # systemd-networkd
    r"|^\s*option\s+(?:v4-captive-portal|default-url)\s+\S"  # dhcpd
)


def page(wanted: PageWanted, lans: Sequence[str], password: bool | None) -> PageFacts:  # noqa: FBT001
    """`lans`: interfaces of the LAN; `password` as the daemon says. Raises OSError."""
    states = {each: _state(f"esimshaper-web@{_escaped(each)}.socket") for each in lans}
    return PageFacts(states, holders(_listening(), wanted.ports), password, announced())


def announced(root: Path = Path("/")) -> tuple[str, ...]:
    """Files by which a DHCP server of this box tells devices of a page. Raises OSError where one may not be read."""
    return tuple(str(path) for path in itertools.islice(hints.files(root), hints.MOST_FILES) if _announces(path))


def holders(shown: str, ports: Iterable[int]) -> dict[int, str]:
    """Programs that listen on one of the ports, in what `ss -ltnpH` prints; not ours."""
    found: dict[int, str] = {}
    for line in shown.splitlines():
        port = re.search(r":(\d+)\s", line)
        names = re.findall(r'\("([^"]+)",pid=', line)
        if port and int(port[1]) in ports and names and not _OURS & set(names):
            found.setdefault(int(port[1]), names[0])
    return found


def _announces(path: Path) -> bool:
    with path.open("rb") as file:
        text = file.read(hints.MOST_BYTES).decode(errors="replace")
    return any(_OPTION.match(line) for line in text.splitlines())


def _listening() -> str:
    return _said("ss", "-ltnpH")


def _state(unit: str) -> str:
    return _said("systemctl", "show", unit, "--property=ActiveState", "--value").strip()


def _escaped(name: str) -> str:
    return _said("systemd-escape", "--", name).strip()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False).stdout
