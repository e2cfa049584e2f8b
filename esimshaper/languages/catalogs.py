# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogs: po/*.po, compiled beside this module by `make catalogs`. Reads these files, each once."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from esimshaper.languages.choice import NAMES

FOLDER = Path(__file__).parent


@cache
def translations(language: str) -> NullTranslations:
    """The texts of one of NAMES; English where it has no catalog, as in a checkout that nothing was made in."""
    path = FOLDER / f"{language}.mo"
    if language not in NAMES or not path.exists():
        return NullTranslations()
    with path.open("rb") as file:
        return GNUTranslations(file)
