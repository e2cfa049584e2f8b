# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts for the person at a terminal, in the language that the command line has chosen. Owns that choice.

Sources have English, which `make messages` collects by the names of these functions. A text is a whole sentence where
that can be, with its places in braces.
"""

from dataclasses import dataclass

from esimshaper.languages.catalogs import translations
from esimshaper.languages.choice import ENGLISH


@dataclass
class _Spoken:
    language: str = ENGLISH


_spoken = _Spoken()


def speak(language: str) -> None:
    """Chooses the language of all that is said from now on."""
    _spoken.language = language


def spoken() -> str:
    """The language that was chosen."""
    return _spoken.language


def _(text: str, /, **places: object) -> str:
    """A text with its places filled."""
    said = translations(_spoken.language).gettext(text) if text else ""  # the catalog has its head under ""
    return said.format(**places) if places else said


def ngettext(one: str, several: str, n: int, /, **places: object) -> str:
    """The form of a text for `n` things, which fills its place `n`."""
    return translations(_spoken.language).ngettext(one, several, n).format(n=n, **places)


def pgettext(context: str, text: str, /, **places: object) -> str:
    """A text that stands in English for several ideas; the context says for which."""
    said = translations(_spoken.language).pgettext(context, text)
    return said.format(**places) if places else said


def N_(text: str) -> str:  # noqa: N802 - as gettext calls it
    """A text that is to be collected here and translated where it is shown."""
    return text


def NN_(one: str, several: str) -> tuple[str, str]:  # noqa: N802 - as N_
    """As N_, of a text with a form for one and for several."""
    return one, several
