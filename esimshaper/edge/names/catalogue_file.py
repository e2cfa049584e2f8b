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
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    fresh.chmod(READABLE)
    fresh.rename(file)


def remove(file: Path) -> None:
    """Removes the file: nothing is to be named."""
    file.unlink(missing_ok=True)


class CatalogueFile:
    """The file as it was at the last look. `document` is None where there is none that can be read."""

    def __init__(self, file: Path) -> None:
        self.document: dict[str, Any] | None = None
        self._file = file
        self._seen: tuple[int, ...] | None = None

    def has_changed(self) -> bool:
        """Looks at the file, and reads it if it is another one than at the last look."""
        seen = self._look()
        if seen == self._seen:
            return False
        self._seen, self.document = seen, self._read() if seen else None
        return True

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
