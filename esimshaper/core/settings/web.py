# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `web` -> where the page is, by which names, and what it shows to everyone. Pure."""

from esimshaper.core.settings.block import Block
from esimshaper.core.settings.metrics import parse_listen
from esimshaper.core.settings.values import Listen, Tls, Web

_LISTEN_HINT = 'Write it as 192.168.8.1:80 or "[fd00::1]:80".'


def web_from(top: Block) -> Web | None:
    """The settings of the page; None without the block."""
    if not top.has("web"):
        return None
    web = top.block("web")
    names = tuple(dict.fromkeys(name.lower() for name in web.get("names", ()) if name))
    return Web(_listen(web), names, web.get("plan", "shown") == "shown", _tls(web))


def _listen(web: Block) -> tuple[Listen, ...]:
    found: list[Listen] = []
    for number, text in enumerate(web.get("listen", ())):
        one = web.parse_value(("listen", number), text, parse_listen, _LISTEN_HINT) if text else None
        if one in found:
            web.refuse(("listen", number), f"`{text}` is there twice", "Leave one of them out.")
        found += [one] if one else []
    return tuple(found)


def _tls(web: Block) -> Tls | None:
    tls = web.block("tls")
    certificate, key = tls.get("certificate"), tls.get("key")
    return None if certificate is None or key is None else Tls(certificate, key)
