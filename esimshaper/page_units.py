# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.page_units`, as root: has systemd listen where the configuration wants the page.

Runs when the daemon starts, and when its note of what is in force changes (daemon/page_note.py). It takes nothing from
that note, which the daemon's user may write, but whether there is one.
"""

import sys
from collections.abc import Sequence

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.units import format_endpoint
from esimshaper.core.settings.values import WEB_PORT, WEB_TLS_PORT, Settings
from esimshaper.edge import settings_file
from esimshaper.edge.host import page_units
from esimshaper.edge.host.paths import CONFIG_FILE, page_note


def main(arguments: Sequence[str]) -> int:
    """`remove`: as without a page. Exit status 1 if an address cannot be had, or the configuration is wrong; then all
    stays as it was.
    """
    is_wanted = page_note().exists() and "remove" not in arguments
    try:
        settings = settings_file.load(CONFIG_FILE) if is_wanted else None
    except Unusable as error:
        sys.stderr.write(f"the page listens where it did: {error.message}\n")
        return 1
    return 0 if obey(settings) else 1


def obey(settings: Settings | None) -> bool:
    """Whether each address could be had; interfaces that are not there yet bring theirs with them."""
    interfaces = _interfaces(settings) if settings and settings.web else []
    if page_units.replace(wanted(settings)):
        page_units.systemctl("daemon-reload")
        page_units.systemctl("stop", page_units.SERVICE, page_units.SOCKETS)
    present = [page_units.socket_of(each) for each in interfaces if page_units.is_there(each)]
    return not present or page_units.systemctl("start", *present)


def wanted(settings: Settings | None) -> dict[str, str]:
    """The drop-ins for these settings: none without a page."""
    if settings is None or settings.web is None:
        return {}
    web = settings.web
    ports = (WEB_PORT, WEB_TLS_PORT) if web.tls else (WEB_PORT,)
    listen = [format_endpoint(each.address, each.port) for each in web.listen] or [str(port) for port in ports]
    certificate = (web.tls.certificate, web.tls.key) if web.tls else None
    return page_units.drop_ins(_interfaces(settings), listen, certificate)


def _interfaces(settings: Settings) -> list[str]:
    """Those by whose names systemd listens; the others have no page."""
    return [each for each in settings.lan.interfaces if page_units.is_safe(each)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
