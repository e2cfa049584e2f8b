# SPDX-License-Identifier: GPL-2.0-or-later
"""Initials are decrypted by the real libcrypto, and a hello is found in any cut, order and version of them."""

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.services.octets import IncompleteError, MalformedError, UnreadableError
from esimshaper.core.services.quic import KEYS_KEPT, PACKETS, VERSIONS, Initials, keys_of
from esimshaper.core.services.tls import Hello
from esimshaper.edge.names.aes import Aes
from tests.hellos import V1, V2, crypto, hello, in_pieces, initial, other_packet

NAME = "www.example.org"
FIRST = bytes.fromhex("8394c8f03e515708")
LARGE = hello(NAME, 1_900)


@pytest.fixture(scope="module")
def aes() -> Aes:
    return Aes()


@pytest.mark.parametrize(
    ("version", "key", "iv", "protection"),
    [  # RFC 9001 appendix A.1, RFC 9369 appendix A.1
        (V1, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"),
        (V2, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"),
    ],
)
def test_keys_are_those_of_the_standards(aes: Aes, version: int, key: str, iv: str, protection: str) -> None:
    keys = keys_of(aes, VERSIONS[version], FIRST)
    assert (keys.key.hex(), keys.iv.hex(), keys.protection.hex()) == (key, iv, protection)


def test_header_protection_is_that_of_the_standard(aes: Aes) -> None:
    # RFC 9001 appendix A.2
    mask = aes.mask(keys_of(aes, VERSIONS[V1], FIRST).protection, bytes.fromhex("d1b1c98dd7689fb8ec11d242b123dc9b"))
    assert mask[:5].hex() == "437b9aec36"


def test_wrong_tag_is_no_plain_text(aes: Aes) -> None:
    assert aes.unseal(bytes(16), bytes(12), b"", bytes(40)) is None
    assert aes.unseal(bytes(16), bytes(12), b"", bytes(15)) is None


@pytest.mark.parametrize("version", [V1, V2])
def test_hello_in_one_datagram(aes: Aes, version: int) -> None:
    message = hello(NAME)
    assert Initials(aes).take(initial(crypto(message, 0, len(message)), version=version)) == Hello(NAME)


@pytest.mark.parametrize("seed", range(12))
def test_hello_over_two_datagrams_in_mixed_pieces_as_browsers_cut_it(aes: Aes, seed: int) -> None:
    chance = random.Random(seed)
    datagrams = [initial(frames, number=number) for number, frames in enumerate(in_pieces(LARGE, chance))]
    chance.shuffle(datagrams)
    initials = Initials(aes)
    with pytest.raises(IncompleteError):
        initials.take(datagrams[0])
    assert initials.take(datagrams[1]) == Hello(NAME)


def test_frames_of_other_kinds_are_passed_over(aes: Aes) -> None:
    ack = b"\x02\x05\x00\x01\x00\x01\x01" + b"\x03\x05\x00\x00\x00\x01\x02\x03"
    message = hello(NAME)
    frames = b"\x01" + ack + bytes(30) + crypto(message, 40, len(message)) + b"\x01" + crypto(message, 0, 40)
    assert Initials(aes).take(initial(frames)) == Hello(NAME)


def test_later_datagrams_have_the_servers_id_and_the_first_keys(aes: Aes) -> None:
    initials = Initials(aes)
    with pytest.raises(IncompleteError):
        initials.take(initial(crypto(LARGE, 0, 900)))
    later = initial(crypto(LARGE, 900, len(LARGE)), b"\xaa" * 8, keys=FIRST, number=1)
    assert initials.take(later) == Hello(NAME)


def test_retry_changes_the_keys(aes: Aes) -> None:
    initials, message = Initials(aes), hello(NAME)
    with pytest.raises(IncompleteError):
        initials.take(initial(crypto(LARGE, 0, 500)))
    for number in range(1, KEYS_KEPT + 3):
        last = initial(crypto(LARGE, 500, len(LARGE)), bytes([number]) * 18, token=b"token" * 9, number=number)
    assert initials.take(last) == Hello(NAME)
    assert Initials(aes).take(initial(crypto(message, 0, len(message)), token=b"t" * 100)) == Hello(NAME)


def test_other_packets_in_the_datagram_and_before_it(aes: Aes) -> None:
    message = hello(NAME)
    early = other_packet(VERSIONS[V1], 1, FIRST)
    assert Initials(aes).take(early + initial(crypto(message, 0, len(message)))) == Hello(NAME)
    initials = Initials(aes)
    with pytest.raises(IncompleteError):
        initials.take(early)
    assert initials.take(initial(crypto(message, 0, len(message))) + b"\x40 short header") == Hello(NAME)


def test_datagram_of_very_many_packets_costs_few_keys(aes: Aes, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    digest = Aes.digest
    monkeypatch.setattr(Aes, "digest", lambda self, key, message: made.append(key) or digest(self, key, message))
    keys_of(aes, VERSIONS[V1], b"")
    of_one = len(made)
    small = b"\xc0" + V1.to_bytes(4, "big") + b"\0\0\0\x40\x18" + bytes(24)
    with pytest.raises(IncompleteError):
        Initials(aes).take(small * 50)
    assert len(made) == (1 + PACKETS) * of_one


@pytest.mark.parametrize(
    "datagram",
    [b"\x40" + bytes(30), b"\xc0\xff\x00\x00\x1d" + bytes(40), b"\xc3\x00\x00\x00\x01\x15" + bytes(40), b"hello"],
)
def test_what_is_no_quic_of_a_known_version_is_malformed(aes: Aes, datagram: bytes) -> None:
    with pytest.raises(MalformedError):
        Initials(aes).take(datagram)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_but_a_hello_or_an_error_of_ours_leaves_the_reader(data: st.DataObject) -> None:
    cipher, message = Aes(), hello(NAME)
    frames = data.draw(st.one_of(st.binary(max_size=200), st.just(crypto(message, 0, len(message)))))
    datagram = bytearray(initial(frames))
    for _ in range(data.draw(st.integers(0, 3))):
        datagram[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableError):
        assert isinstance(Initials(cipher).take(bytes(datagram[: data.draw(st.integers(0, 1300))])), Hello)
