# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb `notify`: what waits on which channel, and what a test did, step by step."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esimshaper.cli import notify
from esimshaper.cli.main import main
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.notice_requests import LeastCommand, QuietCommand
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.requests import NotifyQuery, NotifyReportCommand, NotifyTestCommand
from esimshaper.edge.http import control

NOW = "2026-11-30T18:00:00+09:00"
CHANNEL = {
    "name": "email",
    "kind": "email",
    "min": "warning",
    "min_chosen": False,
    "waiting": 2,
    "since": "2026-11-30T14:02:00+09:00",
    "failures": 5,
    "error": "no answer from server",
    "impossible": False,
    "perhaps_delivered": 1,
    "counts": {"sent": 12},
}
TEST = {"id": 4, "channel": "email", "fate": "trying", "error": None, "steps": []}


class Daemon:
    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.channels: list[dict[str, Any]] = [CHANNEL]
        self.quiet: dict[str, Any] = {"quiet": None, "quiet_chosen": False}
        self.ends = [TEST, {**TEST, "fate": "sent", "steps": ["connected", "taken"]}]

    def __call__(self, request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if isinstance(request, NotifyTestCommand | NotifyReportCommand):
            return {"version": 1, "jobs": [4]}
        if isinstance(request, LeastCommand) and request.channel == "fax":
            raise Unusable("there is no channel `fax`", "There are: email.")
        test = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        other = {**TEST, "id": 3, "fate": "refused"}
        return {"version": 1, "time": NOW, "channels": self.channels, "tests": [other, test]} | self.quiet


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setattr(notify, "LOOK_SECONDS", 0)
    made = Daemon()
    running = control.serve(made, tmp_path / "control.sock")
    yield made
    running.stop()


@pytest.fixture
def run(daemon: Daemon, tmp_path: Path, capsys):
    def run(*arguments: str) -> tuple[int, list[str], str]:
        status = main(["notify", *arguments, "--socket", str(tmp_path / "control.sock")])
        out, error = capsys.readouterr()
        return status, [line.strip() for line in out.splitlines()], error

    return run


def test_it_says_what_waits_and_why(run, daemon):
    assert run()[1] == [
        "email: from warning on; 12 notices sent",
        "2 wait since 14:02",
        "1 perhaps delivered",
        "the last try failed: no answer from server",
        "sudo esimshaper notify test: whether they work",
    ]
    assert daemon.asked == [NotifyQuery()]
    daemon.channels = []
    assert run()[1][0] == "people are told in the journal only"


def test_a_test_is_shown_step_by_step_once_it_has_ended(run, daemon):
    status, said, _ = run("test", "email")
    assert (status, said) == (0, ["email:", "connected", "taken", "it was sent"])
    assert daemon.asked[0] == NotifyTestCommand("email")
    daemon.ends = [{**TEST, "fate": "impossible", "error": "no modem"}]
    status, said, _ = run("test")
    assert (status, said) == (1, ["email:", "it is not possible: no modem"])
    tests = json.loads("\n".join(run("test", "--json")[1]))["tests"]
    assert [each["id"] for each in tests] == [4]


def test_nobody_waits_for_a_sender_that_does_not_run(run, daemon, monkeypatch):
    monkeypatch.setattr(notify, "TAKEN_SECONDS", 0)
    daemon.ends = [{**TEST, "fate": "waiting"}]
    status, said, _ = run("test")
    assert status == 1
    assert said[1].startswith("nobody has taken it")


def test_a_report_goes_by_mail(daemon, tmp_path, capsys):
    socket = ("--socket", str(tmp_path / "control.sock"))
    assert main(["report", "--mail", *socket]) == 0
    assert capsys.readouterr().out.startswith("the last seven days go out by mail")
    assert daemon.asked == [NotifyReportCommand()]
    for more in (["tv"], ["--since", "2026-11-01"], ["--by", "day"]):
        with pytest.raises(SystemExit):
            main(["report", *more, "--mail", *socket])


def test_a_channel_without_test_is_refused(run):
    with pytest.raises(SystemExit):
        run("email")


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        (("quiet", "22:00-07:00"), QuietCommand("22:00-07:00")),
        (("quiet", "off"), QuietCommand("off")),
        (("quiet", "settings"), QuietCommand(None)),
        (("min", "email", "alarm"), LeastCommand("email", Severity.ALARM)),
        (("min", "email", "settings"), LeastCommand("email", None)),
    ],
)
def test_choices_are_handed_over_and_the_page_says_what_holds(run, daemon, arguments, request_):
    daemon.quiet = {"quiet": "22:00-07:00", "quiet_chosen": True}
    daemon.channels = [{**CHANNEL, "min": "alarm", "min_chosen": True}]
    status, lines, _ = run(*arguments)
    assert (status, daemon.asked) == (0, [request_])
    assert "email: from alarm on, as you have chosen; 12 notices sent" in lines
    assert "quiet hours: 22:00-07:00, as you have chosen" in lines


@pytest.mark.parametrize(
    "arguments", [("min", "email"), ("min",), ("quiet",), ("quiet", "22:00-07:00", "alarm"), ("test", "email", "info")]
)
def test_a_choice_that_lacks_something_is_not_sent(run, daemon, arguments):
    with pytest.raises(SystemExit):
        run(*arguments)
    assert daemon.asked == []


def test_a_channel_that_is_not_there_is_said(run):
    status, _, error = run("min", "fax", "alarm")
    assert status == 1
    assert "there is no channel `fax`" in error
    assert "There are: email." in error
