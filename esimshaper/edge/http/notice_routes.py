# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of http: the parameters of what the owner chooses about notices -> the typed Request. Pure."""

from collections.abc import Mapping

from esimshaper.core.model.notice_requests import LeastCommand, QuietCommand
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.requests import Request
from esimshaper.edge.http.routes import BadParameter, Params, Reader, only, text_of

LONGEST_HOURS = 200
"""Characters of quiet hours."""


def _quiet(params: Params) -> Request:
    only(params, "hours")
    hours = text_of(params, "hours")[:LONGEST_HOURS]
    return QuietCommand(None if hours == "settings" else hours)


def _least(params: Params) -> Request:
    only(params, "channel", "min")
    least, words = text_of(params, "min"), [each.value for each in Severity]
    if least not in (*words, "settings"):
        raise BadParameter(f"min must be one of {', '.join(words)} or settings, not {least!r}")
    return LeastCommand(text_of(params, "channel"), None if least == "settings" else Severity(least))


ROUTES: Mapping[tuple[str, str], Reader] = {
    ("POST", "/v1/notify/quiet"): _quiet,
    ("POST", "/v1/notify/min"): _least,
}
