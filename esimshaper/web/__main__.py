# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.web`: serves the page on the sockets that systemd hands over, until nobody looks any more.

$ESIMSHAPER_WEB names another socket of the daemon. $CREDENTIALS_DIRECTORY has `certificate` and `key`, if any.
"""

import logging
import os
import sys
from pathlib import Path

from esimshaper.edge.host import malloc
from esimshaper.edge.host.paths import web_socket


def main() -> int:
    """Exit status 1 if a module is missing, or nobody has handed over a socket."""
    malloc.share_one_arena()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        from esimshaper.web.service import WebService  # noqa: PLC0415  cheroot or jinja2 may be missing
    except ImportError as error:
        sys.stderr.write(f"there is no page: {error}; sudo apt install python3-cheroot python3-jinja2\n")
        return 1
    return WebService(web_socket(), Path(os.environ.get("CREDENTIALS_DIRECTORY", ""))).run()


if __name__ == "__main__":
    sys.exit(main())
