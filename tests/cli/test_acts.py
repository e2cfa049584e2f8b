# SPDX-License-Identifier: GPL-2.0-or-later
"""`correct`, `restart` and `undo` as a person has them: a process, against a control server that is another process."""

import json
import re

import pytest

from tests.cli import test_main as test_cli
from tests.cli.test_limits import lines
from tests.cli.test_main import esimshaper

server = test_cli.server  # a fixture: this module gets a server of its own


def test_the_carriers_figure_is_set_and_taken_back(server):
    at = ("--socket", server)
    shown = lines("correct", "plan", "1.5 GB", *at)
    used = r"everyone counts as having used 1\.5. GB of plan from now on: 8\... GB of 10.0 GB left, renews 01 Dec 00:00"
    assert re.fullmatch(used, shown[0])
    assert shown[1:] == ["`esimshaper undo` takes it back"]
    over = lines("correct", "plan", "10GB", "--socket", server)
    assert over[0].startswith("everyone counts as having used 10.0 GB of plan from now on: 0 B of 10.0 GB left")
    undone, stands, *more = lines("undo", *at)
    assert undone == "`correct plan 10GB` of 18:30 is undone"
    assert re.fullmatch(r"plan of everyone: 8\.[45]. GB of 10.0 GB left, renews 01 Dec 00:00", stands)
    assert more == [
        "`esimshaper undo --redo` does it again",
        "`esimshaper undo` once more undoes `correct plan 1500MB` of 18:30",
    ]
    assert lines("undo", *at)[1].startswith("plan of everyone: 3.")
    done = esimshaper("undo", *at)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was done by hand that could be undone" in done.stderr


def test_a_quota_for_each_client_is_corrected_for_one(server):
    at = ("--socket", server)
    assert lines("correct", "daily", "300MB", "--client", "alice-phone", *at)[0] == (
        "alice-phone counts as having used 300 MB of daily from now on: 200 MB of 500 MB left, renews Tue 00:00"
    )
    assert "`correct daily 300MB --client alice-phone` of 18:30 is undone" in lines("undo", *at)[0]
    done = esimshaper("correct", "daily", "300MB", *at)
    assert done.returncode == 1
    assert "`esimshaper correct daily 300MB --client NAME`" in done.stderr


def test_a_new_sim_begins_at_nothing(server):
    at = ("--socket", server)
    shown = lines("restart", "alice-trip", *at)
    assert shown[0] == "alice-trip begins anew for alice-phone: 2.15 GB of 2.15 GB left, renews 23 Dec 18:30"
    assert shown[-1] == "`esimshaper undo` takes it back"
    assert lines("restart", "everyone", *at)[0].startswith("plan begins anew for everyone: ")
    assert lines("restart", "daily", *at)[0] == (
        "daily begins anew for each of 3 clients: 500 MB of 500 MB left, renews Tue 00:00"
    )
    for _ in range(3):
        assert lines("undo", *at)[0].endswith(" is undone")


@pytest.mark.parametrize(
    ("act", "undone", "now"),
    [
        ("block tv --for 90m", "`block tv --for 1h30m` of 18:30 is undone", "nothing holds tv back now"),
        ("allow tv --over-plan", "`allow tv --over-plan --for 2h` of 18:30 is undone", "nothing holds tv back now"),
        ("allow tv --always", "`allow tv --always` of 18:30 is undone", "nothing holds tv back now"),
        ("block tv --at 23:00", '`block tv --at "2026-11-23 23:00"` of 18:30 is undone', "nothing holds tv back now"),
        (
            "grant Pixel-7-of-somebody-with-a-long-name 2.5GB --for 2h",
            "`grant Pixel-7-of-somebody-with-a-long-name 2500MB --for 2h` of 18:30 is undone",
            "daily of Pixel-7-of-somebody-with-a-long-name (00:1f): 70.0 MB of 500 MB left, renews Tue 00:00",
        ),
        (
            "grant group/living-room --clear",
            "`grant group/living-room --clear` of 18:30 is undone",
            "tv-week of group/living-room: 0 B of 5.10 GB left, renews 30 Nov 00:00",
        ),
        (
            "unblock 02:00:00:00:00:20",
            "`unblock 02:00:00:00:00:20` of 18:30 is undone",
            "02:00:00:00:00:20 is blocked: blocked by hand until 20:00",
        ),
    ],
)
def test_whatever_was_done_is_undone_and_said_with_how_it_stands_now(server, act, undone, now):
    at = ("--socket", server)
    assert lines(*act.split(), *at)
    shown = lines("undo", *at)
    assert [line.replace("'", '"') for line in shown[:2]] == [undone, now]
    assert shown[2] == "`esimshaper undo --redo` does it again"
    again = lines("undo", "--redo", *at)
    assert again[0].replace("'", '"') == undone.replace("is undone", "is done again")
    assert "`esimshaper undo` takes it back" in again
    lines("undo", *at)


def test_programs_get_what_was_undone(server):
    assert lines("block", "tv", "--for", "1h", "--socket", server)
    document = json.loads(esimshaper("undo", "--json", "--socket", server).stdout)
    assert document["undone"]["act"] == "block"
    assert document["undone"]["until_unix"] - document["undone"]["at_unix"] == 3600
    assert (document["changed"], document["state"]["level"]) == (True, "open")


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (("correct", "plan"), 2, "SIZE"),
        (("correct", "plan", "1500"), 2, "`1500MB`"),
        (("correct", "paln", "1GB"), 1, "there is no quota `paln`; did you mean `plan`?"),
        (("restart", "paper"), 1, "there is no quota `paper`; there are plan, daily, tv-week, alice-trip"),
        (("restart", "daily", "--client", "tv"), 1, "the quota daily counts nothing for whom you name"),
        (("restart", "alice-phone"), 1, "say which one of it is meant: `alice-trip`, or `daily --client alice-phone`"),
        (("correct", "02:00:00:00:00:1f", "1GB"), 1, "`daily --client 02:00:00:00:00:1f`"),
        (("undo", "--redo"), 1, "nothing was undone since the last act by hand"),
        (("restart",), 2, "say which QUOTA; the service begins anew by `sudo systemctl restart esimshaper`"),
        (("grant", "plan", "1GB"), 1, "`plan` is a quota, and no device; it is that of `everyone`"),
    ],
)
def test_what_makes_no_sense_is_said_with_a_way_on(server, arguments, status, error):
    done = esimshaper(*arguments, "--socket", server)
    assert (done.returncode, done.stdout) == (status, "")
    assert error in done.stderr
