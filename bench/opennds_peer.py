# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer: Debian's openNDS, a captive portal with a volume quota for each client, in the router of a lab.

In: a Lab and one of its clients. Owns a folder with the unpacked packages and the portal's processes. Nothing is
installed: its packages are laid over the file system in a mount namespace of their own, with processes of their own and
without a `systemctl`, since the portal restarts dnsmasq and edits /etc. Version 9 mixes nftables at another priority
with iptables, so it starts with the legacy iptables only.
"""

import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from esimshaper.lab import Host, Lab
from esimshaper.lab.namespaces import wait_until

PACKAGES = ("opennds", "iptables")
START_SECONDS = 30.0
LAY_OVER = r"""set -e
mount --make-rprivate /
mount -t tmpfs none "$1/over"
mkdir "$1/over/changes" "$1/over/work" "$1/over/root"
cp -a "$1/unpacked" "$1/over/unpacked"
mount -t overlay none -o "lowerdir=$1/over/unpacked:/,upperdir=$1/over/changes,workdir=$1/over/work" "$1/over/root"
cd "$1/over/root"
mount -t proc none proc
mount --rbind /dev dev
mount -t tmpfs none tmp
mount -t tmpfs none run
exec chroot . /bin/bash
"""
SETTINGS = """GatewayInterface br0
GatewayName bench
FirewallRuleSet authenticated-users {
}
FirewallRuleSet preauthenticated-users {
}
FirewallRuleSet users-to-router {
}
"""


class CannotRun(Exception):  # noqa: N818 - reads as what happened
    """The portal does not run here; the text says why."""


@dataclass(frozen=True, slots=True)
class Package:
    """The folder in which openNDS and what it needs beyond this system are unpacked."""

    folder: Path
    version: str


def unpack(folder: Path) -> Package:
    """Fetches the packages and takes them apart; nothing of them is run."""
    archives, unpacked = folder / "archives", folder / "unpacked"
    for each in (archives / "partial", unpacked / "usr/bin", unpacked / "usr/sbin", folder / "over"):
        each.mkdir(parents=True)
    command = ["apt-get", "-qy", "-o", "DPkg::Lock::Timeout=60", "-o", "APT::Sandbox::User=root"]
    command += ["-o", f"Dir::Cache::archives={archives}", "--no-install-recommends", "--download-only", "install"]
    _run([*command, *PACKAGES])
    for archive in archives.glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(archive), str(unpacked)])
    if (unpacked / "lib").exists():  # would hide that /lib is a link; only a unit of systemd is in it
        _run(["rm", "-r", str(unpacked / "lib")])
    for name in ("iptables", "ip6tables"):
        (unpacked / "usr/sbin" / name).unlink(missing_ok=True)
        (unpacked / "usr/sbin" / name).symlink_to("xtables-legacy-multi")
    without = unpacked / "usr/bin/systemctl"
    without.write_text("#!/bin/sh\n", encoding="ascii")
    without.chmod(0o755)
    version = next((each.name.split("_")[1] for each in archives.glob("opennds-daemon_*")), "")
    return Package(folder, version or _run(["dpkg-query", "-W", "-f", "${Version}", "opennds"]).strip())


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise CannotRun(str(problem)) from problem
    if done.returncode:
        raise CannotRun(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Portal:
    """One client is let in, with a quota for downloads and one for uploads; it looks as often as it does by default."""

    def __init__(self, lab: Lab, client: Host, *, package: Package, limit: int) -> None:
        self.package, self.lab, self.client, self.limit = package, lab, client, limit

    def __enter__(self) -> Self:
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", LAY_OVER, "sh"]
        self.process: subprocess.Popen[str] = self.lab.router.popen(
            [*command, str(self.package.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        self.say(f"cat >/etc/opennds/opennds.conf <<end\n{SETTINGS}\nend")
        leases = self.lab.lease_file.read_text(encoding="ascii")
        self.say(f"cat >/tmp/dhcp.leases <<end\n{leases}end")
        self.say("opennds -f -d 1 >/tmp/log 2>&1 &")
        try:
            wait_until("the portal's start", lambda: "Version" in self.say("ndsctl status"), START_SECONDS)
        except TimeoutError:
            raise CannotRun(f"it does not start: {self.say('tail -n 3 /tmp/log')}") from None
        self.client.call(_browse, self.lab.servers4[0])  # only who has asked for a page is known to it
        kilobytes = self.limit // 1000
        said = self.say(f"ndsctl auth {self.client.mac} 0 0 0 {kilobytes} {kilobytes}")
        if "uthenticated" not in said:
            raise CannotRun(f"it lets nobody in: {said}")

    def say(self, command: str) -> str:
        """A command for the shell beside the portal, and what that says."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(f"{{ {command}\n}} 2>&1; echo; echo this is all\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise CannotRun(self.process.stdout.read()[-300:]) from None
        lines: list[str] = []
        for line in self.process.stdout:
            if line == "this is all\n":
                return "".join(lines).strip()
            lines.append(line)
        raise CannotRun("".join(lines)[-300:])

    def _stop(self) -> None:
        """Its firewall rules stay: the lab's namespace goes with them."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()


def _browse(server: str) -> None:
    try:
        with urllib.request.urlopen(f"http://{server}/", timeout=10) as answer:
            answer.read()
    except OSError as problem:
        if not isinstance(problem, urllib.error.HTTPError):  # the portal's page says 511, for one
            raise CannotRun(f"it does not answer a browser: {problem}") from problem
