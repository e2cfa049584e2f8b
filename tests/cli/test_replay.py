# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper replay` by its real command line: lines of JSON with fixed keys, words for people, mistakes."""

import json

import pytest

from esimshaper.cli.main import main

CONFIG = """wan: {interface: wwan0}
lan: {interfaces: [br0]}
timezone: Asia/Tokyo
clients: [{name: tv, mac: "02:00:00:00:00:11"}]
quotas:
- {name: daily, for: each-client, limit: 500MB, period: day, then: {throttle: 256kbit}}
plans:
- {name: trip, currency: JPY, price: 990, meters: [{window: day, steps: [{from: 300MB, rate: 128kbit}]}]}
"""
USAGE = """time,client,down_bytes,up_bytes
2026-11-01T09:00:00+09:00,tv,300000000,0
2026-11-01T09:05:00+09:00,tv,190000000,10000000
2026-11-02T09:00:00+09:00,tv,1,0
"""


@pytest.fixture
def words(tmp_path):
    config, usage = tmp_path / "trial.yaml", tmp_path / "usage.csv"
    config.write_text(CONFIG)
    usage.write_text(USAGE)
    return ["replay", str(usage), "--config", str(config)]


def test_json_is_a_line_for_each_event_and_last_the_end(words, capsys):
    assert main([*words, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    state = next(event for event in events if event["kind"] == "state")
    assert {key: state[key] for key in ("time", "client", "level")} == {
        "time": "2026-11-01T09:05:00+09:00",
        "client": "tv",
        "level": "throttled",
    }
    assert state["reason"].startswith("daily: 500 MB used of 500 MB")
    steps = [
        (event["time"], event["plan"], event["meter"], event["rate"]) for event in events if event["kind"] == "step"
    ]
    assert steps == [
        ("2026-11-01T09:00:00+09:00", "trip", "all/day", 128_000),
        ("2026-11-02T00:00:00+09:00", "trip", "all/day", "full"),
    ]
    assert [event["kind"] for event in events].count("end") == 1
    end = events[-1]
    assert (end["plan"]["used"], end["plan"]["left"], end["plan"]["cost"]) == ("500000001", "299999999", "990")
    assert end["quotas"] == [{"name": "daily", "subject": "client/tv", "used": "1", "left": "499999999"}]


def test_a_person_reads_a_line_for_each_event(words, capsys):
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "2026-11-01 09:00  trip, all/day: 128 kbit/s from now on" in shown
    assert "2026-11-01 09:05  tv: throttled (daily: 500 MB used of 500 MB" in shown
    assert "2026-11-02 00:00  trip, all/day: full speed again" in shown
    assert "At the end, 2026-11-02 09:00" in shown
    assert shown.splitlines()[-1].split() == ["trip", "500", "MB", "300", "MB", "JPY", "990", "-"]


def test_a_block_says_what_it_would_have_held_back(words, capsys, tmp_path):
    (tmp_path / "trial.yaml").write_text(CONFIG.replace("{throttle: 256kbit}", "block").replace("500MB", "400MB"))
    assert main(words) == 0
    assert "100 MB of the record would have been blocked." in capsys.readouterr().out


def test_mistakes_of_the_record_and_of_the_configuration_are_said(words, capsys, tmp_path):
    (tmp_path / "usage.csv").write_text(USAGE.replace("2026-11-02", "2026-10-02"))
    assert main([*words, "--json"]) == 1
    assert "usage.csv:4:time: this time is before that of the line above" in capsys.readouterr().err
    (tmp_path / "usage.csv").write_text("time,client,down_bytes,up_bytes\n")
    assert main(words) == 1
    assert "has no record" in capsys.readouterr().err
    (tmp_path / "trial.yaml").write_text(CONFIG.replace("price: 990", "price: 9.90"))
    assert main(words) == 2
    assert "`9.90` is not an amount of money" in capsys.readouterr().err


def test_plan_check_takes_a_whole_configuration_too(words, capsys):
    assert main(["plan", "check", words[-1], "--language", "en"]) == 0
    assert "It costs JPY 990." in capsys.readouterr().out
