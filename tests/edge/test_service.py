# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge service: what arrives in a real journal, in a mount namespace where /run is a journal's of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from esimshaper.core.limits import NoticeKind
from esimshaper.edge import service
from tests.edge import journal_sender

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "systemd/esimshaper.catalog"
JOURNALD = Path("/lib/systemd/systemd-journald")

# Runs in the namespace: a journal, the sender, and then all that the journal has, as JSON.
SCRIPT = """
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/journald.conf.d /run/log/journal
printf '%s\\n' '[Journal]' Storage=volatile ReadKMsg=no Audit=no >/run/systemd/journald.conf.d/test.conf
"$JOURNALD" >/run/journald.log 2>&1 &
for _ in $(seq 100); do test -S /run/systemd/journal/stdout && break; sleep 0.1; done
"$@" 2>/run/errors || { cat /run/errors >&2; exit 1; }
cp /run/errors "$OUT/errors"
for _ in $(seq 50); do
    journalctl --sync 2>/dev/null || true
    journalctl -D /run/log/journal -o json --all -t esimshaper >"$OUT/journal" 2>/dev/null || true
    test "$(grep -c MESSAGE_ID "$OUT/journal")" -ge "$WANTED" && break
    sleep 0.1
done
kill %1
wait || true
"""

needs_journal = pytest.mark.skipif(
    os.geteuid() != 0 or not JOURNALD.exists() or not shutil.which("journalctl"), reason="needs root and journald"
)


def send(out: Path, *arguments: str, wanted: int) -> tuple[list[dict], str]:
    """What is in the journal after the sender ran, by its order, and what it wrote to standard error."""
    sender = [sys.executable, "-m", "tests.edge.journal_sender", *arguments]
    environment = {**os.environ, "JOURNALD": str(JOURNALD), "OUT": str(out), "WANTED": str(wanted)}
    environment.pop("JOURNAL_STREAM", None)
    command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", SCRIPT, "bash", *sender]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in (out / "journal").read_text().splitlines()]
    return entries, (out / "errors").read_text()


@pytest.fixture(scope="module")
def journal(tmp_path_factory) -> list[dict]:
    return send(tmp_path_factory.mktemp("journal"), "stream", wanted=len(journal_sender.NOTICES))[0]


def ours(entry: dict) -> dict[str, str]:
    return {name: value for name, value in entry.items() if name.startswith("ESIMSHAPER_")}


@needs_journal
def test_each_notice_is_one_message_with_its_fields(journal):
    notices = [entry for entry in journal if "MESSAGE_ID" in entry]
    assert [entry["MESSAGE"] for entry in notices] == [notice.text for notice in journal_sender.NOTICES]
    assert [entry["MESSAGE_ID"] for entry in notices] == [service.MESSAGE_IDS[kind] for kind in NoticeKind]
    assert [entry["PRIORITY"] for entry in notices] == ["5", "4", "6", "5", "5"]
    assert [ours(entry) for entry in notices] == [
        {
            "ESIMSHAPER_SUBJECT": "client/alice-phone",
            "ESIMSHAPER_CLIENT": "alice-phone",
            "ESIMSHAPER_QUOTA": "daily",
            "ESIMSHAPER_BYTES": "400000000",
            "ESIMSHAPER_INTERFACE": "wwan0",
        },
        {
            "ESIMSHAPER_SUBJECT": "everyone",
            "ESIMSHAPER_QUOTA": "plan",
            "ESIMSHAPER_BYTES": "10000000000",
            "ESIMSHAPER_INTERFACE": "wwan0",
        },
        {
            "ESIMSHAPER_SUBJECT": "group/kids",
            "ESIMSHAPER_QUOTA": "kids",
            "ESIMSHAPER_BYTES": "1000000000",
            "ESIMSHAPER_INTERFACE": "wwan0",
        },
        {
            "ESIMSHAPER_SUBJECT": "client/02:00:00:00:00:20",
            "ESIMSHAPER_CLIENT": "02:00:00:00:00:20",
            "ESIMSHAPER_QUOTA": "plan",
            "ESIMSHAPER_STATE": "blocked",
            "ESIMSHAPER_INTERFACE": "wwan0",
        },
        {
            "ESIMSHAPER_SUBJECT": "client/alice-phone",
            "ESIMSHAPER_CLIENT": "alice-phone",
            "ESIMSHAPER_QUOTA": "daily",
            "ESIMSHAPER_BYTES": "1000000000",
            "ESIMSHAPER_INTERFACE": "wwan0",
        },
    ]


@needs_journal
def test_log_lines_are_messages_too(journal):
    (line,) = [entry for entry in journal if entry["MESSAGE"] == "a line of the log"]
    assert (line["PRIORITY"], line["LOGGER"]) == ("6", "esimshaper")


@needs_journal
def test_by_hand_notices_are_plain_lines_on_standard_error_although_a_journal_is_there(tmp_path):
    entries, errors = send(tmp_path, wanted=0)
    assert [entry for entry in entries if "MESSAGE_ID" in entry] == []
    told = [line.partition(" ")[2] for line in errors.splitlines()]
    assert told == [
        "INFO a line of the log",
        *(
            f"{'WARNING' if notice.kind is NoticeKind.QUOTA_REACHED else 'INFO'} {notice.text}"
            for notice in journal_sender.NOTICES
        ),
    ]


def test_the_catalog_explains_every_message_and_no_other():
    text = CATALOG.read_text()
    assert re.findall("^-- ([0-9a-f]{32})$", text, re.MULTILINE) == [service.MESSAGE_IDS[kind] for kind in NoticeKind]
    known = {"SUBJECT", "CLIENT", "QUOTA", "BYTES", "STATE", "INTERFACE"}
    assert set(re.findall("@ESIMSHAPER_([A-Z]+)@", text)) == known
    assert text.count("@") == 2 * len(re.findall("@ESIMSHAPER_[A-Z]+@", text))


@pytest.mark.skipif(not shutil.which("journalctl"), reason="needs journalctl")
def test_systemd_reads_the_catalog(tmp_path):
    (tmp_path / "usr/lib/systemd/catalog").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(CATALOG, tmp_path / "usr/lib/systemd/catalog")
    update = ["journalctl", f"--root={tmp_path}", "--update-catalog"]
    done = subprocess.run(update, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    listing = ["journalctl", f"--root={tmp_path}", "--list-catalog"]
    found = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    assert set(found.split()) >= set(service.MESSAGE_IDS.values())
    assert "esimshaper: @ESIMSHAPER_SUBJECT@ has used up the quota @ESIMSHAPER_QUOTA@" in found
