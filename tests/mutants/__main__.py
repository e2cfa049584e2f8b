# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m tests.mutants [core [FILE ...] | kernel [WORD ...]]`: mistakes that tests must find.

Without a word both for root, and else those of the core. Exit status 1 if too many survive.
"""

import os
import sys
from collections.abc import Sequence

from tests.mutants import core, kernel


def main(arguments: Sequence[str]) -> int:
    """Each part prints its progress and a table of its own."""
    part, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if part not in ("", "core", "kernel"):
        sys.stderr.write(f"{__doc__}")
        return 2
    good = True
    if part in ("", "core"):
        good &= core.run(rest)
    if part == "kernel" or (not part and os.geteuid() == 0):
        bad = (kernel.Outcome.SURVIVED, kernel.Outcome.NO_PROGRAM)
        good &= not any(each.outcome in bad for each in kernel.run(rest))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
