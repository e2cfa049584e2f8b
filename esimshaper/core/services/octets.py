# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes of strangers, read from the front: what every reader of this room stands on. Pure."""


class UnreadableError(ValueError):
    """Bytes that do not give what was asked for."""


class IncompleteError(UnreadableError):
    """The bytes end before the answer: more of them may have it."""


class MalformedError(UnreadableError):
    """The bytes contradict their format: more of them change nothing."""


class Octets:
    """A cursor over bytes. Each read moves it on, and raises IncompleteError where the bytes end before."""

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def left(self) -> int:
        return max(0, self.end - self.at)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.left:
            raise IncompleteError
        self.at += size
        return self.data[self.at - size : self.at]

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.take(self.left)

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes, most significant first."""
        return int.from_bytes(self.take(size), "big")

    def skip(self, size: int) -> None:
        self.take(size)

    def skip_zeros(self) -> None:
        """Moves on to the next byte that is not 0."""
        rest = self.data[self.at : self.end]
        self.at += len(rest) - len(rest.lstrip(b"\0"))

    def within(self, size: int) -> "Octets":
        """A cursor over the next `size` bytes, as many of them as are there; this one moves behind them."""
        inner = Octets(self.data, self.at, min(self.at + size, self.end))
        self.at += size
        return inner

    def varint(self) -> int:
        """A number of variable length, RFC 9000 section 16."""
        first = self.number(1)
        size = 1 << (first >> 6)
        return (first & 0x3F) << 8 * (size - 1) | self.number(size - 1)
