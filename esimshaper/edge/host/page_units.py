# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what systemd is told of the page: where it listens, which certificate it has. Owns the drop-ins of its units.

They lie in /run, so that a boot begins without them. Several sockets hand their connections to one service.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path("/run/systemd/system")
INTERFACES = Path("/sys/class/net")
SERVICE = "esimshaper-web.service"
SOCKETS = "esimshaper-web@*.socket"

_TEMPLATE = "/usr/lib/systemd/system/esimshaper-web@.socket"
_OURS = ("esimshaper-web@*.socket.d/listen.conf", f"{SERVICE}.d/certificate.conf", f"*.device.wants/{SOCKETS}")
_NAME = re.compile(r"[A-Za-z0-9._+@-]{1,15}")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")


def is_safe(interface: str) -> bool:
    """Whether systemd takes the name: it ignores one that it does not know, and would listen everywhere."""
    return bool(_NAME.fullmatch(interface)) and not interface.isdigit() and interface not in (".", "..")


def escaped(name: str) -> str:
    """The name of an interface as a part of the name of a unit (systemd.unit(5))."""
    kept = (c if c in _PLAIN and (at or c != ".") else None for at, c in enumerate(name))
    return "".join(c or "".join(f"\\x{byte:02x}" for byte in raw.encode()) for c, raw in zip(kept, name, strict=True))


def socket_of(interface: str) -> str:
    """The unit of the page's socket on an interface."""
    return f"esimshaper-web@{escaped(interface)}.socket"


def drop_ins(interfaces: Sequence[str], listen: Sequence[str], certificate: tuple[str, str] | None) -> dict[str, str]:
    """Files by their paths below FOLDER; that of a link has what it leads to. `listen` as ListenStream= takes it."""
    streams = "".join(f"ListenStream={each}\n" for each in listen)
    files = {f"{socket_of(each)}.d/listen.conf": f"[Socket]\nBindToDevice={each}\n{streams}" for each in interfaces}
    # An interface that comes later starts its socket, as BindToDevice= has that stop with it.
    links = {f"sys-subsystem-net-devices-{escaped(each)}.device.wants/{socket_of(each)}" for each in interfaces}
    files |= dict.fromkeys(links, _TEMPLATE)
    if certificate:
        lines = (
            f"LoadCredential={name}:{path}\n" for name, path in zip(("certificate", "key"), certificate, strict=True)
        )
        files[f"{SERVICE}.d/certificate.conf"] = f"[Service]\n{''.join(lines)}"
    return files


def replace(wanted: Mapping[str, str], folder: Path = FOLDER) -> bool:
    """Makes ours what is wanted, and says whether anything was changed. Raises OSError."""
    there = {str(path.relative_to(folder)): path for pattern in _OURS for path in folder.glob(pattern)}
    changed = [name for name in wanted if name not in there or _content(there[name]) != wanted[name]]
    gone = [path for name, path in there.items() if name not in wanted]
    for path in [*gone, *(there[name] for name in changed if name in there)]:
        path.unlink()
    for name in changed:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if ".device.wants/" in name:
            path.symlink_to(wanted[name])
        else:
            path.write_text(wanted[name])
    for path in gone:
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return bool(changed or gone)


def _content(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else path.read_text()


def is_there(interface: str) -> bool:
    """Whether the interface exists now."""
    return (INTERFACES / interface).exists()


def systemctl(*arguments: str) -> bool:
    """Whether systemd could do it; what it says goes where our own words go."""
    return subprocess.run(["/usr/bin/systemctl", *arguments], check=False).returncode == 0
