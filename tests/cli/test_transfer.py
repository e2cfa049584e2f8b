# SPDX-License-Identifier: GPL-2.0-or-later
"""`export` and `import` as people type them, against a daemon's answers and a real database."""

import csv
import io
import json

import pytest

from tests.cli.test_main import esimshaper, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Of its own: what is imported stays."""
    with serving(tmp_path_factory.mktemp("run") / "control.sock") as path:
        yield path


def test_all_goes_out_and_comes_back_into_another_router_to_the_byte(server, tmp_path):
    text = esimshaper("export", "--since", "2026-11-19", "--socket", server).stdout
    assert len(text.splitlines()) > 1000
    file = tmp_path / "all.csv"
    file.write_text(text)
    with serving(tmp_path / "other.sock") as other:
        for _ in range(2):
            done = esimshaper("import", file, "--socket", other)
            assert done.returncode == 0, done.stderr
            assert "rows of our own CSV" in done.stdout
        both = esimshaper("export", "--socket", other).stdout
    name = next(csv.DictReader(io.StringIO(text)))["source"]
    assert [line for line in both.splitlines() if f",{name}," in line] == text.splitlines()[1:]


def test_json_lines_say_the_same_and_names_may_stand_there_too(server):
    of = ("alice-phone", "--since", "2026-11-22", "--socket", server)
    rows = list(csv.DictReader(io.StringIO(esimshaper("export", *of, "--names").stdout)))
    lines = [json.loads(line) for line in esimshaper("export", *of, "--json").stdout.splitlines()]
    assert [row["down_bytes"] for row in rows] == [str(line["down_bytes"]) for line in lines]
    assert {row["name"] for row in rows} == {"alice-phone"}


def total(server, *words: str) -> int:
    month = ("--since", "2026-09-01", "--until", "2026-10-01")
    document = json.loads(esimshaper("report", *month, "--json", *words, "--socket", server).stdout)
    return document["total"]["total_bytes"]


def test_a_total_is_typed_and_typed_again(server):
    before = total(server, "alice-phone")
    for size in ("3.4GB", "3 GB"):
        done = esimshaper("import", "--month", "2026-09", "--client", "alice-phone", size, "--socket", server)
        assert done.returncode == 0, done.stderr
    assert "1 row of a total of 2026-09, 3.00 GB of bytes: imported." in done.stdout
    assert total(server, "alice-phone") == before + 3 * 10**9
    status = json.loads(esimshaper("clients", "--json", "--socket", server).stdout)
    assert all(client["month"]["total_bytes"] < 3 * 10**9 for client in status["clients"] if client["client"] == "tv")


def test_a_file_with_a_mistake_brings_nothing_in(server, tmp_path):
    file = tmp_path / "months.csv"
    file.write_text("month,client,used\n2026-08,02:00:00:00:00:10,1GB\n2026-08,nobody,1GB\n")
    august = ("--since", "2026-08-01", "--until", "2026-09-01", "--socket", server)
    before = esimshaper("export", *august).stdout
    done = esimshaper("import", file, "--socket", server)
    assert done.returncode == 1
    assert f"{file}:3:client: `nobody` is not a MAC" in done.stderr
    assert "hint: write it as 02:00:00:00:00:10" in done.stderr
    assert esimshaper("export", *august).stdout == before
    file.write_text(file.read_text().replace("nobody", ""))
    dry = esimshaper("import", file, "--dry-run", "--socket", server)
    assert "2 rows of totals of months, 2.00 GB of bytes: nothing is wrong with it" in dry.stdout
    assert esimshaper("export", *august).stdout == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "nothing.csv"], "nothing.csv: No such file"),
        (["import", "--month", "2026-10", "much"], "much is neither a file nor a size"),
        (["import", "--month", "October", "3GB"], "`October` is not a month such as 2026-10"),
        (["import", "--month", "2036-10", "3GB"], "2036-10 is still to come"),
        (["import", "--month", "2026-10", "--client", "nobody", "3GB"], "nobody"),
        (["import", "--zone", "Tokio", "--month", "2026-10", "3GB"], "`Tokio` is not a time zone"),
        (["export", "--since", "someday"], "`someday` is no moment"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_said(server, words, said):
    done = esimshaper(*words, "--socket", server)
    assert done.returncode in (1, 2)
    assert said in " ".join(done.stderr.split())
