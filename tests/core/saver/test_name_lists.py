# SPDX-License-Identifier: GPL-2.0-or-later
"""Block lists: both formats, what is refused by its line, and what dnsmasq reads of them."""

import pytest

from esimshaper.core.model.withholding import MOST_NAMES, BadLine
from esimshaper.core.saver.name_lists import MOST_PROBLEMS, host_name, names_of, server_lines, suffixes_of

SUFFIXES = frozenset(("com", "co.uk", "city.kawasaki.jp"))


def read(text: str, suffixes: frozenset[str] = SUFFIXES) -> tuple[set[str], list[str]]:
    problems: list[BadLine] = []
    return names_of("ads", text.splitlines(), suffixes, problems), [str(each) for each in problems]


def test_both_formats_and_comments():
    text = "127.0.0.1 localhost\n0.0.0.0 0.0.0.0\n::1 ip6-localhost ip6-loopback\n"
    text += "0.0.0.0 Ads.Example.com track.example # both\n\nplain.example.\n"
    assert read(text) == ({"ads.example.com", "track.example", "plain.example"}, [])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("com", "`com` would take away all names that end so"),
        ("0.0.0.0 intranet", "`intranet` would take away all names that end so"),
        ("co.uk", "`co.uk` would take away the names of everybody below it"),
        ("city.kawasaki.jp", "`city.kawasaki.jp` would take away the names of everybody below it"),
        ("192.0.2.1", ""),
        ("0.0.0.0 192.0.2.1", "`192.0.2.1` is an address: DNS refuses names only"),
        ("||ads.example^", "`||ads.example^` is no host name"),
        ("*.apple.com", "`*.apple.com` is no host name"),
        ("a.example/b#", "`a.example/b` is no host name"),
        (f"{'a' * 64}.example", f"`{'a' * 64}.example` is no host name"),
        ("a.example b.example", "there are two words; hosts format begins with an address"),
    ],
)
def test_what_is_no_name_to_refuse_is_told_with_its_line(line, why):
    _, problems = read(f"good.example\n{line}\n")
    assert problems == ([f"ads:2: {why}"] if why else [])


@pytest.mark.parametrize(("name", "refused"), [("co.jp", True), ("gov.uk", True), ("t.co", False), ("ads.jp", False)])
def test_without_a_list_of_suffixes_the_usual_ones_are_known(name, refused):
    assert bool(read(name, frozenset())[1]) is refused


def test_a_name_of_another_script_is_taken_as_dns_knows_it():
    assert read("0.0.0.0 B\u00fccher.example\n\u4f8b\u3048.jp.\n") == ({"xn--bcher-kva.example", "xn--r8jz45g.jp"}, [])
    assert host_name("b\u00fccher.example") == "xn--bcher-kva.example"
    # Two rules for names take these letters differently, and one of them names somebody else.
    assert read("stra\u00dfe.example\n")[1] == ["ads:1: `stra\u00dfe.example` is no host name"]


@pytest.mark.parametrize(
    "line",
    ["a" * 10**6, "\0" * 10**6, ":" * 10**6, "a" * 60_000, "0.0.0.0 " + "a.example " * 10**5],
)
def test_a_line_without_an_end_is_told_in_a_few_words(line):
    _, (problem,) = read(f"{line}\ngood.example\n")
    assert len(problem) < 200


def test_what_a_list_has_is_told_without_the_signs_that_a_terminal_obeys():
    assert read("\x1b[31mads.example\n")[1] == ["ads:1: `?[31mads.example` is no host name"]


def test_another_kind_of_file_is_not_told_to_its_end():
    assert len(read("<html>\n" * 1000)[1]) == MOST_PROBLEMS


def test_a_list_has_a_bound():
    problems: list[BadLine] = []
    names_of("ads", (f"a{number}.example" for number in range(MOST_NAMES + 10)), SUFFIXES, problems)
    assert [each.message for each in problems] == [f"the list has more than {MOST_NAMES} names"]


def test_suffixes_are_those_of_registries():
    text = "// ===BEGIN ICANN DOMAINS===\ncom\n*.ck\n!www.ck\nco.uk\n// ===END ICANN DOMAINS===\ngithub.io\n"
    assert suffixes_of(text.splitlines()) == {"com", "co.uk"}


def test_an_allowed_name_is_out_with_all_below_it_and_one_below_a_withheld_name_is_asked_for():
    lines = [
        *server_lines(
            ["ads.example", "a.shop.example", "b.example"], ["video.example"], ["shop.example", "login.b.example"]
        )
    ]
    assert lines == [
        "server=/ads.example/\n",
        "server=/b.example/\n",
        "server=/video.example/\n",
        "server=/shop.example/#\n",
        "server=/login.b.example/#\n",
    ]


@pytest.mark.parametrize("text", ["com", "1.2.3.4", "a b.example", "", "-.example"])
def test_only_a_host_name_can_be_allowed(text):
    with pytest.raises(ValueError, match="is no host name"):
        host_name(text)
    assert host_name(" Login.Example.com. ") == "login.example.com"
