# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper recommend` by its real command line: use from a file, typed, or of the daemon's history."""

import json
from decimal import Decimal

import pytest

from esimshaper.cli.main import main
from tests.cli import test_main as test_cli

server = test_cli.server  # a fixture: this module gets a server of its own

PRICES = """plans:
- {name: small, currency: USD, price: "4.50", lasts: {days: 30, from: first-use}, note: No tethering.,
   meters: [{window: lifetime, steps: [{from: 1GB, rate: stop}]}]}
- {name: large, currency: USD, price: 12, lasts: {days: 30, from: first-use},
   meters: [{window: lifetime, steps: [{from: 10GB, rate: stop}]}]}
- {name: day, currency: USD, price: 6, lasts: {days: 7, from: first-use},
   meters: [{window: {hours: 24, from: first-use}, steps: [{from: 500MB, rate: 128kbit}]}]}
"""


@pytest.fixture
def prices(tmp_path):
    file = tmp_path / "prices.yaml"
    file.write_text(PRICES)
    return str(file)


def document(capsys, *words):
    assert main(["recommend", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_the_keys_that_are_fixed(prices, capsys):
    found = document(capsys, "--prices", prices, "--use", "100MB/day", "--days", "12")
    assert (found["version"], found["best"]) == (1, "large")
    keys = ("name", "cost", "currency", "slow_hours", "cut_hours", "fits")
    assert [tuple(plan[key] for key in keys) for plan in found["plans"]] == [
        ("large", "12.00", "USD", 0, 0, True),
        ("small", "4.50", "USD", 0, 48, False),
        ("day", "6.00", "USD", 0, 120, False),
    ]
    assert found["use"] == {"bytes": 1_200_000_000, "hours": 288, "from": "as typed (100 MB in 24 hours)"}
    assert {key: found["pair"][key] for key in ("first", "second", "cost")} == {
        "first": "small",
        "second": "small",
        "cost": "9.00",
    }
    assert found["plans"][0]["confidence"] == {"tried": 10, "fit": 10}


def test_a_person_reads_what_to_buy_and_what_is_assumed(prices, capsys):
    assert main(["recommend", "--prices", prices, "--use", "100MB/day", "--trip", "12d"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == [
        "1.20 GB in 12 days, as typed (100 MB in 24 hours)",
        "Buy large: USD 12.00. It is the cheapest that fits.",
    ]
    assert shown[2].startswith("Of two plans, one after the other, the cheapest that fit: small, then from ")
    assert "- The use is even over all hours." in shown
    assert "- small: No tethering." in shown


def test_nothing_that_fits_is_said_too(prices, capsys):
    assert main(["recommend", "--prices", prices, "--use", "2GB/day", "--days", "40"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith("No plan fits. ")
    assert shown[2] == "No two plans, one after the other, fit either."


def test_use_is_read_from_a_file(prices, capsys, tmp_path):
    file = tmp_path / "usage.csv"
    rows = (f"{1445000400 + hour * 3600},tv,{60 * 10**6},{4 * 10**6}" for hour in range(24))
    file.write_text("\n".join(("time,client,down_bytes,up_bytes", *rows)))
    found = document(capsys, "--prices", prices, str(file))
    assert found["use"] == {"bytes": 24 * 64 * 10**6, "hours": 24, "from": f"of {file}"}
    found = document(capsys, "--prices", prices, str(file), "--trip", "2d")
    assert found["use"]["bytes"] == 48 * 64 * 10**6
    assert found["assumes"][0] == "The trip is like the 24 hours on record, again and again by whole days."
    file.write_text("time,client,down_bytes\n")
    assert main(["recommend", "--prices", prices, str(file)]) == 1
    assert f"{file}:1: the column `up_bytes` is missing" in capsys.readouterr().err


def test_use_is_that_of_the_history(prices, capsys, server):
    found = document(capsys, "--prices", prices, "--socket", str(server))
    assert found["use"]["from"] == "of the history"
    assert found["use"]["bytes"] > 0
    assert Decimal(found["plans"][0]["cost"]) > 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--use", "800", "--days", "3"), 2, "is not an amount such as 800MB/day"),
        (("--use", "800MB/fortnight", "--days", "3"), 2, "is not an amount such as 800MB/day"),
        (("--use", "800MB/day"), 2, "--use needs --days or --trip: for how long?"),
        (("--use", "800MB/day", "--days", "0"), 2, "is not a whole number of days"),
        (("--use", "800MB/day", "--trip", "soon"), 2, "is not a length of time"),
        (("--use", "0B/day", "--days", "3"), 1, "nothing was used in that time"),
        (("--use", "1GB/day", "--days", "3", "--currency", "EUR"), 1, "has a price in EUR"),
        (("usage.csv", "--use", "1GB/day", "--days", "3"), 2, "either typed (--use) or read from a file"),
    ],
)
def test_wrong_use_is_answered(prices, capsys, words, status, said):
    try:
        ended = main(["recommend", "--prices", prices, *words])
    except SystemExit as end:
        ended = end.code
    assert ended == status
    assert said in capsys.readouterr().err


def test_prices_of_two_currencies_are_not_compared(prices, capsys, tmp_path):
    (tmp_path / "prices.yaml").write_text(PRICES + "- {name: euro, currency: EUR, price: 3, meters: []}\n")
    words = ["recommend", "--prices", prices, "--use", "1GB/day", "--days", "3"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"{prices}:8:3: `euro` has its price in EUR, and `small` in line 2 in USD" in said
    assert "--currency EUR or --currency USD" in said
    assert document(capsys, *words[1:], "--currency", "eur")["best"] == "euro"


def test_what_has_no_price_is_shown_apart_and_never_the_best(prices, capsys, tmp_path):
    hotel, cafe = "- {name: Hotel Wi-Fi, meters: []}\n", "meters: [{window: day, steps: [{from: 50MB, rate: stop}]}]}\n"
    (tmp_path / "prices.yaml").write_text(PRICES + hotel + "- {name: Cafe, " + cafe)
    words = ["--prices", prices, "--use", "100MB/day", "--days", "12"]
    found = document(capsys, *words)
    assert found["best"] == "large"
    assert {plan["name"] for plan in found["plans"]} == {"small", "large", "day"}
    assert [(plan["name"], plan["fits"]) for plan in found["free"]] == [("Hotel Wi-Fi", True), ("Cafe", False)]
    assert "Wi-Fi" not in json.dumps(found["pair"])
    assert main(["recommend", *words]) == 0
    shown = capsys.readouterr().out
    assert "Without a price, where it is to be had" in shown
    assert "- Hotel Wi-Fi: it would have been enough" in shown
    assert f"- Cafe: 0 hours slow, {found['free'][1]['cut_hours']} hours without" in shown


def test_a_list_without_a_price_is_no_price_list(capsys, tmp_path):
    file = tmp_path / "prices.yaml"
    file.write_text("plans:\n- {name: Hotel Wi-Fi, meters: []}\n")
    assert main(["recommend", "--prices", str(file), "--use", "1GB/day", "--days", "3"]) == 1
    assert f"no plan of {file} has a price" in capsys.readouterr().err


def test_a_price_list_with_mistakes_is_refused_with_their_places(prices, capsys, tmp_path):
    (tmp_path / "prices.yaml").write_text(PRICES.replace('"4.50"', "4.50"))
    assert main(["recommend", "--prices", prices, "--use", "1GB/day", "--days", "3"]) == 2
    assert (
        'prices.yaml:2:39: `4.50` is not an amount of money\n    Put it in quotes: "4.50".' in capsys.readouterr().err
    )
