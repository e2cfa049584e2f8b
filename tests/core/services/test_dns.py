# SPDX-License-Identifier: GPL-2.0-or-later
"""An answer of DNS gives the name that was asked for and its addresses, whatever else is in it."""

import contextlib
import itertools
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.services import Address
from esimshaper.core.services.bindings import BINDINGS, Bindings
from esimshaper.core.services.dns import (
    AAAA,
    ADDRESSES,
    ALIASES,
    CNAME,
    HTTPS,
    A,
    Message,
    OverTcp,
    read_message,
    read_over_tcp,
)
from esimshaper.core.services.octets import MalformedError, UnreadableError
from esimshaper.core.services.verdict import Known
from tests.hellos import dns_answer, dns_name

NAME, EDGE, CDN = "video.example", "edge.cdn.example", "a1.cdn.example"
FOUR, SIX = ip_address("192.0.2.80"), ip_address("2001:db8::80")
ALICE, BOB = ip_address("192.168.8.10"), ip_address("192.168.8.11")


def https(*parameters: tuple[int, bytes]) -> bytes:
    return struct.pack("!H", 1) + b"\x00" + b"".join(struct.pack("!HH", key, len(v)) + v for key, v in parameters)


CHAIN = dns_answer(NAME, [(NAME, CNAME, dns_name(EDGE)), (EDGE, CNAME, dns_name(CDN)), (CDN, A, FOUR.packed)])


def test_addresses_belong_to_the_name_that_was_asked_for() -> None:
    assert read_message(CHAIN) == Message(True, NAME, (EDGE, CDN), (FOUR,))


def test_hints_of_https_records_are_addresses() -> None:
    data = https((1, b"\x02h3"), (4, FOUR.packed + ip_address("192.0.2.81").packed), (6, SIX.packed))
    found = read_message(dns_answer(NAME, [(NAME, HTTPS, data), (NAME, AAAA, SIX.packed)]))
    assert found.addresses == (FOUR, ip_address("192.0.2.81"), SIX)


def test_records_of_other_names_are_left_out() -> None:
    found = read_message(
        dns_answer(NAME, [("other.example", A, FOUR.packed), (NAME, A, ip_address("192.0.2.9").packed)])
    )
    assert found.addresses == (ip_address("192.0.2.9"),)


def test_question_and_refusal_have_no_addresses() -> None:
    assert read_message(dns_answer(NAME, [], flags=0x0100)) == Message(False, NAME)
    assert read_message(dns_answer(NAME, [(NAME, A, FOUR.packed)], flags=0x8183)) == Message(True, NAME)


def test_a_name_that_the_resolver_was_told_not_to_look_for_is_refused():
    """Recorded: Debian's dnsmasq with `server=/ads.example/`, and with a name that is nowhere, also from its cache."""
    assert read_message(dns_answer(NAME, [], flags=0x8183)).is_refused
    nowhere = bytearray(dns_answer(NAME, [], flags=0x8183))
    nowhere[9] = 1  # an SOA, as authority
    assert not read_message(bytes(nowhere)).is_refused
    assert not read_message(dns_answer(NAME, [], flags=0x8182)).is_refused, "a server that fails"
    assert not read_message(dns_answer(NAME, [], flags=0x8180)).is_refused, "a name without such a record"


def test_what_stands_before_a_broken_record_counts() -> None:
    broken = CHAIN.replace(struct.pack("!H", 3), struct.pack("!H", 4), 1) + b"\xc0\x0c\x00"
    assert read_message(broken).addresses == (FOUR,)


@pytest.mark.parametrize("pointer", [b"\xc0\x0c", b"\xc0\xff", b"\xc0\x0d"])
def test_pointers_to_themselves_or_forwards_end(pointer: bytes) -> None:
    message = struct.pack("!6H", 7, 0x8180, 1, 0, 0, 0) + pointer + struct.pack("!HH", 1, 1) + bytes(300)
    with pytest.raises(UnreadableError):
        read_message(message)


def test_pointer_to_the_question_is_followed() -> None:
    answer = struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0) + dns_name(NAME) + struct.pack("!HH", 1, 1)
    answer += b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 60, 4) + FOUR.packed
    assert read_message(answer).addresses == (FOUR,)


