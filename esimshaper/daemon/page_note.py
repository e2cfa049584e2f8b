# SPDX-License-Identifier: GPL-2.0-or-later
"""Leaves a note of where the page is wanted, so that esimshaper-web-listen looks at the configuration. Owns the file.

The daemon may not tell systemd where to listen; root may, and reads the configuration for that by itself.
"""

import json
import logging
from pathlib import Path

from esimshaper.core.model.units import format_endpoint
from esimshaper.core.settings.values import Settings

log = logging.getLogger(__name__)


class PageNote:
    """`path` is in the state directory, so a restart that changes nothing writes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._followed: Settings | None = None

    def follow(self, settings: Settings) -> None:
        """The note says what is in force; without a page there is none. It is for people: nobody reads it."""
        if settings is self._followed:
            return
        self._followed = settings
        try:
            if settings.web is None:
                self._path.unlink(missing_ok=True)
            elif (text := _written(settings)) != (self._path.read_text() if self._path.exists() else ""):
                self._path.write_text(text)
        except OSError as error:
            log.warning("the page listens where it did: %s", error)


def _written(settings: Settings) -> str:
    tls = settings.web.tls if settings.web else None
    where = [format_endpoint(each.address, each.port) for each in settings.web.listen] if settings.web else []
    files = [tls.certificate, tls.key] if tls else []
    return json.dumps({"interfaces": settings.lan.interfaces, "listen": where, "certificate": files}) + "\n"
