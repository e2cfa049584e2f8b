# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the compiled catalogue, a JSON file that the daemon writes and the process that names conversations reads.

It lies beside the history, in a folder that others may look into: there is nothing private in it.
"""

import json
from pathlib import Path
from typing import Any

FOLDER, NAME = "services", "catalogue.json"
READABLE_FOLDER, READABLE = 0o755, 0o644
MOST_BYTES = 16 * 1_048_576


def place(state: Path) -> Path:
    """Where the file is, in the directory of the history."""
    return state / FOLDER / NAME


def write(file: Path, document: dict[str, Any]) -> None:
    """Writes the file, so that whoever reads it finds the one before or this one. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(READABLE_FOLDER)  # whatever the umask is
    replace(file, document)


def replace(file: Path, document: dict[str, Any]) -> None:
    """Writes a file that everybody may read, in the place of the one before. Raises OSError."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    fresh.chmod(READABLE)
    fresh.rename(file)


def remove(file: Path) -> None:
    """Removes the file: nothing is to be named."""
    file.unlink(missing_ok=True)


class CatalogueFile:
    """The file, which is read once each time that it is another."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, ...] | None = None

    def has_changed(self) -> bool:
        """Whether it is another file than the one that was read last, or gone since."""
        return self._look() != self._seen

    def read(self) -> dict[str, Any] | None:
        """What it says; None where there is none that can be read."""
        self._seen = self._look()
        return self._read() if self._seen else None

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> dict[str, Any] | None:
        try:
            with self._file.open("rb") as file:
                found = json.loads(file.read(MOST_BYTES))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None
