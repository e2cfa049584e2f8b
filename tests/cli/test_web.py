# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb `web`: where the page is, the password that stands in no argument, and who is logged out."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esimshaper.cli.main import main
from esimshaper.core.model.requests import WebLogoutCommand, WebPasswordCommand, WebQuery
from esimshaper.edge.http import control

NOW = "2026-11-30T18:00:00+09:00"


class Daemon:
    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.document: dict[str, Any] = {
            "version": 1,
            "time": NOW,
            "on": True,
            "urls": ["http://192.168.8.1/", "http://data.internal/"],
            "password_set": True,
            "sessions": [{"name": "alice-phone", "until": "2026-12-01T06:00:00+09:00"}],
            "asks_open": 1,
            "wait_seconds": 0,
        }

    def __call__(self, request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return self.document


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon()
    running = control.serve(made, tmp_path / "control.sock")
    yield made
    running.stop()


@pytest.fixture
def web(daemon: Daemon, tmp_path: Path, capsys, monkeypatch):
    def run(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status = main(["web", *arguments, "--socket", str(tmp_path / "control.sock")])
        return status, *capsys.readouterr()

    return run


def test_it_says_where_the_page_is_and_who_is_in(web, daemon):
    status, said, _ = web()
    assert status == 0
    assert [line.strip() for line in said.splitlines()] == [
        "the page is at",
        "http://192.168.8.1/",
        "http://data.internal/",
        "the owner's password is set",
        "alice-phone is logged in until Tue 06:00",
        "1 device asks for more; the page has the question",
    ]
    assert daemon.asked == [WebQuery()]
    assert json.loads(web("--json")[1]) == daemon.document


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"on": False}, "web: {}"),
        ({"password_set": False, "sessions": []}, "sudo esimshaper web password"),
        ({"sessions": []}, "nobody is logged in"),
        ({"wait_seconds": 90}, "only devices that have logged in before"),
        ({"urls": []}, "no interface of the LAN has an address yet"),
    ],
)
def test_it_says_what_to_do(web, daemon, change, said):
    daemon.document |= change
    assert said in web()[1]


def test_the_password_is_read_from_the_input(web, daemon):
    assert web("password", typed="correct horse\n")[0] == 0
    assert daemon.asked == [WebPasswordCommand("correct horse")]


@pytest.mark.parametrize("typed", ["", "short\n"])
def test_a_short_password_is_refused_and_changes_nothing(web, daemon, typed):
    status, _, said = web("password", typed=typed)
    assert (status, daemon.asked) == (1, [])
    assert "8 characters or more" in said


def test_a_password_is_no_argument(web, daemon):
    with pytest.raises(SystemExit) as caught:
        web("password", "secret horse")
    assert (caught.value.code, daemon.asked) == (2, [])


def test_sessions_end_of_one_device_or_of_all_and_never_by_mistake(web, daemon):
    web("logout", "alice-phone")
    web("logout", "--all")
    assert daemon.asked == [WebLogoutCommand("alice-phone"), WebLogoutCommand()]
    for wrong in (["logout"], ["logout", "alice-phone", "--all"], ["--all"]):
        with pytest.raises(SystemExit):
            web(*wrong)
    assert len(daemon.asked) == 2
