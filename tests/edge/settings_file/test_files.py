# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files a configuration is read from: conf.d is merged in its order, and what is no file is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from esimshaper.edge.settings_file import SettingsError, load
from tests.edge.settings_file.trials import NEEDED, accepted, refused

ROOT = Path(__file__).parents[3]


# conf.d


def drop_in(main, name, content):
    (main.parent / "conf.d").mkdir(exist_ok=True)
    (main.parent / "conf.d" / name).write_text(content)


def test_conf_d_is_merged_in_the_order_of_names(main):
    drop_in(
        main, "20.yaml", "timezone: Asia/Tokyo\nlan: {leases: [/b]}\nclients: [{name: b, mac: 02:00:00:00:00:02}]\n"
    )
    drop_in(
        main, "10.yaml", "timezone: Asia/Seoul\nlan: {leases: [/a]}\nclients: [{name: c, mac: 02:00:00:00:00:03}]\n"
    )
    drop_in(main, "README", "not: [yaml")
    drop_in(main, ".hidden.yaml", "not: [yaml")
    drop_in(main, "30.yaml", "")
    loaded = accepted(main, NEEDED + "timezone: UTC\nclients: [{name: a, mac: 02:00:00:00:00:01}]\n")
    assert loaded.timezone == "Asia/Tokyo"
    assert loaded.lan.interfaces == ("br0",)
    assert loaded.lan.leases == ("/b",)
    assert [each.name for each in loaded.clients] == ["a", "c", "b"]


@pytest.mark.parametrize("name", ["plan.yml", "plan.YAML", "plan.Yml"])
def test_conf_d_is_read_with_each_ending_that_yaml_has(main, name):
    drop_in(main, name, "timezone: Asia/Tokyo\n")
    assert accepted(main, NEEDED).timezone == "Asia/Tokyo"
    drop_in(main, name, "quotas: 5\n")
    assert refused(main, NEEDED)[0][:2] == (1, 9)


def test_conf_d_may_bring_what_the_main_file_lacks(main):
    drop_in(main, "lan.yaml", "lan: {interfaces: [eth1]}\n")
    assert accepted(main, "wan: {interface: w}\n").lan.interfaces == ("eth1",)


def test_problem_names_the_file_that_has_it(main):
    drop_in(main, "10.yaml", "clients: [{name: a, mac: 02:00:00:00:00:02}]\n")
    drop_in(main, "20.yaml", "\nlam: 1\ntimezone: Mars\n")
    drop_in(main, "30.yaml", "- x\n")
    drop_in(main, "40.yaml", "wan: [\n")
    main.write_text(NEEDED + "timezone: 5\nclients: [{name: a, mac: 02:00:00:00:00:01}]\n")
    with pytest.raises(SettingsError) as caught:
        load(main)
    found = [(each.file.name, each.line, each.column) for each in caught.value.problems]
    assert found == [
        ("esimshaper.yaml", 3, 11),  # overridden, and wrong all the same
        ("10.yaml", 1, 18),  # the name is used twice
        ("20.yaml", 2, 1),
        ("20.yaml", 3, 11),
        ("30.yaml", 1, 1),
        ("40.yaml", 2, 1),
    ]


def test_nothing_is_called_missing_that_an_unreadable_file_may_have(main):
    drop_in(main, "lan.yaml", "lan: [\n")
    assert len(refused(main, "wan: {interface: w}\n")) == 1


# Files that are none


def test_missing_file_is_refused(main):
    assert refused(main)[0][:3] == (1, 1, "there is no such file")


def test_folder_pipe_and_device_are_refused_without_waiting(main, tmp_path):
    assert refused(tmp_path)[0][2] == "is not a file"
    os.mkfifo(main)
    assert refused(main)[0][2] == "is not a file"
    assert refused(Path("/dev/zero"))[0][2] == "is not a file"


def test_conf_d_that_is_a_file_is_refused(main):
    (main.parent / "conf.d").write_text("")
    assert "cannot be listed" in refused(main, NEEDED)[0][2]


def test_file_below_a_file_is_refused(main):
    main.write_text(NEEDED)
    assert any("cannot be read: Not a directory" in each[2] for each in refused(main / "x.yaml"))


@pytest.mark.skipif(os.geteuid() != 0, reason="setpriv needs root")
def test_file_that_may_not_be_read_is_refused(main):
    main.write_text(NEEDED)
    main.chmod(0)
    # Root reads everything, unless it has given up the right to; the code itself may lie in a folder of root's.
    rights = "-dac_override,-dac_read_search"
    check = f"from pathlib import Path; from esimshaper.edge.settings_file import load; load(Path({str(main)!r}))"
    command = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", sys.executable, "-c", check]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"{main}:1:1: cannot be read: Permission denied" in result.stderr


def test_file_that_fails_while_it_is_read_is_refused():
    assert refused(Path("/proc/self/mem"))[0][2] == "cannot be read: Input/output error"
