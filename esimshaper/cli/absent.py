# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, when no daemon answers: what to do about it, by the state of the configuration. Reads only."""

from esimshaper.edge.host import paths
from esimshaper.languages.texts import _


def advice() -> str:
    """Why the daemon of this box cannot start, and what to do; empty where its configuration is no reason."""
    try:
        from esimshaper.edge import settings_file  # noqa: PLC0415  needs libraries that may be missing
    except ImportError:
        return ""
    try:
        if not paths.CONFIG_FILE.exists():
            return _("there is no configuration yet: sudo esimshaper setup")
        settings_file.read_to_start(paths.CONFIG_FILE)
    except settings_file.SettingsError as error:
        first = error.problems[0]
        more = _(" and {n} more", n=len(error.problems) - 1) if len(error.problems) > 1 else ""
        problem = first.sentence + more
        return _("it cannot start, as the configuration is refused ({problem}): esimshaper check", problem=problem)
    return ""
