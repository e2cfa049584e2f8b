# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what access points of this box say in their beacons of the cost of the network. One socket for each.

Microsoft's Network Cost element (MS-NCT): DD 08, OUI 00 50 F2, type 11 (hexadecimal), level, 0, flags, 0.
"""

import socket
from pathlib import Path

SOCKETS = Path("/run/hostapd")
FILES = Path("/etc/hostapd")
SECONDS = 3.0

_FIXED, _VARIABLE = 2, 4
"""Levels of cost that Windows takes for metered: one that is paid beforehand, and one by the byte."""

_KEY = "vendor_elements="


def element(level: int = _FIXED, flags: int = 0) -> str:
    """The element, in hexadecimal digits."""
    return f"dd080050f211{level:02x}00{flags:02x}00"


def say(memory: Path, *, metered: bool, sockets: Path = SOCKETS, files: Path = FILES) -> dict[str, str]:
    """Sets the beacons of each access point; why not, by interface, empty where it is done.

    Elements of the owner, in hostapd's own files, stay. memory: there while beacons have ours; without it there is
    nothing to take back.
    """
    if not sockets.is_dir() or not (metered or memory.exists()):
        return {}
    there = [path for path in sorted(sockets.iterdir()) if path.is_socket() and path.name != "global"]
    if metered:
        memory.touch()
    said = {path.name: _say(path, _of_owner(path.name, files) + (element() if metered else "")) for path in there}
    if not metered and not any(said.values()):
        memory.unlink()
    return said


def _say(path: Path, elements: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            asking.settimeout(SECONDS)
            asking.bind("")  # a name that the kernel chooses, so that hostapd can answer
            asking.connect(str(path))
            for request in (f"SET vendor_elements {elements}", "UPDATE_BEACON"):
                asking.send(request.encode())
                answer = asking.recv(4096).decode(errors="replace").strip()
                if answer != "OK":
                    return f"hostapd answers {answer or 'nothing'} to {request.split()[0]}"
    except OSError as error:
        return f"hostapd cannot be asked: {error.strerror or error}"
    return ""


def _of_owner(interface: str, files: Path) -> str:
    """The elements that hostapd's configuration of an interface has."""
    for path in sorted(files.glob("*.conf")):
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        except OSError:
            continue
        if f"interface={interface}" in lines:
            return next((line.removeprefix(_KEY) for line in reversed(lines) if line.startswith(_KEY)), "")
    return ""
