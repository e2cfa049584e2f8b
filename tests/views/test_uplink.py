# SPDX-License-Identifier: GPL-2.0-or-later
"""The uplink in `status` and `top`: never a bare "metering" while devices go another way."""

from dataclasses import replace

from esimshaper.core.model.reading import Detour
from esimshaper.core.model.scope import Scope
from esimshaper.core.report.documents import clients_document, status_document
from esimshaper.views.page import Line, Page
from esimshaper.views.pages import status_page
from esimshaper.views.top import Sample, top_page
from tests import synthetic_router as router


def texts(page: Page) -> list[str]:
    return [item.text for item in page if isinstance(item, Line)]


def both(detour: Detour, **link: object) -> tuple[list[str], list[str]]:
    """The lines of `status` and of `top`."""
    state = router.state()
    state = replace(state, meter=replace(state.meter, detour=detour))
    facts = replace(router.facts(), **link)
    status = status_document(state, facts, {}, {})
    clients = clients_document(state, router.facts(), {}, {})["clients"]
    return texts(status_page(status)), texts(top_page(Sample(0, status, clients, (), {}), 5, 5))


def test_uplink_without_a_detour_is_metering_and_has_both_of_its_names():
    status, top = both(Detour(has_way=True), wan_device="wwan0", stacked=("a is counted at b, why",))
    assert "WAN wwan0: metering" in status
    assert "  a is counted at b, why." in status
    assert not any("go out" in line for line in top)
    status, _ = both(Detour(), wan_device="modem0")
    assert "WAN wwan0 (modem0): metering" in status


def test_quotas_that_name_uplinks_or_a_plan_say_so_in_the_status():
    first, *others = router.facts().quotas
    status, _ = both(Detour(), quotas=(replace(first, scope=Scope(("hotel",))), *others))
    assert f"{first.name}: counts and holds what passes hotel" in status


def test_detour_is_in_the_first_lines_of_both():
    status, top = both(Detour(("wlan1", "tun0"), "devices reach the Internet by wlan1", has_way=True))
    assert "WAN wwan0: metering" not in status
    assert "WAN wwan0: metering, but devices go out by wlan1, tun0" in status
    assert "  Devices reach the Internet by wlan1." in status
    assert "devices go out by wlan1, tun0, uncounted" in top
