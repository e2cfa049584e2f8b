# SPDX-License-Identifier: GPL-2.0-or-later
"""What passes is named from its first payloads and from DNS, within bounds, and never as another service."""

import itertools
import random
import struct
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.services import Head, HeadKind, How, Naming, Service
from esimshaper.core.services import live
from esimshaper.core.services.catalogue import catalogue_of
from esimshaper.core.services.conversation import PAYLOADS
from esimshaper.core.services.dns import CNAME, A
from esimshaper.core.services.live import HELD_BYTES, TALK_SECONDS, TALKS, LiveNames
from esimshaper.core.services.sharing import PORTAL_SECONDS, PORTAL_SERVICES
from esimshaper.core.services.stream import STREAM_BYTES
from esimshaper.edge.names.aes import Aes
from esimshaper.edge.settings_file.catalogue import read_services
from tests.heads import ALICE, BOB, RESOLVER, SERVER, WAN, Call, answer, cuts, quic_hello, whole_quic_hello
from tests.hellos import dns_answer, dns_name, hello, ipv4, records, tcp

NAME = "r3.sn-abc.googlevideo.com"
UNNAMED, HIDDEN, OTHER, YOUTUBE, NETFLIX, TELEGRAM = 0, 1, 2, 7, 8, 9
NUMBERS = {"youtube": YOUTUBE, "netflix": NETFLIX, "telegram": TELEGRAM}
SERVICES = read_services()
CATALOGUE = catalogue_of(SERVICES)
IP = ip_address(SERVER)


@pytest.fixture(scope="module")
def aes() -> Aes:
    return Aes()


@pytest.fixture
def names(aes: Aes) -> LiveNames:
    return LiveNames(CATALOGUE, NUMBERS, aes)


def taken(names: LiveNames, heads: Iterable[Head], now: float = 0.0) -> list[Naming]:
    """What is said of conversations when these come one after the other."""
    for head in heads:
        names.take(head, now)
    said, names.namings = names.namings, []
    return said


def only(said: list[Naming]) -> tuple[int, bool, str | None, How]:
    (one,) = said
    return one.number, one.final, one.name, one.how


def bound(names: LiveNames) -> dict[tuple[int, str], tuple[int | None, bool]]:
    """The bindings as the kernel has them after all that was said."""
    table = {(each.account, str(each.address)): (each.number, each.shared) for each in names.bindings}
    return {key: value for key, value in table.items() if value[0] is not None}


def test_hello_in_one_segment_names_the_conversation_for_good(names: LiveNames) -> None:
    call = Call()
    said = taken(names, [call.segment(records(hello(NAME)))])
    assert only(said) == (YOUTUBE, True, NAME, How.SNI)
    assert (said[0].flow, said[0].account) == (call.flow, ALICE)
    assert names.in_work == 0


def test_hello_of_two_or_three_segments_in_any_order_is_read(names: LiveNames) -> None:
    stream = records(hello(NAME, 1_800))
    for first, second in (*cuts(len(stream), 37), *((cut, len(stream)) for cut in range(1, len(stream)))):
        parts = [(1, stream[:first]), (1 + first, stream[first:second]), (1 + second, stream[second:])]
        for order in itertools.permutations([each for each in parts if each[1]]):
            call = Call()
            said = taken(names, [call.segment(data, at) for at, data in order])
            assert [each.number for each in said if each.final] == [YOUTUBE]


def test_merged_segments_are_read_as_far_as_they_were_copied(names: LiveNames) -> None:
    stream = records(hello(NAME, 1_700)) + bytes(20_000)
    assert only(taken(names, [Call().segment(stream)])) == (YOUTUBE, True, NAME, How.SNI)


@pytest.mark.parametrize("seed", range(20))
def test_quic_hello_over_two_datagrams_is_read(names: LiveNames, seed: int) -> None:
    datagrams = quic_hello(NAME, 1_900, random.Random(seed))
    for order in (datagrams, datagrams[::-1]):
        call = Call(protocol=17)
        said = taken(names, [call.datagram(each) for each in order])
        assert only([each for each in said if each.final]) == (YOUTUBE, True, NAME, How.QUIC)


