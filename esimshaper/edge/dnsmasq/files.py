# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: block lists of the owner, the names kept of them, and the files that others read. Owns the kept names.

Whatever others read is written whole to a new file, which then takes the place of the old one.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from esimshaper.core.model.withholding import AllowedName, BadLine

SERVERS = "servers"
"""In the folder of the settings: dnsmasq's --servers-file."""

NOTE = "resolver.json"
"""Beside the control socket: what esimshaper-resolver obeys."""

SUFFIXES = Path("/usr/share/publicsuffix/public_suffix_list.dat")
"""Of Debian's package publicsuffix, if it is there."""


def signature(paths: Sequence[str]) -> str:
    """Another text whenever one of the files is another, or has changed; costs a stat(2) for each."""
    return json.dumps([_state(path) for path in paths])


def _state(path: str) -> list[str | int]:
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as error:  # ValueError: no file can be called so
        return [path, getattr(error, "errno", 0) or 0]
    # ctime: a list that could not be read is another one once somebody has changed its mode.
    return [path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def lines_of(path: str | Path, longest: int = -1) -> Iterator[str]:
    """The lines of a file, bytes that are no UTF-8 as signs of replacement. Raises OSError.

    longest: of what is longer in one line, so many characters and one more come at a time.
    """
    if not Path(path).is_file():  # of a pipe, and of /dev/zero, there would be no end
        Path(path).stat()
        raise FileNotFoundError(errno.ENOENT, "it is no file")
    with Path(path).open(encoding="utf-8-sig", errors="replace") as file:
        while line := file.readline(longest + 1 if longest >= 0 else -1):
            yield line


def suffixes() -> Iterable[str]:
    """The lines of the list of public suffixes; none where this box has none."""
    try:
        yield from lines_of(SUFFIXES)
    except OSError:
        return


def kept_signature(kept: Path) -> str:
    """The signature that the kept names were read at; empty if there are none."""
    try:
        with kept.open(encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


def kept_names(kept: Path) -> Iterator[str]:
    """The names that were kept last; none if there are none."""
    try:
        with kept.open(encoding="utf-8", errors="replace") as file:
            next(file, None)
            yield from (line.rstrip("\n") for line in file)
    except OSError:
        return


def keep(kept: Path, at: str, names: Iterable[str]) -> None:
    """Keeps names that were read at a signature. Raises OSError."""
    kept.parent.mkdir(exist_ok=True)
    put(kept, (f"{line}\n" for line in (at, *names)))


def refused(kept: Path, at: str) -> list[BadLine]:
    """The problems for which lists were refused that had this signature; none if nothing is known of them."""
    try:
        signature, problems = json.loads(_refused(kept).read_text(encoding="utf-8"))
        return [BadLine(str(file), int(line), str(message)) for file, line, message in problems if signature == at]
    except (OSError, ValueError, TypeError):
        return []


def refuse(kept: Path, at: str, problems: Iterable[BadLine]) -> None:
    """Keeps why lists of a signature were refused: to read them takes seconds. Raises OSError."""
    kept.parent.mkdir(exist_ok=True)
    put(_refused(kept), [json.dumps([at, [*problems]])])


def _refused(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.refused")


def read_allowed(path: Path) -> tuple[AllowedName, ...]:
    """Names that were allowed by hand before this process began; none if there is nothing that can be read."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return tuple(AllowedName(str(name), int(until)) for name, until in listed)
    except (OSError, ValueError, TypeError):
        return ()


def put_allowed(path: Path, allowed: Iterable[AllowedName]) -> None:
    """Keeps names that are allowed by hand over a restart. Raises OSError."""
    path.parent.mkdir(exist_ok=True)
    put(path, [json.dumps([*allowed])])


def put(path: Path, lines: Iterable[str]) -> None:
    """Puts a file in the place of the one before, readable for everybody; it is on the disk first. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.writelines(lines)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            # Else a power cut leaves a part of the kept names, under a signature that says that they are whole.
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def put_servers(folder: Path, lines: Iterable[str]) -> None:
    """Puts the servers-file into a folder, which everybody may enter. Raises OSError."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)  # dnsmasq reads it as a user of its own, whatever our umask is
    put(folder / SERVERS, lines)


def put_note(path: Path, note: Mapping[str, Any]) -> None:
    """Leaves the note for esimshaper-resolver. Raises OSError."""
    put(path, [json.dumps(note), "\n"])


def read_note(path: Path) -> Mapping[str, Any] | None:
    """The note of the daemon, which is not to be trusted further; None if there is none, or none that is whole."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None
