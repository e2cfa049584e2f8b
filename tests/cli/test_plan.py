# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper plan` by its real command line; `plan check`: words by language, JSON, mistakes with their places."""

import json
from pathlib import Path

import pytest

from esimshaper.cli.main import main
from tests.cli import test_main as test_cli

server = test_cli.server  # a fixture: this module gets a server of its own

TRAVEL = Path(__file__).parents[2] / "etc/plans/travel.yaml"
LINEMO = """plans:
- name: linemo
  zone: Asia/Tokyo
  currency: JPY
  meters:
  - window: month
    steps: [{from: 0, price: 990}, {from: 3GB, price: 2090}, {from: 10GB, rate: 300kbit}]
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "plans.yaml"
    path.write_text(LINEMO)
    return path


def test_the_terms_are_said_in_words(file, capsys):
    assert main(["plan", "check", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "linemo",
        "It has no end.",
        "Its days and months begin at midnight in Asia/Tokyo.",
        "All data, in each month of the calendar:",
        "  up to 3 GB: JPY 990, full speed",
        "  above 3 GB, up to 10 GB: JPY 2,090, full speed",
        "  above 10 GB: JPY 2,090, 300 kbit/s",
    ]


@pytest.mark.parametrize(
    ("locale", "word"),
    [("ja_JP.UTF-8", "すべての通信"), ("zh_CN.UTF-8", "全部流量"), ("zh_TW.UTF-8", "全部數據"), ("de_DE", "All data")],
)
def test_words_are_in_the_language_of_the_terminal_or_the_one_asked_for(file, capsys, monkeypatch, locale, word):
    monkeypatch.setenv("LANG", locale)
    main(["plan", "check", str(file)])
    assert word in capsys.readouterr().out
    main(["plan", "check", str(file), "--language", "en"])
    assert "All data" in capsys.readouterr().out


def test_json_has_the_terms_as_numbers_and_money_as_text(file, capsys):
    assert main(["plan", "check", "--json", str(file)]) == 0
    document = json.loads(capsys.readouterr().out)
    (plan,) = document["plans"]
    assert (document["version"], document["valid"], document["problems"]) == (1, True, [])
    steps = plan["meters"][0]["steps"]
    assert [(step["from_bytes"], step["price"], step["rate"]) for step in steps] == [
        (0, "990", None),
        (3_000_000_000, "2090", None),
        (10_000_000_000, None, 300_000),
    ]
    assert plan["words"][0] == "It has no end."


def test_mistakes_have_a_place_and_advice_and_status_2(file, capsys):
    file.write_text(LINEMO.replace("price: 2090", "price: 90"))
    assert main(["plan", "check", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{file}:7:55: the price does not rise\n    Write the price of the whole window" in said.err
    assert main(["plan", "check", "--json", str(file)]) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["valid"], document["plans"], document["problems"][0]["line"]) == (False, [], 7)


def test_shipped_plans_are_good(capsys):
    for path in TRAVEL.parent.glob("*.yaml"):
        assert main(["plan", "check", str(path)]) == 0
    assert "look at your own contract" in capsys.readouterr().out


def refused(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["plan", *words])
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["correct", "3.2"], "with its unit: `esimshaper plan correct 3.2GB`"),
        (["correct", "much"], "with its unit"),
        (["add", "1"], "`1` of what? `1MB`, or `1GB`"),
        (["switch"], "say which plan"),
        (["switch", "one", "two"], "one plan at a time"),
        (["reset", "--price", "5"], "--price does not go with `plan reset`"),
        (["check"], "name one file"),
    ],
)
def test_what_makes_no_sense_is_said_with_what_does(capsys, words, said):
    code, error = refused(capsys, *words)
    assert code == 2
    assert said in " ".join(error.split())


def test_the_screen_has_the_plan_in_use_and_the_one_before(capsys, server):
    assert main(["plan", "--socket", str(server)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("iij-10gb at wan\n")
    assert "docomo-30d" in shown
    assert "Spent in all: 6,300 JPY" in shown
