# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans in the pipeline: whose bytes they are, eSIMs that come and go, restarts, clocks, what people hear."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from esimshaper.core.commands import resume
from esimshaper.core.model.counts import Counters
from esimshaper.core.model.identity import ROUTER, UNATTRIBUTED, Account, ClientKey
from esimshaper.core.model.modems import Modem, Registration
from esimshaper.core.model.plan import Event
from esimshaper.core.model.plan_state import PlansSlice
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import State
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.pipeline import advance, begin_tick
from esimshaper.core.plan import ticking
from esimshaper.core.plan.counting import Bytes, counted
from esimshaper.core.saving.booking import note_saved
from esimshaper.edge.settings_file.plans import read_plans

A, ALICE = Account(2), ClientKey("02:00:00:00:00:10")
OWNERS = {Account(0): UNATTRIBUTED, Account(1): ROUTER, A: ALICE}
MB, GB = 10**6, 10**9
NOW = 1_800_000_000.0
ONE, TWO, ODD = "8981100000000000018", "8981100000000000026", "8981100000000000034"

TEXT = f"""
plans:
- name: one
  iccid: "{ONE}"
  zone: Asia/Tokyo
  currency: JPY
  lasts: {{days: 30, from: first-use}}
  price: 990
  meters:
  - window: lifetime
    steps: [{{from: 100MB, rate: 300kbit}}]
- name: two
  iccid: "{TWO}"
  zone: Asia/Tokyo
  currency: JPY
  meters:
  - {{window: month, steps: [{{from: 0, price: 990}}, {{from: 300MB, price: 2090}}]}}
  - {{counts: roaming, window: month, steps: [{{from: 50MB, rate: 128kbit}}]}}
- {{name: cable, interface: eth0, meters: [{{window: day, steps: [{{from: 1GB, rate: stop}}]}}]}}
"""


class Router:
    """The daemon without its edges, with a modem."""

    def __init__(self, folder, text=TEXT, wan="wwan0"):
        file = folder / "plans.yaml"
        file.write_text(text)
        self.rules = Rules(wan, UTC, plans=read_plans(file))
        self.state, self.now, self.boottime, self.epoch, self.count = State(), NOW, 1000.0, 7, 0
        self.modems, self.trusted, self.disk = (), True, None
        self.heard = []

    def sim(self, iccid, registration=Registration.HOME, connects=1):
        self.modems = (Modem(iccid, interface="wwan0", registration=registration, connects=connects),)

    def tick(self, size=0, seconds=1.0):
        self.now, self.boottime, self.count = self.now + seconds, self.boottime + seconds, self.count + size
        reading = Reading(self.epoch, self.boottime, {A: Counters(self.count, 0, 1, 0)}, OWNERS)
        seen = Observation(reading, clock_trusted=self.trusted, modems=self.modems)
        self.state, outcome = advance(self.state, self.rules, self.now, seen)
        if outcome.booking:
            self.state = note_saved(self.state, outcome.booking)
            self.disk = outcome.booking.baseline
            self.heard += [notice.text for notice in outcome.booking.notices]
        return outcome

    def save(self):
        """Passes the minute after which all is saved."""
        self.tick(0, 61)

    def restart(self):
        self.state = resume(self.disk)

    def reboot(self):
        self.restart()
        self.epoch, self.boottime, self.count = self.epoch + 1, 5.0, 0

    def counted(self, name):
        tally = self.state.plans.kept.tallies.get(name)
        return tally.counted if tally else 0

    @property
    def uplink(self):
        return self.state.plans.kept.uplinks["wan"]


@pytest.fixture
def router(tmp_path):
    found = Router(tmp_path)
    found.sim(ONE)
    found.tick()
    return found


def test_bytes_are_of_the_plan_whose_sim_is_in_the_modem(router):
    router.tick(40 * MB)
    router.sim(TWO)
    router.tick(7 * MB)
    assert (router.counted("one"), router.counted("two")) == (40 * MB, 7 * MB)
    at = int(router.now)
    assert router.state.plans.kept.intervals == (
        ("one", "wan", at - 2, at),
        ("two", "wan", at, None),
    )


def test_first_use_is_found_by_the_first_byte(router):
    router.tick(0, 3600)
    assert router.state.plans.kept.tallies["one"].course.life is None
    router.tick(5)
    course = router.state.plans.kept.tallies["one"].course
    assert course.moments[Event.FIRST_USE] == course.life.start == int(router.now)