def test_request_and_what_has_no_name(names: LiveNames) -> None:
    request = b"GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n"
    stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
    wireguard = b"\x01\x00\x00\x00" + bytes(144)
    assert only(taken(names, [Call(port=80).segment(request)])) == (OTHER, True, "unknown.test", How.HTTP)
    assert only(taken(names, [Call(port=3478, protocol=17).datagram(stun)]))[2:] == (None, How.PATTERN)
    assert only(taken(names, [Call(port=51820, protocol=17).datagram(wireguard)])) == (HIDDEN, True, None, How.HIDDEN)
    telegram = Call(server="149.154.167.51", protocol=17)
    assert only(taken(names, [telegram.datagram(b"\x99" * 40)])) == (TELEGRAM, True, None, How.ADDRESS)
    assert only(taken(names, [Call(protocol=17).datagram(b"\x99" * 40)])) == (UNNAMED, True, None, How.NONE)


def test_service_without_a_number_is_other_and_one_that_hides_is_hidden(names: LiveNames) -> None:
    assert only(taken(names, [Call().segment(records(hello("www.instagram.com")))]))[0] == OTHER
    assert only(taken(names, [Call().segment(records(hello("mask.icloud.com")))]))[0] == HIDDEN


def test_conversation_ends_unnamed_after_so_many_payloads(names: LiveNames) -> None:
    call = Call()
    heads = [call.segment(bytes(100), 1 + 100 * at) for at in range(PAYLOADS)]
    assert taken(names, heads[:-1]) == []
    assert only(taken(names, heads[-1:])) == (UNNAMED, True, None, How.NONE)


def test_conversation_ends_after_a_time_as_what_it_is_known_as(names: LiveNames) -> None:
    names.take(answer(ALICE, NAME, SERVER), 0.0)
    call = Call()
    assert only(taken(names, [call.segment(b"\x16\x03", 1)], 1.0)) == (YOUTUBE, False, NAME, How.DNS)
    names.expire(1.0 + TALK_SECONDS - 0.1)
    assert names.namings == []
    names.expire(1.0 + TALK_SECONDS)
    assert only(names.namings) == (YOUTUBE, True, NAME, How.DNS)


def test_packets_that_were_copied_before_the_kernel_heard_of_the_name_change_nothing(names: LiveNames) -> None:
    call = Call()
    said = taken(names, [call.segment(records(hello(NAME))), *(call.segment(bytes(99), at) for at in range(500, 520))])
    assert only(said) == (YOUTUBE, True, NAME, How.SNI)


def test_answer_of_dns_binds_the_address_before_anything_goes_there(names: LiveNames) -> None:
    names.take(answer(ALICE, NAME, SERVER, "2001:db8:5::9"), 0.0)
    assert bound(names) == {(ALICE, SERVER): (YOUTUBE, False), (ALICE, "2001:db8:5::9"): (YOUTUBE, False)}
    assert only(taken(names, [Call(protocol=17).datagram(b"\x99" * 40)])) == (YOUTUBE, True, NAME, How.DNS)
    assert only(taken(names, [Call(BOB, protocol=17).datagram(b"\x99" * 40)])) == (UNNAMED, True, None, How.NONE)


def test_question_for_an_alias_is_one_for_the_name_that_led_to_it(names: LiveNames) -> None:
    chain = dns_answer(NAME, [(NAME, CNAME, dns_name("edge.cdn.test")), ("edge.cdn.test", A, IP.packed)])
    names.take(answer(ALICE, NAME, message=chain), 0.0)
    names.take(answer(ALICE, "edge.cdn.test", "198.51.100.77"), 1.0)
    names.take(answer(BOB, "edge.cdn.test", "198.51.100.77"), 1.0)
    assert bound(names)[ALICE, "198.51.100.77"][0] == YOUTUBE
    assert bound(names)[BOB, "198.51.100.77"][0] == OTHER


