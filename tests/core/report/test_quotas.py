# SPDX-License-Identifier: GPL-2.0-or-later
"""Report, limits: what the documents and metrics of quotas promise."""

import json
from dataclasses import replace

from esimshaper.core import commands
from esimshaper.core.model.identity import OTHERS
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import (
    EVERYONE,
    ClientState,
    Level,
    OverrideKind,
    ServicesState,
    Subject,
    SubjectKind,
)
from esimshaper.core.model.scope import Scope
from esimshaper.core.model.service_sets import ServiceSet
from esimshaper.core.model.state import State
from esimshaper.core.report import documents, line
from esimshaper.core.report import metrics as report_metrics
from esimshaper.core.report import quotas as report_quotas
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.report.me import Shown, Used, me_document
from tests import synthetic_router as router
from tests.synthetic_router import ALICE, BARE, NOW, PIXEL, RULES, TV, client, facts


def rows(state: State) -> dict[tuple[str, str], dict]:
    return {(row["quota"], row["subject"]): row for row in report_quotas.quotas_document(state, facts())["quotas"]}


def samples(state: State, name: str) -> dict:
    (metric,) = [m for m in report_metrics.metrics(state, facts()) if m.name == f"esimshaper_{name}"]
    return dict(metric.samples)


def test_documents_survive_json_unchanged():
    state = router.state()
    for document in (
        report_quotas.quotas_document(state, facts()),
        report_quotas.grant_document(state, facts(), client(ALICE), 10**6, 1_800_000_000),
        report_quotas.override_document(state, facts(), client(BARE)),
    ):
        assert document["version"] == 1
        assert json.loads(json.dumps(document)) == document


def test_rows_that_all_share_come_first_and_each_client_by_use():
    assert list(rows(router.state())) == [
        ("plan", "everyone"),
        ("tv-week", "group/living-room"),
        ("daily", "client/alice-phone"),
        ("daily", f"client/{PIXEL}"),
        ("daily", f"client/{BARE}"),
        ("alice-trip", "client/alice-phone"),
    ]


def test_a_row_says_what_is_left_until_when_and_what_happens_then():
    row = rows(router.state())["tv-week", "group/living-room"]
    assert (row["limit_bytes"], row["granted_bytes"]) == (5_100_000_000, 100_000_000)
    assert (row["used_bytes"], row["left_bytes"], row["reached"]) == (5_100_000_000, 0, True)
    assert (row["began"], row["renews"]) == ("2026-11-23T00:00:00+09:00", "2026-11-30T00:00:00+09:00")
    assert row["renews_unix"] - row["began_unix"] == 7 * 86400
    assert (row["action"], row["rate_bits_per_second"], row["state"]["level"]) == ("notify", None, "open")
    daily = rows(router.state())["daily", "client/alice-phone"]
    assert (daily["action"], daily["rate_bits_per_second"]) == ("throttle", 256_000)
    assert daily["state"]["reason"].startswith("daily: 512 MB used of 500 MB")
    assert rows(router.state())["alice-trip", "client/alice-phone"]["period"] == "30 days"


def test_a_moment_below_zero_is_shown_as_nothing_used():
    row = rows(router.state())["alice-trip", "client/alice-phone"]
    assert (row["used_bytes"], row["left_bytes"]) == (0, 2 * 2**30)
    assert samples(router.state(), "quota_used_bytes")["alice-trip", "client/alice-phone"] == 0


def test_a_client_that_was_never_here_has_its_configured_name():
    tally = router.tally_of("alice-trip", client(TV), 5)
    state = router.state()
    state = replace(state, limits=replace(state.limits, kept=LimitState(tallies=(tally,))))
    assert ("alice-trip", "client/tv") in rows(state)
    assert ("alice-trip", "client/tv") in samples(state, "quota_limit_bytes")


def test_tallies_of_quotas_that_are_gone_are_not_shown():
    gone = facts(quotas=router.QUOTAS[1:])
    assert "plan" not in {row["quota"] for row in report_quotas.quotas_document(router.state(), gone)["quotas"]}


