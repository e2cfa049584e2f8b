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

from esimshaper.core.log_limit import BURST
from esimshaper.core.model.notices import TOLD_OTHERWISE, NoticeKind
from esimshaper.edge.host.messages import MESSAGE_IDS, SUMMED_UP_ID, Message, fields
from tests.edge.host import journal_sender

ROOT = Path(__file__).parents[3]
CATALOGS = {
    path.name.removeprefix("esimshaper.").removesuffix("catalog").rstrip("."): path.read_text()
    for path in sorted((ROOT / "systemd").glob("esimshaper*.catalog"))
}
"""By language; that of the one without is English."""
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
    sender = [sys.executable, "-m", "tests.edge.host.journal_sender", *arguments]
    environment = {**os.environ, "JOURNALD": str(JOURNALD), "OUT": str(out), "WANTED": str(wanted)}
    environment.pop("JOURNAL_STREAM", None)
    command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", SCRIPT, "bash", *sender]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in (out / "journal").read_text().splitlines()]
    return entries, (out / "errors").read_text()


@pytest.fixture(scope="module")
def journal(tmp_path_factory) -> list[dict]:
    return send(tmp_path_factory.mktemp("journal"), "stream", wanted=len(journal_sender.NOTICES))[0]


def ours(entry: dict) -> dict[str, str | list[str]]:
    return {name: value for name, value in entry.items() if name.startswith("ESIMSHAPER_")}


FIELDS = [
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
    {
        "ESIMSHAPER_SUBJECT": "client/alice-phone",
        "ESIMSHAPER_CLIENT": "alice-phone",
        "ESIMSHAPER_QUOTA": "daily",
        "ESIMSHAPER_BYTES": "1000000000",
        "ESIMSHAPER_INTERFACE": "wwan0",
    },
    *(
        {
            "ESIMSHAPER_SUBJECT": "everyone",
            "ESIMSHAPER_QUOTA": "plan",
            "ESIMSHAPER_BYTES": size,
            "ESIMSHAPER_INTERFACE": "wwan0",
        }
        for size in ("1500000000", "1000000000", "266000000")
    ),
    *[{"ESIMSHAPER_SUBJECT": "everyone", "ESIMSHAPER_BYTES": "0", "ESIMSHAPER_INTERFACE": "wwan0"}] * 16,
    {
        "ESIMSHAPER_SUBJECT": "client/alice-phone",
        "ESIMSHAPER_CLIENT": "alice-phone",
        "ESIMSHAPER_BYTES": "6",
        "ESIMSHAPER_ALARM": "7",
        "ESIMSHAPER_REASONS": "surge upload",
        "ESIMSHAPER_INTERFACE": "wwan0",
    },
    *[{"ESIMSHAPER_SUBJECT": "everyone", "ESIMSHAPER_BYTES": "0", "ESIMSHAPER_INTERFACE": "wwan0"}] * 2,
    {
        "ESIMSHAPER_SUBJECT": "client/alice-phone",
        "ESIMSHAPER_CLIENT": "alice-phone",
        "ESIMSHAPER_BYTES": "120000000",
        "ESIMSHAPER_INTERFACE": "wwan0",
    },
    *[{"ESIMSHAPER_SUBJECT": "everyone", "ESIMSHAPER_BYTES": "0", "ESIMSHAPER_INTERFACE": "wwan0"}] * 2,
    {
        "ESIMSHAPER_SUBJECT": "each-client",
        "ESIMSHAPER_CLIENT": ["alice-phone", "02:00:00:00:00:11"],
        "ESIMSHAPER_CLIENTS": "2",
        "ESIMSHAPER_QUOTA": "plan",
        "ESIMSHAPER_STATE": "blocked",
        "ESIMSHAPER_INTERFACE": "wwan0",
    },
]
"""Of each of the notices of journal_sender.py."""


@needs_journal
def test_each_notice_is_one_message_with_its_fields(journal):
    notices = [entry for entry in journal if "MESSAGE_ID" in entry]
    assert [entry["MESSAGE"] for entry in notices] == [notice.text for notice in journal_sender.NOTICES]
    assert [entry["MESSAGE_ID"] for entry in notices] == [*MESSAGE_IDS.values(), SUMMED_UP_ID]
    assert MESSAGE_IDS.keys() == set(NoticeKind) - TOLD_OTHERWISE
    assert [entry["PRIORITY"] for entry in notices] == ["5", "4", "6", *["5"] * 22, "4", *["5"] * 6]
    assert [ours(entry) for entry in notices] == FIELDS


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
            f"{'WARNING' if notice.kind in (NoticeKind.QUOTA_REACHED, NoticeKind.ALARM) else 'INFO'} {notice.text}"
            for notice in journal_sender.NOTICES
        ),
    ]


