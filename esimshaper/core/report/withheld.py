# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of names that DNS refuses. Pure; its frame is that of documents.py.

names  {"dnsmasq": bool, whether the settings have it; "names": int, of lists; "services": [name], withheld for all;
        "problems": [sentence], why lists cannot be taken, and those of before hold;
        "allowed": [{"name", "until", "until_unix"}], by hand; "metered": bool, what devices are told;
        "refused_percent": int, of the answers of the last hour; null while nobody can say;
        "refuses_much": bool, that is more than a list should}
"""

from esimshaper.core.model.withholding import MOST_PERCENT
from esimshaper.core.report.frame import DaemonFacts, Document, moment, new_document


def names_document(facts: DaemonFacts) -> Document:
    """The answer to a NamesQuery, and to an AllowNameCommand once it is carried out."""
    withheld, zone = facts.withheld, facts.now.tzinfo
    return {
        **new_document(facts.now),
        "dnsmasq": withheld.is_wanted,
        "names": withheld.names,
        "services": list(withheld.services),
        "problems": list(map(str, withheld.problems)),
        "allowed": [{"name": each.name, **moment("until", each.until, zone)} for each in withheld.allowed],
        "metered": withheld.metered,
        "refused_percent": withheld.percent,
        "refuses_much": (withheld.percent or 0) > MOST_PERCENT,
    }