def test_bytes_before_the_sim_is_read_wait_and_are_booked_to_it(tmp_path):
    router = Router(tmp_path)
    router.tick(0)
    router.tick(5 * MB)
    begun = int(router.now)
    router.sim("")
    router.tick(3 * MB)
    assert router.uplink.waiting.size == 8 * MB
    router.sim(ONE)
    router.tick(MB)
    assert (router.counted("one"), router.uplink.waiting.size) == (9 * MB, 0)
    assert router.state.plans.kept.tallies["one"].course.moments[Event.FIRST_USE] == begun


def test_a_swap_mixes_nothing(router):
    router.tick(10 * MB)
    router.modems = ()
    router.tick(2 * MB)  # passed before the modem went
    router.tick(3 * MB)  # whoever comes next
    router.sim("")
    router.tick(4 * MB)
    router.sim(TWO)
    router.tick(5 * MB)
    assert (router.counted("one"), router.counted("two")) == (12 * MB, 12 * MB)


@pytest.mark.parametrize("same", [True, False])
def test_a_swap_while_the_daemon_is_down(router, same):
    router.tick(10 * MB)
    router.save()
    router.restart()
    router.modems = ()
    router.tick(6 * MB)  # nobody saw when
    router.sim("")
    router.tick(MB)
    router.save()
    router.restart()
    router.sim(ONE if same else TWO)
    router.tick(2 * MB)
    router.save()
    counted = (router.counted("one"), router.counted("two"), router.uplink.lost)
    assert counted == ((19 * MB, 0, 0) if same else (10 * MB, MB, 8 * MB))
    assert any("nobody knows of which plan" in text for text in router.heard) is not same


def test_a_swap_while_the_box_is_off_loses_nothing(router):
    router.tick(10 * MB)
    router.save()
    router.reboot()
    router.modems = ()
    router.tick(3 * MB)
    router.sim(TWO)
    router.tick(MB)
    assert (router.counted("one"), router.counted("two"), router.uplink.lost) == (10 * MB, 4 * MB, 0)


def test_an_unknown_sim_is_said_and_never_taken_for_another(router):
    router.tick(101 * MB)
    router.sim(ODD)
    outcome = router.tick(9 * MB)
    assert outcome.plan_rates == {"wan": 300_000}  # the strictest meanwhile
    router.save()
    router.tick(MB)
    assert (router.counted("one"), router.counted("two"), router.uplink.waiting.size) == (101 * MB, 0, 10 * MB)
    assert [text for text in router.heard if "0034" in text] == [
        "the eSIM ...0034 at wan is of no plan: its bytes wait until `esimshaper plan switch NAME` says which it is, "
        "or a plan of the configuration has its iccid"
    ]


def test_the_rate_in_force_is_that_of_the_terms(router):
    assert router.tick(100 * MB - 1).plan_rates == {}
    assert router.tick(1).plan_rates == {"wan": 300_000}
    router.sim(TWO)
    assert router.tick(1).plan_rates == {}


def test_a_restart_repeats_no_byte_and_no_notice(router):
    router.tick(91 * MB)
    router.save()
    heard = list(router.heard)
    before = router.state.plans.kept
    router.restart()
    router.tick()
    router.save()
    assert router.state.plans.kept.tallies["one"].course == before.tallies["one"].course
    assert router.heard == heard
    assert [text for text in heard if "left; then it is held to 300 kbit/s" in text]


def test_a_registration_that_is_not_known_counts_in_all_meters(router):
    router.sim(TWO, Registration.UNKNOWN)
    router.tick(20 * MB)
    router.sim(TWO, Registration.ROAMING)
    router.tick(10 * MB)
    router.sim(TWO, Registration.HOME)
    router.tick(5 * MB)
    used = {count.label: count.used for count in router.state.plans.kept.tallies["two"].course.counts}
    assert used == {"all/month": 35 * MB, "roaming/month": 30 * MB}


def test_people_hear_before_a_step_of_price(router):
    router.sim(TWO)
    router.tick(280 * MB)
    router.save()
    assert any("the byte after that costs 1,100 JPY, from 990 JPY to 2,090 JPY" in text for text in router.heard)


def test_people_hear_of_a_step_of_price_that_came_too_fast_to_warn(router):
    router.sim(TWO)
    router.tick(10 * MB)
    router.tick(300 * MB)
    router.tick(300 * MB)
    said = "plan two costs 2,090 JPY now, 1,100 JPY more than a moment ago: beyond 300 MB its price has a step"
    assert [text for text in router.heard if "JPY" in text] == [said]


def test_a_step_of_price_that_was_told_before_is_told_once(router):
    router.sim(TWO)
    router.tick(290 * MB)
    router.tick(20 * MB)
    assert len([text for text in router.heard if "JPY" in text]) == 1


