# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.modems`: runs until it is killed, and leaves its report where the daemon looks for it.

$ESIMSHAPER_MODEMS names another file, $DBUS_SYSTEM_BUS_ADDRESS another bus.
"""

import contextlib
import sys

from esimshaper.edge.host.paths import modems_report


def main() -> int:
    """Watches modems for as long as the process lives; exit status 1 without jeepney."""
    file = modems_report()
    with contextlib.suppress(OSError):  # the first report says so
        file.parent.mkdir(exist_ok=True)
    try:
        from esimshaper.modems.service import ModemsService  # noqa: PLC0415  jeepney may be missing
    except ImportError as error:
        sys.stderr.write(f"modems are not watched: {error}; sudo apt install python3-jeepney\n")
        return 1
    ModemsService(file).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
