# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may ask at a socket for one other process of ours: root, the user of the daemon, and the user of that process."""

import os
import pwd
from contextlib import suppress


class Admission:
    """Called with the user of a process that connects. `name`: the user beside root and ourselves."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._admitted = {0, os.geteuid()}
        self._is_known = False

    def __call__(self, user: int) -> bool:
        if user not in self._admitted and not self._is_known:
            with suppress(KeyError):  # a package may make the user while we run
                self._admitted.add(pwd.getpwnam(self._name).pw_uid)
                self._is_known = True
        return user in self._admitted
