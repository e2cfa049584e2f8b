# SPDX-License-Identifier: GPL-2.0-or-later
"""Secrets: read where they are needed, from a file or from a credential of systemd, and never shown.

password: {file: /etc/esimshaper-notify/mail}     a file that the user esimshaper-notify may read
password: {credential: esimshaper.email}          LoadCredential= of the unit: /etc/credstore/esimshaper.email
"""

import base64
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

MOST_BYTES = 4096
HIDDEN = "***"

_PARTS = re.compile(r"[/:@?&=#\s]+")
_LEAST_PART = 6
"""Characters: shorter parts, such as `https` and `hook`, are words that sentences need."""

_known: set[str] = set()
"""All that this process has read: a child has one channel, and lives for a minute."""


class UnreadableError(Exception):
    """A secret cannot be read. Its text names the place."""


def secret(named: Any) -> str:  # noqa: ANN401 - whatever the settings have: a text, or where it is
    """The secret itself, without the line's end. Raises UnreadableError. A text is the secret already."""
    if isinstance(named, str):
        found = named
    elif isinstance(named, dict) and isinstance(named.get("file"), str):
        found = _read(Path(named["file"]))
    elif isinstance(named, dict) and isinstance(named.get("credential"), str):
        found = _read(Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / Path(named["credential"]).name)
    else:
        raise UnreadableError("the settings name no secret")
    hide(found)
    return found


def hide(text: str) -> None:
    """From now on `masked` covers it. A text of a letter or two is none: it would cover half of each sentence."""
    if len(text) > 3:
        _known.add(text)


def hide_parts(text: str) -> None:
    """The same for each part of an address, as errors of libraries name a part of it: path, password, query."""
    hide(text)
    for each in _PARTS.split(text):
        if len(each) >= _LEAST_PART:
            hide(each)
            hide(unquote(each))


def hide_login(user: str, password: str) -> None:
    """The same for the forms that a login has on the wire: some servers say again what they do not understand."""
    for each in (f"\0{user}\0{password}", password):
        hide(base64.b64encode(each.encode()).decode())


def masked(text: str) -> str:
    """The text without any secret that was read."""
    for each in sorted(_known, key=len, reverse=True):
        text = text.replace(each, HIDDEN)
    return text


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = file.read(MOST_BYTES).decode("utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UnreadableError(f"the secret at {path} cannot be read: {reason}") from None
    if not found:
        raise UnreadableError(f"the secret at {path} is empty")
    return found
