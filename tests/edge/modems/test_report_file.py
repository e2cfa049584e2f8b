# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon reads a report that somebody else wrote: it waits for nothing, and believes nothing that has no sense."""

import json
import os
import threading

import pytest

from esimshaper.core.model.modems import Modem, ModemBytes, ModemsReport, Registration
from esimshaper.edge.host import clock
from esimshaper.edge.modems.report_file import STALE_SECONDS, ReportFile, write

FULL = ModemsReport(
    (
        Modem(
            iccid="8981100012345678905",
            imsi="440100123456789",
            interface="wwan0",
            registration=Registration.ROAMING,
            operator_code="44020",
            operator="ソフトバンク",
            connected=True,
            connects=3,
            bytes=ModemBytes(1, 2),
            utc_offset=540,
            state="connected",
        ),
        Modem(),
    ),
    manager=True,
    problem="",
    metered={"wwan0": True, "wlan1": False},
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "modems.json"


def test_what_is_written_is_read(file):
    write(file, FULL)
    assert ReportFile(file).read() == FULL


def test_a_report_of_a_dead_process_says_nothing(file, monkeypatch):
    write(file, FULL)
    reader, began = ReportFile(file), clock.boottime()
    assert reader.read() == FULL
    monkeypatch.setattr(clock, "boottime", lambda: began + STALE_SECONDS + 1)
    assert reader.read() is None
    monkeypatch.setattr(clock, "boottime", lambda: began - 100)
    assert reader.read() is None, "of another boot"


def test_a_new_report_takes_the_place_of_the_old_one(file):
    reader = ReportFile(file)
    assert reader.read() is None
    write(file, ModemsReport(problem="the bus is gone"))
    assert reader.read() == ModemsReport(problem="the bus is gone")
    write(file, FULL)
    assert reader.read() == FULL
    file.unlink()
    assert reader.read() is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "[" * 60_000, '{"version": 2}', "\0" * 100_000, "1" * 60_000, '{"version": 1, "boottime": "now"}'],
    ids=range(8),
)
def test_what_is_no_report_is_none(file, text):
    file.write_text(text)
    assert ReportFile(file).read() is None


def test_values_without_sense_are_unknown(file):
    modem = {"iccid": "1", "imsi": "x", "interface": "x" * 16, "registration": [], "operator": "\x1b[2J",
             "connects": -1, "received": True, "sent": 1, "utc_offset": 1 << 70, "connected": 1}  # fmt: skip
    document = {
        "version": 1,
        "boottime": clock.boottime(),
        "manager": 1,
        "modems": [modem, "x"] * 100,
        "metered": {"x": 1, "\x1b": True, "y" * 16: True},
    }
    file.write_text(json.dumps(document))
    assert ReportFile(file).read() == ModemsReport((Modem(),) * 16)


def test_nothing_that_lies_there_makes_the_daemon_wait(file, tmp_path):
    other = tmp_path / "history.db"
    write(other, FULL)
    file.symlink_to(other)
    assert ReportFile(file).read() is None, "a link would show a file of the daemon"
    file.unlink()
    os.mkfifo(file)
    found: list[object] = []
    reading = threading.Thread(target=lambda: found.append(ReportFile(file).read()), daemon=True)
    reading.start()
    reading.join(5)
    assert found == [None]
    file.unlink()
    file.mkdir()
    assert ReportFile(file).read() is None
