# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on what names the services: its process, DNS, and what stays unnamed. Pure."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.names_report import NamesReport
from esimshaper.core.model.services import How

_CHECK = "services"
_OLD_SECONDS = 180.0
_FIRST_SECONDS = 600.0
"""So long a process must have run for its silence to mean something."""

_UNIT = "systemctl status esimshaper-names"
_NAMELESS = {How.NONE.value, How.HIDDEN.value}


def _names(facts: BoxFacts) -> Findings:
    if not (facts.wanted and facts.wanted.names and facts.daemon_status):
        return
    report = facts.names
    if report is None or report.age > _OLD_SECONDS:
        sentence = "Nothing names what bytes are for, as its process does not run: they are `unnamed`. All is counted."
        yield Finding.warning(_CHECK, sentence, _UNIT)
        return
    number = sum(report.conversations.values())
    minutes = max(report.seconds, 1) / 60
    if not report.answers and report.seconds >= _FIRST_SECONDS and number:
        sentence = (
            "No answer of DNS was seen, so what shows no name itself is unnamed; devices may ask by encrypted DNS."
        )
        yield Finding.note(_CHECK, sentence, "let devices use this router for DNS, or switch off their private DNS")
    elif report.encrypted_dns > report.answers:
        sentence = f"Devices ask by encrypted DNS more often ({report.encrypted_dns:,}) than by the router's own kind."
        yield Finding.note(_CHECK, sentence, "switch off private DNS on devices whose bytes stay unnamed")
    if number:
        yield Finding.ok(_CHECK, f"{_seen(report, number, minutes)}{_today(facts)}")
    else:
        yield Finding.ok(_CHECK, "What bytes are for is looked at; nothing new has passed yet.")


def _seen(report: NamesReport, number: int, minutes: float) -> str:
    named = number - sum(each for how, each in report.conversations.items() if how in _NAMELESS)
    share, rate = _percent(named, number), report.answers / minutes
    return (
        f"Of {number:,} conversations {share} % have a name or a service, by {report.answers:,} answers of DNS "
        f"({rate:.1f} a minute) and by what devices say; encrypted DNS: {report.encrypted_dns:,}."
    )


def _today(facts: BoxFacts) -> str:
    used, unnamed, hidden = (facts.daemon_status.services if facts.daemon_status else None) or (0, 0, 0)
    if not used:
        return ""
    return f" Of today's bytes {_percent(unnamed, used)} % are unnamed, and {_percent(hidden, used)} % hidden."


def _percent(part: int, whole: int) -> int:
    return round(100 * part / whole)


CHECKS = (_names,)
