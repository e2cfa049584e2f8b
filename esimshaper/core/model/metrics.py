# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of metrics. Pure: values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class MetricType(Enum):
    """The types of Prometheus that are in use; the value is the word of the exposition format."""

    COUNTER = "counter"
    GAUGE = "gauge"


class ServiceMetrics(StrEnum):
    """Which metrics of services there are; the value is the word of the setting."""

    EVERYONE = "everyone"
    """Of each service, for all clients together."""

    CLIENTS = "clients"
    """Also of each client and service."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `samples` maps the values of `labels`, in their order, to a number, so none appears twice."""

    name: str
    help: str
    type: MetricType
    labels: tuple[str, ...] = ()
    samples: Mapping[tuple[str, ...], float] = field(default_factory=dict)
