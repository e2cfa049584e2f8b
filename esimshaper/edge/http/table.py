# SPDX-License-Identifier: GPL-2.0-or-later
"""All requests that the control socket takes, by method and path, in one table. Pure."""

from collections.abc import Mapping

from esimshaper.edge.http import name_routes, notice_routes, review_routes, routes, saver_routes, service_routes
from esimshaper.edge.http.routes import Reader

_ROOMS = (name_routes.ROUTES, notice_routes.ROUTES, review_routes.ROUTES, service_routes.ROUTES, saver_routes.ROUTES)
_TABLES = (routes.ROUTES, *_ROOMS)
ROUTES: Mapping[tuple[str, str], Reader] = {key: reader for table in _TABLES for key, reader in table.items()}
"""The readers of all requests."""
