# SPDX-License-Identifier: GPL-2.0-or-later
"""The packets of a capture, in their order -> its conversations, with name, service and bytes. Pure, and bounded."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from esimshaper.core.model.services import TCP, UDP, Address, How
from esimshaper.core.services import dns
from esimshaper.core.services.bindings import Bindings
from esimshaper.core.services.catalogue import Catalogue
from esimshaper.core.services.conversation import Conversation
from esimshaper.core.services.octets import UnreadableError
from esimshaper.core.services.packet import ACK, SYN, Packet
from esimshaper.core.services.quic import Cipher
from esimshaper.core.services.verdict import FarEnd, verdict_of

FLOWS = 200_000
DATAGRAMS = 4_096
DNS_PORT = 53
WELL_KNOWN = 1024

End = tuple[Address, int]
Key = tuple[int, End, End]


@dataclass(frozen=True, slots=True)
class Flow:
    """One conversation. The client is who began it. category: None for a service without one."""

    protocol: int
    client: Address
    client_port: int
    remote: Address
    remote_port: int
    down_bytes: int
    up_bytes: int
    name: str | None
    how: How
    service: str
    category: str | None


@dataclass
class _Talk:
    """A conversation while its packets come. answers: what a server sends by DNS over TCP."""

    key: Key
    payloads: Conversation
    up_bytes: int = 0
    down_bytes: int = 0
    answers: dns.OverTcp | None = None


class Flows:
    """The conversations of a capture. left_out: packets of further ones, once there are FLOWS."""

    def __init__(self, catalogue: Catalogue, cipher: Cipher) -> None:
        self.left_out = 0
        self._catalogue, self._cipher = catalogue, cipher
        self._talks: dict[Key, _Talk] = {}
        self._datagrams: OrderedDict[tuple[Address, Address, int, int], tuple[_Talk, bool]] = OrderedDict()
        self._bindings = Bindings[Address]()

    def take(self, packet: Packet) -> None:
        """Adds one packet."""
        found = self._talk_of(packet)
        if found is None:
            self.left_out += 1
            return
        talk, is_up = found
        if is_up:
            talk.up_bytes += packet.size
            if packet.flags & SYN:
                talk.payloads.begin(packet.sequence)
            talk.payloads.take(packet.sequence, packet.payload)
        else:
            talk.down_bytes += packet.size
            self._learn(talk, packet)

    def flows(self) -> Iterator[Flow]:
        """All conversations, in the order in which they began."""
        return (self._flow(talk) for talk in self._talks.values())

    def _talk_of(self, packet: Packet) -> tuple[_Talk, bool] | None:
        """The conversation of a packet, and whether the client sent it."""
        part = (packet.source, packet.target, packet.protocol, packet.datagram or 0)
        if not packet.is_first and part in self._datagrams:
            return self._datagrams[part]
        source, target = (packet.source, packet.source_port), (packet.target, packet.target_port)
        up, down = (packet.protocol, source, target), (packet.protocol, target, source)
        is_up = down not in self._talks and (up in self._talks or not _is_answer(packet))
        key = up if is_up else down
        if key not in self._talks and len(self._talks) >= FLOWS:
            return None
        new = _Talk(key, Conversation(packet.protocol, key[2][1], self._cipher))
        found = self._talks.setdefault(key, new), is_up
        if packet.datagram is not None and packet.is_first:
            self._datagrams[part] = found
            if len(self._datagrams) > DATAGRAMS:
                self._datagrams.popitem(last=False)
        return found

    def _learn(self, talk: _Talk, packet: Packet) -> None:
        """Binds what an answer of DNS says. Nothing is believed that was not asked for."""
        protocol, (client, _), (_, port) = talk.key
        if port != DNS_PORT or not talk.up_bytes:
            return
        if protocol == UDP and packet.payload:
            try:
                self._bindings.learn(client, dns.read_message(packet.payload))
            except UnreadableError:
                return
        elif protocol == TCP and packet.flags & SYN:
            talk.answers = dns.OverTcp((packet.sequence + 1) % 2**32)
        elif protocol == TCP and packet.payload:
            talk.answers = talk.answers or dns.OverTcp(packet.sequence)
            for answer in talk.answers.take(packet.sequence, packet.payload):
                self._bindings.learn(client, answer)

    def _flow(self, talk: _Talk) -> Flow:
        protocol, (client, client_port), (remote, remote_port) = talk.key
        known = self._bindings.name_of(client, remote)
        far_end = FarEnd(remote, protocol, remote_port)
        found = verdict_of(self._catalogue, talk.payloads.so_far(), known, far_end)
        ends = (client, client_port, remote, remote_port)
        return Flow(
            protocol, *ends, talk.down_bytes, talk.up_bytes, found.name, found.how, found.service, found.category
        )


def _is_answer(packet: Packet) -> bool:
    """Whether the first packet that is seen of a conversation was sent by the one who did not begin it."""
    if packet.protocol == TCP and packet.flags & SYN:
        return bool(packet.flags & ACK)
    return packet.source_port < WELL_KNOWN <= packet.target_port and packet.source_port > 0