def test_aliases_are_bounded() -> None:
    names = [f"n{number}.example" for number in range(3 * ALIASES)]
    records = [(one, CNAME, dns_name(other)) for one, other in itertools.pairwise(names)]
    assert len(read_message(dns_answer(names[0], records)).aliases) == ALIASES


def test_messages_over_tcp_are_read_as_far_as_they_are_there() -> None:
    framed = struct.pack("!H", len(CHAIN)) + CHAIN
    messages, size = read_over_tcp(framed * 2 + framed[:20])
    assert ([each.name for each in messages], size) == ([NAME, NAME], 2 * len(framed))
    assert read_over_tcp(b"\xff\xff") == ([], 0)


def test_messages_over_tcp_come_once_each_however_long_the_stream_is() -> None:
    framed = struct.pack("!H", len(CHAIN)) + CHAIN
    unreadable = b"\0\0"
    stream, base = (framed + unreadable) * 400, 2**32 - 100
    answers, found = OverTcp(base), 0
    for at in range(0, len(stream), 1_000):
        found += len(answers.take((base + at) % 2**32, stream[at : at + 1_000]))
        assert answers.take((base + at) % 2**32, stream[at : at + 1_000]) == [], "sent once more"
    assert found == 400


def test_addresses_of_an_answer_are_bounded() -> None:
    many = [(NAME, A, (0x08000000 + number).to_bytes(4, "big")) for number in range(2 * ADDRESSES)]
    hints = struct.pack("!H", 1) + b"\0" + struct.pack("!HH", 4, 256) + b"".join(each[2] for each in many)
    assert len(read_message(dns_answer(NAME, many)).addresses) == ADDRESSES
    assert len(read_message(dns_answer(NAME, [(NAME, HTTPS, hints)])).addresses) == ADDRESSES


def test_several_questions_are_malformed() -> None:
    with pytest.raises(MalformedError):
        read_message(struct.pack("!6H", 7, 0x8180, 2, 0, 0, 0) + dns_name(NAME) * 2)


@given(st.binary(max_size=200))
def test_nothing_but_a_message_or_an_error_of_ours_leaves_the_reader(noise: bytes) -> None:
    for message in (noise, CHAIN[:12] + noise, CHAIN[:40] + noise):
        with contextlib.suppress(UnreadableError):
            assert isinstance(read_message(message), Message)
        read_over_tcp(message)


def test_address_is_known_by_the_name_that_this_client_asked_for() -> None:
    bindings = Bindings[Address]()
    bindings.learn(ALICE, read_message(CHAIN))
    bindings.learn(BOB, read_message(dns_answer("mail.example", [("mail.example", A, FOUR.packed)])))
    assert bindings.name_of(ALICE, FOUR) == Known(NAME)
    assert bindings.name_of(BOB, FOUR) == Known("mail.example")
    assert bindings.name_of(BOB, SIX) is None


def test_question_for_an_alias_is_one_for_the_name_before_it() -> None:
    bindings, later = Bindings[Address](), ip_address("192.0.2.90")
    bindings.learn(ALICE, read_message(CHAIN))
    for client in (ALICE, BOB):
        bindings.learn(client, read_message(dns_answer(CDN, [(CDN, A, later.packed)])))
    assert bindings.name_of(ALICE, later) == Known(NAME)
    assert bindings.name_of(BOB, later) == Known(CDN)


def test_answers_of_block_lists_bind_nothing() -> None:
    bindings, zero = Bindings[Address](), ip_address("0.0.0.0")
    bindings.learn(ALICE, Message(True, NAME, addresses=(zero, ip_address("::"), ip_address("127.0.0.1"))))
    assert bindings.name_of(ALICE, zero) is None


def test_bindings_are_bounded_and_forget_what_is_used_least() -> None:
    bindings = Bindings[Address]()
    addresses = [ip_address(0x0B000000 + number) for number in range(BINDINGS + 1)]
    for address in addresses[:-1]:
        bindings.learn(ALICE, Message(True, NAME, addresses=(address,)))
    assert bindings.name_of(ALICE, addresses[0]) == Known(NAME)
    bindings.learn(ALICE, Message(True, NAME, addresses=(addresses[-1],)))
    assert bindings.name_of(ALICE, addresses[0]) == Known(NAME)
    assert bindings.name_of(ALICE, addresses[1]) is None
