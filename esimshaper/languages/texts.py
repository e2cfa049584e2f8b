# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts for the person at a terminal, in the language that the command line has chosen. Owns that choice.

Sources have English, which `make messages` collects by the names of these functions. A text is a whole sentence where
that can be, with its places in braces.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from esimshaper.languages.catalogs import translations
from esimshaper.languages.choice import ENGLISH

_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)  # each thread of a server has its own


def speak(language: str) -> None:
    """Chooses the language of all that is said in this thread from now on."""
    _spoken.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speaks a language for a while."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def spoken() -> str:
    """The language that was chosen."""
    return _spoken.get()


def _(text: str, /, **places: object) -> str:
    """A text with its places filled."""
    said = translations(_spoken.get()).gettext(text) if text else ""  # the catalog has its head under ""
    return said.format(**places) if places else said


def ngettext(one: str, several: str, n: int, /, **places: object) -> str:
    """The form of a text for `n` things, which fills its place `n`."""
    return translations(_spoken.get()).ngettext(one, several, n).format(n=n, **places)


def pgettext(context: str, text: str, /, **places: object) -> str:
    """A text that stands in English for several ideas; the context says for which."""
    said = translations(_spoken.get()).pgettext(context, text)
    return said.format(**places) if places else said


def N_(text: str) -> str:  # noqa: N802 - as gettext calls it
    """A text that is to be collected here and translated where it is shown."""
    return text


def NN_(one: str, several: str) -> tuple[str, str]:  # noqa: N802 - as N_
    """As N_, of a text with a form for one and for several."""
    return one, several
