# SPDX-License-Identifier: GPL-2.0-or-later
"""An address of several services is shared, and one of very many is none of theirs."""

from ipaddress import ip_address

from esimshaper.core.services.sharing import DISTRUST_SECONDS, PORTAL_SECONDS, PORTAL_SERVICES, Sharing, Tenancy

CDN, OWN = ip_address("198.51.100.9"), ip_address("198.51.100.10")


def test_address_is_shared_from_its_second_service_on() -> None:
    sharing = Sharing()
    assert sharing.note(CDN, "youtube", 0.0) == (Tenancy.ONE, False)
    assert sharing.note(CDN, "youtube", 1.0) == (Tenancy.ONE, False)
    assert sharing.note(CDN, "other", 2.0) == (Tenancy.SHARED, True)
    assert sharing.note(CDN, "youtube", 3.0) == (Tenancy.SHARED, False)
    assert (sharing.of(CDN, 9.0), sharing.of(OWN, 9.0)) == (Tenancy.SHARED, Tenancy.ONE)


def test_address_that_answers_for_everything_within_a_minute_is_distrusted_for_a_while() -> None:
    sharing = Sharing()
    found = [sharing.note(CDN, f"service-{number}", number) for number in range(PORTAL_SERVICES)]
    assert found[-1] == (Tenancy.PORTAL, True)
    assert {tenancy for tenancy, _ in found[:-1]} == {Tenancy.ONE, Tenancy.SHARED}
    later = PORTAL_SERVICES - 1 + DISTRUST_SECONDS
    assert sharing.of(CDN, later - 1) is Tenancy.PORTAL
    assert sharing.of(CDN, later) is Tenancy.SHARED


def test_many_services_over_a_long_time_are_those_of_a_network_of_caches() -> None:
    sharing = Sharing()
    for number in range(5 * PORTAL_SERVICES):
        sharing.note(CDN, f"service-{number}", number * PORTAL_SECONDS / (PORTAL_SERVICES - 2))
    assert sharing.of(CDN, 1e6) is Tenancy.SHARED


def test_tables_are_bounded() -> None:
    sharing = Sharing(size=4)
    for number in range(100):
        for service in ("youtube", "netflix"):
            sharing.note(ip_address(0x0B000000 + number), service, 0.0)
    assert len(sharing._services) == 4
