# SPDX-License-Identifier: GPL-2.0-or-later
"""The packets of a capture, in their order -> its conversations, with name, service and bytes. Pure, and bounded."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from esimshaper.core.model.services import HIDDEN, OTHER, TCP, UDP, UNNAMED, Address, How, Service
from esimshaper.core.services import dns
from esimshaper.core.services.bindings import Bindings
from esimshaper.core.services.catalogue import Catalogue
from esimshaper.core.services.conversation import Conversation
from esimshaper.core.services.octets import UnreadableError
from esimshaper.core.services.packet import ACK, SYN, Packet
from esimshaper.core.services.patterns import Pattern
from esimshaper.core.services.quic import Cipher
from esimshaper.core.services.stream import Stream

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
    """A conversation while its packets come. answers: what a server sends by DNS over TCP, from `base` on."""

    key: Key
    payloads: Conversation
    up_bytes: int = 0
    down_bytes: int = 0
    base: int | None = None
    answers: Stream = field(default_factory=Stream)


class Flows:
    """The conversations of a capture. left_out: packets of further ones, once there are FLOWS."""

    def __init__(self, catalogue: Catalogue, cipher: Cipher) -> None:
        self.left_out = 0
        self._catalogue, self._cipher = catalogue, cipher
        self._talks: dict[Key, _Talk] = {}
        self._datagrams: OrderedDict[tuple[Address, Address, int, int], tuple[_Talk, bool]] = OrderedDict()
        self._bindings = Bindings()

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
            talk.base = (packet.sequence + 1) % 2**32
        elif protocol == TCP and packet.payload:
            talk.base = packet.sequence if talk.base is None else talk.base
            talk.answers.put((packet.sequence - talk.base) % 2**32, packet.payload)
            for answer in dns.read_over_tcp(talk.answers.front):
                self._bindings.learn(client, answer)

    def _flow(self, talk: _Talk) -> Flow:
        protocol, (client, client_port), (remote, remote_port) = talk.key
        name, how, service = self._named(talk)
        if service is None:
            label, category = (OTHER, None) if name else (UNNAMED, None)
        else:
            label, category = service.name, service.category
        if how is How.HIDDEN:
            label, category = (label if service else HIDDEN), HIDDEN
        ends = (client, client_port, remote, remote_port)
        return Flow(protocol, *ends, talk.down_bytes, talk.up_bytes, name, how, label, category)

    def _named(self, talk: _Talk) -> tuple[str | None, How, Service | None]:
        """Name, how it is known, and service: what a device says of a conversation goes before what it asked for."""
        protocol, (client, _), (remote, port) = talk.key
        identity = talk.payloads.identity or talk.payloads.so_far()
        asked = self._bindings.name_of(client, remote)
        name, how = (identity.name, identity.how) if identity.name else (asked, How.DNS)
        service = self._catalogue.of_name(name) if name else None
        if service and service.category == HIDDEN:
            # The name that an encrypted hello shows is the same for all sites; the one that was asked for is not.
            other = self._catalogue.of_name(asked) if asked else None
            is_told = asked is not None and asked != name and not (other and other.category == HIDDEN)
            return (asked, How.DNS, other) if is_told else (name, How.HIDDEN, service)
        if name:
            return name, how, service
        if identity.pattern is Pattern.HIDDEN:
            return None, How.HIDDEN, None
        if found := self._catalogue.of_address(remote, protocol, port):
            return None, How.ADDRESS, found
        if identity.pattern:
            return None, How.PATTERN, self._catalogue.services.get(identity.pattern.value)
        return None, How.NONE, None


def _is_answer(packet: Packet) -> bool:
    """Whether the first packet that is seen of a conversation was sent by the one who did not begin it."""
    if packet.protocol == TCP and packet.flags & SYN:
        return bool(packet.flags & ACK)
    return packet.source_port < WELL_KNOWN <= packet.target_port and packet.source_port > 0
