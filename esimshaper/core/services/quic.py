# SPDX-License-Identifier: GPL-2.0-or-later
"""QUIC Initial packets of a client (RFC 9000, 9001; version 2: RFC 9369) -> the name of the server. Pure.

    datagram -> packets -> [header protection off, payload decrypted] -> CRYPTO frames, in any order -> ClientHello

Anybody on the way can read an Initial: its keys follow from the connection id that the client chose first. Browsers cut
the hello into many frames over several datagrams, on purpose, so all of them are put together.
"""

from dataclasses import dataclass, field
from typing import Protocol

from esimshaper.core.services.octets import IncompleteError, MalformedError, Octets, UnreadableError
from esimshaper.core.services.stream import Stream
from esimshaper.core.services.tls import Hello, read_hello

LONGEST_ID = 20
KEYS_KEPT = 3
"""After a Retry the keys are others; so those of the first Initial, of two Retries, are tried on later packets."""

PADDING, PING, ACK, ACK_ECN, CRYPTO = 0x00, 0x01, 0x02, 0x03, 0x06
ACK_RANGES = 256
PACKETS = 8
"""So many packets of a datagram are read: each may cost some keys. Browsers send one or two."""


@dataclass(frozen=True, slots=True)
class Version:
    """What differs between versions. initial: the type of an Initial in its first byte. label: of its keys."""

    salt: bytes
    initial: int
    label: str


VERSIONS = {
    0x00000001: Version(bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), 0, "quic"),
    0x6B3343CF: Version(bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), 1, "quicv2"),
}


class Cipher(Protocol):
    """AES-128 and HMAC as QUIC uses them: of the world, since Python has no AES, and an HMAC that takes 1 MiB."""

    def mask(self, key: bytes, sample: bytes) -> bytes:
        """One block of 16 bytes in ECB."""

    def unseal(self, key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes | None:
        """The plain text of GCM, whose tag is the last 16 bytes of `sealed`; None if the tag is wrong."""

    def digest(self, key: bytes, message: bytes) -> bytes:
        """HMAC-SHA256."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Of the Initials of one client."""

    key: bytes
    iv: bytes
    protection: bytes


def keys_of(cipher: Cipher, version: Version, connection: bytes) -> Keys:
    """The keys that follow from the connection id, RFC 9001 section 5.2."""
    secret = cipher.digest(version.salt, connection)
    client = _expand(cipher, secret, "client in", 32)
    names = (f"{version.label} key", f"{version.label} iv", f"{version.label} hp")
    return Keys(*(_expand(cipher, client, name, size) for name, size in zip(names, (16, 12, 16), strict=True)))


def _expand(cipher: Cipher, secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1, for one block of SHA-256 at most."""
    name = f"tls13 {label}".encode()
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return cipher.digest(secret, info + b"\x01")[:size]


@dataclass
class Initials:
    """The Initials of one client's connection as they come, and what their hello says once it is there."""

    cipher: Cipher
    keys: list[Keys] = field(default_factory=list)
    crypto: Stream = field(default_factory=Stream)
    decrypted: int = 0

    def take(self, datagram: bytes) -> Hello:
        """Adds a datagram of the client. Raises IncompleteError, or MalformedError where it is no QUIC that we know."""
        found = False
        try:
            reader = Octets(datagram)
            for _ in range(PACKETS):
                if reader.left:
                    found |= self._take_packet(reader)
        except UnreadableError:
            if not found and not self.decrypted:
                raise MalformedError from None
        return read_hello(self.crypto.front)

    def _take_packet(self, reader: Octets) -> bool:
        """Reads one packet. Returns whether its header is one of QUIC."""
        start = reader.at
        first = reader.number(1)
        version = VERSIONS.get(reader.number(4)) if first & 0x80 else None
        if version is None or not first & 0x40:  # the rest of the datagram is one packet of another kind
            raise MalformedError
        connection = _short_id(reader)
        _short_id(reader)
        is_initial = (first >> 4 & 3) == version.initial
        if is_initial:
            reader.skip(reader.varint())  # a token
        elif (first >> 4 & 3) == (version.initial + 3) % 4:  # a Retry has no length, and only servers send it
            raise MalformedError
        length = reader.varint()
        body = reader.at
        reader.skip(length)
        if is_initial:
            self._take_initial(reader.data, start, body, reader.at, (version, connection))
        return True

    def _take_initial(self, data: bytes, start: int, body: int, end: int, own: tuple[Version, bytes]) -> None:
        place = (start, body, end)
        opened = (_decrypt(self.cipher, keys, data, place) for keys in self.keys)
        payload = next((each for each in opened if each is not None), None)
        if payload is None:
            keys = keys_of(self.cipher, *own)
            payload = _decrypt(self.cipher, keys, data, place)
            self.keys = [keys, *self.keys][:KEYS_KEPT] if payload is not None else self.keys
        if payload is not None:
            self.decrypted += 1
            _collect_crypto(Octets(payload), self.crypto)


def _short_id(reader: Octets) -> bytes:
    size = reader.number(1)
    if size > LONGEST_ID:
        raise MalformedError
    return reader.take(size)


def _decrypt(cipher: Cipher, keys: Keys, data: bytes, place: tuple[int, int, int]) -> bytes | None:
    """The payload of a packet; None if these are not its keys. place: where it begins, its number stands, it ends."""
    start, number_at, end = place
    sample = data[number_at + 4 : number_at + 20]
    if len(sample) < 16 or end - number_at < 20:
        return None
    mask = cipher.mask(keys.protection, sample)
    first = data[start] ^ (mask[0] & 0x0F)
    size = (first & 3) + 1
    number = bytes(a ^ b for a, b in zip(data[number_at : number_at + size], mask[1:], strict=False))
    header = bytes([first]) + data[start + 1 : number_at] + number
    # A client sends few Initials, so that their numbers are the whole ones.
    nonce = (int.from_bytes(keys.iv, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    return cipher.unseal(keys.key, nonce, header, data[number_at + size : end])


def _collect_crypto(frames: Octets, crypto: Stream) -> None:
    """Adds what CRYPTO frames hold. Stops at a frame that an Initial may not have."""
    try:
        while frames.left:
            kind = frames.varint()
            if kind == CRYPTO:
                offset = frames.varint()
                crypto.put(offset, frames.take(frames.varint()))
            elif kind in (ACK, ACK_ECN):
                _skip_ack(frames, kind)
            elif kind == PADDING:
                frames.skip_zeros()
            elif kind != PING:
                return
    except IncompleteError:
        return


def _skip_ack(frames: Octets, kind: int) -> None:
    frames.varint()
    frames.varint()
    ranges = frames.varint()
    if ranges > ACK_RANGES:
        raise IncompleteError
    for _ in range(1 + 2 * ranges + (3 if kind == ACK_ECN else 0)):
        frames.varint()
