# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts of documents, which are English there, that people read in their language: `_` of a view finds them. Pure."""

from esimshaper.languages.texts import N_

UNATTRIBUTED = (
    N_("in packets that came cut short"),
    N_("that nobody here asked for (scans from the Internet, mostly)"),
    N_("in pieces of packets whose first piece is missing"),
    N_("in error messages about what nobody here sent"),
    N_("from a way that is missing under lan.interfaces (containers, another bridge)"),
)
"""UNATTRIBUTED_IN_WORDS of core/model/counts.py."""
