# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the daemon has been asked to stop. From then on no request is carried out.

The last save may be under way: a command that comes now would be missing from it, or be saved twice.
"""

from esimshaper.edge.http.control import NotNow


class Stopping:
    """Set once, on the loop's thread; read on any thread."""

    def __init__(self) -> None:
        self._begun = False

    def __bool__(self) -> bool:
        return self._begun

    def begin(self) -> None:
        self._begun = True

    def refuse(self) -> None:
        """Raises NotNow once the daemon stops."""
        if self._begun:
            raise self.error()

    @staticmethod
    def error() -> NotNow:
        return NotNow("the daemon is stopping", "Try again when it has started.")