def test_what_a_wrong_clock_counted_moves_to_the_right_time(tmp_path):
    router = Router(tmp_path)
    router.trusted, router.now = False, 1000.0
    router.sim(ONE)
    router.tick(0)
    router.tick(30 * MB)
    router.tick(0, 100)
    router.trusted, router.now = True, NOW
    router.tick(MB)
    tally = router.state.plans.kept.tallies["one"]
    assert tally.course.life.start == int(NOW + 1) - 101
    assert (tally.counted, tally.course.counts[0].used) == (31 * MB, 31 * MB)


def test_an_interface_has_its_plan_without_a_modem(tmp_path):
    router = Router(tmp_path, wan="eth0")
    router.rules = replace(router.rules, plans=router.rules.plans[2:])
    router.tick()
    router.tick(2 * MB)
    assert router.counted("cable") == 2 * MB


def test_free_bytes_and_those_taken_off_again_are_made_up_for(tmp_path):
    text = TEXT.replace("  price: 990\n", "  price: 990\n  free: [{service: line}]\n", 1)
    router = Router(tmp_path, text)
    router.sim(ONE)
    router.tick()
    router.tick(5 * MB)
    tally = router.state.plans.kept.tallies["one"]
    plan = router.rules.plans[0]
    named = counted(tally, plan, Bytes(MB, free={"line": 3 * MB}), int(router.now) + 1, roaming=False)
    assert (named.counted, named.free, named.credit) == (5 * MB, 3 * MB, 2 * MB)
    later = counted(named, plan, Bytes(4 * MB), int(router.now) + 2, roaming=False)
    assert (later.counted, later.credit, later.course.counts[0].used) == (7 * MB, 0, 7 * MB)


def test_a_plan_ends_also_while_another_one_is_used(router):
    router.tick(MB)
    router.sim(TWO)
    router.tick(0)
    router.tick(0, 31 * 86400)
    router.save()
    assert router.state.plans.kept.tallies["one"].course.is_over
    assert any("plan one is over since" in text for text in router.heard)


def test_the_state_of_a_plan_does_not_grow(router):
    sizes = []
    for _ in range(3):
        for _ in range(200):
            router.tick(1, 3600)
        tally = router.state.plans.kept.tallies["one"]
        sizes.append(len(repr(tally)))
    assert sizes[2] <= sizes[1] + 200
    assert datetime.fromtimestamp(tally.seen, UTC)


def test_each_uplink_has_its_plan_and_free_bytes_are_those_that_took_no_other_way(tmp_path):
    text = TEXT.replace("  price: 990\n", "  price: 990\n  free: [{service: line}]\n", 1)
    router = Router(tmp_path, text)
    router.sim(ONE)
    ways = (Uplink("cellular", "wwan0", interfaces=("wwan0",)), Uplink("dsl", "eth0", interfaces=("eth0",)))
    rules = replace(router.rules, uplinks=ways)
    reading = Reading(7, 1000.0, {}, OWNERS)
    tick = begin_tick(State(), rules, NOW, Observation(reading, modems=router.modems))
    usage = {"cellular": {ALICE: Counters(9 * MB)}, "dsl": {ALICE: Counters(4 * MB)}}
    passing = ticking.passing_of(tick, usage, {ALICE: {"line": Volume(6 * MB)}})
    plans = ticking.advance(ticking.advance(PlansSlice(), tick, passing), tick, ())
    counted_by = {name: (tally.counted, tally.free) for name, tally in plans.kept.tallies.items()}
    assert counted_by == {"one": (7 * MB, 2 * MB), "cable": (4 * MB, 0)}
    assert {name: uplink.plan for name, uplink in plans.kept.uplinks.items()} == {"cellular": "one", "dsl": "cable"}


def test_data_that_buys_itself_is_a_step_of_the_price_and_nothing_gets_slow(tmp_path):
    auto = "meters:\n  - window: lifetime\n    steps: [{from: 100MB, rate: 300kbit}]\n"
    text = TEXT.replace(auto, f"top_up: {{lot: 50MB, price: 500, auto: true}}\n  {auto}")
    router = Router(tmp_path, text)
    router.sim(ONE)
    router.tick(95 * MB)
    assert router.tick(5 * MB).plan_rates == {}, "the next byte buys 50 MB"
    assert router.tick(1).plan_rates == {}
    router.save()
    assert [text for text in router.heard if "left; then each 50.0 MB costs 500 JPY" in text]
    assert [text for text in router.heard if "has bought 50.0 MB by itself for 500 JPY" in text]
    assert not [text for text in router.heard if "300 kbit/s" in text]
