# SPDX-License-Identifier: GPL-2.0-or-later
"""Packet sockets that root opened, in the hands of a process that has no rights."""

import os
import subprocess
import sys

import pytest

from tests import tools

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to open packet sockets")

# In a network of its own, where nothing but its own packets passes.
USER = """
import os, socket, subprocess
from esimshaper.core.model.kernel import ETH_P_ALL
from esimshaper.edge.bpf.packet_sockets import PacketSockets

def says(name, work):
    try:
        print(name, work())
    except OSError as error:
        print(name, type(error).__name__)

def hear(sock):
    sock.setblocking(False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))
    return len(sock.recv(100)) > 0

given = [socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) for _ in range(3)]
os.seteuid(65534)
sockets = PacketSockets(given)
first, second = sockets.take(), sockets.take()
says("a third, while one must stay to wait with:", sockets.take)
for _ in range(3):
    says("wait:", sockets.wait_for_packets_under_way)
says("hear what takes nothing:", lambda: hear(first))
first.bind(("lo", ETH_P_ALL))
says("bound:", lambda: first.getsockname()[0])
sockets.give_back(first)
says("again the same:", lambda: sockets.take() is first)
says("bound to nothing:", lambda: not first.getsockname()[0])
first.bind(("gone0", ETH_P_ALL))
os.seteuid(0)
subprocess.run("ip link del gone0", shell=True, check=True)
sockets.give_back(first)
says("told that the interface it had is gone:", lambda: first.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0)
"""


def test_without_rights_given_sockets_are_used_and_laid_down_and_no_more_are_opened() -> None:
    links = "ip link set lo up && ip tuntap add gone0 mode tun && ip link set gone0 up"
    command = ["unshare", "--net", "sh", "-c", f'{links} && exec "$@"', "sh", sys.executable, "-c", USER]
    done = subprocess.run(command, cwd=tools.ROOT, text=True, capture_output=True, check=True)
    assert done.stdout.splitlines() == [
        "a third, while one must stay to wait with: PermissionError",
        *["wait: None"] * 3,
        "hear what takes nothing: BlockingIOError",
        "bound: lo",
        "again the same: True",
        "bound to nothing: True",
        "told that the interface it had is gone: False",
    ]