def test_what_is_set_by_hand_and_ends_early_is_listed():
    document = report_quotas.quotas_document(router.state(), facts())
    (blocked,) = document["by_hand"]
    assert (blocked["subject"], blocked["setting"]) == (f"client/{BARE}", "block")
    assert blocked["until"] == "2026-11-23T20:00:00+09:00"
    (grant,) = document["grants"]
    assert (grant["quota"], grant["subject"], grant["bytes"]) == ("tv-week", "group/living-room", 100_000_000)
    assert grant["until_unix"] == NOW.timestamp() + 3600


def test_an_answer_tells_what_a_command_has_led_to():
    granted = commands.grant(router.state(), RULES, client(ALICE), 300_000_000)
    document = report_quotas.grant_document(granted, facts(), client(ALICE), 300_000_000)
    assert [(row["quota"], row["granted_bytes"]) for row in document["quotas"]] == [
        ("daily", 300_000_000),
        ("alice-trip", 300_000_000),
    ]
    assert (document["subject"], document["until"], document["until_unix"]) == ("client/alice-phone", None, None)
    allowed = commands.override(router.state(), EVERYONE, OverrideKind.ALLOW)
    assert report_quotas.override_document(allowed, facts(), EVERYONE)["setting"] == "allow"
    cleared = commands.override(allowed, EVERYONE, None)
    assert report_quotas.override_document(cleared, facts(), EVERYONE)["setting"] is None


def test_status_and_clients_say_how_everybody_stands():
    status = documents.status_document(router.state(), facts(), {}, {})
    assert status["quotas"]["count"] == 6
    shown = [(row["quota"], row["subject"]) for row in status["quotas"]["top"]]
    assert shown == [
        ("plan", "everyone"),
        ("tv-week", "group/living-room"),
        ("daily", "client/alice-phone"),
        ("daily", f"client/{PIXEL}"),  # warned; the other two have nothing to tell
    ]
    assert [each["subject"] for each in status["by_hand"]] == [f"client/{BARE}"]
    entries = {e["key"]: e for e in documents.clients_document(router.state(), facts(), {}, {})["clients"]}
    assert {key: e["state"]["level"] for key, e in entries.items()} == {
        ALICE: "throttled",
        PIXEL: "open",
        BARE: "blocked",
        "router": "open",
        "unattributed": "open",
    }
    assert entries[BARE]["state"]["reason"] == "blocked by hand until 20:00"
    assert (entries[BARE]["wasted_bytes"], entries[ALICE]["wasted_bytes"]) == (23_456, 0)


def of_scope(scope: Scope) -> DaemonFacts:
    """The first quota names something."""
    first, *others = facts().quotas
    return replace(facts(), quotas=(replace(first, scope=scope), *others))


def test_metrics_status_and_the_device_itself_say_which_uplinks_or_plan_a_quota_names():
    for scope, labels in (
        (Scope(("hotel", "modem")), [("hotel", ""), ("modem", "")]),
        (Scope(plan="japan"), [("", "japan")]),
    ):
        known, state = of_scope(scope), router.state()
        (metric,) = [m for m in report_metrics.metrics(state, known) if m.name == "esimshaper_quota_scope"]
        assert sorted(metric.samples) == [(known.quotas[0].name, *each) for each in labels]
        named = {"uplinks": list(scope.uplinks), "plan": scope.plan}
        quotas = [
            *me_document(state, known, Shown(), ALICE, Used())["quotas"],
            *report_quotas.glance(state, known)["top"],
        ]
        shown = [each for each in quotas if known.quotas[0].name in (each.get("name"), each.get("quota"))]
        assert len(shown) == 2
        assert all(named.items() <= each.items() for each in shown)
    assert not samples(router.state(), "quota_scope")


def of_services(*names: str) -> DaemonFacts:
    """The first quota, which is for everyone, names these services."""
    first, *others = facts().quotas
    return replace(facts(), quotas=(replace(first, services=ServiceSet(names)), *others))


