# SPDX-License-Identifier: GPL-2.0-or-later
"""Several uplinks in documents, on the page of status and in the metrics."""

from dataclasses import replace

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.state import Carried
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.report.documents import status_document
from esimshaper.core.report.metrics import metrics
from esimshaper.views.page import Line
from esimshaper.views.pages import status_page
from tests.synthetic_router import facts, state

UPLINKS = (
    Uplink("cellular", "wwan*", interfaces=("wwan0",)),
    Uplink("hotel", "wlan1", metered=False, interfaces=("wlan1",)),
)


def carrying(**totals: Counters):
    before = state()
    assert before.meter.booked
    booked = replace(before.meter.booked, carried=Carried(totals=totals))
    return replace(before, meter=replace(before.meter, booked=booked))


def wan_samples(found):
    return {
        (family.name, labels): value
        for family in found
        if "wan_" in family.name
        for labels, value in family.samples.items()
    }


def test_one_uplink_has_all_that_clients_used():
    (entry,) = status_document(state(), facts(), {}, {})["uplinks"]
    assert (entry["name"], entry["metered"]) == ("wan", True)
    assert entry["total"] == status_document(state(), facts(), {}, {})["total"]
    assert not any(" since counting began" in line for line in lines(state(), facts()))


def lines(of_state, of_facts):
    page = status_page(status_document(of_state, of_facts, {}, {}))
    return [line.text for line in page if isinstance(line, Line)]


def test_of_several_each_has_its_own():
    now, named = carrying(cellular=Counters(3_000_000, 1_000_000), hotel=Counters(5_000_000)), facts(uplinks=UPLINKS)
    first, second = status_document(now, named, {}, {})["uplinks"]
    assert (first["interface"], first["attached"], first["total"]["total_bytes"]) == ("wwan0", True, 4_000_000)
    assert (second["interface"], second["attached"], second["metered"]) == ("wlan1", False, False)
    assert "  cellular (wwan0): 4.00 MB since counting began" in lines(now, named)
    assert "  hotel (wlan1), which no quota looks at, not here now: 5.00 MB since counting began" in lines(now, named)


def test_metrics_of_several_have_the_uplink_beside_its_interface():
    found = wan_samples(
        metrics(carrying(cellular=Counters(3, 1), hotel=Counters(5)), facts(uplinks=UPLINKS)),
    )
    assert found == {
        ("esimshaper_wan_receive_bytes_total", ("wwan0", "cellular")): 3,
        ("esimshaper_wan_receive_bytes_total", ("wlan1", "hotel")): 5,
        ("esimshaper_wan_transmit_bytes_total", ("wwan0", "cellular")): 1,
        ("esimshaper_wan_transmit_bytes_total", ("wlan1", "hotel")): 0,
    }
