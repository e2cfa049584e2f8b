# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's outbox and the sender's process together: from a notice to what the owner's command gets, and back."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core import notice_commands
from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.notices import Notice, NoticeKind, Severity
from esimshaper.core.model.requests import NotifyQuery, NotifyTestCommand
from esimshaper.edge.http import notify
from esimshaper.lab.namespaces import wait_until
from tests import tools
from tests.daemon.test_notify import Daemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made
    made.end()


@pytest.fixture
def told(daemon: Daemon, tmp_path: Path) -> Iterator[Path]:
    """What the command was given last. The sender runs."""
    file, socket = tmp_path / "told.json", tmp_path / "notify.sock"
    program = tmp_path / "tell"
    program.write_text(f"#!/bin/sh\ncat >{file}.new && mv {file}.new {file}\n")
    program.chmod(0o755)
    channel = Channel("command", ChannelKind.COMMAND, "ja", Severity.INFO, settings={"command": [str(program)]})
    settings = NoticeSettings((channel,))
    daemon.ticker.rules = replace(daemon.ticker.rules, notices=settings)
    with contextlib.ExitStack() as listeners:
        listeners.callback(notify.serve(daemon.answers.answer, socket).stop)
        environment = {**os.environ, "ESIMSHAPER_NOTIFY": str(socket)}
        command = [sys.executable, "-m", "esimshaper.notify"]
        with subprocess.Popen(command, cwd=tools.ROOT, env=environment, stderr=subprocess.PIPE) as sender:
            yield file
            sender.terminate()


def test_a_test_comes_to_the_command_and_its_steps_come_back(daemon: Daemon, told: Path) -> None:
    daemon.answers.answer_people(NotifyTestCommand(""))
    wait_until("the command", told.exists, 30)
    document = json.loads(told.read_text())
    assert document["form"] == "test"

    def is_sent() -> bool:
        return bool(daemon.answers.answer_people(NotifyQuery())["tests"][0]["fate"] == "sent")

    wait_until("the word of it", is_sent, 30)
    assert daemon.answers.answer_people(NotifyQuery())["tests"][0]["steps"]


def test_a_notice_comes_in_the_language_of_who_reads(daemon: Daemon, told: Path) -> None:
    notice = Notice(NoticeKind.PLAN_OUT, "plan trip has no data left", data={"plan": "trip", "rate": 0})
    daemon.run(daemon.bookings.change(lambda state: notice_commands.tell(state, notice)))

    async def pass_time() -> None:
        daemon.ticker.boottime += 30
        daemon.ticker.tick()

    daemon.run(pass_time())
    wait_until("the command", told.exists, 30)
    document = json.loads(told.read_text())
    assert document["notices"][0]["kind"] == "plan-out"
    assert any("\u3040" <= each <= "\u9fff" for each in document["text"])
