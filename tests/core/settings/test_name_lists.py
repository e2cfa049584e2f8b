# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of host names as others publish them: each line is taken, left out and told, or a mistake with its number."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.settings.name_lists import MOST_NAMES, MOST_PROBLEMS, service_of_list
from esimshaper.core.settings.services import services_from

V2FLY = """\
# what v2fly/domain-list-community looks like
include:other-list
example.com
domain:example.org @ads @!cn &more
full:www.example.net # exactly this one
regexp:^ad[0-9]+\\.example$
keyword:advert
"""
HOSTS = """\
127.0.0.1\tlocalhost localhost.localdomain
::1 ip6-localhost
255.255.255.255 broadcasthost
0.0.0.0 0.0.0.0

0.0.0.0 Ads.Example.COM tracker.example.com.
0.0.0.0 pixel.ads.example.com   # covered by the one before
"""


def domains(text: str) -> list[str]:
    return yaml.safe_load(service_of_list(text, "mine", None).text)["services"][0]["domains"]


def test_a_list_of_v2fly():
    made = service_of_list(V2FLY, "mine", "ads")
    assert yaml.safe_load(made.text) == {
        "services": [{"name": "mine", "category": "ads", "domains": ["example.com", "example.org", "www.example.net"]}]
    }
    assert [(each.line, each.message) for each in made.left_out] == [
        (2, "left out: `include:other-list` is another list"),
        (6, "left out: `regexp:^ad[0-9]+\\.example$` is a pattern"),
        (7, "left out: `keyword:advert` is a keyword"),
    ]


def test_a_file_of_hosts():
    assert domains(HOSTS) == ["ads.example.com", "tracker.example.com"]


def test_one_name_a_line_and_names_of_other_scripts():
    assert domains("例え.jp\r\nlocalhost\r\n_dns.example\r\n") == ["_dns.example", "xn--r8jz45g.jp"]


def test_what_looks_like_a_number_stays_a_name():
    text = service_of_list("1e3.5\n0x10.example\n", "mine", None).text
    assert yaml.safe_load(text)["services"][0]["domains"] == ["0x10.example", "1e3.5"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a.example\nhttps://b.example/\n", 2, "`https://b.example/` is no host name"),
        ("||ads.example^\n", 1, "is no host name"),
        ("a.example b.example\n", 1, "`b.example` stands behind a name"),
        ("0.0.0.0 good.example b@d.example\n", 1, "`b@d.example` is no host name"),
        ("domain:\n", 1, "is no host name"),
        (f"{'a' * 64}.example\n", 1, "is no host name"),
        ("", 0, "no host name is in this list"),
        ("# nothing\n127.0.0.1 localhost\n", 0, "no host name is in this list"),
    ],
)
def test_mistakes_have_their_line(text, line, said):
    made = service_of_list(text, "mine", None)
    (problem,) = made.problems
    assert (made.text, problem.line) == ("", line)
    assert said in problem.message


@pytest.mark.parametrize(("service", "category"), [("-x", None), ("ä", None), ("a" * 33, None), ("mine", "Video 2")])
def test_names_of_services_and_categories_are_those_of_the_catalogue(service, category):
    assert service_of_list("example.org", service, category).problems[0].line == 0


def test_too_many_names_are_refused_and_covered_ones_do_not_count():
    many = "\n".join(f"n{number}.example" for number in range(MOST_NAMES + 1))
    assert "too many" in service_of_list(many, "mine", None).problems[0].message
    assert domains(many + "\nexample\n") == ["example"]
    long = "\n".join(f"{'n' * 60}.{number}.example" for number in range(MOST_NAMES * 4 // 5))
    assert "too many" in service_of_list(long, "mine", None).problems[0].message


def test_a_file_of_another_kind_says_no_more_than_a_screen():
    problems = service_of_list("<html>\n" * 5000, "mine", None).problems
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1].message == "and 4,980 further lines like these"


@given(st.text(max_size=300))
def test_whatever_is_made_is_a_catalogue(text):
    made = service_of_list(text, "mine", None)
    assert bool(made.text) != bool(made.problems)
    if made.text:
        (service,), problems = services_from(yaml.safe_load(made.text))
        assert not problems
        assert service.domains
