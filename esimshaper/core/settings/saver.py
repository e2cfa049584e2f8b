# SPDX-License-Identifier: GPL-2.0-or-later
"""The blocks `saver` and `dnsmasq` -> names that DNS refuses, and what devices are told of the link. Pure."""

from esimshaper.core.model.withholding import Metered, SaverSettings
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.services import host_name
from esimshaper.core.settings.values import Web

_NEEDS_DNSMASQ = ("block_names", "canaries")

PORTAL_PATH = "/.well-known/captive-portal"


def saver_from(top: Block, web: Web | None) -> SaverSettings:
    """The settings of both blocks, and how dnsmasq is to tell phones of the page; without them nothing is done."""
    saver, files = top.block("saver"), top.block("dnsmasq").get("files", "")
    for key in _NEEDS_DNSMASQ:
        if saver.get(key) and not top.has("dnsmasq"):
            hint = "Write `dnsmasq: {files: /run/esimshaper/dnsmasq}` as well, if this box runs dnsmasq."
            saver.refuse(key, "nothing refuses these names, as dnsmasq is left alone", hint)
    lists = (path for path in saver.get("block_names", ()) if path)
    return SaverSettings(
        tuple(dict.fromkeys(lists)),
        tuple(dict.fromkeys(_allowed(saver))),
        tuple(dict.fromkeys(each for each in saver.get("canaries", ()) if each)),
        Metered(saver.get("metered", Metered.OFF)),
        files,
        _portal(web) if files and web else "",
    )


def _portal(web: Web) -> str:
    """Phones warn of a network whose page has no certificate that they know, and that takes a name, at port 443."""
    return f"https://{web.names[0]}{PORTAL_PATH}" if web.tls and web.names and not web.listen else ""


def _allowed(saver: Block) -> list[str]:
    hint = "Write a host name, such as login.example.com."
    parsed = [
        saver.parse_value(("allow_names", place), text, host_name, hint)
        for place, text in enumerate(saver.get("allow_names", ()))
        if text is not None
    ]
    return [name for name in parsed if name]
