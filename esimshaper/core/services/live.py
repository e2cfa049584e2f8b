# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that the kernel copied -> what conversations and addresses shall be counted as. Pure, and bounded.

    upload   -> Conversation -> identity -> verdict   -> Naming   (this conversation)
                                   `-> its own name   -> Binding  (the next ones of the client with this address)
    answer   -> names of DNS, by client               -> Binding

Time is given, in seconds of any clock that only rises. Nothing that strangers write raises anything here.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from esimshaper.core.model.services import (
    HIDDEN,
    NUMBER_HIDDEN,
    NUMBER_OTHER,
    NUMBER_UNNAMED,
    OTHER,
    TCP,
    UDP,
    UNNAMED,
    Address,
    Binding,
    Head,
    HeadKind,
    How,
    Naming,
)
from esimshaper.core.services import dns
from esimshaper.core.services.bindings import Bindings, keep
from esimshaper.core.services.catalogue import Catalogue
from esimshaper.core.services.conversation import Conversation
from esimshaper.core.services.octets import UnreadableError
from esimshaper.core.services.packet import SYN, Packet, read_packet
from esimshaper.core.services.quic import Cipher
from esimshaper.core.services.sharing import DISTRUST_SECONDS, Sharing, Tenancy
from esimshaper.core.services.verdict import FarEnd, Known, Verdict, hides, label_of, verdict_of

TALKS = 2_048
TALK_SECONDS = 10.0
HELD_BYTES = 4 * 1_048_576
"""So many bytes of payload are kept of all conversations together."""

ENDED = 512
"""So many conversations that got their final name last are remembered: more of them may be on its way already."""

ADDRESSES = 4_096
STREAMS = 64
"""So many answers of DNS over TCP are put together at a time."""

NUMBERS = {UNNAMED: NUMBER_UNNAMED, HIDDEN: NUMBER_HIDDEN, OTHER: NUMBER_OTHER}
DNS_PORT, DNS_OVER_TLS_PORT = 53, 853
ENCRYPTED_DNS = "encrypted-dns"
"""The service of the catalogue that is DNS inside something else; so many conversations were, in `tally`."""
ANSWERS = "answers"
RESOLVED, REFUSED = "resolved", "refused"
"""In `tally`: answers of a resolver on this router, and those that refuse a name."""

TOLD_BY = {How.SNI, How.QUIC, How.HTTP}
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1


@dataclass
class _Talk:
    """A conversation that has no final name yet."""

    payloads: Conversation
    far_end: FarEnd
    began: float
    is_told: bool = False


class LiveNames:
    """The names of what passes now. `namings` and `bindings` fill up until the caller takes them.

    numbers: of services, by name; a service without one is counted as `other`. tally: conversations that got their
    final name, by the value of How; ANSWERS of DNS, RESOLVED, REFUSED; and those that were ENCRYPTED_DNS.
    """

    def __init__(self, catalogue: Catalogue, numbers: Mapping[str, int], cipher: Cipher) -> None:
        self.namings: list[Naming] = []
        self.bindings: list[Binding] = []
        self.tally = Counter[str]()
        self._catalogue, self._numbers, self._cipher = catalogue, {**numbers, **NUMBERS}, cipher
        self._talks: OrderedDict[tuple[bytes, int], _Talk] = OrderedDict()
        self._ended: OrderedDict[tuple[bytes, int], float] = OrderedDict()
        self._held = 0
        self._is_translated = False  # conversations with IPv4 addresses leave as IPv6 here (464XLAT)
        self._answers: OrderedDict[tuple[object, ...], dns.OverTcp] = OrderedDict()
        self._known = Bindings[int](ADDRESSES)
        self._sharing = Sharing(ADDRESSES)

    @property
    def in_work(self) -> int:
        """How many conversations wait for more."""
        return len(self._talks)

    def take(self, head: Head, now: float) -> None:
        """Adds a packet."""
        self.expire(now)
        try:
            packet = read_packet(head.packet, head.length)
        except UnreadableError:
            return
        if head.kind == HeadKind.OUT:
            self._take_upload(head, packet, now)
        elif packet.source_port == DNS_PORT:
            self._take_answer(head, packet, now)

    def expire(self, now: float) -> None:
        """Ends the conversations that nothing more was heard of: they are what they are known as by now."""
        while self._talks:
            key, talk = next(iter(self._talks.items()))
            if now - talk.began < TALK_SECONDS and len(self._talks) <= TALKS and self._held <= HELD_BYTES:
                return
            self._end(key, talk, now)

    def change(self, catalogue: Catalogue, numbers: Mapping[str, int]) -> None:
        """Takes another catalogue, and binds all addresses anew by it. Conversations with a final name keep theirs."""
        self._catalogue, self._numbers = catalogue, {**numbers, **NUMBERS}
        self._sharing = Sharing(ADDRESSES)
        for account, address, known in list(self._known.all()):
            # They come all at once, which makes no portal of an address: that would have been seen before.
            self._sharing.note(address, label_of(catalogue, known.name), -DISTRUST_SECONDS)
            self._tell(account, address, known, Tenancy.ONE)
        for account, address, known in self._known.all():
            if self._sharing.of(address, 0.0) is Tenancy.SHARED:
                self._tell(account, address, known, Tenancy.SHARED)

    def _take_upload(self, head: Head, packet: Packet, now: float) -> None:
        if not packet.payload and packet.protocol in (TCP, UDP):
            return
        key = head.flow, head.account
        if now < self._ended.get(key, 0.0):
            return
        talk = self._talks.get(key)
        if talk is None:
            self._is_translated = self._is_translated or packet.target in NAT64
            far_end = FarEnd(packet.target, packet.protocol, packet.target_port)
            talk = _Talk(Conversation(packet.protocol, packet.target_port, self._cipher), far_end, now)
            self._talks[key] = talk
        self._held -= talk.payloads.held
        if packet.flags & SYN:
            talk.payloads.begin(packet.sequence)
        talk.payloads.take(packet.sequence, packet.payload)
        self._held += talk.payloads.held
        if talk.payloads.identity:
            self._end(key, talk, now)
        elif not talk.is_told:
            self._begin(key, talk)
        self.expire(now)

    def _begin(self, key: tuple[bytes, int], talk: _Talk) -> None:
        """Says what the address was asked for as: that answer may have come too late for the kernel."""
        talk.is_told = True
        known = self._known_as(key[1], talk.far_end.address)
        if known and known.how is How.DNS:
            self._name(key, self._judge(talk, known), final=False)

    def _end(self, key: tuple[bytes, int], talk: _Talk, now: float) -> None:
        del self._talks[key]
        keep(self._ended, key, now + TALK_SECONDS, ENDED)
        self._held -= talk.payloads.held
        known = self._known_as(key[1], talk.far_end.address)
        if known and known.how is not How.DNS and self._sharing.of(talk.far_end.address, now) is not Tenancy.ONE:
            known = None
        verdict = self._judge(talk, known)
        self.tally[verdict.how.value] += 1
        self.tally[ENCRYPTED_DNS] += verdict.service == ENCRYPTED_DNS or talk.far_end.port == DNS_OVER_TLS_PORT
        self._name(key, verdict, final=True)
        if verdict.name and verdict.how in TOLD_BY:
            told = Known(verdict.name, verdict.how, talk.far_end.protocol, talk.far_end.port)
            self._note_told(key[1], talk.far_end.address, told, now)

    def _judge(self, talk: _Talk, known: Known | None) -> Verdict:
        return verdict_of(self._catalogue, talk.payloads.so_far(), known, talk.far_end)

    def _name(self, key: tuple[bytes, int], verdict: Verdict, *, final: bool) -> None:
        number = self._number_of(verdict.service, verdict.category)
        self.namings.append(Naming(*key, number, final, verdict.name, verdict.how))

    def _number_of(self, label: str, category: str | None) -> int:
        return self._numbers.get(label, NUMBER_HIDDEN if category == HIDDEN else NUMBER_OTHER)

    def _known_as(self, account: int, address: Address) -> Known | None:
        """The name that a client knows an address by, also by the IPv4 address that a translator made it from."""
        known = self._known.name_of(account, address)
        if known is None and address in NAT64:
            known = self._known.name_of(account, ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return known

    def _take_answer(self, head: Head, packet: Packet, now: float) -> None:
        if packet.protocol != TCP:
            try:
                self._learn(head, dns.read_message(packet.payload), now)
            except UnreadableError:
                return
        elif packet.payload:
            key = (head.account, packet.source, packet.target, packet.target_port)
            answers = self._answers.get(key) or dns.OverTcp(packet.sequence)
            keep(self._answers, key, answers, STREAMS)
            for message in answers.take(packet.sequence, packet.payload):
                self._learn(head, message, now)

    def _learn(self, head: Head, answer: dns.Message, now: float) -> None:
        self.tally[ANSWERS] += 1
        if head.kind == HeadKind.RESOLVED:
            self.tally[RESOLVED] += 1
            self.tally[REFUSED] += answer.is_refused
        known, addresses = self._known.learn(head.account, answer)
        for address in addresses:
            self._bound(head.account, address, known, now)

    def _note_told(self, account: int, address: Address, known: Known, now: float) -> None:
        """A hello binds its address where DNS did not: the next conversation is named from its first packet."""
        if hides(self._catalogue, known.name):
            return
        before = self._known.name_of(account, address)
        if before is None or before.how is not How.DNS:
            self._known.bind(account, address, known)
            if before and before.name == known.name:
                return  # as for most conversations
            self._bound(account, address, known, now)
        else:
            self._look_who_shares(address, known, now)

    def _bound(self, account: int, address: Address, known: Known, now: float) -> None:
        tenancy = self._look_who_shares(address, known, now)
        if tenancy is not Tenancy.PORTAL:
            self._tell(account, address, known, tenancy)

    def _look_who_shares(self, address: Address, known: Known, now: float) -> Tenancy:
        """Notes what was found at an address. Who knows it by another name hears that it is shared."""
        tenancy, is_new = self._sharing.note(address, label_of(self._catalogue, known.name), now)
        if tenancy is Tenancy.PORTAL:
            for account, _ in self._known.of(address):
                self.bindings.append(Binding(address, account, None))
            self._known.drop(address)
        elif is_new and tenancy is Tenancy.SHARED:
            for account, name in self._known.of(address):
                self._tell(account, address, name, tenancy)
        return tenancy

    def _tell(self, account: int, address: Address, known: Known, tenancy: Tenancy) -> None:
        label = label_of(self._catalogue, known.name)
        number = self._number_of(label, HIDDEN if hides(self._catalogue, known.name) else None)
        shared = tenancy is Tenancy.SHARED
        self.bindings.append(Binding(address, account, number, shared))
        if self._is_translated and isinstance(address, ipaddress.IPv4Address):
            self.bindings.append(Binding(NAT64[int(address)], account, number, shared))
