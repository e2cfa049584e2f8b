# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge leases: whatever stands in a lease file, metering goes on, and good lines are read."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from esimshaper.core.model.identity import Lease
from esimshaper.edge.lan.leases import MAX_BYTES, LeaseFiles
from esimshaper.edge.lan.leases import parse as understood

GOOD = b"1764000000 02:00:00:00:00:10 192.168.8.20 alice-phone 01:02:00:00:00:00:10\n"
ALICE = Lease("02:00:00:00:00:10", "192.168.8.20", "alice-phone", datetime(2025, 11, 24, 16, 0, tzinfo=UTC))


def parse(content):
    return understood(content).leases


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dnsmasq.leases"


def test_a_file_as_dnsmasq_writes_it():
    content = (
        GOOD + b"0 02:00:00:00:00:AB 192.168.8.21 * *\n"
        b"1764000000 06-aa:bb:cc:dd:ee:ff:00:11 192.168.8.22 firewire *\n"
        b"duid 00:01:00:01:2c:00:00:00:02:00:00:00:00:01\n"
        b"1764000000 17 2001:db8::20 alice-phone 00:01:00:01:2c:00:00:00:02:00:00:00:00:10\n"
    )
    assert parse(content) == (ALICE, Lease("02:00:00:00:00:ab", "192.168.8.21", "*", None))


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"1764000000 02:00:00:00:00:10",
        b"soon 02:00:00:00:00:10 192.168.8.20 x *",
        b"1764000000 02:00:00:00:00 192.168.8.20 x *",
        b"1764000000 02:00:00:00:00:10 192.168.8.256 x *",
        b"99999999999999999999 02:00:00:00:00:10 192.168.8.20 x *",
        b"\x00\xff\xfe",
    ],
)
def test_a_line_that_makes_no_sense_is_skipped(line):
    assert parse(line + b"\n" + GOOD + b"\n") == (ALICE,)


def test_a_line_that_is_still_being_written_waits():
    for cut in range(len(GOOD) - len(b" 01:02:00:00:00:00:10\n") + 1):
        assert parse(GOOD + GOOD[:cut]) == (ALICE,), cut


def test_a_last_line_without_its_end_and_a_byte_order_mark_are_read():
    assert parse(b"\xef\xbb\xbf" + GOOD.rstrip()) == (ALICE,)


def test_a_name_that_is_not_utf8_is_still_a_lease():
    leases = parse(b"0 02:00:00:00:00:10 192.168.8.20 caf\xe9\x1b[2J *\n")
    assert leases[0].hostname == "caf\ufffd\x1b[2J"


def test_a_huge_file_is_read_up_to_a_bound(path):
    path.write_bytes(GOOD * (3 * MAX_BYTES // len(GOOD)))
    files = LeaseFiles([path])
    assert len(files.read()) == MAX_BYTES // len(GOOD)


def test_several_files_make_one_list_and_a_missing_one_is_empty(tmp_path, path):
    other = tmp_path / "other.leases"
    path.write_bytes(GOOD)
    other.write_bytes(GOOD.replace(b":10", b":11"))
    files = LeaseFiles([path, tmp_path / "none.leases", other])
    assert [lease.mac for lease in files.read()] == ["02:00:00:00:00:10", "02:00:00:00:00:11"]
    path.unlink()
    assert [lease.mac for lease in files.read()] == ["02:00:00:00:00:11"]


def test_what_is_no_file_is_empty_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert LeaseFiles([tmp_path, tmp_path / "pipe", Path("/dev/zero"), tmp_path / ("x" * 300)]).read() == ()


def test_a_file_is_read_again_only_when_it_changed(path):
    path.write_bytes(GOOD)
    os.utime(path, ns=(0, 1_000))
    files = LeaseFiles([path])
    first = files.read()
    path.write_bytes(GOOD.replace(b"alice", b"malic"))
    os.utime(path, ns=(0, 1_000))
    assert files.read() is not first
    assert files.read() == first, "same inode, size and time: not opened again"
    os.utime(path, ns=(0, 2_000))
    assert files.read()[0].hostname == "malic-phone"


def test_a_file_that_was_replaced_is_read_again(tmp_path, path):
    path.write_bytes(GOOD)
    files = LeaseFiles([path])
    files.read()
    new = tmp_path / "new"
    new.write_bytes(GOOD.replace(b"alice", b"malic"))
    stamp = path.stat().st_mtime_ns
    os.utime(new, ns=(stamp, stamp))
    new.replace(path)
    assert files.read()[0].hostname == "malic-phone"
