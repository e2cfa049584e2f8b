# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of http: the parameters of requests about names that DNS refuses -> the typed Request. Pure."""

from collections.abc import Mapping

from esimshaper.core.model.name_requests import AllowNameCommand, NamesQuery
from esimshaper.core.model.requests import Request
from esimshaper.core.model.units import MAX_SECONDS
from esimshaper.edge.http.routes import BadParameter, Params, Reader, number_of, only, text_of


def _names(params: Params) -> Request:
    only(params)
    return NamesQuery()


def allow_name(params: Params) -> AllowNameCommand:
    """A name, and for how long, or that it is over. Raises BadParameter."""
    only(params, "name", "seconds", "clear")
    clear = params.get("clear", False)
    if not isinstance(clear, bool) or clear == ("seconds" in params):
        raise BadParameter("seconds or clear: a name is allowed for a time, or that is taken back")
    return AllowNameCommand(text_of(params, "name"), None if clear else number_of(params, "seconds", 1, MAX_SECONDS))


ROUTES: Mapping[tuple[str, str], Reader] = {("GET", "/v1/names"): _names, ("POST", "/v1/names/allow"): allow_name}