def test_answer_over_tcp_in_pieces_binds(names: LiveNames) -> None:
    message = dns_answer(NAME, [(NAME, A, IP.packed)])
    framed = len(message).to_bytes(2, "big") + message
    for at, piece in ((1, framed[:9]), (10, framed[9:])):
        packet = ipv4("198.51.100.53", "203.0.113.5", 6, tcp((53, 5000), at, piece))
        names.take(Head(HeadKind.ANSWER, ALICE, bytes(40), len(packet), packet), 0.0)
    assert bound(names) == {(ALICE, SERVER): (YOUTUBE, False)}


@pytest.mark.parametrize("bogon", ["0.0.0.0", "127.0.0.1", "192.168.8.1", "10.1.2.3", "::1", "fe80::1", "fd00::1"])
def test_addresses_that_nobody_has_on_the_internet_are_not_bound(names: LiveNames, bogon: str) -> None:
    names.take(answer(ALICE, NAME, bogon), 0.0)
    assert names.bindings == []


def test_hello_binds_its_address_too(names: LiveNames) -> None:
    taken(names, [Call().segment(records(hello(NAME)))])
    assert bound(names) == {(ALICE, SERVER): (YOUTUBE, False)}


def test_conversation_that_goes_on_by_another_port_is_what_it_was(names: LiveNames) -> None:
    """So NAT makes it after a pause: no hello comes again."""
    moved = Call(protocol=17)
    rest = [moved.datagram(b"\x40" + bytes(60)) for _ in range(PAYLOADS)]
    taken(names, [Call(protocol=17).datagram(whole_quic_hello(NAME))])
    assert only(taken(names, rest)) == (YOUTUBE, True, NAME, How.QUIC)
    names.take(answer(BOB, "www.unknown.test", SERVER), TALK_SECONDS)
    assert only(taken(names, rest, TALK_SECONDS + 1)) == (UNNAMED, True, None, How.NONE)


def test_address_of_a_second_service_is_shared_for_everybody_who_knows_it(names: LiveNames) -> None:
    names.take(answer(ALICE, NAME, SERVER), 0.0)
    names.take(answer(BOB, "www.unknown.test", SERVER), 1.0)
    assert bound(names) == {(ALICE, SERVER): (YOUTUBE, True), (BOB, SERVER): (OTHER, True)}
    taken(names, [Call(server="198.51.100.20").segment(records(hello(NAME)))], 2.0)
    taken(names, [Call(BOB, server="198.51.100.20").segment(records(hello("www.netflix.com")))], 2.0)
    assert {bound(names)[who, "198.51.100.20"] for who in (ALICE, BOB)} == {(YOUTUBE, True), (NETFLIX, True)}


def test_portal_that_answers_for_every_name_binds_nothing(names: LiveNames) -> None:
    domains = [each.domains[0] for each in SERVICES if each.domains and each.category != "hidden"]
    for number, domain in enumerate(domains[: 2 * PORTAL_SERVICES]):
        names.take(answer(ALICE, domain, SERVER), number / 10)
    assert bound(names) == {}
    assert only(taken(names, [Call(protocol=17).datagram(b"\x99" * 40)], 2.0))[0] == UNNAMED


def test_what_another_conversation_said_of_an_address_counts_least(names: LiveNames) -> None:
    taken(names, [Call().segment(records(hello(NAME)))])
    wireguard = Call(port=51820, protocol=17).datagram(b"\x01\x00\x00\x00" + bytes(144))
    assert only(taken(names, [wireguard])) == (HIDDEN, True, None, How.HIDDEN)
    assert only(taken(names, [Call().segment(records(hello("mask.icloud.com")))]))[0] == HIDDEN


