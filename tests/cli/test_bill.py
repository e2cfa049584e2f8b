# SPDX-License-Identifier: GPL-2.0-or-later
"""`doctor --bill`: why the carrier may show another number, as a person asks it."""

import json

from tests.cli import test_main as test_cli
from tests.cli.test_main import ROOT, esimshaper

server = test_cli.server  # a fixture: this module gets a server of its own
CONFIG = ("--config", str(ROOT / "etc/esimshaper.yaml"))


def test_the_daemon_gives_the_figures(server):
    done = esimshaper("doctor", "--bill", *CONFIG, env={"RUNTIME_DIRECTORY": str(server.parent)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "of plan so far." in done.stdout
    assert "1.54 KB this month that no device asked for" in done.stdout


def test_without_a_daemon_it_says_so_and_what_it_knows(tmp_path):
    done = esimshaper("doctor", "--bill", "--json", *CONFIG, env={"RUNTIME_DIRECTORY": str(tmp_path)})
    first, *others = json.loads(done.stdout)["findings"]
    assert first["sentence"] == "There are no figures of this router, as the daemon is not running."
    assert {"zone", "rounding", "others"} <= {each["check"] for each in others}
    assert done.returncode == 0