def test_a_quota_by_service_says_of_what_it_is_and_is_no_plan_of_all_bytes():
    known, state = of_services("music", "video"), router.state()
    name = known.quotas[0].name
    rows = report_quotas.quotas_document(state, known)["quotas"]
    mine = me_document(state, known, Shown(), ALICE, Used())["quotas"]
    assert {row["quota"]: row["services"] for row in rows}[name] == ["music", "video"]
    assert {row["name"]: row["services"] for row in mine}[name] == ["music", "video"]
    assert {tuple(row["services"]) for row in rows} == {(), ("music", "video")}
    assert report_quotas.plan_entries(state, known) == []
    assert name not in line.usage(state, known)
    (metric,) = [m for m in report_metrics.metrics(state, known) if m.name == "esimshaper_quota_service"]
    assert dict(metric.samples) == {(name, "music"): 1, (name, "video"): 1}


def test_a_state_says_which_services_are_held_until_when():
    known, state = of_services("video"), router.state()
    until = int(NOW.timestamp()) + 7200
    held = ServicesState(ServiceSet(("video",)), Level.THROTTLED, "plan (video): slow", "plan", 256_000, until)
    states = {**state.limits.states, client(PIXEL): ClientState(services=(held,))}
    state = replace(state, limits=replace(state.limits, states=states))
    said = {
        "quota": "plan",
        "services": ["video"],
        "level": "throttled",
        "reason": "plan (video): slow",
        "rate_bits_per_second": 256_000,
        "until": "2026-11-23T20:30:00+09:00",
        "until_unix": until,
    }
    standing = report_quotas.state_entry(state, client(PIXEL), known.now.tzinfo)
    assert (standing["level"], standing["services"]) == ("open", [said])
    mine = me_document(state, known, Shown(), PIXEL, Used())["state"]
    assert (mine["level"], mine["services"]) == ("ok", [said])


def test_metrics_of_quotas_have_the_labels_of_the_configuration():
    state = router.state()
    assert samples(state, "quota_limit_bytes") == {
        ("plan", "everyone"): 10**10,
        ("daily", "client/alice-phone"): 500_000_000,
        ("daily", f"client/{PIXEL}"): 500_000_000,
        ("daily", f"client/{BARE}"): 500_000_000,
        ("tv-week", "group/living-room"): 5_100_000_000,  # with what was granted
        ("alice-trip", "client/alice-phone"): 2 * 2**30,
    }
    assert samples(state, "quota_used_bytes")["daily", "client/alice-phone"] == 512_345_678
    reset = samples(state, "quota_reset_timestamp_seconds")["plan", "everyone"]
    assert reset == 1_796_050_800  # date -d 2026-12-01T00:00:00+09:00 +%s
    start = samples(state, "quota_start_timestamp_seconds")["plan", "everyone"]
    assert start == 1_793_458_800  # date -d 2026-11-01T00:00:00+09:00 +%s


def test_each_client_is_in_one_state_and_all_three_are_there():
    states = samples(router.state(), "client_state")
    for label in ("alice-phone", PIXEL, BARE, "router", "unattributed"):
        assert sum(states[label, word] for word in ("open", "throttled", "blocked")) == 1
    assert (states["alice-phone", "throttled"], states[BARE, "blocked"], states[PIXEL, "open"]) == (1, 1, 1)
    assert samples(router.state(), "client_wasted_bytes_total")[BARE,] == 23_456


def test_without_quotas_or_readings_there_is_nothing_to_show_and_nothing_fails():
    document = report_quotas.quotas_document(State(), facts(quotas=()))
    assert (document["quotas"], document["by_hand"], document["grants"]) == ([], [], [])
    assert samples(State(), "quota_limit_bytes") == {}
    subject = Subject(SubjectKind.GROUP, "living-room")
    assert report_quotas.override_document(State(), facts(), subject)["state"]["level"] == "open"


def test_the_others_have_a_row_once_they_have_used_something():
    state = router.state()
    for used, shown in ((0, False), (5, True)):
        tally = router.tally_of("daily", client(OTHERS), used)
        some = replace(state, limits=replace(state.limits, kept=LimitState(tallies=(tally,))))
        assert (("daily", "client/others") in rows(some)) is shown
