# SPDX-License-Identifier: GPL-2.0-or-later
"""What the owner chooses by hand holds in place of the settings, until it is taken back."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from esimshaper.core import notice_commands, pipeline
from esimshaper.core.model.channels import NoticeSettings
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.notice_choices import AS_WRITTEN, NEVER
from esimshaper.core.model.notice_requests import LeastCommand, QuietCommand
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.state import State
from esimshaper.core.notices.choosing import chosen
from esimshaper.core.notices.times import quiet_until
from tests.core.notices.test_stage import QUIET
from tests.core.notices.town import MAIL, NOON, SMS
from tests.core.test_pipeline import NOW, POLICY, seen

TOKYO = ZoneInfo("Asia/Tokyo")
SETTINGS = replace(QUIET, channels=(MAIL, SMS))


def after(*commands: QuietCommand | LeastCommand, settings: NoticeSettings = SETTINGS) -> NoticeSettings:
    choices = AS_WRITTEN
    for each in commands:
        choices = chosen(choices, each, settings, TOKYO)
    return choices.over(settings, TOKYO)


def test_while_nothing_is_chosen_the_settings_hold_as_they_are():
    assert after() is SETTINGS
    assert after(QuietCommand(NEVER), QuietCommand(None), LeastCommand("sms", None)) is SETTINGS


def test_quiet_hours_are_those_that_were_chosen_in_the_zone_of_the_router():
    held = after(QuietCommand("20:00-23:00"))
    assert held.channels == SETTINGS.channels
    assert quiet_until(held, NOON) == NOON + 2 * 3600, "it is 21:00 in Tokyo at noon in London"
    assert after(QuietCommand(NEVER)).quiet is None
    several = after(QuietCommand("mon-fri 20:00-23:00, sat 23:00-24:00")).quiet
    assert several
    assert len(several.spans) == 2


def test_a_channel_tells_from_the_chosen_severity_on_and_the_others_as_before():
    held = after(LeastCommand("email", Severity.ALARM))
    assert [each.least for each in held.channels] == [Severity.ALARM, SMS.least]
    assert after(LeastCommand("email", Severity.ALARM), LeastCommand("email", None)) == SETTINGS


@pytest.mark.parametrize("hours", ["22:00", "25:00-07:00", "22:00-22:00", "always", "", "22:00-07:00,"])
def test_hours_that_make_no_sense_are_refused(hours):
    if hours:
        with pytest.raises(Unusable):
            after(QuietCommand(hours))
    else:
        assert after(QuietCommand(hours)) is SETTINGS


def test_an_unknown_channel_is_refused_with_those_that_there_are():
    with pytest.raises(Unusable) as refused:
        after(LeastCommand("fax", Severity.ALARM))
    assert refused.value.hint == "There are: email, sms."
    without_sms = replace(SETTINGS, channels=(MAIL,))
    choices = chosen(AS_WRITTEN, LeastCommand("sms", Severity.INFO), SETTINGS, TOKYO)
    assert choices.over(without_sms, TOKYO) == without_sms
    assert chosen(choices, LeastCommand("sms", None), without_sms, TOKYO) == AS_WRITTEN, "one that is gone"


def test_a_choice_is_saved_at_once_and_decides_of_the_next_notice():
    rules = replace(POLICY, notices=SETTINGS)
    state, _ = pipeline.advance(State(), rules, NOW, seen(1000))
    chose = notice_commands.choose(state, SETTINGS, LeastCommand("email", Severity.ALARM), rules.zone)
    assert chose.saving.urgent
    state, _ = pipeline.advance(chose, rules, NOW + 1, seen(1001))
    settings = state.notices.settings
    assert settings is not None
    assert [each.least for each in settings.channels] == [Severity.ALARM, SMS.least]
    assert notice_commands.settings_of(state, rules) == settings
