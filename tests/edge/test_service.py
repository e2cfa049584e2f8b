# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge service: what systemd and its journal are told."""

import os
import subprocess
import sys
from typing import IO

from tests import tools

PRINT_AS_LOGGED = """
import logging
from esimshaper.edge import service

service.set_up_log()
(handler,) = logging.getLogger().handlers
print(handler.format(logging.makeLogRecord({"levelno": logging.INFO, "levelname": "INFO", "msg": "new client"})))
"""


def as_logged(stderr: IO[str], **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    command = [sys.executable, "-c", PRINT_AS_LOGGED]
    done = subprocess.run(
        command,
        cwd=tools.ROOT,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_journal_gets_the_message_alone(tmp_path):
    """systemd names the stream that it gave as standard error, and only then is it the journal (systemd.exec(5))."""
    with (tmp_path / "stream").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert as_logged(stream, JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}") == "new client"


def test_a_person_gets_time_and_level_too(tmp_path):
    with (tmp_path / "stream").open("w") as stream:
        assert as_logged(stream).endswith(" INFO new client")
        assert as_logged(stream, JOURNAL_STREAM="9:1").endswith(" INFO new client")
