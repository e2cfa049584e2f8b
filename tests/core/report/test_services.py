# SPDX-License-Identifier: GPL-2.0-or-later
"""Report, services: sums are those of the clients, nothing is below zero, and hosts are in no document but `flows`."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Resolution, Span, Sums
from esimshaper.core.model.metrics import ServiceMetrics
from esimshaper.core.model.requests import ServicesQuery
from esimshaper.core.model.services import NO_VOLUME, UNNAMED, Volume
from esimshaper.core.report import documents
from esimshaper.core.report.history import history_document, with_services
from esimshaper.core.report.metrics import metrics
from esimshaper.core.report.services import Choice, find_choice, named, services_document
from tests import synthetic_router as router
from tests.synthetic_router import ALICE, BARE, NOW, PIXEL, TOKYO, facts
from tests.synthetic_services import PARTS, counted, sums_of

MIDNIGHT = int(NOW.replace(hour=0, minute=0).timestamp())
USED = {ALICE: Counters(1_000_000, 10_000), PIXEL: Counters(2_000, 100)}


def document(choice: Choice = Choice(), used: Sums | None = None):  # noqa: B008 - a value
    return services_document(counted(router.state()), facts(), MIDNIGHT, used or sums_of(USED), choice)


def test_services_have_the_sum_of_their_clients_most_first():
    shown = document()
    assert sum(entry["total_bytes"] for entry in shown["services"]) == shown["total"]["total_bytes"] == 1_012_100
    sizes = [entry["total_bytes"] for entry in shown["services"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 506_050
    first = shown["services"][0]
    assert (first["service"], first["category"], first["titles"]) == ("youtube", "video", {"en": "YouTube"})
    assert [(each["client"], each["total_bytes"]) for each in first["clients"]] == [
        ("alice-phone", 505_000),
        (PIXEL, 1_050),
    ]
    assert first["now"]["down_bits_per_second"] == (1_500_000 + 2_000) * 8 // 2
    assert {e["service"]: e["category"] for e in shown["services"]} | {"icloud": "cloud-sync"} == {
        "youtube": "video", "icloud": "cloud-sync", "line": "messages", "hidden": "hidden", "other": None,
        "my-bank": None, "unnamed": None,
    }  # fmt: skip
    assert shown["since"] == "2026-11-23T00:00:00+09:00"
    kinds = {each["category"]: each["total_bytes"] for each in shown["categories"]}
    assert sum(kinds.values()) == 1_012_100
    assert kinds["video"] == 506_050


def test_a_service_that_only_moves_now_has_a_row_too():
    state = counted(router.state())
    state = replace(state, rates=replace(state.rates, by_service={ALICE: {"line": Volume(10, 1)}}))
    shown = services_document(state, facts(), MIDNIGHT, Sums(), Choice())
    assert [(each["service"], each["total_bytes"]) for each in shown["services"]] == [("line", 0)]
    of_another = services_document(state, facts(), MIDNIGHT, Sums(), Choice((PIXEL,), "pixel"))
    assert of_another["services"] == []


def test_a_category_and_a_service_are_shares_of_all():
    video = document(Choice(category="video"))
    assert [each["service"] for each in video["services"]] == ["youtube"]
    assert video["total"]["total_bytes"] == 1_012_100
    assert [each["service"] for each in document(Choice(service="unnamed"))["services"]] == ["unnamed"]


@pytest.mark.parametrize(
    ("query", "choice"),
    [
        (ServicesQuery(), Choice()),
        (ServicesQuery("alice-phone"), Choice((ALICE,), "alice-phone")),
        (ServicesQuery("alice-phone", "Video"), Choice((ALICE,), "alice-phone", "video")),
        (ServicesQuery("youtube"), Choice(service="youtube")),
        (ServicesQuery("cloud sync"), Choice(category="cloud-sync")),
        (ServicesQuery(service="爱奇艺"), Choice(service="iqiyi")),
        (ServicesQuery(service="アイクラウド"), Choice(service="icloud")),
        (ServicesQuery(service="hidden"), Choice(service="hidden")),
        (ServicesQuery(category="hidden"), Choice(category="hidden")),
    ],
)
def test_people_name_a_client_a_category_or_a_service(query, choice):
    assert find_choice(counted(router.state()), facts(), query) == choice


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (ServicesQuery("nobody"), "there is no client 'nobody'"),
        (ServicesQuery(service="youtub"), "did you mean `youtube`?"),
        (ServicesQuery(category="vdeo"), "did you mean `video`?"),
        (ServicesQuery(category="zzz"), "`esimshaper services --since month` shows what there is"),
    ],
)
def test_what_nobody_knows_is_said(query, sentence):
    with pytest.raises(ValueError, match="there is no") as error:
        find_choice(counted(router.state()), facts(), query)
    assert sentence in str(error.value)


sizes = st.integers(-(2**40), 2**40)
counters = st.builds(Counters, st.integers(0, 2**41), st.integers(0, 2**41))
services = st.dictionaries(st.sampled_from(["youtube", "line", "hidden", "other"]), st.builds(Volume, sizes, sizes))


@given(counters, services)
def test_no_service_is_below_zero_and_their_sum_is_the_clients(billed, found):
    shown = named(billed, found)
    assert sum(shown.values(), NO_VOLUME) == Volume(billed.down_bytes, billed.up_bytes)
    assert all(min(volume.down_bytes, volume.up_bytes) >= 0 for volume in shown.values())


def test_where_services_are_not_counted_that_is_said_and_clients_have_none():
    state = router.state()
    assert services_document(state, facts(), MIDNIGHT, Sums(USED), Choice())["counted"] is False
    entries = documents.clients_document(state, facts(), USED, USED)["clients"]
    assert all(set(entry["services"].values()) == {None} for entry in entries)
    assert set(documents.status_document(state, facts(), USED, USED)["services"].values()) == {None}
    assert [family for family in metrics(state, facts()) if "_service_" in family.name and family.samples] == []


def test_clients_have_their_busiest_service_and_what_has_none():
    state = counted(router.state())
    shown = documents.clients_document(state, facts(), USED, USED, None, sums_of(USED).services)["clients"]
    alice, bare = (next(each for each in shown if each["key"] == key) for key in (ALICE, BARE))
    of_alice = sums_of(USED).services[ALICE]
    assert alice["services"] == {
        "now": "youtube",
        "today": "youtube",
        "unnamed_bytes": 1_010_000 - sum(volume.total_bytes for volume in of_alice.values()),
        "hidden_bytes": 80_800,
    }
    status = documents.status_document(state, facts(), USED, USED, sums_of(USED).services)
    assert status["services"] == {
        key: sum(each["services"][key] for each in shown) for key in ("unnamed_bytes", "hidden_bytes")
    }
    assert bare["services"] == {"now": None, "today": None, "unnamed_bytes": 0, "hidden_bytes": 0}


def test_history_says_what_each_period_was_for():
    rows = [
        HistoryRow(Resolution.DAY, MIDNIGHT - 86400, ALICE, Counters(100, 10), services={"line": Volume(90, 10)}),
        HistoryRow(Resolution.DAY, MIDNIGHT, ALICE, Counters(50), services={"line": Volume(-5), "other": Volume(55)}),
    ]
    saved = {MIDNIGHT - 86400: {"line": Volume(1000), "youtube": Volume(0, 7)}}
    billed = [*rows, HistoryRow(Resolution.DAY, MIDNIGHT - 86400, PIXEL, Counters(2000, 7))]
    shown = with_services(history_document(NOW, Span.DAY, billed, limit=9), Span.DAY, TOKYO, saved, rows)
    first, second = ([(e["service"], e["total_bytes"]) for e in row["services"]] for row in shown["rows"])
    assert first == [("line", 1100), (UNNAMED, 1010), ("youtube", 7)]
    assert second == [("other", 50)]
    weeks = with_services(history_document(NOW, Span.WEEK, billed, limit=9), Span.WEEK, TOKYO, saved, rows)
    assert sum(e["total_bytes"] for row in weeks["rows"] for e in row["services"]) == 2167


def samples(name: str, **changes):
    families = metrics(counted(router.state()), facts(**changes))
    return next((each.samples for each in families if each.name == f"esimshaper_{name}"), None)


def test_metrics_of_services_have_the_sum_of_the_wan():
    for way in ("receive", "transmit"):
        found = samples(f"service_{way}_bytes_total")
        assert sum(found.values()) == sum(samples(f"wan_{way}_bytes_total").values())
        assert set(found) >= {("youtube", "video"), ("hidden", "hidden"), ("unnamed", "")}


def test_metrics_of_clients_and_services_are_for_who_asks_for_them():
    assert samples("client_service_bytes_total") is None
    found = samples("client_service_bytes_total", service_metrics=ServiceMetrics.CLIENTS)
    of_alice = {labels[1:]: size for labels, size in found.items() if labels[0] == "alice-phone"}
    assert of_alice["youtube", "receive"] == 4_812_345_678 * PARTS["youtube"] // 100
    assert sum(of_alice.values()) == 4_812_345_678 + 212_345_678
    assert 0 not in found.values()


def test_hosts_are_in_flows_alone():
    state, used = counted(router.state()), sums_of(USED)
    host = router.flows()[-1].name
    shown = documents.flows_document(state, facts(), router.flows(), count=4)
    video = shown["flows"][-1]
    assert (video["name"], video["service"], video["category"], video["how"]) == (host, "youtube", "video", "sni")
    assert shown["flows"][0]["name"] is None
    others = (
        documents.status_document(state, facts(), USED, USED, used.services),
        documents.clients_document(state, facts(), USED, USED, None, used.services),
        document(),
    )
    assert all(host not in json.dumps(each) for each in others)
    assert all(host not in str(family.samples) for family in metrics(state, facts()))
