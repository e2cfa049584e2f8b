# SPDX-License-Identifier: GPL-2.0-or-later
"""What one short message holds, and names that fit into it. Pure: texts in, texts and numbers out.

3GPP 23.038 has the alphabet of 7 bits, 23.040 the sizes: 160 septets, or 70 units of UTF-16 if a character is no part
of it. A text that does not fit is sent, and paid for, as several.
"""

import unicodedata
from collections.abc import Sequence

SEPTETS, UNITS = 160, 70

_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("^{}\\[~]|€")
"""Each of them takes two septets."""

_ALIKE = str.maketrans(
    {
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{NO-BREAK SPACE}": " ",
        "`": "'",
    }
)
_PICTURES = ("So", "Sk", "Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Me")
"""Categories of what is no letter: pictures and what is joined to them, and what is not to be seen."""
_SELECTORS = range(0xFE00, 0xFE10)  # they make a picture of the character before them
_CUT = ".."


def is_plain(text: str) -> bool:
    """Whether all of it is in the alphabet of 7 bits."""
    return all(each in _BASIC or each in _EXTENDED for each in text)


def fits(text: str) -> bool:
    """Whether it is one part."""
    if is_plain(text):
        return len(text) + sum(each in _EXTENDED for each in text) <= SEPTETS
    return len(text.encode("utf-16-be", "surrogatepass")) // 2 <= UNITS


def spelled(name: str) -> str:
    """A name for a short message: no picture, and no accent that would make all of the text twice as long."""
    letters = (each for each in name.translate(_ALIKE) if not _is_picture(each))
    return " ".join("".join(each if is_plain(each) else _bare(each) for each in letters).split())


def cut(name: str, most: int) -> str:
    """The first characters of a name that is too long, and two points; no letter is parted from its accents."""
    if len(name) <= most:
        return name
    end = max(1, most - len(_CUT))
    while end > 1 and unicodedata.category(name[end]).startswith("M"):
        end -= 1
    return f"{name[:end].rstrip()}{_CUT}"


def together(sentences: Sequence[str], space: str) -> str:
    """The first sentence, and of the others as many as there is room for, in their order."""
    text = sentences[0]
    for each in sentences[1:]:
        if fits(longer := f"{text}{space}{each}"):
            text = longer
    return text


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) in _PICTURES or ord(character) in _SELECTORS


def _bare(letter: str) -> str:
    """`e` of `ê`; what has no plain letter in it stays."""
    base = unicodedata.normalize("NFKD", letter)[:1]
    return base if base.isascii() and base.isalnum() else letter
