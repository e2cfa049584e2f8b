# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of http: the request about the data saver -> the typed Request. Pure."""

from collections.abc import Mapping

from esimshaper.core.model.requests import Request
from esimshaper.core.model.saver_requests import SaverQuery
from esimshaper.edge.http.routes import Params, Reader, only


def _saver(params: Params) -> Request:
    only(params)
    return SaverQuery()


ROUTES: Mapping[tuple[str, str], Reader] = {("GET", "/v1/saver"): _saver}
