# SPDX-License-Identifier: GPL-2.0-or-later
"""The real strongSwan between the router of a lab and its internet host: charon, told by swanctl. Needs ESP.

Between the LAN and one server, in tunnel mode, by policy: the usual way, which has no interface.
"""

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from esimshaper.lab import Lab
from esimshaper.lab.namespaces import Host, wait_until
from esimshaper.lab.world import LAN4

DAEMON_SETTINGS = "charon-systemd {{ plugins {{ vici {{ socket = {socket} }} }} }}\n"
CONNECTION = """connections {{ home {{
    version = 2
    mobike = no
    local_addrs = {near}
    remote_addrs = {far}
    local {{
        auth = psk
        id = {near}
    }}
    remote {{
        auth = psk
        id = {far}
    }}
    children {{ net {{
        local_ts = {leaving}
        remote_ts = {coming}
        esp_proposals = aes128gcm16
    }} }}
    proposals = aes128-sha256-modp2048
}} }}
secrets {{ ike-home {{ secret = "of a lab" }} }}
"""


class StrongSwan:
    """For a `with` block. `server`: the address of the internet host that is reached by it."""

    def __init__(self, lab: Lab, server: str) -> None:
        self.lab, self.server = lab, server
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            router, internet, lan = self.lab.router, self.lab.internet, f"{LAN4}.0/24"
            self._start(internet, router, f"{self.server}/32", lan)
            self._start(router, internet, lan, f"{self.server}/32")
            # Packets of the tunnel go as they are.
            router.run(["nft", f"insert rule ip esimshaper_lab postrouting ip daddr {self.server} accept"])
            internet.ip(f"route replace {lan} via {router.ipv4}")
            self._tell(router, "--initiate", "--child", "net")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _folder(self, host: Host) -> Path:
        return self.lab.directory / f"swan-{host.name}"

    def _tell(self, host: Host, *words: str) -> None:
        folder = self._folder(host)
        command, *options = words
        host.run(["env", f"SWANCTL_DIR={folder}", "swanctl", command, "--uri", f"unix://{folder}/vici", *options])

    def _start(self, host: Host, other: Host, leaving: str, coming: str) -> None:
        """A charon that knows its connection."""
        folder = self._folder(host)
        folder.mkdir()
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        socket = folder / "vici"
        settings, connection = folder / "strongswan.conf", folder / "swanctl.conf"
        settings.write_text(DAEMON_SETTINGS.format(socket=f"unix://{socket}"))
        connection.write_text(CONNECTION.format(near=host.ipv4, far=other.ipv4, leaving=leaving, coming=coming))
        charon = host.popen(
            ["charon-systemd"], env=os.environ | {"STRONGSWAN_CONF": str(settings)}, stderr=subprocess.DEVNULL
        )
        self._stack.callback(host.ip, "xfrm policy flush", "xfrm state flush")
        self._stack.callback(charon.wait, 30)
        self._stack.callback(charon.terminate)
        wait_until("charon", lambda: charon.poll() is not None or socket.exists(), timeout=60)
        self._tell(host, "--load-all")