def test_name_that_all_encrypted_hellos_show_gives_way_and_binds_nothing(names: LiveNames) -> None:
    outer = records(hello("cloudflare-ech.com"))
    assert only(taken(names, [Call().segment(outer)]))[:1] == (HIDDEN,)
    assert names.bindings == []
    names.take(answer(ALICE, NAME, SERVER), 0.0)
    assert only(taken(names, [Call().segment(outer)])) == (YOUTUBE, True, NAME, How.DNS)


def test_hello_goes_before_dns(names: LiveNames) -> None:
    names.take(answer(ALICE, "www.netflix.com", SERVER), 0.0)
    assert only(taken(names, [Call().segment(records(hello(NAME)))])) == (YOUTUBE, True, NAME, How.SNI)


def test_translated_address_is_known_by_the_one_it_was_made_from(names: LiveNames) -> None:
    names.take(answer(ALICE, NAME, SERVER), 0.0)
    call = Call(server="64:ff9b::198.51.100.9", protocol=17)
    assert only(taken(names, [call.datagram(b"\x99" * 40)])) == (YOUTUBE, True, NAME, How.DNS)
    names.take(answer(ALICE, NAME, "198.51.100.10"), 0.0)
    assert bound(names)[ALICE, "64:ff9b::c633:640a"] == (YOUTUBE, False)


def test_another_catalogue_binds_anew_and_names_from_then_on(names: LiveNames) -> None:
    names.take(answer(ALICE, "www.unknown.test", SERVER), 0.0)
    names.bindings = []
    names.change(catalogue_of([Service("mine", "video", domains=("unknown.test",)), *SERVICES]), NUMBERS | {"mine": 40})
    assert bound(names) == {(ALICE, SERVER): (40, False)}
    assert only(taken(names, [Call().segment(records(hello("www.unknown.test")))]))[0] == 40


def test_address_of_many_services_stays_shared_when_the_catalogue_changes(names: LiveNames) -> None:
    many = [Service(f"s{number}", domains=(f"s{number}.test",)) for number in range(PORTAL_SERVICES + 2)]
    known = NUMBERS | {each.name: 50 + at for at, each in enumerate(many)}
    names.change(catalogue_of(many), known)
    for at, each in enumerate(many):
        names.take(answer(10 + at, f"www.{each.name}.test", SERVER), at * PORTAL_SECONDS)
    names.bindings = []
    names.change(catalogue_of(many), known)
    assert bound(names) == {(10 + at, SERVER): (50 + at, True) for at in range(len(many))}
    names.take(answer(ALICE, "www.s1.test", SERVER), 100.0)
    assert bound(names)[ALICE, SERVER] == (51, True), "it is no portal soon after the router has begun"


def test_answers_over_tcp_are_learned_once(names: LiveNames) -> None:
    message = dns_answer(NAME, [(NAME, A, ip_address(SERVER).packed)])
    framed = struct.pack("!H", len(message)) + message
    for at in range(5):
        packet = ipv4(RESOLVER, WAN, 6, tcp((53, 4_000), 1 + at * len(framed), framed))
        names.take(Head(HeadKind.ANSWER, ALICE, bytes(40), len(packet), packet), 0.0)
    assert names.tally["answers"] == len(names.bindings) == 5


def test_conversations_in_work_are_bounded_and_the_oldest_ends(names: LiveNames) -> None:
    calls = [Call() for _ in range(TALKS + 5)]
    said = taken(names, [call.segment(b"\x16\x03\x01") for call in calls])
    assert [each.flow for each in said] == [call.flow for call in calls[:5]]
    assert names.in_work == TALKS


def test_bytes_in_work_are_bounded(names: LiveNames) -> None:
    large = b"\x16\x03\x01\x3f\xff\x01\x00\x3f\xf0" + bytes(1_900)
    taken(names, [Call().segment(large) for _ in range(TALKS)])
    assert names.in_work <= HELD_BYTES // len(large) + 1
    one = Call()
    for at in range(9):
        names.take(one.segment(large if at == 0 else bytes(2_000), 1 + 1_909 * at), 0.0)
    assert max(talk.payloads.held for talk in names._talks.values()) < STREAM_BYTES


