# SPDX-License-Identifier: GPL-2.0-or-later
"""What a browser calls itself -> how low-data mode is switched on where it runs. Pure.

The names of menus are those of iOS 17, Android 14, Windows 11 and macOS 14.
"""

from typing import NamedTuple

from esimshaper.web.words import Words


class Instructions(NamedTuple):
    """How it is done on one kind of device."""

    kind: str
    title: str
    text: str
    is_this: bool = False


def kind_of(agent: str) -> str:
    """iphone, android, windows, macos, or empty: an iPad says that it is a Mac."""
    for sign, kind in (
        ("iPhone", "iphone"),
        ("iPad", "iphone"),
        ("Android", "android"),
        ("Windows", "windows"),
        ("Macintosh", "macos"),
    ):
        if sign in agent:
            return kind
    return ""


def low_data(words: Words, agent: str) -> list[Instructions]:
    """The instructions for this kind of device first, where it is known, then all others."""
    kind = kind_of(agent)
    found = [each._replace(is_this=each.kind == kind) for each in _all(words)]
    return sorted(found, key=lambda each: not each.is_this)


def _all(words: Words) -> list[Instructions]:
    _ = words.gettext
    return [
        Instructions(
            "iphone",
            _("iPhone and iPad"),
            _("Open Settings, then Wi-Fi. Tap the “i” beside this network, and switch on Low Data Mode."),
        ),
        Instructions(
            "android",
            _("Android"),
            _(
                "Open Settings, then Network and internet, then Internet. Tap the wheel beside this network, then "
                "Network usage, and choose Treat as metered. Then switch on Data Saver."
            ),
        ),
        Instructions(
            "windows",
            _("Windows"),
            _("Open Settings, then Network and internet, then this Wi-Fi. Switch on Metered connection."),
        ),
        Instructions(
            "macos",
            _("Mac"),
            _("Open System Settings, then Wi-Fi. Click Details beside this network, and switch on Low data mode."),
        ),
    ]
