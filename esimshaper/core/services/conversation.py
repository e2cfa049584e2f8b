# SPDX-License-Identifier: GPL-2.0-or-later
"""The first payloads of a conversation, in any order -> its name, and how it is known. Pure, and bounded.

TCP   segments by sequence number -> stream  -> TLS hello, HTTP request, or a TLS hello behind something else
UDP   datagrams                   -> QUIC Initials
all   what the first payload looks like
"""

from dataclasses import dataclass

from esimshaper.core.model.services import TCP, UDP, How
from esimshaper.core.services.http import may_be_request, requested_host
from esimshaper.core.services.octets import IncompleteError, MalformedError
from esimshaper.core.services.patterns import Pattern, pattern_of
from esimshaper.core.services.quic import Cipher, Initials
from esimshaper.core.services.stream import STREAM_BYTES, Stream, distance
from esimshaper.core.services.tls import hello_behind, hello_in_records

PAYLOADS = 10
"""A conversation that has no name after so many payloads of the client gets none from them."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the payloads of a conversation say. Without a name, `pattern` may say what it is."""

    how: How
    name: str | None = None
    pattern: Pattern | None = None


class Conversation:
    """The payloads that a client sends in one conversation. `identity` is None while more of them may have a name.

    port: the far end's, 0 without one.
    """

    def __init__(self, protocol: int, port: int, cipher: Cipher) -> None:
        self.identity: Identity | None = None
        self.held = 0
        """Bytes of payload that are kept."""
        self._protocol, self._port, self._cipher = protocol, port, cipher
        self._payloads = 0
        self._pattern = pattern_of(protocol, port, b"")
        self._may_be_quic = False
        self._base: int | None = None
        self._segments: list[tuple[int, bytes]] = []
        self._initials: Initials | None = None
        if protocol not in (TCP, UDP):
            self.identity = self._by_pattern()

    def begin(self, sequence: int) -> None:
        """The client's SYN had this sequence number: its first byte has the next one."""
        self._base = (sequence + 1) % 2**32

    def take(self, sequence: int, payload: bytes) -> None:
        """Adds a payload; its sequence number counts for TCP only. Once there is an identity, nothing changes it."""
        if self.identity or not payload:
            return
        if not self._payloads:
            self._pattern = pattern_of(self._protocol, self._port, payload)
            self._may_be_quic = bool(payload[0] & 0x40)
        self._payloads += 1
        self.held += len(payload)
        try:
            self.identity = self._of_segment(sequence, payload) if self._protocol == TCP else self._of_datagram(payload)
        except IncompleteError:
            if self._is_enough():
                self.identity = self._by_pattern()
        except MalformedError:
            if self._is_enough() or not self._may_become_more():
                self.identity = self._by_pattern()
        if self.identity:
            self._segments, self._initials, self.held = [], None, 0

    def so_far(self) -> Identity:
        """What is known if no more payloads come."""
        return self.identity or self._by_pattern()

    def _is_enough(self) -> bool:
        return self._payloads >= PAYLOADS or self.held >= STREAM_BYTES

    def _may_become_more(self) -> bool:
        """Whether payloads that make no sense alone may do so with others.

        Without a SYN, the first ones of TCP may come late. The first datagrams of QUIC may be no Initials.
        """
        return self._base is None if self._protocol == TCP else self._may_be_quic

    def _by_pattern(self) -> Identity:
        how = How.HIDDEN if self._pattern is Pattern.HIDDEN else How.PATTERN if self._pattern else How.NONE
        return Identity(how, pattern=self._pattern)

    def _of_datagram(self, payload: bytes) -> Identity:
        self._initials = self._initials or Initials(self._cipher)
        return self._named(How.QUIC, self._initials.take(payload).name)

    def _of_segment(self, sequence: int, payload: bytes) -> Identity:
        self._segments.append((sequence, payload))
        front = self._front()
        if front.startswith(b"\x16"):
            return self._named(How.SNI, hello_in_records(front).name)
        if may_be_request(front):
            return self._named(How.HTTP, requested_host(front))
        return self._named(How.SNI, hello_behind(front).name)

    def _front(self) -> bytes:
        """The bytes from the first one on. Without a SYN, the lowest sequence number that was seen is the first."""
        anchor = self._segments[0][0] if self._base is None else self._base
        placed = [(distance(anchor, sequence), payload) for sequence, payload in self._segments]
        near = [(offset, payload) for offset, payload in placed if abs(offset) <= STREAM_BYTES]
        lowest = min((offset for offset, _ in near), default=0) if self._base is None else 0
        stream = Stream()
        for offset, payload in near:
            stream.put(offset - lowest, payload)
        return stream.front

    def _named(self, how: How, name: str | None) -> Identity:
        pattern = None if name else self._pattern
        return Identity(how if name else How.PATTERN if pattern else How.NONE, name, pattern)
