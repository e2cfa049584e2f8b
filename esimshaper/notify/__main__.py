# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.notify`: runs until it is ended, and takes jobs from the daemon.

$ESIMSHAPER_NOTIFY names another socket of the daemon.
"""

import logging
import signal
import sys

from esimshaper.edge.host import malloc
from esimshaper.edge.host.paths import notify_socket
from esimshaper.notify.process import Sender


def main() -> int:
    """Exit status 0, when it is told to end."""
    malloc.share_one_arena()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    sender = Sender(notify_socket())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sender.end())
    sender.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
