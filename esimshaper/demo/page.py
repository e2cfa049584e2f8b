# SPDX-License-Identifier: GPL-2.0-or-later
"""The page on the lab's router, and windows to it: addresses of this machine at which one sees it as a device does.

Owns the processes of both. The page's process is as systemd starts it: by a socket that is handed over. Tests of the
page in a browser use this as well.
"""

import contextlib
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from esimshaper.demo.router_process import Places, RouterProcess
from esimshaper.demo.story import CAST
from esimshaper.lab import Lab
from esimshaper.lab.carrier import python_environment
from esimshaper.lab.namespaces import Host
from esimshaper.lab.world import LAN4

ADDRESS, PORT = f"{LAN4}.1", 80

NAME = "localhost"
"""The name of the router for browsers on this machine."""

SETTINGS = f"web: {{names: [{NAME}]}}\n"

# As systemd does it: a socket at descriptor 3, and the process that it is for.
_HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, "-m", "esimshaper.web"])
"""


class Page:
    """The page's process at ADDRESS in the router, and windows to it. `web_socket`: the daemon's; `log` takes words."""

    def __init__(self, lab: Lab, web_socket: Path, log: Path) -> None:
        self._lab = lab
        self._environment = python_environment() | {"ESIMSHAPER_WEB": str(web_socket)}
        self._log = log
        self._stack = contextlib.ExitStack()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Page":
        listening = self._stack.enter_context(self._lab.router.call(socket.create_server, (ADDRESS, PORT)))
        command = [sys.executable, "-c", _HAND_OVER, str(listening.fileno())]
        with self._log.open("ab") as log:
            self.process = self._lab.router.popen(
                command,
                env=self._environment,
                stdout=log,
                stderr=log,
                pass_fds=(listening.fileno(),),
                start_new_session=True,  # Ctrl-C is for the demo
            )
        self._stack.callback(_end, self.process)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def window(self, device: Host) -> str:
        """A URL at which a browser of this machine looks as that device does."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            number = listening.fileno()
            command = [sys.executable, "-m", "esimshaper.lab.relay", str(number), ADDRESS, str(PORT)]
            relay = device.popen(
                command, env=python_environment(), pass_fds=(number,), stdin=subprocess.DEVNULL, start_new_session=True
            )
            self._stack.callback(_end, relay)
            return f"http://{NAME}:{listening.getsockname()[1]}/"


def ways(stack: contextlib.ExitStack, lab: Lab, router: RouterProcess, places: Places) -> list[str]:
    """Opens the page until the stack is closed: lines that say how to look at it, and the owner's password."""
    page = stack.enter_context(Page(lab, places.socket.with_name("web.sock"), places.log))
    password = secrets.token_hex(4)
    router.order("/v1/web/password", {"password": password})
    windows = [
        f"  {page.window(device)}  {member.name or member.hostname}"
        for member, device in zip(CAST, lab.clients, strict=True)
    ]
    return [
        f"The page, for a browser on this machine, as each device sees it; the owner's password is {password}:",
        *windows,
    ]


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
