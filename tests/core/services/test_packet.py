# SPDX-License-Identifier: GPL-2.0-or-later
"""A packet of a capture is read as the carrier counts it, or refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.services.octets import UnreadableError
from esimshaper.core.services.packet import TCP, UDP, Packet, read_packet
from tests.hellos import CLIENT, SERVER, ipv4, ipv6, tcp, udp

SIX = ("2001:db8::7", "2001:db8::9")


def read(data: bytes) -> Packet:
    return read_packet(data, len(data))


def test_padding_of_a_frame_is_no_payload_and_not_billed() -> None:
    found = read(ipv4(CLIENT, SERVER, UDP, udp(1, 2, b"abc")) + bytes(15))
    assert (found.size, found.payload) == (31, b"abc")


def test_ports_sequence_and_payload() -> None:
    found = read(ipv4(CLIENT, SERVER, TCP, tcp((50_000, 443), 2**32 - 1, b"hello", 0x02)))
    assert (found.source_port, found.target_port, found.sequence, found.flags) == (50_000, 443, 2**32 - 1, 2)
    assert (found.payload, str(found.source), str(found.target)) == (b"hello", CLIENT, SERVER)


def test_extension_headers_are_walked() -> None:
    inner = udp(1, 2, b"abc")
    hop, routing = bytes([43, 0]) + bytes(6), bytes([51, 1]) + bytes(14)
    authentication = bytes([17, 4]) + bytes(22)
    found = read(ipv6(*SIX, 0, hop + routing + authentication + inner))
    assert (found.protocol, found.target_port, found.payload) == (UDP, 2, b"abc")


def test_first_fragment_has_ports_and_a_later_one_has_none() -> None:
    first = bytes([17, 0]) + (1).to_bytes(2, "big") + (99).to_bytes(4, "big") + udp(1, 2, b"abc")
    later = bytes([17, 0]) + (8 | 1).to_bytes(2, "big") + (99).to_bytes(4, "big") + bytes(8)
    one, two = read(ipv6(*SIX, 44, first)), read(ipv6(*SIX, 44, later))
    assert (one.datagram, one.is_first, one.target_port) == (99, True, 2)
    assert (two.datagram, two.is_first, two.target_port) == (99, False, 0)


def test_atomic_fragment_is_a_whole_packet() -> None:
    assert read(ipv6(*SIX, 44, bytes([17, 0, 0, 0]) + bytes(4) + udp(1, 2, b"abc"))).datagram is None


def test_merged_packet_that_states_no_length_has_that_of_the_frame() -> None:
    merged = bytearray(ipv4(CLIENT, SERVER, TCP, tcp((1, 2), 1, bytes(70_000 - 65_536))))
    merged[2:4] = bytes(2)
    assert read(bytes(merged)).size == len(merged)


def test_packet_that_was_captured_in_part_has_its_whole_size() -> None:
    whole = ipv4(CLIENT, SERVER, UDP, udp(1, 2, bytes(1000)))
    assert read_packet(whole[:40], len(whole)).size == len(whole)


@pytest.mark.parametrize("data", [b"", b"\x45", b"\x55" + bytes(30), b"\x44" + bytes(30), b"\x60" + bytes(20)])
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(data)


@given(st.binary(max_size=120), st.sampled_from([b"", b"\x45\x00", b"\x60\x00\x00\x00\x00\x40\x2c\x40", b"\x4f\x00"]))
def test_nothing_but_a_packet_or_an_error_of_ours_leaves_the_reader(noise: bytes, head: bytes) -> None:
    with contextlib.suppress(UnreadableError):
        assert isinstance(read(head + noise), Packet)
