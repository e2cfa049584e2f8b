# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces of a stream in any order -> its bytes in order. Pure, and bounded."""

STREAM_BYTES = 16_384
"""What is behind this is dropped. The longest ClientHello known has 11,418 bytes (nDPI, tls_with_huge_ch.pcapng)."""

PIECES = 64
"""So many pieces with gaps between them are kept. Chrome cuts a hello into some twenty."""


class Stream:
    """The beginning of a stream. Of bytes that come twice, the first ones count, as at most receivers."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []  # in order, none overlaps or touches another

    def put(self, offset: int, data: bytes) -> None:
        """Adds the bytes at `offset`, 0 for the first of the stream. What lies outside of the beginning is dropped."""
        if offset < 0:
            offset, data = 0, data[-offset:]
        data = data[: max(0, STREAM_BYTES - offset)]
        if not data or len(self._pieces) >= PIECES:
            return
        joined: list[tuple[int, bytes]] = []
        for start, known in self._pieces:
            if start + len(known) < offset or start > offset + len(data):
                joined.append((start, known))
                continue
            before = data[: max(0, start - offset)]
            behind = data[max(0, start + len(known) - offset) :]
            offset, data = min(start, offset), before + known + behind
        joined.append((offset, data))
        self._pieces = sorted(joined)

    def drop(self, size: int) -> None:
        """Drops the first `size` bytes, which have been read: the stream begins behind them."""
        pieces, self._pieces = self._pieces, []
        for start, known in pieces:
            if start + len(known) > size:
                self._pieces.append((max(0, start - size), known[max(0, size - start) :]))

    @property
    def front(self) -> bytes:
        """The bytes from the first one to the first gap."""
        return self._pieces[0][1] if self._pieces and self._pieces[0][0] == 0 else b""


def distance(of: int, to: int) -> int:
    """How far one sequence number is behind another, RFC 9293 section 3.4: numbers begin again at 2^32."""
    return (to - of + 2**31) % 2**32 - 2**31
