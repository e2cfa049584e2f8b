# SPDX-License-Identifier: GPL-2.0-or-later
"""The login. Pure."""

from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.words import Words


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """`/v1/page` says whether there is a password at all."""
    return {"password_set": documents["/v1/page"]["password_set"]}
