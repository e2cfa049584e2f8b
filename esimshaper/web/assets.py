# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that a page needs beside its HTML. Owns the folder static/, which it reads once.

Their paths carry a digest of what is in them, so that a browser may keep each for ever.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).with_name("static")
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    """A file as it is sent."""

    kind: str
    body: bytes


def _path_of(file: Path) -> str:
    return f"/static/{file.stem}.{sha256(file.read_bytes()).hexdigest()[:12]}{file.suffix}"


_FILES = sorted(file for file in _FOLDER.iterdir() if file.suffix in _KINDS)

PATHS: Mapping[str, str] = {file.name: _path_of(file) for file in _FILES}
"""Where each file is, by its name: `/static/page.0123456789ab.css`."""

ASSETS: Mapping[str, Asset] = {PATHS[file.name]: Asset(_KINDS[file.suffix], file.read_bytes()) for file in _FILES}
"""What there is at each path."""
