# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper services` as people type it, and lists of others that become services of the owner's own."""

import json
from pathlib import Path

import pytest

from esimshaper.cli.services import LARGEST_BYTES
from esimshaper.core.settings.name_lists import MOST_NAMES
from esimshaper.edge.settings_file.catalogue import read_services
from tests.cli.test_main import esimshaper, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("run") / "control.sock") as path:
        yield path


def test_services_are_shown_to_people_and_to_programs(server):
    plain = esimshaper("services", "--socket", server, env={"LC_ALL": "C.UTF-8"})
    assert (plain.returncode, plain.stderr) == (0, "")
    assert plain.stdout.startswith("What all bytes were for since midnight: ")
    assert "iCloud  " in plain.stdout
    document = json.loads(esimshaper("services", "--json", "--socket", server).stdout)
    assert sum(entry["total_bytes"] for entry in document["services"]) == document["total"]["total_bytes"]


def test_titles_are_in_the_language_of_the_terminal(server):
    shown = esimshaper("services", "alice-phone", "--socket", server, env={"LC_ALL": "", "LANG": "ja_JP.UTF-8"})
    assert "アイクラウド" in shown.stdout


def test_a_word_may_be_a_client_a_service_or_a_kind(server):
    for words, begin in (
        (("alice-phone",), "What the bytes of alice-phone were for"),
        (("--client", "alice-phone", "--since", "today"), "What the bytes of alice-phone were for"),
        (("youtube",), "YouTube, of all bytes"),
        (("--category", "video"), "video, of all bytes"),
        (("--service", "youtube", "--client", "alice-phone"), "YouTube, of the bytes of alice-phone"),
    ):
        done = esimshaper("services", *words, "--socket", server)
        assert done.stdout.startswith(begin), done
    wrong = esimshaper("services", "yotube", "--socket", server)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "there is no client 'yotube'" in wrong.stderr


def test_other_words_lead_to_services(server):
    assert esimshaper("apps", "--socket", server).stdout.startswith("What all bytes were for")
    assert "esimshaper services" in esimshaper("netflix").stderr
    assert "--by-service" in esimshaper("history", "--service").stderr


def test_history_says_what_each_day_was_for(server):
    shown = esimshaper("history", "--by-service", "--last", "2", "--socket", server).stdout
    assert shown.splitlines()[1].split()[:2] == ["DAY", "SERVICE"]
    assert "youtube" in shown
    both = esimshaper("history", "--by-service", "--each", "--socket", server)
    assert (both.returncode, both.stdout) == (2, "")


def test_clients_and_flows_name_services(server):
    assert "MOSTLY" in esimshaper("clients", "--socket", server).stdout
    top = esimshaper("top", "--count", "1", "--socket", server).stdout
    assert "MOSTLY" in top
    assert "tcp rr3.googlevideo.com" in top
    flows = esimshaper("flows", "--socket", server).stdout
    assert "rr3.googlevideo.com" in flows
    assert "TLS hello" in flows
    assert "googlevideo" not in esimshaper("services", "--json", "--socket", server).stdout


def test_a_list_becomes_a_service_that_the_catalogue_takes(tmp_path):
    lists = tmp_path / "Ad_Servers.hosts"
    lists.write_text("127.0.0.1 localhost\n0.0.0.0 ads.example.com tracker.example.org # both\nkeyword:ads\n")
    done = esimshaper("services", "import", lists, "--category", "ads")
    assert done.returncode == 0
    assert done.stderr == f"{lists}:3: left out: `keyword:ads` is a keyword\n"
    (tmp_path / "own.yaml").write_text(done.stdout)
    own = next(each for each in read_services(tmp_path) if each.name == "ad-servers")
    assert (own.category, own.domains) == ("ads", ("ads.example.com", "tracker.example.org"))


def test_the_longest_list_is_one_that_the_catalogue_reads(tmp_path):
    lists = tmp_path / "list"
    lists.write_text("".join(f"tracker-{number}.some-server.example\n" for number in range(MOST_NAMES)))
    done = esimshaper("services", "import", lists, "--as", "mine")
    assert done.returncode == 0
    (tmp_path / "own.yaml").write_text(done.stdout)
    assert len(next(each for each in read_services(tmp_path) if each.name == "mine").domains) == MOST_NAMES


def test_a_list_with_a_mistake_is_refused_by_line(tmp_path):
    lists = tmp_path / "list"
    lists.write_text("example.org\nhttps://example.com/\n")
    done = esimshaper("services", "import", lists)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{lists}:2: " in done.stderr


def test_a_list_of_strangers_writes_nothing_but_text_to_the_terminal(tmp_path):
    lists = tmp_path / "list"
    lists.write_text("keyword:\x1b]0;title\x07\nexample.org \x1b[31mred\n\x1b[2Jexample.org\n")
    done = esimshaper("services", "import", lists)
    assert done.stderr.count("\n") == done.stderr.count(f"{lists}:") == 2
    assert all(each.isprintable() for each in done.stderr if each != "\n")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("import",), 2, "`import` needs a FILE"),
        (("tv", "list"), 2, "one word too many: `list`"),
        (("--as", "ads"), 2, "--as goes with `import FILE`"),
        (("import", "nothing-here"), 1, "nothing-here: No such file"),
        (("import", "."), 1, ".: Is a directory"),
    ],
)
def test_wrong_use_is_said(words, status, said):
    done = esimshaper("services", *words)
    assert done.returncode == status
    assert said in done.stderr


def test_a_list_that_is_too_large_is_not_read(tmp_path: Path):
    (tmp_path / "list").write_bytes(b"example.org\n" * (LARGEST_BYTES // 12 + 1))
    done = esimshaper("services", "import", tmp_path / "list")
    assert done.returncode == 1
    assert "has more than 1,000,000 bytes" in done.stderr
