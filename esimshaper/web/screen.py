# SPDX-License-Identifier: GPL-2.0-or-later
"""What a screen is: a template, the documents that it needs, and what makes its context of them. Values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from esimshaper.web.words import Document, Words

Documents = Mapping[str, Document]
"""The documents of a screen by their path on web.sock, as they stand in `Screen.needs`."""

Context = dict[str, Any]
"""What a template shows. `live`: texts that page.js may refresh, by name; `shape`: what the rest depends on; `waits`:
somebody waits for an answer, so it looks more often.
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page needs beside documents. `said` is a sentence about what was just done, `request` the id that its
    forms send, `agent` what the browser calls itself.
    """

    path: str
    language: str
    csrf: str
    is_owner: bool
    is_https: bool
    said: str = ""
    request: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """`path` is where it is, with {key} or {name} for a part that varies; `needs` may hold the same parts.

    `file`: the name under which a browser saves what `build` gives as `text`; a screen for people has none.
    """

    path: str
    template: str
    needs: tuple[str, ...]
    build: Callable[[Documents, Visit, Words], Context]
    owner: bool = True
    file: str = ""
