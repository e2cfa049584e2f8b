# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on the page. Pure; the rules are those of findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.packages import LIBRARIES
from esimshaper.core.model.page_facts import PageFacts, PageWanted

_CHECK = "page"
_WITHOUT = "All is counted and limited without the page."
_RUNNING = "active"


def _page(facts: BoxFacts) -> Findings:
    wanted = facts.wanted.page if facts.wanted else None
    if wanted is None or facts.page is None:
        return
    missing = [each.package for each in LIBRARIES if each.module == "jinja2" and _is_missing(facts, each.distribution)]
    if missing:
        sentence = f"{missing[0]} is not installed, so nobody sees the page. {_WITHOUT}"
        yield Finding.warning(_CHECK, sentence, f"apt install {missing[0]}")
    yield from _listening(wanted, facts.page)
    if facts.page.password is False:
        sentence = "There is no owner's password, so devices see their own numbers, and nobody can log in."
        yield Finding.note(_CHECK, sentence, "sudo esimshaper web password")


def _is_missing(facts: BoxFacts, distribution: str) -> bool:
    return (facts.libraries or {}).get(distribution) == ""


def _listening(wanted: PageWanted, page: PageFacts) -> Findings:
    silent = [interface for interface, state in page.sockets.items() if state != _RUNNING]
    if page.sockets and not silent:
        ports = " and ".join(map(str, wanted.ports))
        yield Finding.ok(_CHECK, f"The page is at port {ports} of {', '.join(page.sockets)}.")
    for interface in silent:
        if page.holders:
            port, program = next(iter(page.holders.items()))
            sentence = f"{program} has port {port}, so there is no page at {interface}. {_WITHOUT}"
            hint = 'write another port, as in web: {listen: ["192.168.8.1:8080"]}, then: sudo esimshaper reload'
            yield Finding.warning(_CHECK, sentence, hint)
        else:
            sentence = f"Nothing listens for the page at {interface}. {_WITHOUT}"
            hint = "systemctl restart esimshaper-web-listen; systemctl status 'esimshaper-web*'"
            yield Finding.warning(_CHECK, sentence, hint)


def _announcement(facts: BoxFacts) -> Findings:
    """Phones fetch what option 114 names over TLS, and a certificate that they do not know is worse than none."""
    wanted = facts.wanted.page if facts.wanted else None
    announced = facts.page.announced if facts.page else ()
    if announced and not (wanted and wanted.tls):
        sentence = (
            f"{announced[0]} tells phones of a page by DHCP option 114, and no page here has a certificate: they warn "
            "of the network, or leave it."
        )
        yield Finding.warning(_CHECK, sentence, "take the line out, or set web.tls; then restart the DHCP server")
    elif wanted and wanted.tls and not announced:
        sentence = "Phones are not told of the page. With DHCP option 114 they show it beside the network's name."
        url = f"https://{wanted.host or 'NAME'}/.well-known/captive-portal"
        hint = (
            "`dnsmasq: {files: /run/esimshaper/dnsmasq}` tells them, if web.names has a name; without it: "
            f"echo dhcp-option=114,{url} | sudo tee /etc/dnsmasq.d/page.conf; sudo systemctl restart dnsmasq"
        )
        yield Finding.note(_CHECK, sentence, hint)


CHECKS = (_page, _announcement)
