# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue that is shipped is whole, and an owner's file goes before it or is refused with the place."""

from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest

from esimshaper.core.model.services import BUILT_IN
from esimshaper.core.services.catalogue import catalogue_of
from esimshaper.core.services.patterns import Pattern
from esimshaper.edge.settings_file.catalogue import OURS, CatalogueError, read_file, read_services

SHARED = (
    "googleapis.com",
    "gstatic.com",
    "akamaized.net",
    "cloudfront.net",
    "amazonaws.com",
    "apple.com",
    "google.com",
)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return read_services(tmp_path_factory.mktemp("none"))


def test_shipped_services_are_many_and_each_of_their_names_has_one(shipped):
    assert len(shipped) >= 80
    domains = Counter(domain for service in shipped for domain in service.domains)
    assert [domain for domain, times in domains.items() if times > 1] == []
    assert [service.name for service in shipped if not (service.domains or service.addresses or service.ports)] == [
        "system",
        "p2p",
        "calls",
    ]


def test_shipped_files_pass_every_check_of_an_owners_and_say_the_same_without_them(shipped):
    problems = []
    checked = [service for file in sorted(OURS.glob("*.yaml")) for service in read_file(file, problems)]
    assert problems == []
    assert tuple(checked) == shipped


def test_services_that_are_known_by_how_they_look_are_there(shipped):
    names = {service.name for service in shipped} | BUILT_IN
    assert {pattern.value for pattern in Pattern} <= names


def test_hosts_that_services_share_belong_to_none(shipped):
    catalogue = catalogue_of(shipped)
    assert [name for name in SHARED if catalogue.of_name(name)] == []


def test_longest_ending_counts_and_only_at_a_dot(shipped):
    catalogue = catalogue_of(shipped)
    assert catalogue.of_name("p01-content.icloud.com").name == "icloud"
    assert catalogue.of_name("mask.icloud.com").name == "private-relay"
    assert catalogue.of_name("notyoutube.com") is None


def test_address_and_port_must_both_fit_where_both_are_listed(shipped):
    catalogue = catalogue_of(shipped)
    assert catalogue.of_address(ip_address("17.1.2.3"), 17, 3478).name == "facetime"
    assert catalogue.of_address(ip_address("18.1.2.3"), 17, 3478) is None


def test_what_an_owner_writes_goes_before(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(
        "services:\n  - {name: tv, category: video, domains: [rr1.googlevideo.com, EXAMPLE.org.]}\n"
    )
    catalogue = catalogue_of(read_services(tmp_path))
    assert catalogue.of_name("a.example.org").name == "tv"
    assert catalogue.of_name("rr1.googlevideo.com").name == "tv"
    assert catalogue.of_name("rr2.googlevideo.com").name == "youtube"


def test_mistakes_of_an_owner_are_said_with_their_places(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(
        "services:\n"
        "  - {name: tv, domains: ['*.example.org', 'https://a.example']}\n"
        "  - {name: unnamed}\n"
        "  - {name: bank, addresses: [192.0.2.7/24], ports: [tcp/0, udp/9-8]}\n"
        "  - {name: bank2, domain: [a.example]}\n"
        "  - {name: My Bank}\n"
        "  - {name: x}\n"
        "  - {name: x}\n"
    )
    with pytest.raises(CatalogueError) as refused:
        read_services(tmp_path)
    found = [(each.line, each.message) for each in refused.value.problems]
    assert sorted(found) == [
        (2, "`*.example.org` is no host name"),
        (2, "`https://a.example` is no host name"),
        (3, "`unnamed` is what bytes are called that no file names"),
        (4, "`192.0.2.7/24` is no network"),
        (4, "`tcp/0` is no port"),
        (4, "`udp/9-8` is no port"),
        (5, "unknown key `domain`"),
        (6, "`My Bank` is not the name of a service"),
        (8, "`x` stands in this file twice"),
    ]
