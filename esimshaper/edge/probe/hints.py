# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: whether a DHCP server of this box tells devices that the link is metered. Reads configurations only."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from esimshaper.core.model.kernel import METERED_HINT

PLACES = (
    *("etc/dnsmasq.conf", "etc/dnsmasq.d/*", "etc/NetworkManager/dnsmasq-shared.d/*", "etc/systemd/network/*.network"),
    *("etc/systemd/network/*.network.d/*.conf", "run/systemd/network/*.network", "etc/dhcp/dhcpd.conf"),
    *("etc/kea/*.conf", "etc/config/dhcp"),
)
MOST_FILES, MOST_BYTES = 100, 1_048_576


def metered_hints(root: Path = Path("/")) -> tuple[str, ...]:
    """The files that hold the hint, other than in a comment. Raises OSError where one may not be read."""
    return tuple(str(path) for path in itertools.islice(files(root), MOST_FILES) if _has_hint(path))


def files(root: Path) -> Iterator[Path]:
    """Configurations of DHCP servers that this box has."""
    return (path for place in PLACES for path in sorted(root.glob(place)) if path.is_file())


def _has_hint(path: Path) -> bool:
    with path.open("rb") as file:
        lines = file.read(MOST_BYTES).decode(errors="replace").splitlines()
    return any(METERED_HINT in line and not line.lstrip().startswith(("#", ";", "//")) for line in lines)
