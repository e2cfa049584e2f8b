# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of metrics. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class MetricType(Enum):
    """The types of Prometheus that are in use; the value is the word of the exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `samples` maps the values of `labels`, in their order, to a number, so none appears twice."""

    name: str
    help: str
    type: MetricType
    labels: tuple[str, ...] = ()
    samples: Mapping[tuple[str, ...], float] = field(default_factory=dict)
