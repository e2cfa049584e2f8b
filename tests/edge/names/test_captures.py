# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of every kind give the same packets; a broken one gives those before the break, or says what is wrong."""

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.edge.names.captures import CaptureError, packets
from tests.hellos import CLIENT, SERVER, ipv4, ipv6, pcap, pcapng, udp

PACKETS = [ipv4(CLIENT, SERVER, 17, udp(1, 2, b"four")), ipv6("2001:db8::1", "2001:db8::2", 17, udp(3, 4, b"six"))]
TYPES = (b"\x08\x00", b"\x86\xdd")


def found(capture: bytes) -> list[bytes]:
    return [data for data, _ in packets(io.BytesIO(capture))]


@pytest.mark.parametrize("form", [pcap, pcapng])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("link", "headers"),
    [
        (101, [b"", b""]),
        (1, [bytes(12) + each for each in TYPES]),
        (1, [bytes(12) + b"\x88\xa8\x00\x07\x81\x00\x00\x08" + each for each in TYPES]),
        (1, [bytes(12) + b"\x88\x64\x11\x00\x00\x01\x00\x20" + each for each in (b"\x00\x21", b"\x00\x57")]),
        (113, [bytes(14) + each for each in TYPES]),
        (276, [each + bytes(18) for each in TYPES]),
        (9, [b"\xff\x03\x00\x21", b"\x57"]),
        (204, [b"\x00\xff\x03\x00\x21", b"\x01\x00\x57"]),
        (0, [b"\x02\x00\x00\x00", b"\x1e\x00\x00\x00"]),
    ],
)
def test_packets_of_each_link(form, order: str, link: int, headers: list[bytes]) -> None:
    frames = [head + packet for head, packet in zip(headers, PACKETS, strict=True)]
    assert found(form(frames, link, order)) == PACKETS


def test_frames_without_ip_are_left_out() -> None:
    arp, lldp = bytes(12) + b"\x08\x06" + bytes(28), bytes(12) + b"\x88\xcc" + bytes(20)
    assert found(pcap([arp, bytes(12) + TYPES[0] + PACKETS[0], lldp, b"\x00"], 1)) == PACKETS[:1]


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_capture_that_is_cut_off_gives_what_is_there(form) -> None:
    whole = form(PACKETS)
    for size in range(60, len(whole)):
        assert found(whole[:size])[:1] in ([], PACKETS[:1]) or size < len(whole)
    assert found(whole) == PACKETS


def test_length_on_the_link_is_that_of_the_whole_packet() -> None:
    capture = pcap([PACKETS[0][:24]])
    capture = capture[:36] + struct.pack("<I", 1400) + capture[40:]
    assert list(packets(io.BytesIO(capture))) == [(PACKETS[0][:24], 1400)]


@pytest.mark.parametrize("text", [b"", b"# README", b"\xd4\xc3\xb2\xa1"])
def test_what_is_no_capture_is_said(text: bytes) -> None:
    with pytest.raises(CaptureError):
        found(text)


def test_link_without_ip_is_said_by_its_number() -> None:
    with pytest.raises(CaptureError, match="189"):
        found(pcap(PACKETS, 189))


@given(st.binary(max_size=400), st.sampled_from([pcap(PACKETS), pcapng(PACKETS)]), st.integers(0, 100))
def test_nothing_but_packets_or_an_error_of_ours_leaves_the_reader(noise: bytes, capture: bytes, at: int) -> None:
    with contextlib.suppress(CaptureError):
        found(capture[:at] + noise + capture[at + len(noise) :])
