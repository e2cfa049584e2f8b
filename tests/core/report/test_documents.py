# SPDX-License-Identifier: GPL-2.0-or-later
"""Report: what documents and metrics promise."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.counts import Counters, Reason
from esimshaper.core.model.history import Bucket, HistoryRow, Pending, Resolution, Span
from esimshaper.core.model.identity import OTHERS, Account, ClientKey, Identity
from esimshaper.core.model.metrics import Metric
from esimshaper.core.model.reading import Attachment, Hook, Tunnels
from esimshaper.core.model.state import Booked, MeterSlice, NamesSlice, State
from esimshaper.core.report import documents
from esimshaper.core.report import metrics as report_metrics
from esimshaper.core.report.history import history_document
from tests import synthetic_router as router
from tests.synthetic_router import ALICE, BARE, NOW, PIXEL, facts


def samples(metrics: tuple[Metric, ...], name: str) -> dict:
    (metric,) = [m for m in metrics if m.name == f"esimshaper_{name}"]
    return dict(metric.samples)


def test_every_document_survives_json_unchanged():
    state, today = router.state(), router.usage_today(router.state())
    for document in (
        documents.status_document(state, facts(), today, today),
        documents.clients_document(state, facts(), today, today),
        documents.flows_document(state, facts(), router.flows(), count=4),
        history_document(NOW, Span.HOUR, router.history(Resolution.HOUR, None), limit=10),
    ):
        assert document["version"] == 1
        assert document["time"] == "2026-11-23T18:30:00+09:00"
        assert json.loads(json.dumps(document)) == document


def test_documents_and_metrics_exist_before_the_first_reading():
    nothing = State()
    status = documents.status_document(nothing, facts(), {}, {})
    nowhere = {"interfaces": [], "problem": None}
    link = {"interface": "wwan0", "device": "wwan0", "attached": False, "problems": [], "stacked": []}
    assert status["wan"] == link | {"detour": nowhere, "found_by": None}
    assert status["clients"] == {"count": 0, "top": []}
    assert documents.clients_document(nothing, facts(), {}, {})["clients"] == []
    assert samples(report_metrics.metrics(nothing, facts(tick_at=None)), "last_tick_timestamp_seconds") == {}
    assert samples(report_metrics.metrics(nothing, facts()), "default_route_counted") == {}


def test_clients_come_by_todays_bytes_with_pseudo_clients_among_them():
    state = router.state()
    entries = documents.clients_document(state, facts(), router.usage_today(state), {})["clients"]
    assert [e["client"] for e in entries] == ["alice-phone", PIXEL, "router", BARE, "unattributed"]
    alice = entries[0]
    assert alice["mac"] == ALICE
    assert alice["now"] == {"down_bits_per_second": 12_000_000, "up_bits_per_second": 320_000}
    assert alice["total"]["total_bytes"] == state.baseline.meter.totals[ALICE].total_bytes
    assert entries[2]["mac"] == ""
    assert entries[2]["key"] == "router"


def test_a_client_known_from_history_alone_is_listed():
    gone = ClientKey("02:00:00:00:00:99")
    entries = documents.clients_document(State(), facts(), {}, {gone: Counters(5, 6)})["clients"]
    assert [(e["key"], e["month"]["total_bytes"]) for e in entries] == [(gone, 11)]


def test_status_says_that_one_of_two_wan_hooks_is_missing_and_why():
    attachments = (
        Attachment("wwan0", Hook.WAN_INGRESS, attached=True),
        Attachment("wwan0", Hook.WAN_EGRESS, attached=False, problem="the clsact of wwan0 is gone"),
    )
    status = documents.status_document(router.state(attachments=attachments), facts(), {}, {})
    assert status["wan"]["attached"] is False
    assert status["wan"]["problems"] == ["the clsact of wwan0 is gone"]


def test_status_shows_storage_trouble_and_only_events_that_happened():
    ill = facts(storage_problem="disk full", metrics_problem="port taken")
    status = documents.status_document(router.state(), ill, {}, {})
    assert status["metrics"] == {"problem": "port taken"}
    assert status["storage"] == {"problem": "disk full", "unsaved_bytes": 1234}
    assert {e["reason"]: e["unattributed"] for e in status["events"]} == {"wan_in_flow_missing": True, "not_ip": False}
    assert status["program"]["uptime_seconds"] == 3 * 3600 + 12 * 60


def test_flows_carry_their_clients_names_in_the_order_given():
    document = documents.flows_document(router.state(), facts(), router.flows(), count=70)
    assert document["count"] == 70
    named = [(f["client"], f["key"], f["hostname"], f["protocol"]) for f in document["flows"]]
    assert named == [
        ("router", "router", "", "icmp"),
        (PIXEL, PIXEL, "Pixel-7-of-somebody-with-a-long-name", "udp"),
        (BARE, BARE, "", "99"),
        ("alice-phone", ALICE, "Alices-iPhone", "tcp"),
    ]
    assert document["flows"][3]["total_bytes"] == 2_030_000_000


def test_history_adds_clients_up_per_bucket_oldest_first_and_keeps_the_newest():
    rows = [
        HistoryRow(Resolution.HOUR, 7200, ALICE, Counters(10, 1)),
        HistoryRow(Resolution.HOUR, 3600, ALICE, Counters(5, 5), estimated=True),
        HistoryRow(Resolution.HOUR, 7200, PIXEL, Counters(20, 2)),
        HistoryRow(Resolution.HOUR, 0, PIXEL, Counters(1, 1)),
    ]
    document = history_document(NOW, Span.HOUR, rows, limit=2, client="x")
    assert [(r["start_unix"], r["total_bytes"], r["estimated"]) for r in document["rows"]] == [
        (3600, 10, True),
        (7200, 33, False),
    ]
    assert document["rows"][0]["start"] == "1970-01-01T10:00:00+09:00"


def test_pending_usage_counts_from_the_start_of_the_period_only():
    pending = {Bucket(600, ALICE): Pending(Counters(1, 1)), Bucket(900, ALICE): Pending(Counters(10, 10))}
    assert documents.plus_pending({ALICE: Counters(100, 0)}, pending, since=900) == {ALICE: Counters(110, 10)}


byte_counts = st.integers(min_value=0, max_value=2**50)
keys = st.sampled_from([ClientKey(k) for k in ("router", "unattributed", "02:00:00:00:00:10", "10.0.0.1", "aa")])


@given(
    totals=st.dictionaries(keys, st.builds(Counters, byte_counts, byte_counts)),
    names=st.dictionaries(keys, st.sampled_from(["", "tv", "router", "phone"])),
)
def test_clients_add_up_to_the_wan_whatever_they_are_called(totals, names):
    wan = sum(totals.values(), Counters())
    meter = MeterSlice(Booked(1, {}, {}, totals, {"wwan0": wan}))
    state = State(meter=meter, names=NamesSlice({key: Identity(key, name) for key, name in names.items()}))
    metrics = report_metrics.metrics(state, facts())
    for way in ("receive", "transmit"):
        clients = samples(metrics, f"client_{way}_bytes_total")
        assert sum(clients.values()) == sum(samples(metrics, f"wan_{way}_bytes_total").values())


def test_metrics_name_every_reason_even_before_it_happens():
    events = samples(report_metrics.metrics(router.state(), facts()), "datapath_events_total")
    assert set(events) == {(reason.label,) for reason in Reason}
    assert events[("wan_in_flow_missing",)] == 24
    assert events[("lan_clients_full",)] == 0


def test_metrics_tell_of_attachments_maps_and_the_configuration():
    attachments = (Attachment("wwan0", Hook.WAN_EGRESS, attached=False, problem="x"),)
    loaded = NOW - timedelta(days=1)
    state = router.state(attachments=attachments)
    metrics = report_metrics.metrics(state, facts(config_ok=False, config_loaded=loaded))
    assert samples(metrics, "program_attached") == {("wwan0", "wan_egress"): 0}
    assert samples(metrics, "map_entries")[("flows",)] == 60_000
    assert samples(metrics, "map_max_entries")[("flows",)] == 65_536
    assert samples(metrics, "config_last_reload_successful") == {(): 0}
    assert samples(metrics, "config_last_reload_success_timestamp_seconds") == {(): loaded.timestamp()}
    assert samples(metrics, "client_info")[("alice-phone", ALICE, "Alices-iPhone")] == 1


@pytest.mark.parametrize("sure", [True, False])
def test_metrics_say_whether_the_clock_was_ever_set(sure):
    state = router.state()
    state = replace(state, clock=replace(state.clock, trusted=sure))
    assert samples(report_metrics.metrics(state, facts()), "clock_sure") == {(): sure}


def test_others_are_shown_once_there_are_any():
    state = router.state()
    state = replace(state, names=NamesSlice({**state.names.identities, OTHERS: Identity(OTHERS)}))
    assert "others" not in [e["client"] for e in documents.clients_document(state, facts(), {}, {})["clients"]]
    totals = {**state.baseline.meter.totals, OTHERS: Counters(5_000, 500, 5, 5)}
    state = replace(state, meter=replace(state.meter, booked=replace(state.meter.booked, totals=totals)))
    assert "others" in [e["client"] for e in documents.clients_document(state, facts(), {}, {})["clients"]]
    assert samples(report_metrics.metrics(state, facts()), "client_receive_bytes_total")[("others",)] == 5_000


def test_count_of_clients_is_of_devices_that_have_moved_bytes():
    state = router.state()
    status = documents.status_document(state, facts(), {}, {})
    absent = ClientKey("02:00:00:00:00:99")
    state = replace(state, names=NamesSlice({**state.names.identities, absent: Identity(absent, "camera")}))
    assert documents.status_document(state, facts(), {}, {})["clients"]["count"] == status["clients"]["count"] == 3


def test_tunnel_whose_packets_are_not_found_outside_is_said():
    def problem(inside: int, outside: int) -> str | None:
        tunnels = Tunnels(Counters(outside, 0), {Account(2): Counters(inside, 0), Account(3): Counters(0, 10)})
        state = router.state()
        state = replace(state, meter=replace(state.meter, reading=replace(state.meter.reading, tunnels=tunnels)))
        return documents.status_document(state, facts(), {}, {})["tunnels"]["problem"]

    assert "other traffic of this router has such a port too" in problem(2_000_000, 4_000_000)
    assert "2.00 MB that passed inside tunnels only 0 B were seen" in problem(2_000_000, 0)
    assert problem(2_000_000, 1_990_000) is None
    assert problem(50_000, 0) is None, "a tunnel that is not up yet"
