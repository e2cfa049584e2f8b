# SPDX-License-Identifier: GPL-2.0-or-later
"""CHANGELOG.md, and the version of the program -> debian/changelog, on standard output.

A release has its date behind its version: `## 0.1.0 (2026-12-01)`. What has none is being built now.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from textwrap import fill

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"^## (?P<version>\S+) \((?P<date>[^)]*)\)\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
CHANGE = re.compile(r"^- (?P<words>.*(?:\n  .*)*)", re.MULTILINE)


def stanza(version: str, date: str, text: str, maintainer: str) -> str:
    """One release in the form of deb-changelog(5)."""
    released = re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)
    moment = datetime.fromisoformat(date).replace(tzinfo=UTC) if released else datetime.now(UTC)
    changes = (" ".join(change["words"].split()) for change in CHANGE.finditer(text))
    lines = (fill(words, 80, initial_indent="  * ", subsequent_indent="    ") for words in changes)
    head = f"esimshaper ({version}) {'unstable' if released else 'UNRELEASED'}; urgency=medium"
    return "\n".join((head, "", *lines, "", f" -- {maintainer}  {format_datetime(moment)}", ""))


def stanzas() -> Iterator[str]:
    """All releases, the newest first. The newest has the version of the program."""
    maintainer = re.search(r"^Maintainer: (.*)$", (ROOT / "debian/control").read_text(), re.MULTILINE)
    version = re.search(r'^__version__ = "(.*)"$', (ROOT / "esimshaper/__init__.py").read_text(), re.MULTILINE)
    sections = list(SECTION.finditer((ROOT / "CHANGELOG.md").read_text()))
    if maintainer is None or version is None or not sections or sections[0]["version"] != version[1]:
        sys.exit(f"CHANGELOG.md does not begin with the version of esimshaper/__init__.py: {version and version[1]}")
    for section in sections:
        yield stanza(section["version"], section["date"], section["text"], maintainer[1])


if __name__ == "__main__":
    print("\n".join(stanzas()), end="")  # noqa: T201
