# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration file that is tried: what is in it, or what is wrong with it."""

import pytest

from esimshaper.edge.settings_file import SettingsError, load

NEEDED = "wan: {interface: wwan0}\nlan: {interfaces: [br0]}\n"


def refused(file, content=None):
    """The problems of a file, as (line, column, message, hint)."""
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as caught:
        load(file)
    return [(each.line, each.column, each.message, each.hint) for each in caught.value.problems]


def accepted(file, content):
    file.write_text(content)
    return load(file)
