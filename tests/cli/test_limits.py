# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of limits as a person has them: a process, against a control server that is another process."""

import json
import re

import pytest

from tests.cli import test_main as test_cli
from tests.cli.test_main import esimshaper, on_terminal

server = test_cli.server  # a fixture: this module gets a server of its own
UNLISTED = "02:00:00:00:00:20"


def lines(*arguments: str) -> list[str]:
    done = esimshaper(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_quotas_has_a_row_for_each_quota_and_everybody_it_is_for(server):
    shown = lines("quotas", "--socket", server)
    rows = [re.split(" {2,}", line) for line in shown[:7]]
    assert rows[0] == ["QUOTA", "WHO", "LEFT", "USED", "LIMIT", "USED OF LIMIT", "PERIOD", "RENEWS", "THEN", "STATE"]
    daily = next(row for row in rows if row[:2] == ["daily", "alice-phone"])
    assert daily == [
        "daily", "alice-phone", "0 B", "512 MB", "500 MB", "██████ 102%", "day", "Tue 00:00", "256 kbit/s", "throttled",
    ]  # fmt: skip
    assert [row[-1] for row in rows[1:]] == ["open", "throttled", "warned", "blocked", "reached", "open"]
    assert "group/living-room: 100 MB of the limit of tv-week is granted, 100 MB of it until 19:30" in shown
    assert f"client/{UNLISTED}: blocked by hand until 20:00" in shown


@pytest.mark.parametrize("columns", [80, 120])
def test_quotas_fits_the_terminal_and_keeps_states_and_ends_of_names(server, columns):
    text, status = on_terminal("quotas", "--socket", server, columns=columns)
    assert status == 0
    assert max(map(len, text.splitlines())) <= columns
    for word in ("throttled", "reached", "LEFT", "512 MB", "500 MB", "Tue 00:00", "01 Dec 00:00", "0:1f)", "00:20"):
        assert word in text
    assert ("256 kbit/s" in text, "102%" in text) == (columns == 120, columns == 120)


def test_people_see_who_is_limited_and_why_where_they_look(server):
    for verb in ("status", "clients"):
        shown = "\n".join(lines(verb, "--socket", server))
        assert re.search(r"^alice-phone +throttled ", shown, re.MULTILINE)
        assert re.search(rf"^{UNLISTED} +blocked ", shown, re.MULTILINE)
        assert re.search(r"^alice-phone: daily: .*throttled to 256 kbit/s until tomorrow 00:00$", shown, re.MULTILINE)
        assert re.search(rf"^(client/)?{UNLISTED}: blocked by hand until 20:00$", shown, re.MULTILINE)
    assert f"{UNLISTED}: 23.5 KB came after a block: billed, and wasted" in shown
    top = "\n".join(lines("top", "--count", "1", "--socket", server))
    assert re.search(r"^alice-phone .* throttled +daily: 512 MB used of 500 MB", top, re.MULTILINE)
    text, _ = on_terminal("clients", "--socket", server)
    assert re.search(r"^alice-phone +throttled ", text, re.MULTILINE)
    assert re.search(r"^02:00:00:00:00:20 +blocked", text, re.MULTILINE)


def test_a_grant_says_what_is_left_with_it(server):
    phone = "Pixel-7-of-somebody-with-a-long-name"
    assert lines("grant", phone, "1.5GB", "--for", "1h30m", "--socket", server) == [
        "client/02:00:00:00:00:1f got 1.50 GB more until 20:00: 1.57 GB of 2.00 GB left (daily, renews Tue 00:00)",
        "That is more than the whole limit.",
        "`esimshaper grant --clear 02:00:00:00:00:1f` takes it back",
    ]
    document = json.loads(esimshaper("grant", "everyone", "1GB", "--json", "--socket", server).stdout)
    assert (document["bytes"], document["until"]) == (10**9, None)
    assert document["quotas"][0]["granted_bytes"] == 10**9


def test_block_and_allow_hold_until_they_are_taken_back(server):
    at = ("--socket", server)
    assert lines("block", "group/living-room", "--for", "1d", *at) == [
        "group/living-room is blocked by hand until Tue 18:30",
        "`esimshaper unblock group/living-room` takes it back",
    ]
    assert "group/living-room: blocked by hand until Tue 18:30" in lines("quotas", *at)
    assert lines("allow", "group/living-room", *at) == [
        "group/living-room is allowed by hand; no limit holds there any more, that of the plan neither",
        "`esimshaper unblock group/living-room` takes it back",
    ]
    assert lines("allow", "--clear", "group/living-room", *at) == [
        "group/living-room is no longer blocked or allowed by hand, and is open"
    ]
    assert not [line for line in lines("quotas", *at) if line.startswith("group/living-room: allowed")]
    assert lines("allow", "alice-phone", *at)[0].startswith("client/alice-phone is allowed by hand; no limit holds")
    assert re.search(r"alice-phone +allowed ", "\n".join(lines("clients", *at)))
    (back,) = lines("block", "--clear", "alice-phone", *at)
    now = "client/alice-phone is no longer blocked or allowed by hand, and is throttled: "
    assert back.startswith(f"{now}daily: 512 MB used of 500 MB")


def test_a_grant_that_does_not_help_says_what_still_holds(server):
    at = ("--socket", server)
    assert lines("block", "alice-phone", *at)
    shown = lines("grant", "alice-phone", "1GB", *at)
    assert "client/alice-phone stays blocked: blocked by hand" in shown
    assert "  `esimshaper unblock alice-phone` ends that" in shown
    assert lines("unblock", "alice-phone", *at)
    assert not [line for line in lines("grant", "alice-phone", "--clear", *at) if "blocked" in line]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("block", "alise-phone"), "did you mean `client/alice-phone`?"),
        (("allow", "each-client"), "only quotas are for each-client"),
        (("block", "unattributed"), "not a device"),
        (("grant", "tv", "1GB"), "there is no quota for tv\n  hint: `esimshaper quotas`"),
    ],
)
def test_what_the_daemon_refuses_is_said_with_a_way_on(server, arguments, error):
    done = esimshaper(*arguments, "--socket", server)
    assert (done.returncode, done.stdout) == (1, "")
    assert error in done.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("grant", "tv"), "SIZE"),
        (("grant", "tv", "500"), "`500MB`"),
        (("grant", "tv", "500 parrots"), "with its unit"),
        (("grant", "tv", "0B"), "not between 1B and 1000TB"),
        (("grant", "tv", "1GB", "--for", "2"), "such as 30m, 2h or 1d12h"),
        (("block", "tv", "--for", "99999d"), "more than 366d"),
        (("block", "tv", "--for", "2h", "--clear"), "not allowed with"),
        (("block",), "SUBJECT"),
    ],
)
def test_wrong_use_is_told_before_the_daemon_is_asked(tmp_path, arguments, error):
    done = esimshaper(*arguments, "--socket", tmp_path / "none.sock")
    assert (done.returncode, done.stdout) == (2, "")
    assert error in done.stderr


@pytest.mark.parametrize("arguments", [("quotas",), ("grant", "tv", "1GB"), ("block", "tv"), ("allow", "tv")])
def test_no_daemon_is_status_3(tmp_path, arguments):
    assert esimshaper(*arguments, "--socket", tmp_path / "none.sock").returncode == 3
