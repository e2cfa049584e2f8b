# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: bpffs. Makes the folder of our pins, lets one process at a time use it (R25), lists and removes generations."""

import fcntl
import os
import shutil
from pathlib import Path

from esimshaper.core.model.errors import FailedOperation, Operation, Unusable

MARKERS = "qdiscs"
REMOVED = "removed-"
"""Prefix of a generation whose removal has begun: its next user could not see that half of it is gone."""


class Pins:
    """`root` belongs to this process until `close`. Raises FailedOperation, or Unusable if another process has it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._fd = _open(root)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise Unusable(
                "the daemon is running already", "to stop it: systemctl stop esimshaper; its counts stay"
            ) from None
        for half in self.root.glob(f"{REMOVED}*"):
            shutil.rmtree(half)

    @property
    def markers(self) -> Path:
        """Folder in which traffic control remembers its qdiscs."""
        return self.root / MARKERS

    def generations(self) -> list[Path]:
        """Folders of maps, of this and of earlier builds."""
        return sorted(entry for entry in self.root.iterdir() if entry.name != MARKERS)

    def remove(self, generation: Path) -> None:
        """Unpins maps and programs; those that nothing else holds vanish. If it is killed, the next start goes on."""
        removed = generation.with_name(f"{REMOVED}{generation.name}")
        generation.rename(removed)
        shutil.rmtree(removed)

    def remove_all(self) -> None:
        """Leaves nothing of ours in bpffs."""
        for generation in self.generations():
            self.remove(generation)
        shutil.rmtree(self.root)

    def close(self) -> None:
        os.close(self._fd)


def make_room(root: Path) -> None:
    """Makes the folder, for a `build` beside a daemon that may be running. Raises FailedOperation."""
    os.close(_open(root))


def _open(root: Path) -> int:
    try:
        # In a sandbox, nothing but this folder may be visible of a bpffs.
        if not _is_bpffs(next(folder for folder in (root, *root.parents) if folder.exists())):
            raise FailedOperation(Operation.BPFFS)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise FailedOperation(Operation.PIN, error.errno or 0, str(root)) from None


def _is_bpffs(path: Path) -> bool:
    """Whether `path` is in a bpffs, by the mount table."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.split()[2] == wanted and line.partition(" - ")[2].startswith("bpf ") for line in lines)