@needs_journal
def test_a_flapping_cause_leaves_some_lines_and_a_sum_and_no_notice_is_lost(tmp_path):
    times, notices = journal_sender.TIMES, len(journal_sender.NOTICES)
    entries, _ = send(tmp_path, "stream", "flapping", wanted=2 * times + notices + BURST + 1)
    told = [entry["MESSAGE"] for entry in entries]
    assert told.count(journal_sender.NOTICES[1].text) == told.count(journal_sender.NOTICES[2].text) == times + 1

    about_links = [entry for entry in entries if "counting at" in entry["MESSAGE"]]
    assert [entry["MESSAGE"] for entry in about_links[:2]] == ["not counting at wwan0: reason 0", "counting at wwan0"]
    assert len(about_links) == BURST + 1
    assert about_links[-1]["MESSAGE"] == f"{2 * times - BURST} more of these, the last one: counting at wwan0"
    assert about_links[-1]["MESSAGE_ID"] == Message.COUNTING.id
    assert ours(about_links[-1]) == {"ESIMSHAPER_INTERFACE": "wwan0", "ESIMSHAPER_REPEATED": str(2 * times - BURST)}

    faults = [entry for entry in entries if "a request for" in entry["MESSAGE"]]
    assert len(faults) == BURST + 1
    assert "ValueError: invalid literal" in faults[0]["MESSAGE"]
    assert faults[-1]["MESSAGE"] == f"{times - BURST} more of these, the last one: a request for {times - 1} failed"


IDS = [*MESSAGE_IDS.values(), SUMMED_UP_ID, *(message.id for message in Message)]


def explained(text: str) -> dict[str, str]:
    """The entries of a catalog, by MESSAGE_ID."""
    _, *parts = re.split("^-- ([0-9a-f]{32})$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def filled_in(text: str) -> set[str]:
    return set(re.findall("@[^@ \n]+@", text))


@pytest.mark.parametrize("language", CATALOGS)
def test_the_catalog_explains_every_message_and_no_other(language):
    entries = explained(CATALOGS[language])
    assert list(entries) == IDS
    assert len(set(IDS)) == len(IDS)
    for entry in entries.values():
        head, _, body = entry.strip().partition("\n\n")
        assert [line.partition(":")[0] for line in head.splitlines()] == ["Subject", "Defined-By"]
        assert body
        assert entry.count("@") == 2 * len(re.findall("@ESIMSHAPER_[A-Z]+@", entry))


@pytest.mark.parametrize("language", [language for language in CATALOGS if language])
def test_every_language_fills_in_the_same_and_names_the_same_commands(language):
    english, translated = explained(CATALOGS[""]), explained(CATALOGS[language])
    for number, entry in translated.items():
        assert filled_in(entry) == filled_in(english[number])
        assert set(re.findall("`[^`]+`", entry)) == set(re.findall("`[^`]+`", english[number]))


def test_what_is_filled_in_is_a_field_that_the_message_has():
    entries = explained(CATALOGS[""])
    for message in Message:
        known = fields(message, interface="wwan0", client="tv", config="/etc/esimshaper/esimshaper.yaml")
        assert filled_in(entries[message.id]) <= {f"@{name}@" for name in known}
    of_notices = {"SUBJECT", "CLIENT", "QUOTA", "BYTES", "STATE", "INTERFACE", "ALARM", "REASONS"}
    for number in MESSAGE_IDS.values():
        assert filled_in(entries[number]) <= {f"@ESIMSHAPER_{name}@" for name in of_notices}
    assert filled_in(entries[SUMMED_UP_ID]) <= {"@ESIMSHAPER_CLIENTS@"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Path:
    """A root with our catalogs in the form that journalctl looks into."""
    root = tmp_path_factory.mktemp("catalog")
    (root / "usr/lib/systemd/catalog").mkdir(parents=True)
    (root / "var/lib/systemd/catalog").mkdir(parents=True)
    for path in (ROOT / "systemd").glob("*.catalog"):
        shutil.copy(path, root / "usr/lib/systemd/catalog")
    update = ["journalctl", f"--root={root}", "--update-catalog"]
    done = subprocess.run(update, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return root


WORDS = {
    "en_GB.UTF-8": "has used up the quota",
    "ja_JP.UTF-8": "使い切りました",
    "zh_CN.UTF-8": "已用完配额",
    "zh_TW.UTF-8": "已用完配額",
}


@pytest.mark.skipif(not shutil.which("journalctl"), reason="needs journalctl")
@pytest.mark.parametrize("language", WORDS)
def test_systemd_shows_the_catalog_in_the_language_of_the_reader(catalog, tmp_path, language):
    (tmp_path / language).symlink_to("/usr/lib/locale/C.utf8")  # that a locale is there is all that systemd asks
    environment = {"PATH": os.environ["PATH"], "LOCPATH": str(tmp_path), "LANG": language}
    listing = ["journalctl", f"--root={catalog}", "--list-catalog"]
    found = subprocess.run(listing, env=environment, capture_output=True, text=True, check=True).stdout
    titles = dict(line.split(" ", 1) for line in found.splitlines())
    assert set(titles) >= set(IDS)
    assert WORDS[language] in titles[MESSAGE_IDS[NoticeKind.QUOTA_REACHED]]
