# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what the process that names has seen, as it tells `doctor`. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamesReport:
    """What the process that names has seen in `seconds`, written `age` seconds ago. conversations: by value of How.

    resolved: answers of a resolver on this router; refused: those of them that refuse a name.
    """

    seconds: float
    age: float
    answers: int
    encrypted_dns: int
    conversations: Mapping[str, int]
    resolved: int = 0
    refused: int = 0
