# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: dnsmasq, hostapd and squid of this box, as far as they work against the saver. Reads configurations only."""

import ipaddress
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from esimshaper.core.model.resolver_facts import OtherResolver, ResolverFacts
from esimshaper.edge.probe.service import SECONDS

UNIT = "esimshaper-resolver.service"
MOST_BYTES = 1_048_576

_DNSMASQ = ("etc/dnsmasq.conf", "etc/dnsmasq.d/*", "etc/NetworkManager/dnsmasq-shared.d/*")
_SQUID = ("etc/squid/squid.conf", "etc/squid/conf.d/*.conf")
_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_OPTION = re.compile(r"dhcp-option(?:-force)?\s*=\s*(.+)")
_HOSTS = re.compile(r"dhcp-hosts(?:file|dir)\s*=\s*(\S+)")
_RESOLVERS = ("6", "option:dns-server", "option6:23", "option6:dns-server")


def resolver(own: Collection[str], root: Path = Path("/")) -> ResolverFacts:
    """own: addresses of this router. Raises OSError where a file may not be read."""
    return ResolverFacts(
        dnsmasq=version(),
        tagged=tuple(_tagged(root)),
        others=tuple(_others(root, own)),
        mute=tuple(_mute(root)),
        eager=tuple(_eager(root)),
        step=_why_failed() if (root / "run/systemd/system").is_dir() else "",
    )


def version() -> str:
    """Of dnsmasq, such as 2.90; empty where it is not installed."""
    try:
        command = ["dnsmasq", "--version"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=_PATH)
    except FileNotFoundError:
        return ""
    found = re.match(r"Dnsmasq version (\S+)", done.stdout)
    return found[1] if found else ""


def _lines(root: Path, places: Collection[str]) -> Iterator[tuple[Path, str]]:
    for path in (path for place in places for path in sorted(root.glob(place)) if path.is_file()):
        with path.open("rb") as file:
            for line in file.read(MOST_BYTES).decode(errors="replace").splitlines():
                if (words := line.strip()) and not words.startswith("#"):
                    yield path, words


def _tagged(root: Path) -> Iterator[str]:
    for _, line in _lines(root, _DNSMASQ):
        if named := _HOSTS.match(line):
            place = named[1].split(",")[0].lstrip("/")
            paths = (place, f"{place}/*")
            yield from dict.fromkeys(str(path) for path, words in _lines(root, paths) if "set:" in words)


def _others(root: Path, own: Collection[str]) -> Iterator[OtherResolver]:
    for path, line in _lines(root, _DNSMASQ):
        if option := _OPTION.match(line):
            words = [word.strip() for word in option[1].split(",")]
            at = next((at for at, word in enumerate(words) if word in _RESOLVERS), len(words))
            others = tuple(word for word in words[at + 1 :] if _is_other(word.strip("[]"), own))
            if others:
                yield OtherResolver(str(path), others)


def _is_other(word: str, own: Collection[str]) -> bool:
    """What dnsmasq calls 0.0.0.0 and :: is the router itself."""
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return False
    return not address.is_unspecified and str(address) not in own


def _mute(root: Path) -> Iterator[str]:
    """Interfaces whose access point is up by a configuration of hostapd, and has no socket to be asked at."""
    for path in sorted(root.glob("etc/hostapd/*.conf")):
        lines = [line for _, line in _lines(path.parent, (path.name,))]
        name = next((line.removeprefix("interface=") for line in lines if line.startswith("interface=")), "")
        is_up = name and (root / "sys/class/net" / name).exists()
        if is_up and not (root / "run/hostapd" / name).is_socket():
            yield name


def _eager(root: Path) -> Iterator[str]:
    of_squid = ((path, line.split()) for path, line in _lines(root, _SQUID))
    return (str(path) for path, words in of_squid if words[:2] == ["quick_abort_min", "-1"])


def _why_failed() -> str:
    """The last line of root's step, if that has failed."""
    command = ["systemctl", "is-failed", "--quiet", UNIT]
    if subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode:
        return ""
    command = ["journalctl", "--no-pager", "--output=cat", "--lines=1", f"_SYSTEMD_UNIT={UNIT}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.stdout.strip() or "it has failed"
