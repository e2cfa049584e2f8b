# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.names`: runs until it is killed, by $ESIMSHAPER_PINS and $STATE_DIRECTORY of the daemon.

With a $RUNTIME_DIRECTORY it leaves a report there, which `doctor` reads.
"""

import os
from pathlib import Path

from esimshaper.edge.host.paths import NAMES_REPORT, pins_root, state_directory
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.names.aes import Aes
from esimshaper.names.service import NamesService


def main() -> None:
    """Names conversations for as long as the process lives."""
    folder = os.environ.get("RUNTIME_DIRECTORY")
    report = Path(folder) / NAMES_REPORT.name if folder else None
    NamesService(pins_root(), catalogue_file.place(state_directory()), Aes(), report).run()


if __name__ == "__main__":
    main()
