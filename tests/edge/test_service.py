# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge service: what systemd and its journal are told."""

import os
import subprocess
import sys

from tests import tools

PRINT_AS_LOGGED = """
import logging
from esimshaper.edge import service

service.set_up_log()
(handler,) = logging.getLogger().handlers
print(handler.format(logging.makeLogRecord({"levelno": logging.INFO, "levelname": "INFO", "msg": "new client"})))
"""


def as_logged(**environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    command = [sys.executable, "-c", PRINT_AS_LOGGED]
    done = subprocess.run(
        command, cwd=tools.ROOT, env={**inherited, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_journal_gets_the_message_alone():
    assert as_logged(JOURNAL_STREAM="9:1") == "new client"


def test_a_person_gets_time_and_level_too():
    assert as_logged().endswith(" INFO new client")
