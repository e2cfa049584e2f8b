# SPDX-License-Identifier: GPL-2.0-or-later
"""What people are told while a plan is slow."""

from dataclasses import replace
from datetime import UTC, datetime

from esimshaper.core.model.ceiling import Ceiling, CeilingSlice
from esimshaper.core.model.limits import Window
from esimshaper.core.model.plan_state import KeptCount, KeptCourse, PlansSlice, PlanState, PlanTally, UplinkPlan
from esimshaper.core.model.shaping import Side
from esimshaper.core.model.state import State
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.report import slow
from esimshaper.core.report.frame import DaemonFacts
from esimshaper.core.report.metrics import metrics

HOUR = 3600
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOW = int(AT.timestamp())
LINK = {Side.DOWNLOAD: 40_000_000, Side.UPLOAD: None}
SHAPED = DaemonFacts(AT, "1", "wwan0", AT, shaped="modem", link=LINK)


def slowed(*ends: int, rate: int = 128_000, plan: str = "trip") -> State:
    counts = tuple(KeptCount(str(number), Window(0, end)) for number, end in enumerate(ends))
    kept = PlanState({"trip": PlanTally("trip", KeptCourse(0, counts=counts))}, {"modem": UplinkPlan(plan)})
    return State(plans=PlansSlice(kept, {"modem": rate}))


def test_the_sentence_says_until_when_what_is_done_and_what_for() -> None:
    (entry,) = slow.entries(slowed(NOW + 5 * HOUR, NOW + HOUR), SHAPED)
    assert (entry["held_down_bits_per_second"], entry["held_up_bits_per_second"]) == (108_800, 121_600)
    assert entry["until_unix"] == NOW + HOUR
    for part in ("plan trip is slow until", "128 kbit/s", "held to 109 kbit/s down and 122 kbit/s up", "equal shares"):
        assert part in entry["sentence"]


def test_nothing_is_said_of_an_end_that_never_comes_or_of_a_plan_that_nobody_knows() -> None:
    (forever,) = slow.entries(slowed(NOW + HOUR, 1 << 40), SHAPED)
    assert forever["until"] is None
    assert "until" not in forever["sentence"]
    (unknown,) = slow.entries(slowed(NOW + HOUR, plan=""), SHAPED)
    assert unknown["plan"] is None
    assert "the plan of modem, which is not known, is slow" in unknown["sentence"]


def test_devices_hear_of_the_uplink_that_they_use_and_of_no_other() -> None:
    state = slowed(NOW + HOUR)
    assert (slow.of_all(state, SHAPED) or {})["bits_per_second"] == 128_000
    assert slow.of_all(state, replace(SHAPED, shaped="hotel")) is None
    assert slow.of_all(state, replace(SHAPED, shaped="")) is not None
    two = (Uplink("modem", ("wwan0",)), Uplink("hotel", ("wlan0",)))
    assert slow.of_all(state, replace(SHAPED, shaped="", uplinks=two)) is None


def test_an_uplink_without_our_classes_is_not_said_to_be_held() -> None:
    other = replace(SHAPED, shaped="hotel")
    (entry,) = slow.entries(slowed(NOW + HOUR), other)
    assert entry["held_down_bits_per_second"] is None
    assert "Traffic is shaped at hotel only" in entry["sentence"]
    assert slow.held_rates(slowed(NOW + HOUR), other) == {}


def measured(**rates: int) -> State:
    ceilings = {("modem", Side(name)): Ceiling(rate=rate) for name, rate in rates.items()}
    return State(ceilings=CeilingSlice(ceilings))


def test_what_was_measured_is_said_as_such_by_direction() -> None:
    (entry,) = slow.entries(measured(download=200_000), SHAPED)
    assert (entry["known_by"], entry["bits_per_second"], entry["plan"]) == ("measure", 200_000, None)
    assert (entry["held_down_bits_per_second"], entry["held_up_bits_per_second"]) == (170_000, None)
    assert "gives modem 200 kbit/s down, as measured, though nothing written says so" in entry["sentence"]
    (both,) = slow.entries(measured(download=200_000, upload=100_000), SHAPED)
    assert "held to 170 kbit/s down and 95.0 kbit/s up" in both["sentence"]
    (other,) = slow.entries(measured(download=200_000), replace(SHAPED, shaped="hotel"))
    assert "shaped at hotel only" in other["sentence"]


def test_the_lower_of_terms_and_measure_holds() -> None:
    state = replace(slowed(NOW + HOUR, rate=300_000), ceilings=measured(download=200_000).ceilings)
    assert slow.held_rates(state, SHAPED) == {("modem", "download"): 170_000, ("modem", "upload"): 285_000}
    assert [each["known_by"] for each in slow.entries(state, SHAPED)] == ["terms", "measure"]


def test_a_plan_that_lets_nothing_pass_is_not_called_slow() -> None:
    assert slow.entries(slowed(NOW + HOUR, rate=0), SHAPED) == []
    assert slow.entries(State(), SHAPED) == []


def test_the_metric_is_there_while_the_link_is_held() -> None:
    def samples(state: State) -> dict[tuple[str, ...], float]:
        return dict(next(m.samples for m in metrics(state, SHAPED) if m.name.endswith("link_held_bits_per_second")))

    assert samples(slowed(NOW + HOUR)) == {("modem", "download"): 108_800, ("modem", "upload"): 121_600}
    assert samples(State()) == {}
