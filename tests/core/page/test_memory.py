# SPDX-License-Identifier: GPL-2.0-or-later
"""What devices ask and the owner does: one question at a time, each request once, and nothing for ever."""

from dataclasses import replace

import pytest

from esimshaper.core import commands, page_commands, pipeline
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.page import AlreadyDone, PageSlice, PageState, Password, TooSoon
from esimshaper.core.model.state import State
from esimshaper.core.page import asks, memory, owner
from esimshaper.core.saving import booking
from tests.core.test_pipeline import ALICE, BOB, NOW, POLICY, seen

AT = 1_000_000


def test_a_device_has_one_open_question_and_one_a_minute():
    kept = asks.asked(PageState(), ALICE, 300, "please", AT)
    with pytest.raises(TooSoon, match="has not answered"):
        asks.asked(kept, ALICE, 400, "", AT + 100)
    kept = asks.answered(kept, 1, 100, AT + 5)
    with pytest.raises(TooSoon, match="a moment ago") as caught:
        asks.asked(kept, ALICE, 400, "", AT + 10)
    assert caught.value.seconds == 50
    kept = asks.asked(kept, ALICE, 400, "", AT + 60)
    assert [(each.bytes, each.answered) for each in kept.asks] == [(400, None)], "of each device the last one is kept"
    assert len(asks.asked(kept, BOB, 1, "", AT).asks) == 2, "others may ask meanwhile"


def test_a_question_is_answered_once():
    kept = asks.answered(asks.asked(PageState(), ALICE, 300, "", AT), 1, 0, AT + 1)
    assert kept.asks[0].given == 0
    for number in (1, 2):
        with pytest.raises(Unusable, match="nobody asks that any more"):
            asks.answered(kept, number, 100, AT + 2)


def test_a_request_is_done_once_also_by_another_way():
    state = State(page=PageSlice(PageState()))
    change = page_commands.once(lambda state: page_commands.name(state, ALICE, "Alice"), "request-1", "call it Alice")
    after = change(state)
    assert after.page.kept.names == {ALICE: "Alice"}
    with pytest.raises(AlreadyDone, match="call it Alice"):
        change(after)
    with pytest.raises(AlreadyDone):
        page_commands.ask(after, ALICE, 1, "", "request-1")


def test_what_fails_is_not_done_and_may_be_tried_again():
    def fail(_: State) -> State:
        raise Unusable("there is no quota")

    state = State()
    with pytest.raises(Unusable):
        page_commands.once(fail, "request-1", "grant")(state)
    assert page_commands.once(lambda state: state, "request-1", "grant")(state).page.kept.done


def test_a_tick_forgets_what_is_over_and_nothing_else():
    kept = asks.asked(PageState(names={ALICE: "Alice"}), ALICE, 300, "", AT)
    kept = memory.with_done(owner.logged_in(owner.tried(kept, ALICE, AT), ALICE, "token", AT), "request-1", "said", AT)
    before = PageSlice(kept)
    assert memory.advance(before, AT + 3600) is before
    later = memory.advance(before, AT + 12 * 3600).kept
    assert (owner.live_sessions(later, AT + 12 * 3600), len(later.asks), len(later.done)) == ((), 1, 1)
    end = memory.advance(before, AT + 86400).kept
    assert (end.asks, end.done, dict(end.names)) == ((), (), {ALICE: "Alice"})
    assert end.sessions, "the owner was here"
    assert memory.advance(before, AT + 91 * 86400).kept.sessions == ()


def test_two_devices_do_not_have_one_name():
    kept = memory.named(PageState(), ALICE, "Phone")
    with pytest.raises(Unusable, match="another device is called `phone`"):
        memory.named(kept, BOB, "phone")
    assert memory.named(memory.named(kept, ALICE, ""), BOB, "phone").names == {BOB: "phone"}


def tick(state: State, boottime: float = 1001.0) -> State:
    after, outcome = pipeline.advance(state, POLICY, NOW + boottime, seen(boottime, 1000))
    return booking.note_saved(after, outcome.booking) if outcome.booking else after


def test_a_name_of_the_page_is_shown_as_a_host_name_until_it_is_taken_back():
    state = tick(tick(State()), 1002)
    (key, *_) = [each for each in state.names.identities if each.count(":") == 5]
    named = tick(page_commands.name(state, key, "Kitchen"), 1003)
    assert named.names.identities[key].hostname == "Kitchen"
    assert named.names.identities[key].label == state.names.identities[key].label, "metrics keep their labels"
    after = tick(page_commands.name(named, key, ""), 1004)
    assert after.names.identities[key] == state.names.identities[key]


def test_a_command_is_saved_at_the_next_tick_and_comes_back_after_a_restart():
    state = tick(tick(State()), 1002)
    state = page_commands.set_password(state, Password(b"s", b"h", 2))
    state = page_commands.ask(state, ALICE, 300, "please", "request-1")
    after, outcome = pipeline.advance(state, POLICY, NOW + 1003, seen(1003, 1000))
    assert outcome.booking
    assert outcome.booking.baseline.page == after.page.kept
    resumed = commands.resume(outcome.booking.baseline)
    assert resumed.page.kept == after.page.kept


def test_what_was_done_while_the_history_could_not_be_read_is_not_lost():
    saved = PageState(Password(b"old", b"h", 2), names={ALICE: "Alice"}, done=PageState().done)
    saved = owner.logged_in(owner.tried(saved, ALICE, AT), ALICE, "old", AT)
    saved = asks.asked(saved, BOB, 1, "old", AT)
    meanwhile = asks.asked(PageState(names={BOB: "Bob"}), ALICE, 2, "new", AT)
    both = memory.merged(saved, memory.with_done(meanwhile, "request-1", "said", AT))
    assert (both.password, dict(both.names)) == (saved.password, {ALICE: "Alice", BOB: "Bob"})
    assert [(each.number, each.client) for each in both.asks] == [(1, BOB), (2, ALICE)]
    assert [each.request for each in both.done] == ["request-1"]
    assert len(both.sessions) == 1
    other = memory.merged(saved, replace(meanwhile, password=Password(b"new", b"h", 2)))
    assert (other.password, other.sessions) == (Password(b"new", b"h", 2), ())


def test_a_key_that_no_client_has_may_be_named_before_it_comes():
    assert page_commands.name(State(), ClientKey("02:00:00:00:00:77"), "Tablet").page.kept.names
