# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab comes and goes: nothing of it stays behind, and two of them do not meet. Needs root."""

import os
import signal
import subprocess
import sys
import time

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.lab import Lab, LabUnavailable, WanKind, namespaces, traffic
from esimshaper.lab.carrier import python_environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make network namespaces")


def leftovers_of(pid):
    marker = f"{namespaces.PREFIX}-{pid}-"
    directories = [path for path in (namespaces.NETNS_DIR, namespaces.RUN_DIR) if path.is_dir()]
    return [path for directory in directories for path in directory.iterdir() if path.name.startswith(marker)]


def test_comes_up_in_time_with_eight_clients():
    names = [f"client-{number}" for number in range(8)]
    start = time.monotonic()
    with Lab(WanKind.TUN, clients=names) as lab:
        took = time.monotonic() - start
        assert len({client.ipv4 for client in lab.clients} | {client.ipv6 for client in lab.clients}) == 16
        assert sorted(line.split()[3] for line in lab.lease_file.read_text().splitlines()) == names
    assert took < 10  # about half a second on an idle machine


def test_leaves_nothing_behind_also_after_an_error():
    lab, started = Lab(WanKind.TUN), []

    def fail():
        started.append(lab.router.popen(["sleep", "1000"]))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), lab:
        fail()
    assert started[0].wait(timeout=300) == -signal.SIGKILL
    assert not [path for path in leftovers_of(os.getpid()) if path.name.startswith(lab.name)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_leaves_nothing_behind_when_killed(number):
    program = (
        "import time; from esimshaper.lab import *\nwith Lab(WanKind.TAP): print('up', flush=True); time.sleep(99)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=python_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == b"up\n"
        assert leftovers_of(process.pid)
        process.send_signal(number)
        process.wait(timeout=300)
    # After SIGKILL the carrier's own process tidies up.
    namespaces.wait_until("the end of the lab", lambda: not leftovers_of(process.pid))


def test_sweeps_leftovers_of_the_dead_and_spares_the_living():
    with subprocess.Popen(["true"]) as process:
        pass
    dead, alive = f"{namespaces.PREFIX}-{process.pid}-0-x", f"{namespaces.PREFIX}-{os.getpid()}-999-x"
    namespaces.add([dead, alive])
    try:
        namespaces.sweep()
        assert not (namespaces.NETNS_DIR / dead).exists()
        assert (namespaces.NETNS_DIR / alive).exists()
    finally:
        namespaces.remove([dead, alive])


def test_says_in_plain_words_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabUnavailable) as missing, Lab():
        pass
    assert "dnsmasq" in missing.value.reason
    assert "nftables" in missing.value.hint
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabUnavailable, match="needs root"), Lab():
        pass


def test_two_labs_at_once_do_not_meet():
    with Lab(clients=("alice-phone",)) as one, Lab(WanKind.VETH, clients=("alice-phone",)) as other:
        before = other.carrier.settle(0.1)
        one.clients[0].call(traffic.udp_echo, one.servers4[0])
        assert (other.carrier.settle(0.1) - before).of(one.servers4[0]) == Counters()


def test_command_line_of_the_traffic_module():
    with Lab(clients=("alice-phone",)) as lab:
        path = f"PYTHONPATH={python_environment()['PYTHONPATH']}"
        command = ["env", path, sys.executable, "-m", "esimshaper.lab.traffic", "tcp-down", lab.servers6[0], "10000"]
        assert lab.clients[0].run(command) == '{"up": 12, "down": 10000}\n'
