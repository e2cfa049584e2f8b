# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian that is the router of a lab, and esimshaper in it as its owner meets it: apt, systemctl, journalctl."""

import http.client
import json
import socket
import ssl
from pathlib import Path
from typing import Any, Self

from esimshaper.edge import control_client
from esimshaper.lab import Lab
from esimshaper.lab.namespaces import wait_until
from tests.heads import whole_quic_hello
from tests.netns.router import View
from tests.system.tree import System

SERVICE = "esimshaper.service"
PAGE = "esimshaper-web.service"
CONFIG = "/etc/esimshaper/esimshaper.yaml"
CHANGES = "/etc/esimshaper/conf.d/changes.yaml"


class Debian(System, View):
    """The folder of packages is /packages there."""

    def __init__(self, tree: Path, lab: Lab, packages: Path | None = None) -> None:
        shared = {packages: "/packages", Path(__file__).parent: "/provision"} if packages else {}
        System.__init__(self, tree, lab, shared)
        View.__init__(self, lab, Path())

    def __enter__(self) -> Self:
        super().__enter__()
        self.socket = self.path("/run/esimshaper/control.sock")
        return self

    def provision(self) -> None:
        """What the README says: installs the package, edits the configuration, enables the service."""
        lab = self.lab
        script = "/provision/provision.sh"
        try:
            self.run("sh", script, "install", "/packages/1.deb", lab.wan_interface, lab.lan_interface)
            wait_until("the first tick", self.is_at_work, timeout=20)
        except BaseException as problem:
            problem.add_note(self.run("journalctl", "--no-pager", "--lines=50"))
            raise

    def is_at_work(self) -> bool:
        """Whether the service answers and counts."""
        try:
            return bool(self.get("/v1/status")["wan"]["attached"])
        except control_client.DaemonNotRunning:
            return False

    def is_named(self, host: str) -> bool:
        """Whether one more hello to that host of YouTube has its name: who names may not be there yet."""
        self.lab.clients[0].call(_send, whole_quic_hello(host), self.lab.servers4[2])
        flows = json.loads(self.run("esimshaper", "flows", "--json", "--limit", "1000"))["flows"]
        return any((flow["name"], flow["service"]) == (host, "youtube") for flow in flows)

    def configure(self, extra: str) -> None:
        """Writes a file beside the configuration, in place of the last one; it holds from the next reload on."""
        self.path(CHANGES).write_text(extra)

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.run("systemctl", "show", SERVICE, "--value", f"--property={name}").strip()

    def journalctl(self, *arguments: str) -> str:
        """What the journal has, with all that was said until now: it takes its time to read what it is sent."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", *arguments)

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """Messages of the service with all their fields."""
        said = self.journalctl("--unit", SERVICE, "--output=json", *matches)
        return [json.loads(line) for line in said.splitlines()]

    def programs(self) -> set[str]:
        """The filters on the uplink that are ours, as they call themselves."""
        ways = ("ingress", "egress")
        shown = [self.run("tc", "-j", "filter", "show", "dev", self.lab.wan_interface, way) for way in ways]
        names = (one.get("options", {}).get("bpf_name", "") for said in shown for one in json.loads(said or "[]"))
        return {name for name in names if name.startswith("esimshaper")}


def _send(datagram: bytes, server: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(datagram, (server, 443))


def look(address: str, path: str = "/", authority: Path | None = None) -> tuple[int, str]:
    """Status and text of the page, as a device gets it; 0 if nobody listens there. With `authority` over TLS, which has
    to show a certificate of that one.
    """
    connection = http.client.HTTPConnection(address, 80, timeout=20)
    if authority:
        context = ssl.create_default_context(cafile=authority)
        context.check_hostname = False
        connection = http.client.HTTPSConnection(address, 443, timeout=20, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()
