# SPDX-License-Identifier: GPL-2.0-or-later
"""Metrics of many made-up states, as Prometheus reads them: each label set stands there once, and nothing is lost."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from esimshaper.core.model.counts import Counters, Event, Reason, sum_of
from esimshaper.core.model.identity import OTHERS, ROUTER, UNATTRIBUTED, Account, ClientKey, Identity
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import (
    EVERYONE,
    Action,
    ActionKind,
    ClientState,
    Level,
    Period,
    PeriodUnit,
    Quota,
    Subject,
    SubjectKind,
    Tally,
    Window,
)
from esimshaper.core.model.reading import Attachment, Hook, Reading, Table, Tunnels
from esimshaper.core.model.state import Booked, LimitsSlice, MeterSlice, NamesSlice, State
from esimshaper.core.report import metrics as report_metrics
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.edge.http import metrics
from tests import synthetic_router as router

MACS = [ClientKey(f"02:00:00:00:00:{n:02x}") for n in range(4)]
ADDRESSES = [ClientKey("10.64.0.2"), ClientKey("2001:db8::2")]
KEYS = [*MACS, *ADDRESSES, ROUTER, UNATTRIBUTED, OTHERS]
ODD = [
    *("alice", "Alice", "everyone", "client/alice", "group/kids", "kids", "née", "日本", "a b", 'a"b', "a\\b", "a\\"),
    *("{}", "#", "", "NaN", 'x"} 1\nfake{y="', "\udcff", "\x00", "\r", "others", "router", *MACS, *ADDRESSES),
]
LINKS = ["wwan0", "wwan1", "usb0", 'w"0']
sizes = st.integers(0, 2**63)
counters = st.builds(Counters, sizes, sizes, sizes, sizes)
subjects = st.one_of(
    st.just(EVERYONE),
    st.builds(Subject, st.just(SubjectKind.CLIENT), st.sampled_from(KEYS)),
    st.builds(Subject, st.just(SubjectKind.GROUP), st.sampled_from(ODD)),
)


@dataclass(frozen=True)
class Box:
    state: State
    facts: DaemonFacts


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
    totals = {key: draw(counters) for key in keys}
    identities = {
        key: Identity(key, draw(st.sampled_from(["", *ODD])), draw(st.sampled_from(ODD)))
        for key in draw(st.lists(st.sampled_from(KEYS), unique=True))
    }
    quotas = [
        Quota(name, EVERYONE, 10**9, Period(PeriodUnit.DAY), router.TOKYO, Action(ActionKind.BLOCK))
        for name in draw(st.lists(st.sampled_from(ODD), unique=True, max_size=4))
    ]
    tallies = tuple(
        Tally(quota.name, subject, Window(draw(sizes), draw(sizes)), draw(sizes), draw(sizes))
        for quota in quotas
        for subject in draw(st.lists(subjects, unique=True, max_size=4))
    )
    states = {subject: ClientState(draw(st.sampled_from(Level))) for subject in draw(st.lists(subjects, unique=True))}
    reading = Reading(
        7,
        1000.0,
        {},
        {Account(2 + number): key for number, key in enumerate(keys)},
        wasted={Account(2 + number): draw(sizes) for number in draw(st.sets(st.integers(0, len(KEYS))))},
        events={reason: Event(1, 2) for reason in draw(st.sets(st.sampled_from(Reason)))},
        tables=tuple(Table(name, 1, 2) for name in ("flows", "clients")),
        tunnels=Tunnels(draw(counters)),
    )
    booked = Booked(7, {}, {}, totals, _split(draw, sum_of(totals.values())))
    state = State(
        meter=MeterSlice(booked, reading, draw(st.sampled_from([(), router.ATTACHED, _on_all_links()]))),
        names=NamesSlice(identities),
        limits=LimitsSlice(LimitState(tallies), states),
    )
    return Box(state, router.facts(quotas=tuple(quotas), names={}, groups={}))


def _split(draw: st.DrawFn, total: Counters) -> Mapping[str, Counters]:
    """The sum of all clients, as it crossed one link or several."""
    first, *others = draw(st.lists(st.sampled_from(LINKS), unique=True, min_size=1))
    part = Counters(total.down_bytes // 7, total.up_bytes // 7)
    shares = dict.fromkeys(others, part)
    return {first: total - sum_of(shares.values()), **shares}


def _on_all_links() -> tuple[Attachment, ...]:
    return tuple(Attachment(link, hook, attached=True) for link in LINKS for hook in Hook)


def scraped(box: Box) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and number of each sample of ours, by the parser of another program."""
    app = metrics.application(lambda: report_metrics.metrics(box.state, box.facts))
    body = b"".join(app({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics", "QUERY_STRING": ""}, lambda *_: None))
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if sample.name.startswith("esimshaper_"):
                yield sample.name.removeprefix("esimshaper_"), sample.labels, sample.value


@settings(max_examples=60)
@given(boxes())
def test_no_label_set_stands_there_twice_and_none_is_lost_on_the_way(box: Box) -> None:
    found = Counter((name, *sorted(labels.items())) for name, labels, _ in scraped(box))
    assert set(found.values()) == {1}
    assert found.total() == sum(len(each.samples) for each in report_metrics.metrics(box.state, box.facts))


@given(boxes())
def test_the_sum_of_all_clients_is_that_of_all_links(box: Box) -> None:
    for each in report_metrics.metrics(box.state, box.facts):
        if each.name.startswith("esimshaper_client_receive"):
            clients = sum(each.samples.values())
        if each.name.startswith("esimshaper_wan_receive"):
            assert sum(each.samples.values()) == sum(total.down_bytes for total in box.state.totals.values())
            links = sum(each.samples.values())
    assert clients == links


@given(boxes())
def test_nobody_and_no_byte_is_left_out(box: Box) -> None:
    """Clients may share a label; then it has what all of them have."""
    samples = {
        each.name.removeprefix("esimshaper_"): each.samples for each in report_metrics.metrics(box.state, box.facts)
    }
    known = {*box.state.totals, *(box.state.names.identities.keys() - {OTHERS})}
    labels = {(box.state.names.identities.get(key) or Identity(key)).label for key in known}
    assert {label for label, *_ in samples["client_info"]} == labels
    assert {client for client, _ in samples["client_state"]} == labels
    assert sum(samples["client_wasted_bytes_total"].values()) == sum(box.state.meter.reading.wasted.values())
    shown = [
        each
        for each in box.state.limits.kept.tallies
        if each.used or each.subject != Subject(SubjectKind.CLIENT, OTHERS)
    ]
    assert sum(samples["quota_used_bytes"].values()) == sum(each.used for each in shown)
    assert sum(samples["quota_limit_bytes"].values()) == sum(10**9 + each.granted for each in shown)
    assert len(samples["program_attached"]) == len(box.state.meter.attachments)


@given(boxes(), st.sampled_from(Level), st.sampled_from(Level))
def test_who_shares_a_label_hides_no_state_of_the_other(box: Box, one: Level, other: Level) -> None:
    twins = {MACS[0]: one, MACS[1]: other}
    states = {Subject(SubjectKind.CLIENT, key): ClientState(level) for key, level in twins.items()}
    names = NamesSlice({key: Identity(key, "twin") for key in twins})
    state = replace(box.state, names=names, limits=replace(box.state.limits, states=states))
    (family,) = (each for each in report_metrics.metrics(state, box.facts) if each.name.endswith("client_state"))
    assert {level for (client, level), is_so in family.samples.items() if client == "twin" and is_so} == {
        one.value,
        other.value,
    }
