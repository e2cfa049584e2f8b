# SPDX-License-Identifier: GPL-2.0-or-later
"""What is raised for a file with mistakes."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from esimshaper.edge.settings_file.yaml_file import PlacedProblem


class SettingsError(Exception):
    """The configuration cannot be used. `problems` has all mistakes, in the order of files and lines."""

    def __init__(self, problems: Iterable[PlacedProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The problems as JSON types: file, line, column, message, hint."""
        return [asdict(problem) | {"file": str(problem.file)} for problem in self.problems]
