# SPDX-License-Identifier: GPL-2.0-or-later
"""`report` and the ways of `history`, as people type them, against two months in a real database."""

import csv
import io
import json

import pytest

from tests.cli.test_main import esimshaper, on_terminal, server

__all__ = ["server"]


def test_a_report_is_an_overview(server):
    done = esimshaper("report", "--socket", server)
    assert done.returncode == 0
    for title in ("Devices", "What for", "Kinds of services", "Ways to the Internet", "Plans"):
        assert f"\n{title}\n" in done.stdout
    assert done.stdout.startswith("All clients from 25 Oct 2026 to 23 Nov 2026 18:30: ")


@pytest.mark.parametrize("by", ["client", "group", "service", "category", "uplink", "plan", "hour", "day", "month"])
def test_each_way_of_adding_up_has_the_same_sum_as_table_csv_and_json(server, by):
    document = json.loads(esimshaper("report", "--by", by, "--json", "--socket", server).stdout)
    total = document["total"]["total_bytes"]
    assert sum(row["total_bytes"] for row in document["rows"]) == total
    rows = list(csv.DictReader(io.StringIO(esimshaper("report", "--by", by, "--csv", "--socket", server).stdout)))
    assert sum(int(row["total_bytes"]) for row in rows) == total
    assert by.upper() in esimshaper("report", "--by", by, "--socket", server).stdout


def test_who_used_it_at_three_in_the_night(server):
    night = ("--since", "2026-11-19 03:00", "--until", "2026-11-19 04:00")
    done = esimshaper("report", "--by", "client", *night, "--csv", "--socket", server)
    assert len(done.stdout.splitlines()) == 2, "one device was awake"
    assert done.stdout.splitlines()[1].startswith("02:00:00:00:00:1f,")


def test_a_page_for_the_browser_is_written(server, tmp_path):
    file = tmp_path / "report.html"
    done = esimshaper("report", "alice-phone", "--html", file, "--socket", server)
    assert done.stdout == f"{file} is written; a browser shows and prints it\n"
    text = file.read_text()
    assert "<h1>Internet use of alice-phone</h1>" in text
    assert "At which hour" in text
    missing = tmp_path / "nowhere" / "report.html"
    failed = esimshaper("report", "--html", missing, "--socket", server)
    assert (failed.returncode, failed.stderr) == (1, f"esimshaper: {missing}: No such file or directory\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "--html", "x.html", "--by", "day"], "--html has all of them"),
        (["report", "--plan", "newest"], "there is no plan `newest`; those on record are docomo-30d, iij-10gb"),
        (["report", "--zone", "Tokyo"], "`Tokyo` is not a time zone as in Asia/Tokyo"),
        (["report", "--since", "tomorrow"], "`tomorrow` is no moment that is understood"),
        (["report", "nobody"], "nobody"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_said(server, words, said):
    done = esimshaper(*words, "--socket", server)
    assert done.returncode in (1, 2)
    assert said in " ".join(done.stderr.split())


def test_a_terminal_shows_charts_in_its_width(server):
    text, status = on_terminal("report", "--by", "day", "--socket", server, columns=60)
    assert status == 0
    assert "█" in text
    assert max(map(len, text.splitlines())) <= 60
