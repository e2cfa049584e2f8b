# SPDX-License-Identifier: GPL-2.0-or-later
"""Uplinks that come and go, troubles of the daemon, and the pipeline that saves notices with what they tell."""

from dataclasses import replace
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from esimshaper.core.model.happenings import Told
from esimshaper.core.model.notices import NoticeKind, Severity
from esimshaper.core.model.reading import Attachment, Hook
from esimshaper.core.model.uplinks import Uplink
from esimshaper.core.notices.sources import of_told, of_uplinks

WAN = Uplink("wan", "wwan0", interfaces=("wwan0",))
HOTEL = Uplink("hotel", "wlan1", interfaces=("wlan1",))
UP = (Attachment("wwan0", Hook.WAN_EGRESS, attached=True), Attachment("br0", Hook.LAN_INGRESS, attached=True))


def tick(now, *attachments, uplinks=(WAN, HOTEL)):
    rules = SimpleNamespace(zone=ZoneInfo("Asia/Tokyo"), uplinks=uplinks)
    return SimpleNamespace(at=SimpleNamespace(time=now), rules=rules, observed=SimpleNamespace(attachments=attachments))


def test_an_uplink_that_is_gone_for_a_minute_is_told_and_that_it_is_back():
    lost, said = of_uplinks({}, UP, tick(1000))
    assert (lost, said) == ({"wan": (1000, False)}, ())
    lost, said = of_uplinks(lost, (), tick(1059))
    assert said == ()
    lost, (gone,) = of_uplinks(lost, (), tick(1060))
    assert (gone.kind, gone.data["uplink"], gone.severity) == (NoticeKind.UPLINK_LOST, "wan", Severity.WARNING)
    assert gone.data["since"] == "1970-01-01T09:16:40+09:00"
    lost, said = of_uplinks(lost, (), tick(1070))
    assert said == ()
    lost, (back,) = of_uplinks(lost, (), tick(1100, *UP))
    assert (lost, back.kind, back.data["uplink"]) == ({}, NoticeKind.UPLINK_BACK, "wan")


def test_a_modem_that_reconnects_is_no_news_nor_is_an_uplink_that_never_was_there():
    lost, _ = of_uplinks({}, UP, tick(1000))
    assert of_uplinks(lost, (), tick(1030, *UP)) == ({}, ())
    assert of_uplinks({}, (), tick(5000)) == ({}, ())


def test_an_uplink_that_is_in_the_settings_no_more_is_not_missed():
    assert of_uplinks({"old": (1, False)}, UP, tick(1000, *UP)) == ({}, ())


def test_troubles_of_the_daemon_are_told_and_that_they_are_over():
    told = [
        Told("history-failing", "the disk is full"),
        Told("history-working", "saved again"),
        Told("limits-failing", "x"),
        Told("started", "y"),
    ]
    trouble, over, grave = of_told(told, 10)
    assert (trouble.kind, trouble.data) == (
        NoticeKind.TROUBLE,
        {"message": "history-failing", "text": "the disk is full"},
    )
    assert (over.kind, over.data["message"]) == (NoticeKind.TROUBLE_OVER, "history-failing")
    assert [each.severity for each in (trouble, grave)] == [Severity.WARNING, Severity.ALARM]


def test_another_interface_of_an_uplink_is_enough():
    both = replace(WAN, interface="wwan*", interfaces=("wwan0", "wwan1"))
    other = Attachment("wwan1", Hook.WAN_EGRESS, attached=True)
    assert of_uplinks({}, UP, tick(1000, other, uplinks=(both,))) == ({}, ())
