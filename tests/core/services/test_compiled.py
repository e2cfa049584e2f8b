# SPDX-License-Identifier: GPL-2.0-or-later
"""A compiled catalogue says the same as the catalogue that it was made from."""

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from esimshaper.core.model.services import TCP, UDP, Ports, Service
from esimshaper.core.services.catalogue import catalogue_of
from esimshaper.core.services.compiled import compiled, services_of

SERVICES = (
    Service("my-tv", "video", {"en": "My TV"}, "mine", domains=("example.org", "cdn.example")),
    Service(
        "calls", "calls", addresses=(ip_network("17.0.0.0/8"), ip_network("2001:db8::/32")), ports=(Ports(UDP, 1, 9),)
    ),
    Service("system"),
)


def test_names_addresses_and_ports_are_kept() -> None:
    document = json.loads(json.dumps(compiled(SERVICES)))
    before, after = catalogue_of(SERVICES), catalogue_of(services_of(document))
    assert list(after.services) == ["my-tv", "calls", "system"]
    for name in ("a.example.org", "cdn.example", "example.com"):
        one, other = before.of_name(name), after.of_name(name)
        assert (one and one.name, one and one.category) == (other and other.name, other and other.category)
    for address, protocol, port in (("17.1.2.3", UDP, 9), ("17.1.2.3", TCP, 9), ("2001:db8::1", UDP, 10)):
        ends = ip_address(address), protocol, port
        one, other = before.of_address(*ends), after.of_address(*ends)
        assert (one and one.name) == (other and other.name)


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"version": 2, "services": []},
        {"version": 1},
        {"version": 1, "services": [{}]},
        {"version": 1, "services": [{**compiled(SERVICES)["services"][0], "addresses": ["x"]}]},
        {"version": 1, "services": [{**compiled(SERVICES)["services"][0], "ports": [[1]]}]},
    ],
)
def test_what_nobody_here_has_written_is_refused(damaged: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="compiled catalogue|x"):
        services_of(damaged)
