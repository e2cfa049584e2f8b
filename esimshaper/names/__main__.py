# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.names`: runs until it is killed, by $ESIMSHAPER_PINS and $STATE_DIRECTORY of the daemon.

It leaves a report in $RUNTIME_DIRECTORY, which `doctor` reads.
"""

import contextlib
import os
from pathlib import Path

from esimshaper.edge.host.paths import NAMES_REPORT, pins_root, state_directory
from esimshaper.edge.names import catalogue_file
from esimshaper.edge.names.aes import Aes
from esimshaper.names.service import NamesService


def main() -> None:
    """Names conversations for as long as the process lives."""
    folder = Path(os.environ.get("RUNTIME_DIRECTORY", NAMES_REPORT.parent))
    with contextlib.suppress(OSError):  # the first report says so
        folder.mkdir(exist_ok=True)
    report = folder / NAMES_REPORT.name
    NamesService(pins_root(), catalogue_file.place(state_directory()), Aes(), report).run()


if __name__ == "__main__":
    main()
