# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of failures. Pure: values only."""

from dataclasses import dataclass
from enum import Enum


class Unusable(Exception):  # noqa: N818 - a word of the vocabulary
    """An expected failure. `message` tells people what is wrong, `hint` what to do about it; `hint` may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Operation(Enum):
    """A step towards a running meter that the kernel, or a library, may refuse."""

    BPFFS = "bpffs"
    MAP = "map"
    RING_BUFFER = "ring buffer"
    LOAD = "load"
    PIN = "pin"
    NAMESPACE = "namespace"
    CLSACT = "clsact"
    ATTACH = "attach"
    COMPILER = "compiler"
    SOURCE = "source"
    LIBBPF = "libbpf"
    BUILD = "build"


@dataclass(frozen=True, slots=True)
class Failure:
    """An operation that did not work. `errno` is 0 where there is none; `detail` is the error's own text, if any."""

    operation: Operation
    errno: int = 0
    detail: str = ""


class FailedOperation(Exception):  # noqa: N818 - a word of the vocabulary
    """An operation failed, and the edge cannot go on. core/diagnosis/explain.py has the words for people."""

    def __init__(self, operation: Operation, errno: int = 0, detail: str = "") -> None:
        super().__init__(operation, errno, detail)
        self.failure = Failure(operation, errno, detail)
