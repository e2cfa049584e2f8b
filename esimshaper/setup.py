# SPDX-License-Identifier: GPL-2.0-or-later
"""`esimshaper setup`, but for its dialogue: looks at the box, writes the configuration, and knows the next command.

It looks by esimshaper.edge.probe, and esimshaper.core.settings says what that is likely to mean. Owns the new file
until it is in place; a file that was there before is never lost.
"""

import os
import shutil
from datetime import datetime
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.core.settings.proposal import DEFAULT_LEASES, Look
from esimshaper.edge import control_client, settings_file
from esimshaper.edge.host import clock, paths
from esimshaper.edge.probe import box as probe
from esimshaper.edge.probe import network, service

LEASE_FILES = (
    DEFAULT_LEASES,
    "/var/lib/NetworkManager/dnsmasq-{}.leases",
    "/var/lib/systemd/network/dhcp-server-lease/{}",
    "/var/lib/kea/kea-leases4.csv",
    "/var/lib/dhcp/dhcpd.leases",
    "/tmp/hosts/odhcpd",  # noqa: S108  that is where odhcpd writes it
)
"""Where DHCP servers note their leases; {} is an interface."""

EXAMPLE = Path("/usr/share/esimshaper/esimshaper.yaml")  # small images leave out /usr/share/doc
IN_SOURCES = Path(__file__).parent.parent / "etc/esimshaper.yaml"


def look() -> Look:
    """The box as it is now. Changes nothing."""
    links = network.interfaces()
    places = dict.fromkeys(path.format(link.name) for path in LEASE_FILES for link in links)
    return Look(
        links,
        network.default_routes(),
        network.addresses(),
        tuple(probe.lease_file(Path(path)) for path in places if Path(path).exists()),
        settings_file.of_the_box(),
    )


def is_untouched(config: Path) -> bool:
    """Whether the file is the example that the package brings, so that nobody's work is in it."""
    examples = (place for place in (EXAMPLE, IN_SOURCES) if place.is_file())
    return any(config.read_bytes() == each.read_bytes() for each in examples)


def may_write(config: Path) -> bool:
    """Whether this user may make the file, and its folder where that is missing."""
    # Path.exists raises for a folder that this user may not enter.
    folder = next(place for place in config.absolute().parents if os.path.exists(place))  # noqa: PTH110
    return os.access(folder, os.W_OK)


def write(config: Path, text: str) -> Path | None:
    """Puts `text` in the place of `config`; returns the copy of what was there.

    Raises SettingsError, with the old file in its place, if the new one has a mistake together with those of conf.d;
    raises Unusable if it cannot be written.
    """
    new = config.with_name(f".{config.name}.new")
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.chmod(0o644)  # the daemon reads it as a user of its own, whatever our umask is
        settings_file.read_settings(new)
        copy = _copy(config)
        new.replace(config)
    except OSError as error:
        raise Unusable(f"{config} cannot be written: {error.strerror}", "sudo esimshaper setup") from None
    finally:
        new.unlink(missing_ok=True)
    return copy


def _copy(config: Path) -> Path | None:
    if not config.exists():
        return None
    stamp = f"{datetime.fromtimestamp(clock.now()).astimezone():%Y-%m-%dT%H%M%S}"
    copy = config.with_name(f"{config.name}.{stamp}")
    shutil.copy2(config, copy)
    return copy


def next_commands(config: Path) -> list[str]:
    """What to type so that the file holds."""
    if config != paths.CONFIG_FILE or not _has_service():
        return [f"sudo esimshaper run --config {config}"]
    if probe.accepts_connections(control_client.default_socket()):
        return ["sudo esimshaper reload", "esimshaper status"]
    return ["sudo systemctl enable --now esimshaper", "sudo esimshaper status"]


def _has_service() -> bool:
    try:
        unit = service.service()
    except RuntimeError:
        return False
    return unit is not None and unit.load == "loaded"
