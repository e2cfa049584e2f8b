# SPDX-License-Identifier: GPL-2.0-or-later
"""Readings in, lines of the log out: downloads of a client that another device gets, so that somebody imitates it."""

import logging

from esimshaper.core.model.identity import UNATTRIBUTED, Account
from esimshaper.core.model.reading import Reading
from esimshaper.edge.host.messages import Message, fields

STRAYED_BYTES = 1_000_000
"""Fewer may be of a device that has changed its address while something came."""

log = logging.getLogger(__name__)


class Strays:
    """Remembers what was said: each megabyte is said once, and none that was there before this process."""

    def __init__(self) -> None:
        self._said: dict[Account, int] | None = None

    def tell(self, reading: Reading) -> None:
        """Logs each account of which another megabyte has gone astray."""
        if self._said is None:
            self._said = dict(reading.strayed)
        for account, size in reading.strayed.items():
            if size - self._said.get(account, 0) < STRAYED_BYTES:
                continue
            self._said[account] = size
            client = reading.owners.get(account, UNATTRIBUTED)
            text = "downloads of %s go to another device, which sends by the address of %s and is charged for them"
            log.warning(text, client, client, extra=fields(Message.CLIENT_IMITATED, client=client))
