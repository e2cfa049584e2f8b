# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of names that DNS refuses (core/report/withheld.py has its shape) -> a page. Pure."""

from esimshaper.languages.texts import N_, _, ngettext
from esimshaper.views.fit import Tone
from esimshaper.views.page import Line, Page
from esimshaper.views.words import Document, when


def names_page(document: Document) -> Page:
    """`esimshaper allow-name`: what is refused, what is allowed, what is wrong with a list."""
    if not document["dnsmasq"]:
        hint = _("`dnsmasq` in the configuration lets esimshaper refuse names: man esimshaper.yaml")
        return [Line(_("DNS refuses no name, as dnsmasq is left alone.")), Line(hint, Tone.QUIET)]
    refused = ngettext("DNS refuses {n} name of the lists", "DNS refuses {n} names of the lists", document["names"])
    page = [Line(refused)]
    if document["services"]:
        page.append(Line(_("and those of {services}, blocked for everybody", services=", ".join(document["services"]))))
    if (percent := document["refused_percent"]) is not None:
        tone = Tone.BAD if document["refuses_much"] else Tone.PLAIN
        page.append(Line(_("within the last hour {percent} % were refused", percent=percent), tone))
    for each in document["allowed"]:
        until = when(each["until"], document["time"])
        page.append(Line(_("{name} is allowed until {moment}", name=each["name"], moment=until), Tone.WARNING))
    kept = N_("the lists of before hold: {problem}")
    page += [Line(_(kept, problem=problem), Tone.BAD) for problem in document["problems"]]
    if document["metered"]:
        page.append(Line(_("devices are told that the link is metered"), Tone.QUIET))
    return page
