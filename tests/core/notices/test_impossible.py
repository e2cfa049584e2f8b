# SPDX-License-Identifier: GPL-2.0-or-later
"""A channel that was not possible: what ends that, and what does not."""

from dataclasses import replace

import pytest

from esimshaper.core import pipeline
from esimshaper.core.model.channels import Channel, NoticeSettings
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.outbox import ChannelState, Outbox
from esimshaper.core.model.state import State
from tests.core.notices.town import MAIL, PUSH
from tests.core.test_pipeline import NOW, POLICY, seen

THERE = replace(MAIL, settings={"host": "mail.example", "user": "router"})


def after(*following: Channel) -> list[bool]:
    """Whether mail is not possible with each of these channels one after another, having been so with THERE."""
    state, _ = pipeline.advance(State(), replace(POLICY, notices=NoticeSettings((THERE, PUSH))), NOW, seen(1000))
    kept = replace(state.notices.kept, channels={"email": ChannelState(impossible=True, error="wrong password")})
    state = replace(state, notices=replace(state.notices, kept=kept))
    found = []
    for at, channel in enumerate(following, 1):
        rules = replace(POLICY, notices=NoticeSettings((channel, PUSH)))
        state, _ = pipeline.advance(state, rules, NOW + at, seen(1000 + at))
        found.append(state.notices.kept.state_of("email").impossible)
    return found


@pytest.mark.parametrize(
    ("channel", "is_impossible"),
    [
        (THERE, True),
        (replace(THERE, least=Severity.ALARM, per_day=3, language="ja"), True),
        (replace(THERE, settings={"host": "mail.example", "user": "alice"}), False),
    ],
)
def test_it_is_tried_again_once_it_is_reached_in_another_way(channel, is_impossible):
    assert after(THERE, channel) == [True, is_impossible]


def test_it_is_tried_again_after_a_restart():
    kept = Outbox(channels={"email": ChannelState(impossible=True)})
    state = replace(State(), notices=replace(State().notices, kept=kept))
    state, _ = pipeline.advance(state, replace(POLICY, notices=NoticeSettings((THERE,))), NOW, seen(1000))
    assert not state.notices.kept.state_of("email").impossible
