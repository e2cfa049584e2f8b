# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of blocked services: only of those that nobody may use, and none that another service needs."""

from esimshaper.core.model.services import Service
from esimshaper.core.saver.withheld_services import Names, blocked_for_all, names_of

CATALOGUE = {
    "apple": Service("apple", domains=("apple.com", "shared.example")),
    "apple-maps": Service("apple-maps", domains=("gsp.apple.com",)),
    "shop": Service("shop", domains=("shop.example", "shared.example")),
}


def test_a_service_is_withheld_only_where_no_client_may_use_it():
    assert blocked_for_all([{"apple", "shop"}, {"shop"}]) == ("shop",)
    assert blocked_for_all([{"apple"}, {"shop"}]) == ()
    assert blocked_for_all([]) == (), "nobody is there: nothing is known"


def test_names_that_another_service_needs_are_answered():
    assert names_of(["apple"], CATALOGUE) == Names(("apple.com",), ("gsp.apple.com",))
    assert names_of(["apple", "apple-maps", "shop"], CATALOGUE).kept == ()
    assert "shared.example" in names_of(["apple", "shop"], CATALOGUE).withheld


def test_a_service_that_no_catalogue_has_has_no_names():
    assert names_of(["gone", "unnamed"], CATALOGUE) == Names()
