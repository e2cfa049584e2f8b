# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control socket answers about the data saver. Runs in HTTP threads."""

from esimshaper.core.model.rules import Rules
from esimshaper.core.model.state import State
from esimshaper.core.report.frame import DaemonFacts, Document
from esimshaper.core.report.saver import saver_document
from esimshaper.core.saver import queries


def saver_answer(state: State, facts: DaemonFacts, rules: Rules) -> Document:
    """The document of `esimshaper saver`."""
    return saver_document(facts, queries.findings(state, rules), rules.measure)
