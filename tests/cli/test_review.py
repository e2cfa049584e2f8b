# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper review`: what people type wrongly, and the questions on a terminal."""

import argparse
import sys
from typing import Any

import pytest

from esimshaper.cli import base, review
from tests.cli.test_main import esimshaper

USE = {
    "number": 3,
    "client": "tv",
    "key": "",
    "hostname": "",
    "called": "tv",
    "service": "netflix",
    "titles": {},
    "since": "2026-06-01T08:00:00+00:00",
    "today": {"total_bytes": 101_000_000, "up_bytes": 5},
    "hours": [8, 9, 20],
    "ends": ["a.test", "b.test"],
}
DOCUMENT: dict[str, Any] = {
    "on": True,
    "time": "2026-06-01T09:00:00+00:00",
    "threshold_bytes": 10**8,
    "rate_bits_per_second": 128_000,
    "expires_seconds": 30 * 86400,
    "waiting": [USE, {**USE, "number": 4}],
    "answers": [],
    "again": [],
}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("approve",), "say which: `review approve 3`"),
        (("approve", "netflix"), "say for whom: `review approve netflix --to everyone`"),
        (("forget", "netflix"), "`netflix` is no number"),
        (("forget", "3", "--to", "tv"), "--to and --for go with"),
        (("--to", "tv"), "--to and --for go with"),
        (("refuse", "3", "--for", "long"), "`long` is not a length of time"),
    ],
)
def test_what_makes_no_sense_is_said(words, said):
    done = esimshaper("review", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What goes to the daemon, which answers with the same document."""
    commands: list[tuple[str, Any]] = []

    def command(_options: object, path: str, body: Any) -> dict[str, Any]:
        commands.append((path, body))
        return DOCUMENT

    monkeypatch.setattr(review, "fetch", lambda _options, _path: DOCUMENT)
    monkeypatch.setattr(review, "command", command)
    return commands


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    review.add_verb_review(parser.add_subparsers())
    options = parser.parse_args(["review", *words])
    done: int = options.verb(options)
    return done


def test_the_words_of_the_command_are_those_of_the_daemon(sent):
    run("approve", "3", "--to", "everyone", "--for", "90d")
    run("refuse", "tiktok", "--to", "group/kids", "--for", "always")
    run("forget", "3")
    assert sent == [
        ("/v1/review/approve", {"number": 3, "subject": "everyone", "seconds": 90 * 86400}),
        ("/v1/review/refuse", {"service": "tiktok", "subject": "group/kids", "always": True}),
        ("/v1/review/forget", {"number": 3}),
    ]


@pytest.mark.parametrize(
    ("typed", "answers"),
    [
        (["y", "y"], [("approve", 3), ("approve", 4)]),
        (["n", "y", "", ""], [("refuse", 3)]),  # whoever says nothing has said nothing
        (["y"], [("approve", 3)]),  # the input ends
    ],
)
def test_on_a_terminal_it_asks_about_each_that_waits(sent, monkeypatch, capsys, typed, answers):
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        if not typed:
            raise EOFError
        return typed.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run() == base.DONE
    assert sent == [(f"/v1/review/{word}", {"number": number}) for word, number in answers]
    assert asked[0].startswith("3: may tv go on with netflix? It moved 101 MB today [y/N]")
    assert "NO" in capsys.readouterr().out


def test_in_a_pipe_and_with_list_it_asks_nothing(sent, capsys, monkeypatch):
    assert run() == run("--json") == base.DONE
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("--list") == base.DONE
    assert sent == []
    assert "review approve 3" in capsys.readouterr().out
