# SPDX-License-Identifier: GPL-2.0-or-later
"""`notices` of the configuration: which channels, when not, and what is wrong with them, at its place."""

from zoneinfo import ZoneInfo

import pytest

from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings, ReadRule, Weekly
from esimshaper.core.model.notices import Severity
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.notices import notices_from

TOKYO = ZoneInfo("Asia/Tokyo")
MAIL = {"host": "mail.example.org", "from": "router@example.org", "to": "alice@example.org", "security": "starttls"}


def parsed(tree):
    problems = []
    return notices_from(Block({"notices": tree}, problems), TOKYO), problems


def test_nobody_is_told_without_the_block():
    assert notices_from(Block({}, []), TOKYO) == NoticeSettings()


def test_each_channel_has_its_own_words_or_those_of_all():
    tree = {
        "language": "zh-Hant",
        "min": "info",
        "email": {**MAIL, "min": "alarm", "per_day": 3},
        "sms": {"to": ["+819012345678"], "language": "ja"},
        "apprise": ["ntfys://ntfy.example.org/x", {"url": {"file": "/x"}, "min": "warning"}],
        "command": ["/bin/tell", "alice"],
    }
    found, problems = parsed(tree)
    assert problems == []
    mail, sms, first, second, command = found.channels
    own = {**MAIL, "to": ["alice@example.org"]}
    assert mail == Channel("email", ChannelKind.EMAIL, "zh_Hant", Severity.ALARM, 3, own)
    assert (sms.least, sms.per_day, sms.language) == (Severity.ALARM, 5, "ja")
    assert (first.name, first.least, first.settings) == (
        "apprise-1",
        Severity.INFO,
        {"url": "ntfys://ntfy.example.org/x"},
    )
    assert (second.name, second.least, second.settings) == ("apprise-2", Severity.WARNING, {"url": {"file": "/x"}})
    assert (command.kind, command.settings) == (ChannelKind.COMMAND, {"command": ["/bin/tell", "alice"]})
    assert parsed({"command": {"command": ["/bin/tell"], "min": "alarm"}})[0].channels[0].least is Severity.ALARM


def test_hours_the_digest_of_a_week_and_bytes():
    found, problems = parsed({"quiet": "22:00-07:00", "weekly": "mon 08:00", "day_bytes": "1MB"})
    assert problems == []
    assert found.quiet is not None
    assert (found.quiet.written, found.quiet.zone) == ("22:00-07:00", TOKYO)
    assert (found.weekly, found.day_bytes) == (Weekly(0, 480), 1_000_000)
    assert parsed({"weekly": "off"})[0] == NoticeSettings()


def test_rules_for_messages_of_a_carrier():
    left = r"残り(?P<left>[\d.]+)(?P<unit>[GM]B)"
    found, problems = parsed(
        {"read": [{"from": "docomo", "match": left}, {"ussd": "*100#", "match": "(?P<percent>.)%"}]}
    )
    assert problems == []
    assert found.read == (ReadRule(left, ("docomo",)), ReadRule("(?P<percent>.)%", ussd="*100#", every=43200))


@pytest.mark.parametrize(
    ("tree", "path", "message"),
    [
        ({"email": {**MAIL, "user": "alice"}}, ("email", "user"), "there is `user`, but no `password`"),
        (
            {"mqtt": {"host": "h", "security": "none", "user": "a", "password": {"file": "/x"}}},
            ("mqtt", "security"),
            "the password would cross the network in the clear",
        ),
        ({"quiet": "25:00-07:00"}, ("quiet",), "`25:00-07:00`: the clock goes up to 23:59"),
        ({"weekly": "08:00"}, ("weekly",), "`08:00` has no day of the week"),
        ({"day_bytes": "0B"}, ("day_bytes",), "`0B` is not between 1B and 1000TB"),
        ({"read": [{"match": "(?P<percent>.)"}]}, ("read", 0, "match"), "a rule needs one of `from` and `ussd`"),
        (
            {"read": [{"from": "a", "match": "(?P<left>.)"}]},
            ("read", 0, "match"),
            "nobody says in which unit the amount is",
        ),
        ({"read": [{"from": "a", "match": "("}]}, ("read", 0, "match"), "`(` is no regular expression: "),
        ({"read": [{"from": "a", "match": "(?P<x>.)"}]}, ("read", 0, "match"), "the group `x` has no meaning"),
        ({"read": [{"from": "a", "match": "x"}]}, ("read", 0, "match"), "it needs one group of left, used and percent"),
        (
            {"read": [{"ussd": "*1#", "match": "(?P<percent>.)", "every": "5m"}]},
            ("read", 0, "every"),
            "`5m` is shorter than an hour",
        ),
        ({"apprise": ["a://b"] * 17}, ("apprise",), "17 channels are listed, but there is room for 16"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tree, path, message):
    (problem,) = parsed(tree)[1]
    assert problem.path == ("notices", *path)
    assert problem.message.startswith(message)


def test_no_text_of_a_channel_has_its_secret():
    (channel,) = parsed({"apprise": ["tgram://secret/1"]})[0].channels
    assert "secret" not in f"{channel} {channel!r}"
