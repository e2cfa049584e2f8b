# SPDX-License-Identifier: GPL-2.0-or-later
"""Readings in, lines of the log out: downloads of a client that another device gets, so that somebody imitates it."""

import logging
from collections.abc import Mapping

from esimshaper.core.model.identity import UNATTRIBUTED, Account, ClientKey, Identity
from esimshaper.core.model.reading import Reading
from esimshaper.edge.host.messages import Message, fields

STRAYED_BYTES = 1_000_000
"""Fewer may be of a device that has changed its address while something came."""

TEXT = (
    "downloads that %(asks)s asked for go to another device, %(gets)s, and count for %(gets)s: either %(gets)s sends "
    "by the MAC address of %(asks)s, or %(asks)s asks by the IP address of %(gets)s"
)

log = logging.getLogger(__name__)


class Strays:
    """Remembers what was said: each megabyte is said once, and none that was there before this process."""

    def __init__(self) -> None:
        self._said: dict[Account, int] | None = None

    def tell(self, reading: Reading, identities: Mapping[ClientKey, Identity]) -> None:
        """Logs each account of which another megabyte has gone astray."""
        if self._said is None:
            self._said = dict(reading.strayed)
        for account, size in reading.strayed.items():
            if size - self._said.get(account, 0) < STRAYED_BYTES:
                continue
            self._said[account] = size
            keys = (reading.owners.get(each, UNATTRIBUTED) for each in (account, reading.moves[account].strayed_to))
            asks, gets = (identities.get(key, Identity(key)) for key in keys)
            known = fields(Message.CLIENT_IMITATED, client=asks.label)
            log.warning(TEXT, {"asks": asks.called, "gets": gets.called}, extra=known)
