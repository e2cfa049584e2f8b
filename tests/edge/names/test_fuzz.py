# SPDX-License-Identifier: GPL-2.0-or-later
"""A short `make fuzz`: no reader lets anything but its own errors out, or hangs."""

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.readers import READERS, Reader


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_reader_takes_any_bytes(reader: Reader) -> None:
    assert fuzz(reader, 0.3, seed=1) > 5


def test_the_fuzzer_finds_a_reader_that_does_not() -> None:
    def read(data: bytes) -> object:
        return data.index(b"\xff")

    broken = Reader("broken", [b"\xff" * 40], read, (KeyError,))
    with pytest.raises(AssertionError, match="broken, seed 1"):
        fuzz(broken, 5, seed=1)
