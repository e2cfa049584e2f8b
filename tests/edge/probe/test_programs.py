# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs are found by what /proc says of them, and their absence, or its own, is no error."""

import subprocess
from pathlib import Path

import pytest

from esimshaper.edge.probe import programs
from esimshaper.lab.namespaces import wait_until
from tests.edge.probe.boxes import needs_root


@needs_root
def test_a_proxy_of_this_network_namespace_is_found_by_its_name(tmp_path):
    proxy = tmp_path / "tinyproxy"
    proxy.symlink_to("/bin/sleep")
    with subprocess.Popen([proxy, "60"]) as running:
        try:
            assert "tinyproxy" in programs.proxies()
        finally:
            running.kill()
    with subprocess.Popen(["unshare", "--net", proxy, "60"]) as running:
        try:
            comm = Path(f"/proc/{running.pid}/comm")
            wait_until("the program", lambda: comm.read_text() == "tinyproxy\n", timeout=5)
            assert "tinyproxy" not in programs.proxies()
        finally:
            running.kill()


@pytest.mark.parametrize("asked", [programs.behind_interfaces, programs.proxies])
def test_a_tree_from_which_a_disk_is_made_has_no_programs(monkeypatch, tmp_path, asked):
    monkeypatch.setattr(programs, "PROC", tmp_path)
    assert not asked()
