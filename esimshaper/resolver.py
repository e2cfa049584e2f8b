# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.resolver`, as root: has dnsmasq and hostapd do what the settings and the daemon want of them.

Runs when the daemon's note changes or goes, and when hostapd begins anew. From the daemon, whose user may be anybody's
one day, it takes names to refuse and whether the link is metered; all else is of the settings, which it reads itself.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.withholding import Metered, SaverSettings
from esimshaper.edge import settings_file
from esimshaper.edge.dnsmasq import files, server
from esimshaper.edge.dnsmasq.server import Places
from esimshaper.edge.host.paths import CONFIG_FILE
from esimshaper.edge.hostapd import beacons

NOTE = Path("/run/esimshaper") / files.NOTE


def main(arguments: Sequence[str]) -> int:
    """`remove`: as without us. Exit status 1 if something could not be done; then that is as it was."""
    if "remove" in arguments:
        take_away(Places())
        return 0
    try:
        wanted = settings_file.load(CONFIG_FILE).saver
    except (Unusable, settings_file.SettingsError) as error:
        sys.stderr.write(f"dnsmasq and hostapd stay as they are: {error}\n")
        return 1
    try:
        problems = obey(wanted, files.read_note(NOTE), Places())
    except OSError as error:  # a full disk, or systemd that does not answer
        problems = [f"dnsmasq and hostapd may not know what they should: {error}"]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def obey(
    wanted: SaverSettings, note: Mapping[str, Any] | None, places: Places, sockets: Path = beacons.SOCKETS
) -> list[str]:
    """What could not be done, in sentences. Without a note nobody counts: then every name is answered."""
    metered = bool(note and note.get("metered") is True) and wanted.metered is not Metered.OFF
    problems = []
    if wanted.files:
        names, wrong = _names(Path(wanted.files) / files.SERVERS) if note else (b"", [])
        problems += wrong
        metered = metered or (note is None and _is_told(places))
        if problem := server.obey(places, names, metered=metered, portal=wanted.portal):
            problems.append(f"the configuration of dnsmasq stays as it was: {problem}")
    else:
        server.remove(places)
    waits = note is None and wanted.metered is not Metered.OFF
    said = {} if waits else beacons.say(_memory(places), metered=metered, sockets=sockets)
    return problems + [f"{interface}: {problem}" for interface, problem in said.items() if problem]


def _names(path: Path) -> tuple[bytes, list[str]]:
    """The names to refuse, and why there are none."""
    try:
        return server.names_to_refuse(path), []
    except ValueError as error:
        return b"", [str(error)]


def _is_told(places: Places) -> bool:
    """While no daemon says what is metered, devices hear what they heard: dnsmasq would begin anew for nothing."""
    path = places.conf / server.CONF
    return path.exists() and "dhcp-option-force" in path.read_text(encoding="utf-8")


def take_away(places: Places, sockets: Path = beacons.SOCKETS) -> list[str]:
    """What was removed, in words."""
    gone = server.remove(places)
    beacons.say(_memory(places), metered=False, sockets=sockets)
    return gone


def _memory(places: Places) -> Path:
    return places.servers.with_name("beacons")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
