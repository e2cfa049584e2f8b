# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: the file by which the process that watches modems tells the daemon and `doctor` of them.

The daemon does not trust who writes it: the file is bounded, each value has its type or is left out, and nothing that
lies at its place makes a reader wait.
"""

import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from esimshaper.core.model.modems import Modem, ModemBytes, ModemsReport, Registration, iccid_of
from esimshaper.edge.host import clock

VERSION = 1
MOST_BYTES = 65_536
MOST_MODEMS = 16
MOST_LINKS = 64
MOST_CHARACTERS = 64

STALE_SECONDS = 30.0
"""A report that is older says nothing: the process that wrote it is dead or hangs. It writes one each 10 s."""


def write(file: Path, report: ModemsReport) -> None:
    """Writes the report of now, in the place of the one before. Raises OSError."""
    document = {
        "version": VERSION,
        "boottime": clock.boottime(),
        "manager": report.manager,
        "problem": report.problem,
        "metered": dict(list(report.metered.items())[:MOST_LINKS]),
        "modems": [_document(each) for each in report.modems[:MOST_MODEMS]],
    }
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(document), encoding="utf-8")
    fresh.chmod(0o644)  # everybody may read on the bus what is in it
    fresh.rename(file)


def _document(modem: Modem) -> dict[str, Any]:
    return {
        "iccid": modem.iccid,
        "imsi": modem.imsi,
        "interface": modem.interface,
        "registration": modem.registration.value,
        "operator_code": modem.operator_code,
        "operator": modem.operator,
        "connected": modem.connected,
        "connects": modem.connects,
        "received": modem.bytes.received if modem.bytes else None,
        "sent": modem.bytes.sent if modem.bytes else None,
        "utc_offset": modem.utc_offset,
        "state": modem.state,
    }


class ReportFile:
    """The file, which is read once each time that it is another."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, ...] = ()
        self._report: ModemsReport | None = None
        self._at = 0.0

    def read(self) -> ModemsReport | None:
        """The latest report; None where there is none, or none of the last STALE_SECONDS."""
        with suppress(OSError):
            found = self._file.stat(follow_symlinks=False)
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._seen = seen
                self._report, self._at = _read(self._file)
            if 0 <= clock.boottime() - self._at <= STALE_SECONDS:
                return self._report
        return None


def _read(file: Path) -> tuple[ModemsReport | None, float]:
    """A report and when it was written (CLOCK_BOOTTIME); None for what cannot be one. Raises OSError."""
    # Neither a link to a file of ours nor a pipe that nobody writes into.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None, 0.0
        text = opened.read(MOST_BYTES + 1)
    try:
        document = json.loads(text) if len(text) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        return None, 0.0
    if not isinstance(document, dict) or document.get("version") != VERSION:
        return None, 0.0
    found = document.get("modems")
    modems = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    said = ModemsReport(
        tuple(map(_modem, modems[:MOST_MODEMS])),
        manager=document.get("manager") is True,
        problem=_text(document, "problem", 4 * MOST_CHARACTERS),
        metered=_metered(document.get("metered")),
    )
    at = document.get("boottime")
    return said, at if isinstance(at, float) else 0.0


def _metered(found: object) -> dict[str, bool]:
    pairs = list(found.items())[:MOST_LINKS] if isinstance(found, dict) else []
    return {name: flag for name, flag in pairs if isinstance(flag, bool) and len(name) <= 15 and name.isprintable()}


def _modem(document: Mapping[str, Any]) -> Modem:
    received, sent = (_number(document, key) for key in ("received", "sent"))
    registration = document.get("registration")
    known = {each.value: each for each in Registration}
    return Modem(
        iccid=iccid_of(_text(document, "iccid")),
        imsi=_text(document, "imsi", check=_is_number),
        interface=_text(document, "interface", 15),
        registration=known[registration] if isinstance(registration, str) and registration in known else _UNKNOWN,
        operator_code=_text(document, "operator_code", check=_is_number),
        operator=_text(document, "operator"),
        connected=document.get("connected") is True,
        connects=max(0, _number(document, "connects") or 0),
        bytes=ModemBytes(max(0, received), max(0, sent)) if received is not None and sent is not None else None,
        utc_offset=_number(document, "utc_offset"),
        state=_text(document, "state"),
    )


_UNKNOWN = Registration.UNKNOWN


def _text(
    document: Mapping[str, Any], key: str, most: int = MOST_CHARACTERS, check: Callable[[str], bool] = str.isprintable
) -> str:
    """A text that may stand on a terminal; empty where there is none."""
    value = document.get(key)
    return value if isinstance(value, str) and len(value) <= most and check(value) else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(document: Mapping[str, Any], key: str) -> int | None:
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None
