# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor says of each channel: a package, a secret, a host, a modem or the sender itself that is missing."""

from dataclasses import replace
from typing import Any

import pytest

from esimshaper.core.diagnosis.findings import diagnose
from esimshaper.core.model.box import BoxFacts, Severity
from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings, ReadRule
from esimshaper.core.model.notify_facts import Messaging, NotifyFacts
from tests.core.diagnosis.healthy_box import GOOD, assert_one_finding, complaints

EMAIL = Channel(
    "email", ChannelKind.EMAIL, settings={"host": "smtp.example.org", "password": {"credential": "esimshaper.email"}}
)
SMS = Channel("sms", ChannelKind.SMS, settings={"to": ["+81"]})
PUSH = Channel("apprise-1", ChannelKind.APPRISE, settings={"url": {"file": "/etc/ntfy"}})
TELL = Channel("command", ChannelKind.COMMAND, settings={"command": ["/usr/local/bin/tell", "now"]})
THERE = NotifyFacts("active", {}, frozenset(), {}, frozenset(), Messaging.READY)


def box(*channels: Channel, read: tuple[ReadRule, ...] = (), **facts: Any) -> BoxFacts:
    assert GOOD.wanted
    wanted = replace(GOOD.wanted, notices=NoticeSettings(channels, read=read))
    return replace(GOOD, wanted=wanted, notify=replace(THERE, **facts))


def test_channels_that_have_what_they_need_are_no_complaint_and_have_a_line_each():
    facts = box(EMAIL, SMS, PUSH, TELL)
    assert complaints(facts) == []
    lines = [each.sentence for each in diagnose(facts) if each.check == "notices"]
    assert [each.split()[2] for each in lines] == ["email", "sms", "apprise-1", "command"]


def test_without_channels_nothing_is_said():
    assert [each for each in diagnose(box(active="inactive")) if each.check == "notices"] == []


def test_a_sender_that_does_not_run_is_said():
    found = complaints(box(EMAIL, active="failed"))
    assert_one_finding(found, "notices", Severity.WARNING, "does not run", "journalctl -u esimshaper-notify")


@pytest.mark.parametrize(
    ("channel", "facts", "sentence", "hint"),
    [
        (PUSH, {"missing": frozenset({"apprise"})}, "apprise is not installed", "apt install apprise"),
        (EMAIL, {"hosts": {"email": ("smtp.example.org", "nobody knows it")}}, "has no address", "getent ahosts"),
        (EMAIL, {"secrets": {"esimshaper.email": "it is not in /etc/credstore"}}, "esimshaper.email", "/etc/credstore"),
        (PUSH, {"secrets": {"/etc/ntfy": "nobody may read it"}}, "/etc/ntfy", "chown esimshaper-notify /etc/ntfy"),
        (TELL, {"programs": frozenset({"/usr/local/bin/tell"})}, "cannot be run", "ls -l /usr/local/bin/tell"),
        (SMS, {"messaging": Messaging.DENIED}, "polkit does not let", "rules.d/esimshaper.rules"),
        (SMS, {"messaging": Messaging.NO_MODEM}, "no modem", "mmcli --list-modems"),
        (SMS, {"messaging": Messaging.NO_MANAGER}, "ModemManager does not run", "apt install modemmanager"),
    ],
)
def test_what_a_channel_lacks_is_said_with_a_way_out(channel, facts, sentence, hint):
    assert_one_finding(complaints(box(channel, **facts)), "notices", Severity.WARNING, sentence, hint)


def test_what_only_root_finds_out_is_no_complaint():
    assert complaints(box(EMAIL, secrets=None)) == []


def test_a_modem_that_takes_no_messages_reads_none_either():
    rule = ReadRule("(?P<left>[0-9]+)", ("docomo",), unit="GB")
    found = complaints(box(read=(rule,), messaging=Messaging.NOT_READY))
    assert_one_finding(found, "notices", Severity.WARNING, "What the carrier says is not read", "mmcli")
