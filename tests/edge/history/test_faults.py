# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge history, when things go wrong: killed writers, full and read-only disks, damaged and foreign files."""

import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.history import HistoryRow, Resolution
from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.state import Baseline, Booked, Booking, ClockSlice
from esimshaper.edge.history import schema as history_schema
from esimshaper.edge.history.database import History, HistoryError
from tests.tools import needs_root

ALICE = ClientKey("02:00:00:00:00:10")
START = 1_800_000_000
WRITER = Path(__file__).with_name("history_writer.py")
ROOT = Path(__file__).parents[3]
KILLS = 50
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def booking(number: int, clients: int = 20) -> Booking:
    """The number-th minute: each client moves 1 MB in it, and has moved `number` MB in all."""
    five_minutes = START + number * 60 // 300 * 300
    keys = [ClientKey(f"02:00:00:00:00:{client:02x}") for client in range(clients)]
    moved, total = Counters(1_000_000), Counters(1_000_000 * number)
    rows = [
        HistoryRow(resolution, five_minutes if resolution is Resolution.FIVE_MINUTES else START, key, moved)
        for resolution in Resolution
        for key in keys
    ]
    accounts = {Account(2 + index): total for index in range(clients)}
    owners = dict(zip(accounts, keys, strict=True))
    wan = {"wwan0": Counters(1_000_000 * number * clients)}
    meter = Booked(7, accounts, owners, dict.fromkeys(keys, total), wan, float(number))
    return Booking(tuple(rows), Baseline(meter, ClockSlice(boottime=float(number))))


def assert_rows_and_baseline_agree(history: History) -> None:
    baseline = history.load()
    for resolution in Resolution:
        saved: dict[ClientKey, Counters] = {}
        for row in history.rows(resolution, 0, 2**40):
            saved[row.client] = saved.get(row.client, Counters()) + row.counters
        assert saved == (baseline.meter.totals if baseline else {}), resolution


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_had_saved(path):
    chance, saves = random.Random(1), 0
    for _ in range(KILLS):
        writer = subprocess.Popen([sys.executable, WRITER, path], stdout=subprocess.PIPE, cwd=ROOT, env=ENVIRONMENT)
        wanted = chance.randint(1, 12)
        for _ in range(wanted):
            assert writer.stdout.readline() == b"saved\n"
        for _ in range(chance.randint(0, 20_000)):  # into the middle of the next save, wherever that is
            pass
        writer.kill()
        told = wanted + writer.stdout.read().count(b"saved\n")
        writer.wait()
        writer.stdout.close()
        with closing(History(path)) as history:
            assert history.notes == ""
            assert_rows_and_baseline_agree(history)
            baseline = history.load()
            now_saved = round((baseline.meter.boottime - 1000) / 60)
            (plan,) = baseline.limits.tallies
            assert plan.used == sum(counters.total_bytes for counters in baseline.meter.totals.values())
        # One more may be safe than was told: killed between the commit and the line.
        assert saves + told <= now_saved <= saves + told + 1
        saves = now_saved
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def on_a_disk_of_its_own(size: str, body: str, place: Path) -> str:
    """Run `body` with a tmpfs of that size at `disk`, in a private mount namespace (root); returns what it prints."""
    program = f"""
import json, subprocess, sys
from pathlib import Path
from tests.edge.history.test_faults import *
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size={size}", "tmpfs", disk], check=True)
{body}"""
    command = ["unshare", "--mount", sys.executable, "-c", program, place]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fill(disk: Path) -> Path:
    """Fill the disk to its last byte; returns the file to remove to make room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


def together(waiting: list[Booking]) -> Booking:
    """As the pipeline does: what could not be saved goes along with what comes next."""
    return Booking(tuple(row for each in waiting for row in each.rows), waiting[-1].baseline)


@needs_root
def test_a_full_disk_fails_whole_and_works_again_when_there_is_room(tmp_path):
    body = """
