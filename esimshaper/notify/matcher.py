# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.notify.matcher`: looks for the patterns of rules in a text, and ends, or is killed.

Python's regular expressions can take for ever, by a pattern of the owner and a text of a stranger. Nothing that can be
said of a pattern beforehand rules that out, so the whole of it happens in a process that is killed.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from esimshaper.notify.deliveries import python

SECONDS = 5.0
"""Python itself takes 0.1 s of them on a small computer. A match takes microseconds, or it never ends."""

Groups = dict[str, str | None]


def first_match(patterns: Sequence[str], text: str) -> tuple[int, Groups] | None:
    """Which pattern is found first in the list, and its groups; None for none. Raises TimeoutError."""
    asked = json.dumps({"patterns": patterns, "text": text}).encode()
    try:
        done = subprocess.run(
            python("esimshaper.notify.matcher"), input=asked, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"a rule has not come to an end within {SECONDS:.0f} s") from None
    try:
        found = json.loads(done.stdout)
    except ValueError:  # it was killed, for its memory
        return None
    return (int(found["rule"]), found["groups"]) if found else None


def main() -> int:
    """Exit status 0; the answer is on standard output."""
    asked = json.load(sys.stdin)
    found = None
    for number, pattern in enumerate(asked["patterns"]):
        match = re.search(pattern, asked["text"])
        if match:
            found = {"rule": number, "groups": match.groupdict()}
            break
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
