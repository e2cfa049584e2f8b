# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: bpffs. The folder of our pins: that it is there, that one process at a time uses it, what lies in it."""

import errno
import fcntl
import os
import shutil
from pathlib import Path

from esimshaper.core.model import Unusable

DEFAULT = Path("/sys/fs/bpf/esimshaper")
MARKERS = "qdiscs"


class Pins:
    """`root` belongs to this process until `close`. Raises Unusable if it cannot be had."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _refused(root, error) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise Unusable(
                "the daemon is running already", "to stop it: systemctl stop esimshaper; what it counted stays"
            ) from None
        if not _is_bpffs(root):
            os.close(self._fd)
            raise Unusable(*NOT_MOUNTED)

    @property
    def markers(self) -> Path:
        """Folder in which traffic control remembers its qdiscs."""
        return self.root / MARKERS

    def generations(self) -> list[Path]:
        """Folders of maps, of this and of earlier builds."""
        return sorted(entry for entry in self.root.iterdir() if entry.name != MARKERS)

    def remove(self, generation: Path) -> None:
        """Unpins: maps and programs that nothing else holds vanish."""
        shutil.rmtree(generation)

    def remove_all(self) -> None:
        """Leaves nothing of ours in bpffs."""
        shutil.rmtree(self.root)

    def close(self) -> None:
        os.close(self._fd)


NOT_MOUNTED = ("the BPF file system is not mounted on /sys/fs/bpf", "mount -t bpf bpf /sys/fs/bpf")


def _is_bpffs(path: Path) -> bool:
    """By the mount table: the file system type of the mount that `path` is in."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.split()[2] == wanted and line.partition(" - ")[2].startswith("bpf ") for line in lines)


def _refused(root: Path, error: OSError) -> Unusable:
    if os.geteuid() != 0 and error.errno in (errno.EACCES, errno.EPERM):
        return Unusable(f"no permission to use {root}", "run as root, or by the systemd unit")
    if error.errno in (errno.EPERM, errno.ENOENT):  # /sys/fs/bpf without its mount is a folder of sysfs
        return Unusable(*NOT_MOUNTED)
    return Unusable(f"cannot use {root}: {error.strerror}", "mount -t bpf bpf /sys/fs/bpf")
