# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of http: rows of an import, and the place where a page of an export begins, out of a request. Pure."""

from collections.abc import Sequence
from typing import Any

from esimshaper.core.model.history import Resolution
from esimshaper.core.model.identity import BUILT_IN_CLIENTS, ClientKey
from esimshaper.core.model.transfer import COLUMNS, Cursor, Transferred
from esimshaper.edge.bpf.layouts import is_client_key

MOST_ROWS = 2000
_MOST, _NAME = 2**60, 256
_RESOLUTIONS = {each.value: each for each in Resolution}


class BadParameter(Exception):  # noqa: N818 - it is answered, not a fault
    """The parameters make no sense; the text is one sentence for the person who asked."""


def place(written: object) -> tuple[Cursor, int, int]:
    """`next` of the page before: number of a resolution, start, since, until."""
    parts = str(written).split(",")
    try:
        number, start, since, until = (int(part) for part in parts if len(part) < 25)
    except ValueError:
        raise BadParameter("after must be `next` of the page before") from None
    if not 1 <= number <= len(Resolution) or max(map(abs, (start, since, until))) > 2**62:
        raise BadParameter("after must be `next` of the page before")
    return Cursor(number, start), since, until


def rows(written: Sequence[Any]) -> tuple[Transferred, ...]:
    """The rows of an import."""
    if len(written) > MOST_ROWS:
        raise BadParameter(f"at most {MOST_ROWS} rows at once")
    return tuple(_row(number, values) for number, values in enumerate(written, 1))


def _row(number: int, values: object) -> Transferred:
    if not isinstance(values, list) or len(values) != len(COLUMNS):
        raise BadParameter(f"row {number} must be a list of {', '.join(COLUMNS)}")
    resolution, start, client, uplink, source, service, *counts, estimated = values
    texts = (client, uplink, source, service)
    if not all(isinstance(text, str) and len(text) <= _NAME and "\0" not in text for text in texts):
        raise BadParameter(f"row {number}: client, uplink, source and service must be short texts")
    if resolution not in _RESOLUTIONS or not source or not (client in BUILT_IN_CLIENTS or is_client_key(client)):
        raise BadParameter(f"row {number}: resolution, client or source is not known")
    least = -_MOST if service else 0
    if not all(type(each) is int and least <= each <= _MOST for each in counts) or type(start) is not int:
        raise BadParameter(f"row {number}: start, bytes and packets must be whole numbers")
    if not 0 <= start < 2**33 or type(estimated) is not bool:
        raise BadParameter(f"row {number}: start must be in Unix seconds, estimated true or false")
    down, up, downs, ups = counts
    place = _RESOLUTIONS[resolution], start, ClientKey(client)
    return Transferred(*place, uplink, source, service, down, up, downs, ups, estimated)
