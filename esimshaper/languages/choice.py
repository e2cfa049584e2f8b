# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of our languages a person reads: from what a browser or an environment says. Pure."""

from collections.abc import Iterator, Mapping

ENGLISH = "en"

NAMES: Mapping[str, str] = {ENGLISH: "English", "zh_Hans": "简体中文", "zh_Hant": "繁體中文", "ja": "日本語"}
"""Each language as its catalog is called, and as those who read it call it. The texts of the sources are English."""

_TRADITIONAL = {"hant", "tw", "hk", "mo"}
"""Scripts and places of a tag that begins with zh, by which it means the traditional script."""

_MOST_WISHES = 20  # of a header; a browser sends as many as a person has chosen


def tag(language: str) -> str:
    """A language as HTML and HTTP write it: `zh-Hant`."""
    return language.replace("_", "-")


def understood(name: str) -> str | None:
    """Our language that a tag (`zh-TW`, `ja`) or the name of a locale (`zh_TW.UTF-8`) asks for, if there is one."""
    first, *rest = name.partition(".")[0].partition("@")[0].strip().lower().replace("_", "-").split("-")
    if first != "zh":
        return first if first in NAMES else None
    return "zh_Hant" if _TRADITIONAL & set(rest) and "hans" not in rest else "zh_Hans"


def for_browser(chosen: str, accepted: str) -> str:
    """`chosen`: what the person chose on the page, or ""; `accepted`: the header Accept-Language, or ""."""
    if chosen in NAMES:
        return chosen
    wishes = sorted(_wishes(accepted), key=lambda wish: -wish[0])  # stable: among equals the first counts
    return next((language for _weight, name in wishes if (language := understood(name))), ENGLISH)


def for_terminal(environment: Mapping[str, str]) -> str:
    """As gettext reads it: the locale is LC_ALL, LC_MESSAGES or LANG; LANGUAGE counts more unless the locale is C."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((name for name in names if name), "")
    if locale in ("C", "POSIX"):
        return ENGLISH
    wishes = [*environment.get("LANGUAGE", "").split(":"), locale]
    return next((language for name in wishes if (language := understood(name))), ENGLISH)


def _wishes(accepted: str) -> Iterator[tuple[float, str]]:
    """The tags of a header with their weights, without those that are refused (weight 0) or no weight at all."""
    for wish in accepted.split(",", _MOST_WISHES)[:_MOST_WISHES]:
        name, _semicolon, parameter = wish.partition(";")
        key, _equals, value = parameter.strip().partition("=")
        try:
            weight = float(value) if key.strip() == "q" else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1:
            yield weight, name
