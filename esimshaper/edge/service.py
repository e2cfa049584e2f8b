# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: systemd. Log records into the journal (or to standard error by hand), the daemon's state to the manager."""

import logging
import os
import sys

from systemd import daemon, journal


def set_up_log() -> None:
    """The journal when systemd runs us, which says so in $JOURNAL_STREAM; else plain lines for a person."""
    if "JOURNAL_STREAM" in os.environ:
        handler: logging.Handler = journal.JournalHandler(SYSLOG_IDENTIFIER="esimshaper")
        handler.setFormatter(logging.Formatter())  # the message alone: level and module are fields of their own
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def tell_manager(*, ready: bool = False, stopping: bool = False, status: str = "") -> None:
    """What systemd shows in `systemctl status`; nothing happens when it did not start us."""
    lines = [*(["READY=1"] if ready else []), *(["STOPPING=1"] if stopping else []), f"STATUS={status}"]
    daemon.notify("\n".join(lines))
