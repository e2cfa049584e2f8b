# SPDX-License-Identifier: GPL-2.0-or-later
"""`name`: what people call a device, kept in a file of its own beside theirs."""

import json

import pytest

from esimshaper.edge.settings_file import load
from tests.cli import test_main as test_cli
from tests.cli.test_main import esimshaper

server = test_cli.server  # a fixture: this module gets a server of its own

MAC = "02:00:00:00:00:77"
MINE = """wan: {interface: wwan0}
lan: {interfaces: [br0]}
clients:
  - {name: tv, mac: "02:00:00:00:00:11", group: kids}
quotas: [{name: cut, for: tv, limit: 1GB, period: day, then: block}]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "esimshaper.yaml"
    path.write_text(MINE)
    return path


@pytest.fixture
def name(config):
    """Runs `name` for that configuration; by default no daemon runs."""

    def run(*arguments, socket=config.parent / "none.sock"):
        return esimshaper("name", "--config", config, "--socket", socket, *arguments)

    return run


def names(config):
    return {client.key: client.name for client in load(config).clients}


def test_a_device_gets_a_name_another_name_and_none(config, name):
    first = name(MAC, "Eva's", "phone")
    assert (first.returncode, first.stderr) == (0, "")
    when = "after the next `sudo esimshaper reload`, as the daemon is not running"
    assert first.stdout.startswith(f"{MAC} is called Eva's phone {when} ({config.parent}/conf.d/names.yaml)\n")
    assert f"`sudo esimshaper name --clear {MAC}` takes it back" in first.stdout
    assert names(config)[MAC] == "Eva's phone"
    second = name("Eva's phone", "日本の電話")
    assert f"`sudo esimshaper name {MAC} 'Eva'\"'\"'s phone'` takes it back" in second.stdout
    assert names(config)[MAC] == "日本の電話"
    name("--clear", "日本の電話")
    assert MAC not in names(config)
    assert config.read_text() == MINE


def test_a_host_name_is_enough_while_the_daemon_runs(config, name, server):
    done = name("Pixel-7-of-somebody-with-a-long-name", "pixel", "--json", socket=server)
    document = json.loads(done.stdout)
    assert (document["name"], document["before"], document["applied"]) == ("pixel", None, False)
    assert names(config)[document["key"]] == "pixel"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((MAC, "tv"), 2, "the name `tv` is used twice"),
        ((MAC, "router"), 2, "`router` is the name of a built-in client"),
        ((MAC, "a/b"), 2, "`a/b` is not a name"),
        (("tv", "telly"), 1, "the name `tv` is written in {config}, line 4"),
        (("--clear", MAC), 1, "has no name that could be taken back"),
        ((MAC,), 2, f"say how `{MAC}` is to be called (NEW)"),
        (("--clear", MAC, "x"), 2, "say the name (NEW), or --clear; not both"),
        (("somebody", "x"), 3, "the daemon is not running"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(config, name, arguments, status, words):
    done = name(*arguments)
    assert done.returncode == status, done.stderr
    assert words.format(config=config) in done.stderr
    assert names(config) == {"02:00:00:00:00:11": "tv"}
    assert not (config.parent / "conf.d/names.yaml").exists()


@pytest.mark.parametrize("who", ["router", "unattributed", "nobody-at-all"])
def test_only_devices_have_names(name, server, who):
    done = name(who, "x", socket=server)
    assert done.returncode == 1
    assert who in done.stderr
