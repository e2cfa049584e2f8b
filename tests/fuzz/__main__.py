# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m tests.fuzz [SECONDS [SEED]]`: so many seconds of each reader; a failure says how to see it again."""

import random
import sys
import time

from tests.fuzz.readers import READERS, Reader

SLOWEST = 2.0
"""Seconds of processor for one input; it is milliseconds, and a reader that hangs takes for ever."""


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """The seed with some bytes changed, left out, doubled, moved, or made noise."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        size = min(len(data) - at, chance.choice((1, 1, 2, 4, 16, 200)))
        kind = chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = chance.choice((0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF))
        elif kind == 2:
            del data[at : at + size]
        elif kind == 3:
            data[at:at] = data[at : at + size]
        elif kind == 4:
            data[at : at + size] = chance.randbytes(size)
        elif kind == 5:
            data[at:at] = chance.randbytes(chance.choice((1, 2, 8, 300)))
    return bytes(data[:70_000])


def fuzz(reader: Reader, seconds: float, seed: int) -> int:
    """How many inputs a reader has taken in so many seconds of processor. Raises AssertionError for one it may not."""
    number, end = 0, time.process_time() + seconds
    while time.process_time() < end:
        chance = random.Random(f"{reader.name}-{seed}-{number}")
        data = mutated(chance.choice(reader.seeds), chance)
        began = time.process_time()
        try:
            reader.read(data)
        except reader.errors:
            pass
        except Exception as error:
            raise AssertionError(f"{reader.name}, seed {seed}, input {number}: {error!r} for {data.hex()}") from error
        took = time.process_time() - began
        assert took < SLOWEST, f"{reader.name}, seed {seed}, input {number} took {took:.1f} s: {data.hex()}"
        number += 1
    return number


def main(seconds: float, seed: int) -> None:
    for reader in READERS:
        sys.stdout.write(f"{reader.name:14} {fuzz(reader, seconds, seed):>12,} inputs, seed {seed}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asked = [*sys.argv[1:], *("", "")[len(sys.argv) - 1 :]]
    main(float(asked[0] or 600), int(asked[1] or random.randrange(1_000_000)))
