# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of http: the parameters of requests about rules by service -> the typed Request. Pure."""

from collections.abc import Mapping

from esimshaper.core.model.decisions import DecisionKind, LowDataMode
from esimshaper.core.model.requests import Request
from esimshaper.core.model.service_requests import LowDataCommand, LowDataQuery, RulesQuery, ServiceCommand
from esimshaper.core.model.units import ALLOW_SECONDS, MAX_SECONDS
from esimshaper.edge.http.routes import BadParameter, Params, Reader, number_of, only, text_of


def _rules(params: Params) -> Request:
    only(params, "client")
    return RulesQuery(params.get("client", ""))


def _low_data(params: Params) -> Request:
    only(params)
    return LowDataQuery()


def _switch(params: Params) -> Request:
    only(params, "mode", "subject")
    mode, words = text_of(params, "mode"), [each.value for each in LowDataMode]
    if mode not in (*words, "settings"):
        raise BadParameter(f"mode must be one of {', '.join(words)} or settings, not {mode!r}")
    subject = text_of(params, "subject") if "subject" in params else ""
    return LowDataCommand(None if mode == "settings" else LowDataMode(mode), subject)


def _reader(kind: DecisionKind | None) -> Reader:
    def read(params: Params) -> Request:
        only(params, "service", "subject", *(("seconds", "always") if kind else ()))
        always = params.get("always", False)
        if not isinstance(always, bool) or (always and "seconds" in params):
            raise BadParameter("a decision ends after so many seconds, or holds always; always is true or false")
        seconds = number_of(params, "seconds", 1, MAX_SECONDS) if "seconds" in params else None
        if kind is DecisionKind.ALLOW and not always:
            seconds = seconds or ALLOW_SECONDS
        return ServiceCommand(text_of(params, "subject"), text_of(params, "service"), kind, seconds)

    return read


ROUTES: Mapping[tuple[str, str], Reader] = {
    ("GET", "/v1/rules"): _rules,
    ("GET", "/v1/low-data"): _low_data,
    ("POST", "/v1/low-data"): _switch,
    ("POST", "/v1/services/block"): _reader(DecisionKind.BLOCK),
    ("POST", "/v1/services/allow"): _reader(DecisionKind.ALLOW),
    ("POST", "/v1/services/clear"): _reader(None),
}
