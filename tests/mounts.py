# SPDX-License-Identifier: GPL-2.0-or-later
"""File systems for BPF that tests mount and pin in. Needs root.

Owns /run/esimshaper-tests/PID-*, PID being the process that mounted it. What a killed test run left behind is known
by its dead PID, and removed by `sweep`.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from esimshaper.lab.namespaces import is_dead

# Not below pytest's own folder: pytest moves and removes folders there that another run may still use.
PLACE = Path("/run/esimshaper-tests")


@contextlib.contextmanager
def mounted_bpffs() -> Iterator[Path]:
    """A bpffs of the test's own: its pins vanish with it, and the machine's are not touched."""
    PLACE.mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=PLACE))
    subprocess.run(["mount", "-t", "bpf", "bpf", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
        place.rmdir()


def leftovers() -> list[Path]:
    """Places of test runs whose process is dead."""
    found = PLACE.iterdir() if PLACE.is_dir() else ()
    return [path for path in found if is_dead(int(path.name.partition("-")[0]))]


def sweep() -> None:
    """Unmount and remove what killed test runs left behind. Another test run may do the same at the same time."""
    for path in leftovers():
        # Lazily: a child of the killed run may be about to end, and has the place in use until then.
        subprocess.run(["umount", "--lazy", path], capture_output=True, check=False)
        with contextlib.suppress(OSError):
            path.rmdir()
