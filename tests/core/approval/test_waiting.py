# SPDX-License-Identifier: GPL-2.0-or-later
"""What waits for the owner's word, what never does, and what an answer changes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from esimshaper.core import approval_commands
from esimshaper.core.approval import audit, waiting
from esimshaper.core.approval.audit import WEEK
from esimshaper.core.model.approval import DAY, MONTH, Approval, ApprovalSlice, ApprovalState, Use
from esimshaper.core.model.decisions import DecisionKind, Layer
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ROUTER, ClientKey
from esimshaper.core.model.limits import EVERYONE, Subject, SubjectKind
from esimshaper.core.model.reading import Observation, Reading
from esimshaper.core.model.rules import Rules
from esimshaper.core.model.services import Volume
from esimshaper.core.model.state import Booked, ClockSlice, State
from esimshaper.core.model.tick import Moment, Step, Tick
from esimshaper.core.rules.layers import decide, words_of
from tests.core import notice_data

TV, PHONE = ClientKey("02:00:00:00:00:11"), ClientKey("02:00:00:00:00:12")
MB = 1_000_000
CATEGORIES = {"netflix": "video", "youtube": "video", "line": "messaging", "google-maps": "maps", "dropbox": "cloud"}
SETTINGS = Approval(above=100 * MB)
RULES = Rules("wwan0", UTC, {TV: "tv"}, {PHONE: "kids"}, categories=CATEGORIES, approval=SETTINGS)
START = int(datetime(2026, 6, 1, 8, tzinfo=UTC).timestamp())


def tick(at: float, rules: Rules = RULES, served: dict[ClientKey, dict[str, Volume]] | None = None) -> Tick:
    reading = Reading(1, 1.0, {}, {})
    booked = Booked(1, {}, {}, served=served or {})
    return Tick(rules, Moment(at, trusted=True), Observation(reading), Step(booked, booked, None, reading), {}, {})


class Life:
    """The approvals of a household, in which time goes on."""

    def __init__(self, rules: Rules = RULES, at: float = START) -> None:
        self.rules, self.at, self.slice = rules, at, ApprovalSlice()
        self.told: list[str] = []
        self.move({})

    def move(self, served: dict[ClientKey, dict[str, Volume]], day_bytes: int = 0) -> None:
        self.slice = waiting.advance(self.slice, tick(self.at, self.rules), served, day_bytes)
        for notice in self.slice.new:
            notice_data.check(notice)
            self.told.append(notice.text)

    def use(self, service: str, size: int, client: ClientKey = TV) -> None:
        self.move({client: {service: Volume(size)}})

    def later(self, seconds: float) -> "Life":
        self.at += seconds
        self.move({})
        return self

    def kind(self, service: str, client: ClientKey = TV) -> DecisionKind | None:
        """What the layer says of a service of a client."""
        return kind_of(self.slice.layer, self.rules, client, service)

    def do(self, change: object, *arguments: object, **more: object) -> None:
        state = State(ClockSlice(self.at), approval=self.slice)
        self.slice = change(state, self.rules, *arguments, **more).approval  # type: ignore[operator]


def kind_of(layer: Layer, rules: Rules, client: ClientKey, service: str) -> DecisionKind | None:
    numbers = dict(enumerate(["unnamed", "hidden", "other", *CATEGORIES]))
    hierarchy = rules.hierarchy(Subject(SubjectKind.CLIENT, client))
    row = decide([layer], {9: hierarchy}, words_of(numbers, CATEGORIES)).get(9, {})
    found = row.get(next(number for number, name in numbers.items() if name == service))
    return found.kind if found else None


@pytest.fixture
def life() -> Life:
    """A household after its first day."""
    begun = Life()
    begun.use("dropbox", 40 * MB)
    begun.use("dropbox", 40 * MB, PHONE)
    return begun.later(DAY + 3600)


def test_a_new_service_waits_beyond_the_amount_of_a_day_and_is_paced(life):
    life.use("netflix", 100 * MB)
    assert life.kind("netflix") is None
    life.use("netflix", 1)
    assert life.kind("netflix") is DecisionKind.PACE
    assert life.kind("netflix", PHONE) is life.kind("youtube") is None
    [told] = life.told
    assert told.startswith("tv moved 100 MB with netflix today, which it has not used before: it is held to 128 kbit/s")
    life.use("netflix", 50 * MB)
    assert len(life.told) == 1
    [entry] = life.slice.layer.entries
    assert entry.decision is not None
    assert entry.decision.metered_only


def test_it_waits_on_the_next_day_too_until_it_is_answered(life):
    life.use("netflix", 101 * MB)
    life.later(DAY).use("netflix", 1)
    assert life.kind("netflix") is DecisionKind.PACE
    life.do(approval_commands.answer, 1, None, None, approved=True)
    assert life.kind("netflix") is None
    life.use("netflix", 500 * MB)
    assert life.kind("netflix") is None
    assert len(life.told) == 1


def test_what_was_used_on_the_first_day_or_a_day_before_never_waits(life):
    life.use("dropbox", 500 * MB)
    assert life.kind("dropbox") is None
    life.use("youtube", 10 * MB)
    life.later(DAY).use("youtube", 500 * MB)
    assert life.kind("youtube") is None


def test_a_glimpse_of_a_service_is_no_use_of_before(life):
    life.use("youtube", 9 * MB)
    life.later(DAY).use("youtube", 101 * MB)
    assert life.kind("youtube") is DecisionKind.PACE


@pytest.mark.parametrize("service", ["line", "google-maps", "unnamed", "other", "system", "paypay"])
def test_messages_maps_payment_and_what_has_no_name_never_wait(life, service):
    life.use(service, 10**9)
    assert life.slice.layer.entries == ()
    assert life.told == []


def test_the_router_never_waits(life):
    life.use("netflix", 10**9, ROUTER)
    assert life.slice.layer.entries == ()


def test_nothing_waits_in_the_first_day_of_a_client_unless_that_is_asked_for():
    strict = Life(replace(RULES, approval=replace(SETTINGS, first_day=True)))
    strict.use("netflix", 101 * MB)
    assert strict.kind("netflix") is DecisionKind.PACE
    plain = Life().later(10 * DAY)
    plain.use("netflix", 500 * MB, PHONE)
    assert plain.kind("netflix", PHONE) is None
    plain.later(DAY).use("youtube", 500 * MB, PHONE)
    assert plain.kind("youtube", PHONE) is DecisionKind.PACE


def test_what_the_kernel_has_counted_when_approval_is_switched_on_was_used_before():
    served = {TV: {"netflix": Volume(10 * MB), "youtube": Volume(MB)}}
    begun = waiting.advance(ApprovalSlice(), tick(START, RULES, served), {}, 0)
    assert [key for key, use in begun.kept.uses.items() if use.known] == [(TV, "netflix")]


def test_a_refused_service_is_blocked_and_one_that_is_asked_again_is_new(life):
    life.use("netflix", 101 * MB)
    life.do(approval_commands.answer, 1, None, None, approved=False)
    assert life.kind("netflix") is DecisionKind.BLOCK
    life.do(approval_commands.ask_again, 1)
    assert life.kind("netflix") is None
    life.use("netflix", 100 * MB)
    assert life.kind("netflix") is None
    life.use("netflix", 1)
    assert life.kind("netflix") is DecisionKind.PACE
    assert "review approve 2" in life.told[-1]


def test_an_approval_expires_and_what_comes_then_is_asked_for_again(life):
    life.use("netflix", 101 * MB)
    life.do(approval_commands.answer, 1, None, None, approved=True)
    for _ in range(29):
        life.later(DAY).use("netflix", 200 * MB)
    assert life.kind("netflix") is None
    life.later(DAY).use("netflix", 101 * MB)
    assert life.kind("netflix") is DecisionKind.PACE


def test_what_was_not_used_for_as_long_as_an_approval_lasts_is_new_again(life):
    life.at += MONTH + DAY
    life.use("dropbox", 101 * MB)
    assert life.kind("dropbox") is DecisionKind.PACE


def test_an_answer_to_a_client_counts_more_than_one_to_its_group_and_to_everyone(life):
    for subject, approved in ((EVERYONE, False), (Subject(SubjectKind.GROUP, "kids"), True)):
        life.do(approval_commands.answer_service, "netflix", subject, None, approved=approved)
    assert life.kind("netflix", PHONE) is None
    assert life.kind("netflix", TV) is DecisionKind.BLOCK
    life.do(approval_commands.answer_service, "netflix", Subject(SubjectKind.CLIENT, PHONE), None, approved=False)
    assert life.kind("netflix", PHONE) is DecisionKind.BLOCK
    life.use("netflix", 10**9)
    assert life.told == []


def test_an_approval_for_everyone_frees_all_that_wait(life):
    life.use("netflix", 101 * MB)
    life.use("netflix", 101 * MB, PHONE)
    life.do(approval_commands.answer, 2, EVERYONE, approval_commands.ALWAYS, approved=True)
    assert life.kind("netflix") is life.kind("netflix", PHONE) is None
    life.later(90 * DAY).use("netflix", 10**9)
    assert life.kind("netflix") is None


def test_a_share_of_the_day_is_an_amount_by_what_the_day_has():
    life = Life(replace(RULES, approval=Approval(percent=10))).later(DAY + 1)
    life.move({TV: {"youtube": Volume(1)}}, 500 * MB)
    life.later(DAY + 1)
    life.move({TV: {"netflix": Volume(50 * MB)}}, 500 * MB)
    assert life.kind("netflix") is None
    life.move({TV: {"netflix": Volume(1)}}, 500 * MB)
    assert life.kind("netflix") is DecisionKind.PACE


def test_only_the_clients_that_are_meant_are_looked_at():
    life = Life(replace(RULES, approval=replace(SETTINGS, subject=Subject(SubjectKind.GROUP, "kids"), first_day=True)))
    for client in (TV, PHONE):
        life.use("netflix", 101 * MB, client)
    assert life.kind("netflix", TV) is None
    assert life.kind("netflix", PHONE) is DecisionKind.PACE


def test_without_the_catalogue_nothing_begins_to_wait(life):
    life.rules = replace(RULES, categories={})
    life.use("line", 10**9)
    assert life.slice.layer.entries == ()


def test_switched_off_nothing_is_held_and_what_was_answered_is_kept(life):
    life.use("netflix", 101 * MB)
    life.do(approval_commands.answer_service, "youtube", EVERYONE, None, approved=False)
    life.rules = replace(RULES, approval=None)
    life.later(1)
    assert life.slice.layer.entries == ()
    life.rules = RULES
    life.later(1)
    assert life.kind("youtube") is DecisionKind.BLOCK


def test_a_tick_in_which_nothing_changes_changes_nothing(life):
    before = life.slice
    life.move({})
    assert life.slice is before


def test_a_name_that_comes_late_takes_bytes_off(life):
    life.use("netflix", 60 * MB)
    life.use("netflix", -50 * MB)
    life.use("netflix", 60 * MB)
    assert life.kind("netflix") is None
    assert life.slice.kept.uses[TV, "netflix"].today == 70 * MB


def test_the_evidence_has_hours_days_and_both_directions(life):
    life.move({TV: {"netflix": Volume(5 * MB, 2 * MB)}})
    life.later(2 * 3600).move({TV: {"netflix": Volume(MB)}})
    life.later(DAY).move({TV: {"netflix": Volume(MB)}})
    use = life.slice.kept.uses[TV, "netflix"]
    assert (use.down, use.up, use.all_down, use.all_up, use.days) == (MB, 0, 7 * MB, 2 * MB, 2)
    assert use.hours == 1 << 11


def test_the_list_of_a_week_has_what_ends_soon_and_what_was_never_asked_about(life):
    life.use("netflix", 101 * MB)
    life.do(approval_commands.answer, 1, None, 8 * DAY + int(life.at), approved=True)
    life.use("dropbox", 101 * MB)
    found = audit.due(life.slice.kept, RULES, life.at)
    assert list(found.uses) == [(TV, "dropbox")]
    assert found.answers == ()
    life.later(WEEK - DAY).use("dropbox", 101 * MB)
    assert life.told[1:] == [
        "2 services are to be looked at again (dropbox 141 MB, netflix 101 MB): `esimshaper review` shows why"
    ]
    life.later(3600)
    assert len(life.told) == 2


def test_a_week_with_nothing_to_look_at_says_nothing(life):
    life.later(WEEK)
    assert life.told == []


def test_the_memory_of_uses_is_bounded_and_what_waits_is_kept(life, monkeypatch):
    life.use("netflix", 101 * MB)
    monkeypatch.setattr(waiting, "MAX_USES", 5)
    for number in range(20):
        life.later(1).use("youtube", 1, ClientKey(f"02:00:00:00:01:{number:02x}"))
    assert len(life.slice.kept.uses) == 5
    assert life.kind("netflix") is DecisionKind.PACE


def test_what_makes_no_sense_is_refused(life):
    with pytest.raises(Unusable, match="nothing waits under the number 5"):
        life.do(approval_commands.answer, 5, None, None, approved=True)
    with pytest.raises(Unusable, match="there is no answer 5"):
        life.do(approval_commands.ask_again, 5)
    life.rules = replace(RULES, approval=None)
    with pytest.raises(Unusable, match="has no `approval`"):
        life.do(approval_commands.answer, 1, None, None, approved=True)


def test_an_answer_can_be_changed(life):
    life.use("netflix", 101 * MB)
    life.do(approval_commands.answer, 1, None, None, approved=True)
    life.do(approval_commands.answer, 1, EVERYONE, None, approved=False)
    assert [each.subject for each in life.slice.kept.answers] == [EVERYONE]
    assert life.kind("netflix", PHONE) is DecisionKind.BLOCK


def test_of_a_state_that_was_saved_the_same_is_held(life):
    life.use("netflix", 101 * MB)
    again = waiting.advance(ApprovalSlice(life.slice.kept), tick(life.at), {}, 0)
    assert again.layer == life.slice.layer
    assert ApprovalState(uses={(TV, "x"): Use(1, 2)}) != ApprovalState()
