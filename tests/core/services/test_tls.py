# SPDX-License-Identifier: GPL-2.0-or-later
"""A hello is found in any pieces, and nothing but a result or one of two errors leaves the reader."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.services import tls
from esimshaper.core.services.octets import IncompleteError, MalformedError, UnreadableError
from esimshaper.core.services.stream import PIECES, STREAM_BYTES, Stream
from esimshaper.core.services.tls import BEGINNINGS, Hello, hello_behind, hello_in_records, host_name, read_hello
from tests.hellos import hello, records

NAME = "www.example.org"
LARGE = 1_800  # bytes of a hello with keys of post-quantum kind


@pytest.mark.parametrize(("size", "first"), [(0, False), (LARGE, False), (LARGE, True)])
def test_name_is_read(size: int, first: bool) -> None:
    assert hello_in_records(records(hello(NAME, size, first=first))) == Hello(NAME)


def test_hello_without_a_name_is_known_as_that() -> None:
    assert hello_in_records(records(hello(None))) == Hello(None)
    without_extensions = b"\x01" + (39).to_bytes(3, "big") + b"\x03\x01" + bytes(33) + b"\x00\x00\x01\x00"
    assert read_hello(without_extensions[:4] + without_extensions[4:]) == Hello(None)


def test_each_beginning_of_a_hello_is_incomplete_until_the_name_is_there() -> None:
    whole = records(hello(NAME, LARGE))
    known = [end for end in range(len(whole) + 1) if _name_of(whole[:end]) == NAME]
    assert known == list(range(known[0], len(whole) + 1))
    assert whole[: known[0]].endswith(NAME.encode())  # not a byte later than it must be


def _name_of(stream: bytes) -> str | None:
    try:
        return hello_in_records(stream).name
    except IncompleteError:
        return None


def test_hello_may_be_cut_into_records_anywhere() -> None:
    message = hello(NAME, LARGE)
    for cut in range(1, len(message)):
        assert hello_in_records(records(message, cut)) == Hello(NAME)
    assert hello_in_records(records(message, *range(1, len(message), 7))) == Hello(NAME)


def test_stream_of_thousands_of_records_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    beginning = b"\x01\x00\x0a\x00\x03"  # of a hello that its own lengths lead out of, after 2,560 bytes
    stream = b"".join(records(beginning[at % 5 : at % 5 + 1]) for at in range(2_700))
    read: list[int] = []

    def counted(handshake: bytes) -> Hello:
        read.append(len(handshake))
        return read_hello(handshake)

    monkeypatch.setattr(tls, "read_hello", counted)
    with pytest.raises(MalformedError):
        hello_in_records(stream)
    with pytest.raises(UnreadableError):
        hello_behind(b"Q" + stream)
    assert len(read) <= 1 + BEGINNINGS


def test_hello_may_come_in_two_or_three_segments_in_any_order() -> None:
    stream = records(hello(NAME, LARGE))
    for cut in range(1, len(stream), 3):
        second = min(len(stream) - 1, cut + 700)
        parts = [(0, stream[:cut]), (cut, stream[cut:second]), (second, stream[second:])]
        for order in itertools.permutations(parts):
            collected = Stream()
            for offset, data in order:
                collected.put(offset, data)
            assert hello_in_records(collected.front) == Hello(NAME)


@pytest.mark.parametrize("before", [b"\x00", b"220 mail.example ESMTP\r\nSTARTTLS\r\n", b"\x05\x01\x00", bytes(2000)])
def test_hello_is_found_behind_something_else(before: bytes) -> None:
    assert hello_behind(before + records(hello(NAME))) == Hello(NAME)


def test_what_is_no_hello_is_malformed() -> None:
    for stream in (
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x00\x05\x02aaaa",
        b"\x16\x03\x09\x00\x05\x01aaaa",
        b"\x17\x03\x03",
    ):
        with pytest.raises(MalformedError):
            hello_in_records(stream)
    with pytest.raises(MalformedError):
        hello_behind(bytes(4096))


def test_lengths_that_lead_out_of_the_hello_are_malformed() -> None:
    message = bytearray(hello(NAME))
    at = message.index(NAME.encode())
    message[at - 2 : at] = b"\xff\xff"
    with pytest.raises(MalformedError):
        read_hello(bytes(message))


@given(st.binary(max_size=300))
def test_nothing_but_a_result_or_an_error_of_ours_leaves_the_reader(noise: bytes) -> None:
    for reader in (hello_in_records, hello_behind, read_hello):
        for stream in (noise, b"\x16\x03\x01" + noise, b"\x01\x00\x01\x00" + noise):
            with contextlib.suppress(UnreadableError):
                assert isinstance(reader(stream), Hello)


@given(st.data())
def test_mutated_hello_is_read_or_refused(data: st.DataObject) -> None:
    stream = bytearray(records(hello(NAME, 300)))
    for _ in range(data.draw(st.integers(1, 6))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableError):
        assert isinstance(hello_in_records(bytes(stream)), Hello)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("WWW.Example.ORG.", "www.example.org"),
        ("_dns.resolver.arpa", "_dns.resolver.arpa"),
        ("192.0.2.7", None),
        ("2001:db8::1", None),
        ("a..b", None),
        ("-a.example", None),
        ("<script>", None),
        ("\x1b[31m.example", None),
        ("", None),
        ("a" * 254, None),
    ],
)
def test_host_names_are_names_of_hosts(written: str, name: str | None) -> None:
    assert host_name(written) == name


@given(st.lists(st.tuples(st.integers(-20, 200), st.binary(min_size=1, max_size=40)), max_size=30))
def test_of_bytes_that_come_twice_the_first_ones_count(pieces: list[tuple[int, bytes]]) -> None:
    stream, expected = Stream(), dict[int, int]()
    for offset, data in pieces:
        stream.put(offset, data)
        for at, byte in enumerate(data, offset):
            if at >= 0:
                expected.setdefault(at, byte)
    front = bytes(expected[at] for at in itertools.takewhile(expected.__contains__, itertools.count()))
    assert stream.front == front


def test_stream_is_bounded() -> None:
    stream = Stream()
    stream.put(0, bytes(STREAM_BYTES + 100))
    stream.put(STREAM_BYTES, b"more")
    assert len(stream.front) == STREAM_BYTES
    sparse = Stream()
    for at in range(1, 4 * PIECES, 2):
        sparse.put(at, b"x")
    assert len(sparse._pieces) == PIECES
