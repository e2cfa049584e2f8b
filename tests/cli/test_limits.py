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
    assert [row[-1] for row in rows[1:]] == ["open", "reached", "throttled", "warned", "blocked", "open"]
    assert "group/living-room: 100 MB of the limit of tv-week is granted, 100 MB of it until 19:30" in shown
    assert f"{UNLISTED}: blocked by hand until 20:00" in shown


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
        f"{phone} (00:1f) got 1.50 GB more until Monday 20:00: 1.57 GB of 2.00 GB left (daily, renews Tue 00:00)",
        "That is more than the whole limit.",
        f"`esimshaper grant --clear {phone}` takes it back",
    ]
    document = json.loads(esimshaper("grant", "everyone", "1GB", "--json", "--socket", server).stdout)
    assert (document["bytes"], document["until"]) == (10**9, None)
    assert document["quotas"][0]["granted_bytes"] == 10**9


def test_block_and_allow_hold_until_they_are_taken_back(server):
    at = ("--socket", server)
    assert lines("block", "group/living-room", "--for", "1d", *at) == [
        "group/living-room is blocked by hand until Tuesday 18:30",
        "`esimshaper unblock group/living-room` takes it back",
    ]
    assert "group/living-room: blocked by hand until Tue 18:30" in lines("quotas", *at)
    still = "of all limits only what is for everyone still holds (plan)"
    assert lines("allow", "group/living-room", *at) == [
        f"group/living-room is allowed by hand until Monday 20:30; {still}",
        "`esimshaper unblock group/living-room` takes it back",
    ]
    assert lines("allow", "--clear", "group/living-room", *at) == [
        "group/living-room is no longer blocked or allowed by hand, and nothing holds it back now"
    ]
    assert not [line for line in lines("quotas", *at) if line.startswith("group/living-room: allowed")]
    over = "alice-phone is allowed by hand over the plan until Monday 20:30"
    lifted = "no limit holds there any more, that of the plan neither"
    assert lines("allow", "alice-phone", "--over-plan", *at)[0] == f"{over}; {lifted}"
    assert re.search(r"alice-phone +allowed ", "\n".join(lines("clients", *at)))
    (back,) = lines("block", "--clear", "alice-phone", *at)
    now = "alice-phone is no longer blocked or allowed by hand, and is throttled: "
    assert back.startswith(f"{now}daily: 512 MB used of 500 MB")


def test_an_act_ends_at_a_time_of_the_clock_and_the_answer_says_which(server):
    at = ("--socket", server)
    first = {
        "07:00": "Tuesday 07:00",
        "23:00": "Monday 23:00",
        "18:30": "Tuesday 18:30",
        "24:00": "Tuesday 00:00",
        "sun 8:05": "Sunday 08:05",
        "tomorrow 07:00": "Tuesday 07:00",
        "2026-12-01 07:00": "Tuesday 2026-12-01 07:00",
        "2026-11-24T07:00": "Tuesday 07:00",
    }
    for written, said in first.items():
        assert lines("block", "group/living-room", "--until", written, *at)[0].endswith(f"blocked by hand until {said}")
    given = lines("grant", "everyone", "1GB", "--until", "07:00", *at)
    assert given[0].startswith("everyone got 1.00 GB more until Tuesday 07:00: ")
    assert lines("unblock", "group/living-room", *at)
    assert lines("grant", "everyone", "--clear", *at)
    over = esimshaper("block", "tv", "--until", "2026-11-23 18:00", *at)
    assert (over.returncode, over.stdout) == (1, "")
    assert "2026-11-23 18:00 is over already" in over.stderr


def test_an_act_may_wait_for_its_beginning_and_is_listed_until_then(server):
    at = ("--socket", server)
    coming = "tv will be blocked by hand from Monday 23:00 until Tuesday 07:00"
    assert lines("block", "tv", "--at", "23:00", "--until", "07:00", *at) == [
        coming,
        "`esimshaper unblock tv` takes it back",
    ]
    more = "everyone will get 1.00 GB more by hand from Tuesday 00:00 until Tuesday 02:00"
    assert lines("grant", "everyone", "1GB", "--at", "00:00", "--for", "2h", *at)[0] == more
    for verb in ("status", "quotas", "clients"):
        assert [line for line in lines(verb, *at) if "will" in line] == [coming, more]
    assert coming in lines("clients", "tv", *at)
    shown = json.loads(esimshaper("status", "--json", *at).stdout)["coming"]
    assert [(each["setting"], each["at"]) for each in shown] == [
        ("block", "2026-11-23T23:00:00+09:00"),
        ("grant", "2026-11-24T00:00:00+09:00"),
    ]
    assert lines("unblock", "tv", *at)
    assert lines("grant", "everyone", "--clear", *at)
    assert not [line for line in lines("quotas", *at) if "will" in line]


