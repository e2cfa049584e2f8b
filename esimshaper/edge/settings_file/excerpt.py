# SPDX-License-Identifier: GPL-2.0-or-later
"""The lines of a configuration that say who is limited, as they are written, for people to read."""

import re
from pathlib import Path

_BLOCK = re.compile(r"^(?:quotas|blocks|plans):.*\n(?:(?:[ \t#-].*)?\n)*", re.MULTILINE)
_MOST = 16_000


def limits_in(path: Path) -> str:
    """The blocks of `path` with quotas, blocks by hours and plans, at most 16,000 characters; empty if unreadable."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError):
        return ""
    return "\n".join(found.rstrip() for found in _BLOCK.findall(f"{text}\n"))[:_MOST]
