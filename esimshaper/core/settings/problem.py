# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with a value of the configuration, and the path to it. Pure: values only."""

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The way to a value: names of keys and positions in lists, from the top."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in the value at `path`, and a hint on what would be right."""

    path: Path
    message: str
    hint: str