def test_blocks_by_hours_are_listed_with_what_holds_now(server):
    for verb in ("status", "quotas"):
        shown = lines(verb, "--socket", server)
        assert "tv: blocked 18:00-07:00 (hours), now until Tue 07:00" in shown
        assert "group/living-room: blocked sat,sun 22:00-24:00 (hours)" in shown
    assert not [line for line in lines("quotas", "alice-phone", "--socket", server) if "(hours)" in line]


def test_a_grant_that_does_not_help_says_what_still_holds(server):
    at = ("--socket", server)
    assert lines("block", "alice-phone", *at)
    shown = lines("grant", "alice-phone", "1GB", *at)
    assert "alice-phone stays blocked: blocked by hand" in shown
    assert "  `esimshaper unblock alice-phone` ends that" in shown
    assert lines("unblock", "alice-phone", *at)
    assert not [line for line in lines("grant", "alice-phone", "--clear", *at) if "blocked" in line]


def test_an_order_for_everyone_is_ended_where_it_was_given(server):
    at = ("--socket", server)
    ends = "  `esimshaper unblock everyone` ends that"
    assert lines("block", "alice-phone", *at)
    assert lines("block", "everyone", *at)
    stays = "alice-phone is no longer blocked or allowed by hand, and is blocked: blocked by hand"
    assert lines("unblock", "alice-phone", *at)[:2] == [stays, ends]
    assert ends in lines("grant", "alice-phone", "1GB", *at)
    assert lines("unblock", "everyone", *at)
    assert lines("grant", "alice-phone", "--clear", *at)


@pytest.mark.parametrize(("answer", "granted"), [("y", True), ("", False), ("\x04", False)])
def test_a_terminal_asks_before_more_than_the_whole_limit_is_granted(server, answer, granted):
    words = ("grant", "group/living-room", "50GB", "--socket", server)
    shown, status = on_terminal(*words, keys=f"{answer}\n".encode(), until="[y/N]")
    assert "50.0 GB is more than the whole limit of tv-week (5.10 GB). Grant it? [y/N]" in shown
    assert ("got 50.0 GB more" in shown, status) == (granted, 0 if granted else 1)
    if granted:
        assert lines("grant", "group/living-room", "-50GB", "--socket", server)


def test_a_block_of_all_names_who_goes_on_and_an_allow_of_all_who_stays_blocked(server):
    at = ("--socket", server)
    assert lines("allow", "tv", "--for", "1h", *at)
    assert lines("block", "everyone", *at)[:2] == [
        "everyone is blocked by hand",
        "But tv is allowed by hand until 19:30, which counts more",
    ]
    allowed = lines("allow", "everyone", *at)
    assert f"But {UNLISTED} is blocked by hand until 20:00, which counts more" in allowed
    assert "client/tv" not in "".join(allowed)
    for who in ("tv", "everyone"):
        assert lines("unblock", who, *at)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("block", "alise-phone"), "did you mean `alice-phone`?"),
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
        (("block", "tv", "--for", "2h", "--until", "07:00"), "not allowed with"),
        (("block", "tv", "--until", "25:00"), "--until: `25:00`: the clock goes up to 23:59"),
        (("block", "tv", "--at", "7:60"), "--at: `7:60`: there is no minute 60 (at `7:60`)"),
        (("block", "tv", "--until", "tomorow 07:00"), "is no time (at `tomorow`): write 07:00, tomorrow 07:00, tue"),
        (("block", "tv", "--until", "2026-02-30 07:00"), "this day is not in the calendar (at `2026-02-30`)"),
        (("block", "tv", "--until", "7ish"), "`7ish` is no time: write 07:00"),
        (
            ("block", "tv", "--until", "2026-12-01"),
            'has no time of day; write it behind, in quotes: "2026-12-01 07:00"',
        ),
        (("block", "tv", "--clear", "--at", "07:00"), "--clear takes back at once: it does not go with --at"),
        (("grant", "tv", "--clear", "--at", "07:00"), "--clear takes back at once"),
        (("grant", "tv", "-1GB", "--until", "07:00"), "what is taken back does not come again"),
        (("allow", "tv", "--for", "2h", "--always"), "not allowed with"),
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