history, errors, waiting = History(disk / "history.db"), [], []
for number in range(1, 200):
    if number in (10, 100):
        filler = fill(disk)
    if number in (60, 150):
        filler.unlink()
    waiting.append(booking(number))
    try:
        history.save(together(waiting))
        waiting = []
    except HistoryError as error:
        errors.append([number, str(error)])
    assert_rows_and_baseline_agree(history)
print(json.dumps([errors, len(waiting), history.load().meter.boottime, history.notes]))
"""
    errors, waiting, boottime, notes = json.loads(on_a_disk_of_its_own("1536k", body, tmp_path))
    numbers = [number for number, _ in errors]
    assert any(10 <= number < 60 for number in numbers)
    assert any(100 <= number < 150 for number in numbers)
    assert all(10 <= number < 60 or 100 <= number < 150 for number in numbers), "with room every save works"
    assert all("the disk is full" in text for _, text in errors)
    assert (waiting, boottime, notes) == (0, 199.0, "")


@needs_root
def test_a_disk_that_is_full_when_opening_is_an_error_and_not_a_new_history(tmp_path):
    body = """
with closing(History(disk / "history.db")) as history:
    history.save(booking(1))
filler = fill(disk)
try:
    History(disk / "history.db")
except HistoryError as error:
    print(error)
filler.unlink()
history = History(disk / "history.db")
print(history.load().meter.boottime, history.notes)
"""
    first, second = on_a_disk_of_its_own("1m", body, tmp_path).splitlines()
    assert "history.db: the disk" in first
    assert second.split() == ["1.0"]


@needs_root
def test_a_read_only_disk_is_an_error_and_not_damage(tmp_path):
    body = """
with closing(History(disk / "history.db")) as history:
    history.save(booking(1))
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
try:
    History(disk / "history.db")
except HistoryError as error:
    print(error)
subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
history = History(disk / "history.db")
print(history.load().meter.boottime, history.notes)
"""
    first, second = on_a_disk_of_its_own("1m", body, tmp_path).splitlines()
    assert "Read-only file system" in first
    assert second.split() == ["1.0"]


def test_a_locked_database_is_an_error_and_works_again(path, monkeypatch):
    monkeypatch.setattr(history_schema, "BUSY_SECONDS", 0.05)
    with closing(History(path)) as history, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match="another program is using it"):
            history.save(booking(1))
        other.execute("ROLLBACK")
        history.save(booking(1))
        assert_rows_and_baseline_agree(history)


def test_a_number_that_is_too_large_is_an_error_and_costs_nothing(path):
    with closing(History(path)) as history:
        history.save(booking(1))
        huge = HistoryRow(Resolution.DAY, START, ALICE, Counters(2**63))
        with pytest.raises(HistoryError):
            history.save(Booking((huge,), booking(2).baseline))
        assert_rows_and_baseline_agree(history)
        assert history.notes == ""


def files(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def saved_database(path: Path, minutes: int = 30) -> bytes:
    with closing(History(path)) as history:
        for number in range(1, minutes):
            history.save(booking(number))
    return path.read_bytes()


def assert_it_goes_on(path: Path) -> str:
    """Whatever is at `path`, opening works, and so does saving on top of what opening found; returns the notes."""
    with closing(History(path)) as history:
        before = history.load()
        notes = history.notes
        assert bool(notes) == any("corrupt" in name for name in files(path)) or before is not None
        try:
            history.save(booking(1000))
        except HistoryError:
            history.save(booking(1000))  # the damage came to light only now, and a new file was begun
        history.totals(Resolution.MONTH, START)
    with closing(History(path)) as history:
        assert history.load() == booking(1000).baseline
        return notes


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"not a database, but long enough to be one" * 200, b"SQLite format 3\0", os.urandom(20_000)],
    ids=["empty", "zeros", "text", "header", "noise"],
)
def test_a_file_that_is_no_database_is_moved_aside(path, content):
    path.write_bytes(content)
    notes = assert_it_goes_on(path)
    if content:
        assert "history.db.corrupt-1; a new history was begun" in notes
        assert path.with_name("history.db.corrupt-1").read_bytes() == content


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
@pytest.mark.parametrize("what", ["pipe", "socket", "device"])
def test_what_is_no_file_is_refused_in_words_and_not_waited_for(path, what, suffix):
    place = path.with_name(path.name + suffix)
    with socket.socket(socket.AF_UNIX) as server:
        if what == "pipe":
            os.mkfifo(place)
        elif what == "socket":
            server.bind(str(place))
        else:
            place.symlink_to("/dev/zero")
        with pytest.raises(HistoryError, match=f"{place} is a {what} and not a file"):
            History(path)
    assert files(path) == [place.name], "nothing was made, moved or deleted"
    place.unlink()
    assert_it_goes_on(path)


def test_another_programs_database_is_moved_aside_whole(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE letters (text)")
        other.execute("INSERT INTO letters VALUES ('dear')")
        other.commit()
    assert "another program" in assert_it_goes_on(path)
    with closing(sqlite3.connect(path.with_name("history.db.corrupt-1"))) as other:
        assert other.execute("SELECT text FROM letters").fetchall() == [("dear",)]


def test_a_truncated_database_never_stops_the_meter(path):
    whole = saved_database(path)
    for length in [1, 17, 99, 100, 101, 512, *range(4095, len(whole), 4096), *range(5000, len(whole), 7777)]:
        path.write_bytes(whole[:length])
        notes = assert_it_goes_on(path)
        assert notes or len(whole) - length < 4096, f"pages are missing, and nobody says so: cut at {length}"


def test_random_damage_never_stops_the_meter(path):
    whole = saved_database(path)
    chance = random.Random(2)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 1, 8, 64, 2000])):
            where = chance.randrange(chance.choice([100, 4096, len(whole)]))
            damaged[where] = chance.randrange(256)
        damaged[60:64] = whole[60:64]  # a larger version number is not damage, but another promise
        path.write_bytes(damaged)
        assert_it_goes_on(path)


def test_damage_that_shows_only_while_running_is_moved_aside_too(path):
    saved_database(path)
    with closing(History(path)) as history:
        with closing(sqlite3.connect(path)) as other:  # what another connection writes, ours does not know by heart
            other.execute("UPDATE reading SET boottime = boottime + 1")
            other.commit()
            with path.open("r+b") as file:
                file.seek(4096)
                file.write(os.urandom(path.stat().st_size - 4096))
            with pytest.raises(HistoryError, match=r"corrupt-1; a new history was begun"):
                history.save(booking(30))
        history.save(booking(31))
        assert history.load() == booking(31).baseline
        assert history.totals(Resolution.MONTH, START)[ClientKey("02:00:00:00:00:05")] == Counters(1_000_000)


def test_journals_go_aside_with_their_database(path):
    """A journal left beside a new database could be taken for its own."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).write_text(f"old{suffix}")
    connection, notes = history_schema.connect_anew(path, "for a test")
    connection.close()
    assert "(for a test)" in notes
    aside = path.with_name("history.db.corrupt-1")
    assert [aside.with_name(aside.name + suffix).read_text() for suffix in ("", "-wal", "-shm")] == [
        "old",
        "old-wal",
        "old-shm",
    ]
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_damaged_files_do_not_fill_the_disk(path):
    for number in range(10):
        path.write_bytes(b"damaged %d" % number * 100)
        assert_it_goes_on(path)
    kept = [name for name in files(path) if name.startswith("history.db.corrupt")]
    assert kept == [f"history.db.corrupt-{number}" for number in range(1, 6)]
    assert path.with_name("history.db.corrupt-5").read_bytes().startswith(b"damaged 9")


def test_a_database_that_was_taken_away_is_made_again(path):
    with closing(History(path)) as history:
        history.save(booking(1))
        path.rename(path.with_name("elsewhere"))
        history.save(booking(2))
        assert path.exists()
    with closing(History(path)) as again:
        assert again.load() == booking(2).baseline


def test_a_directory_that_cannot_be_used_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match=r"history\.db cannot be opened: .*irectory"):
        History(tmp_path / "file" / "history.db")
