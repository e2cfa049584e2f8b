# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions that people type as sentences -> the command that answers them. Pure."""

import shlex
from collections.abc import Mapping, Sequence

from esimshaper.cli.guesses import MEANT, Advice

_LEFT = MEANT["how"]
_WHY = MEANT["why"]
_RATES = MEANT["busy"]
_YESTERDAY = MEANT["yesterday"]
_TODAY = MEANT["today"]
_VPN = MEANT["vpn"]
_UPLINK = MEANT["wifi"]
_NOTIFY = MEANT["notification"]
_SERVICES = Advice("`services` says what the bytes were for", "esimshaper services", "--since today")
_QUESTIONS = frozenset(
    {
        *("how", "will", "is", "are", "am", "was", "can", "could", "which", "when", "where", "does", "do", "did", "i"),
        *("why", "what", "who", "whose", "show", "tell", "alert", "warn"),
    }
)
_ASKED: Mapping[str, Advice] = {
    **dict.fromkeys(("left", "last", "lasts", "enough", "remain", "remains", "long"), _LEFT),
    **dict.fromkeys(("renew", "renews", "reset", "end", "ends", "expire", "expires"), _LEFT),
    **dict.fromkeys(("slow", "blocked", "limited", "throttled", "offline", "stopped", "off"), _WHY),
    **dict.fromkeys(("busy", "fast", "now", "currently", "using", "eating", "downloading"), _RATES),
    **dict.fromkeys(("yesterday",), _YESTERDAY),
    **dict.fromkeys(("used", "uses", "use", "usage", "today", "most", "up", "awake"), _TODAY),
    **dict.fromkeys(("vpn", "tunnel"), _VPN),
    **dict.fromkeys(("wifi", "hotel", "counted", "counting"), _UPLINK),
    **dict.fromkeys(("online", "connected", "here", "devices"), Advice("`clients` lists them", "esimshaper clients")),
    **dict.fromkeys(("watch", "watched", "watching", "streaming", "app", "apps", "sites", "websites"), _SERVICES),
    "me": _NOTIFY,
    **dict.fromkeys(("happened", "happen"), Advice("`events` says what happened", "esimshaper events")),
}
"""A word of a question -> what answers it; the first one of these that stands in it counts."""


_NO_NAMES = frozenset(
    {
        *("internet", "net", "connection", "data", "much", "have", "it", "we", "at", "plan", "anyone", "everything"),
        *("the", "my", "this", "that", "there", "all", "everyone", "so", "a", "an", "on", "in", "of", "device"),
    }
)


def question(words: Sequence[str]) -> tuple[str, str] | None:
    """What answers a question that somebody has typed, and the command to type; None if `words` are none."""
    lower = [each.lower().strip("?,.") for each in words]
    if len(words) < 2 or lower[0] not in _QUESTIONS or any(each.startswith("-") for each in words):
        return None
    advice = next((advice for asked, advice in _ASKED.items() if asked in lower[1:]), None)
    others = _QUESTIONS | _ASKED.keys() | _NO_NAMES
    names = [word.strip("?,.") for word, each in zip(words, lower, strict=True) if each not in others]
    if advice is _WHY and not names:
        return advice.meaning, "esimshaper quotas"
    if advice is None and len(names) == 1:
        return "`clients` has the names and addresses of a device", f"esimshaper clients {shlex.quote(names[0])}"
    return (advice.meaning, advice.for_words(names)) if advice else None