def test_tables_of_addresses_and_answers_are_bounded(names: LiveNames) -> None:
    for number in range(0, live.ADDRESSES + 200, 25):
        many = [str(ip_address(0x0B000000 + number + each)) for each in range(25)]
        names.take(answer(ALICE, f"n{number}.test", *many), 0.0)
        packet = ipv4("198.51.100.53", "203.0.113.5", 6, tcp((53, 1 + number), 1, b"\xff\xff"))
        names.take(Head(HeadKind.ANSWER, ALICE, bytes(40), len(packet), packet), 0.0)
        names.bindings = []
    assert len(list(names._known.all())) == live.ADDRESSES
    assert len(names._answers) == live.STREAMS


def _noise() -> st.SearchStrategy[bytes]:
    heads = [b"", b"\x45\x00", b"\x60\x00\x00\x00\x00\x40\x06\x40", b"\x60\x00\x00\x00\x00\x40\x2c\x40"]
    return st.tuples(st.sampled_from(heads), st.binary(max_size=200)).map(b"".join)


HEADS = st.builds(
    lambda kind, port, account, length, packet: Head(kind, account, struct.pack("!40s", bytes([port])), length, packet),
    st.sampled_from(HeadKind),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    _noise(),
)


@given(st.lists(HEADS, max_size=30))
def test_nothing_escapes_whatever_the_kernel_copied(heads: list[Head]) -> None:
    names = LiveNames(CATALOGUE, NUMBERS, Blind())
    for at, head in enumerate(heads):
        names.take(head, at / 3)
    names.expire(1e6)
    assert names.in_work == 0
    assert all(0 <= each.number < 256 for each in names.namings)


class Blind:
    """A cipher that opens nothing."""

    def mask(self, key: bytes, sample: bytes) -> bytes:
        return bytes(16)

    def unseal(self, key: bytes, nonce: bytes, header: bytes, sealed: bytes) -> bytes | None:
        return None

    def digest(self, key: bytes, message: bytes) -> bytes:
        return bytes(32)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_conversation_gets_the_service_of_another(aes: Aes, data: st.DataObject) -> None:
    """Calls of two clients to few addresses, with packets that are mixed, cut and repeated: each is what it says."""
    names = LiveNames(CATALOGUE, NUMBERS, aes)
    truth: dict[bytes, int] = {}
    heads: list[list[Head]] = []
    hosts: Mapping[str, int] = {NAME: YOUTUBE, "www.netflix.com": NETFLIX, "a.unknown.test": OTHER}
    for _ in range(data.draw(st.integers(1, 8))):
        host = data.draw(st.sampled_from(sorted(hosts)))
        call = Call(data.draw(st.sampled_from([ALICE, BOB])), data.draw(st.sampled_from([SERVER, "198.51.100.10"])))
        truth[call.flow] = hosts[host]
        asked = [answer(call.account, host, call.server)] if data.draw(st.booleans()) else []
        if data.draw(st.booleans()):
            quic = whole_quic_hello(host)
            heads.append([*asked, call.datagram(quic), call.datagram(quic)])
            continue
        stream = records(hello(host, data.draw(st.sampled_from([0, 1_600]))))
        cut = data.draw(st.integers(1, len(stream) - 1))
        parts = data.draw(st.permutations([call.segment(stream[:cut], 1), call.segment(stream[cut:], 1 + cut)]))
        heads.append([*asked, *parts, *parts[: data.draw(st.integers(0, 2))]])
    while heads:
        line = data.draw(st.sampled_from(heads))
        names.take(line.pop(0), 0.0)
        heads = [each for each in heads if each]
    names.expire(1e6)
    final = [(each.flow, each.number) for each in names.namings if each.final]
    assert sorted(final) == sorted(truth.items())
