# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: netlink. Nothing goes in; news comes out that interfaces, or their qdiscs and filters, have changed."""

import errno

from esimshaper.edge.netlink import RTMGRP_LINK, RTMGRP_TC, Subscription

RTM_NEWQDISC = 36
"""The first type of message that is about tc; those about interfaces have smaller numbers."""


class LinkEvents:
    """Owns a socket; its `fd` is readable once something has changed."""

    def __init__(self) -> None:
        self._news = Subscription(RTMGRP_LINK | RTMGRP_TC)
        self.fd = self._news.fd

    def drain(self) -> bool:
        """Throws away all news; True if any of it was, or may have been, of an interface.

        The news itself is not read: the daemon compares everything wanted with everything installed.
        """
        interface = False
        try:
            while True:
                interface |= self._news.next_kind() < RTM_NEWQDISC
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                raise
            return interface or error.errno == errno.ENOBUFS  # some news did not fit into the socket and is lost

    def close(self) -> None:
        self._news.close()
