# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.block_lists`: reads block lists, and writes what dnsmasq reads. A child of the daemon.

Half a million names are some hundred megabytes while they are read, and seconds of a small processor: that is for a
process that ends. An order (JSON) comes by standard input, and a report goes out by standard output:

    {"lists": [path], "kept": path, "files": folder, "withheld": [name], "allowed": [name]}
    {"names": int, "problems": [[file, line, message]]}
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from esimshaper.core.model.withholding import MOST_NAMES, BadLine
from esimshaper.core.saver.name_lists import LONGEST_LINE, names_of, server_lines, suffixes_of
from esimshaper.edge.dnsmasq import files


def obey(order: Mapping[str, Any]) -> dict[str, Any]:
    """Carries out an order. With a mistake in a list, all lists are as they were. Raises OSError."""
    kept = Path(order["kept"])
    problems = _read(order["lists"], kept)
    written = 0

    def counted() -> Any:  # noqa: ANN401 - an iterator
        nonlocal written
        for name in files.kept_names(kept):
            written += 1
            yield name

    lines = server_lines(counted(), order["withheld"], dict.fromkeys(order["allowed"]))
    files.put_servers(Path(order["files"]), lines)
    return {"names": written, "problems": problems}


def _read(lists: list[str], kept: Path) -> list[BadLine]:
    """Keeps the names of the lists, if these have changed since; their problems, and then keeps nothing."""
    at = files.signature(lists)
    if at == files.kept_signature(kept):
        return []
    if known := files.refused(kept, at):
        return known
    suffixes = suffixes_of(files.suffixes())
    names: set[str] = set()
    problems: list[BadLine] = []
    are_read = True  # one that could not be read may be so the next time
    for path in lists:
        try:
            names |= names_of(path, files.lines_of(path, LONGEST_LINE), suffixes, problems)
        except OSError as error:
            problems.append(BadLine(path, 0, f"it cannot be read: {error.strerror}"))
            are_read = False
        if len(names) > MOST_NAMES:
            problems.append(BadLine(path, 0, f"with it there are more than {MOST_NAMES} names"))
            break
    if not problems:
        files.keep(kept, at, sorted(names))
    elif are_read:
        files.refuse(kept, at, problems)
    return problems


if __name__ == "__main__":
    json.dump(obey(json.load(sys.stdin)), sys.stdout)
