# SPDX-License-Identifier: GPL-2.0-or-later
"""`setup` as a person has it: what it asks, what it writes and what it leaves alone."""

import os
import subprocess
from pathlib import Path

import pytest

from esimshaper.core.model.limits import ActionKind, PeriodUnit
from esimshaper.edge.settings_file import load
from tests.cli.test_main import ROOT, environment, esimshaper, on_terminal
from tests.edge.probe.boxes import needs_root

SIDES = ("--wan", "wwan0", "--lan", "br0")
BOX = """
ip link add wwan0 type veth peer name carrier0
ip link add br0 type bridge
ip link set wwan0 up; ip link set carrier0 up; ip link set br0 up
ip addr add 10.64.0.2/24 dev wwan0; ip route add default via 10.64.0.1
ip addr add 192.168.4.1/24 dev br0
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "etc/esimshaper.yaml"


def written(*arguments, config, **changes):
    """What a dry run shows, as Settings."""
    done = esimshaper("setup", "--dry-run", "--config", config, *arguments, **changes)
    assert done.returncode == 0, done.stderr
    config.parent.mkdir(exist_ok=True)
    shown = config.with_name("shown.yaml")
    shown.write_text(done.stdout.partition("# yaml-language-server")[2].partition("\n")[2])
    assert not config.exists()
    return load(shown)


def test_options_answer_everything_and_a_dry_run_writes_nothing(config):
    plan = (
        "--plan",
        "10 GB for 30 days",
        "--began",
        "2026-11-01T09:00",
        "--used",
        "1.2 GB",
        "--timezone",
        "Asia/Tokyo",
    )
    made = written(
        *(*SIDES, *plan, "--timezone", "Asia/Tokyo", "--each", "500 MB a day then 256 kbit/s", "--yes"), config=config
    )
    assert (made.wan.interface, made.lan.interfaces, made.timezone) == ("wwan0", ("br0",), "Asia/Tokyo")
    plan, daily = made.quotas
    assert (plan.limit, plan.used, plan.period.unit, plan.period.count) == (10**10, 12 * 10**8, PeriodUnit.DAY, 30)
    assert plan.period.anchor == 1793491200  # 09:00 in Tokyo
    assert (daily.name, daily.action.kind, daily.action.rate) == ("daily", ActionKind.THROTTLE, 256_000)
    assert made.clients == ()


def test_questions_are_asked_until_an_answer_makes_sense(config):
    typed = "\n".join(("", "eth1, wlan1", "Mars", "Asia/Tokyo", "much", "1 GB a day", "x", "0B", "none", ""))
    made = written("--wan", "ww*", config=config, input=typed)
    assert made.wan.pattern
    assert made.lan.interfaces == ("eth1", "wlan1")
    assert (made.timezone, made.quotas[0].limit, made.quotas[0].used) == ("Asia/Tokyo", 10**9, 0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--plan", "5 GB"), "--plan: `5 GB` does not say for how long"),
        (("--timezone", "Mars"), "--timezone: `Mars` is not a time zone"),
        (("--lan", "wwan0"), "--lan: wwan0 is the uplink"),
        (("--plan", "5 GB for 3 days", "--began", "some day"), "--began: `some day` is not in the calendar"),
        (("--plan", "5 GB a day", "--used", "5"), "--used: `5` is not an amount of data"),
    ],
)
def test_a_wrong_option_is_wrong_use_and_is_named(config, wrong, words):
    done = esimshaper("setup", "--config", config, *SIDES, *wrong, "--yes")
    assert (done.returncode, config.exists()) == (2, False)
    assert words in done.stderr


def test_the_end_of_the_input_writes_nothing(config):
    done = esimshaper("setup", "--config", config, "--wan", "wwan0", input="br0\n")
    assert (done.returncode, config.exists()) == (1, False)
    assert done.stderr.endswith("the input has ended; nothing was written\n")


def test_ctrl_c_writes_nothing(config):
    seen, status = on_terminal("setup", "--config", config, *SIDES, keys=b"\x03", until="Time zone [", columns=48)
    assert (status, config.exists()) == (1, False)
    assert "stopped; nothing was written" in seen
    assert max(map(len, seen.splitlines())) <= 48


def test_the_example_is_replaced_without_a_word_and_an_edited_file_only_on_demand(config):
    config.parent.mkdir()
    config.write_bytes((ROOT / "etc/esimshaper.yaml").read_bytes())
    asked = ("setup", "--config", config, *SIDES, "--yes")
    esimshaper(*asked)
    mine = config.read_text()
    assert mine.startswith("# yaml-language-server")
    assert "Written by `esimshaper setup`" in mine
    config.write_text(mine + "on_failure: closed\n")
    refused = esimshaper(*asked)
    assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
    kept = esimshaper("setup", "--config", config, *SIDES, input="n\n")
    assert (kept.returncode, load(config).on_failure.value) == (1, "closed")
    replaced = esimshaper(*asked, "--replace")
    copies = sorted(path.read_text() for path in config.parent.glob("esimshaper.yaml.2*"))
    assert mine + "on_failure: closed\n" in copies
    assert load(config).on_failure.value == "open"
    assert f"sudo esimshaper run --config {config}" in replaced.stdout


def test_a_configuration_that_would_be_refused_is_not_written(config):
    """A file in conf.d has a quota of the same name: together they have a mistake."""
    (config.parent / "conf.d").mkdir(parents=True)
    quota = "quotas: [{name: plan, for: everyone, limit: 1GB, period: day, then: block}]\n"
    (config.parent / "conf.d/mine.yaml").write_text(quota)
    done = esimshaper("setup", "--config", config, *SIDES, "--plan", "1 GB a day", "--yes")
    assert (done.returncode, config.exists()) == (2, False)
    assert "the name `plan` is used twice" in done.stderr
    assert [path.name for path in config.parent.iterdir()] == ["conf.d"]


@needs_root
def test_what_the_box_shows_is_enough(config):
    """Everything by Enter alone, on a box with a modem and a bridge."""
    command = ["unshare", "--net", "sh", "-ec", f"{BOX}\nexec /usr/bin/python3 -m esimshaper setup --config {config}"]
    done = subprocess.run(command, input="\n" * 6, capture_output=True, text=True, env=environment(), check=False)
    assert "wwan0: a modem or phone, by its name, default route, 10.64.0.2" in done.stdout, done.stderr
    made = load(config)
    assert (made.wan.interface, made.lan.interfaces, made.quotas) == ("wwan0", ("br0",), ())
    assert config.stat().st_mode & 0o777 == 0o644
    assert "no rule gives what they send the address of the router" in done.stdout  # doctor has looked
    assert "Next:" in done.stdout


def test_who_may_not_write_is_told_before_any_question(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("becomes another user")
    tmp_path.chmod(0o755)
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    done = esimshaper("setup", "--config", tmp_path / "esimshaper.yaml", before=nobody)
    assert (done.returncode, done.stdout) == (1, "")
    assert "you may not write" in done.stderr
