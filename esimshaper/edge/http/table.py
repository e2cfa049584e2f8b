# SPDX-License-Identifier: GPL-2.0-or-later
"""All requests that the control socket takes, by method and path, in one table. Pure."""

from collections.abc import Mapping

from esimshaper.edge.http import name_routes, notice_routes, review_routes, routes
from esimshaper.edge.http.routes import Reader

_TABLES = (routes.ROUTES, name_routes.ROUTES, notice_routes.ROUTES, review_routes.ROUTES)
ROUTES: Mapping[tuple[str, str], Reader] = {key: reader for table in _TABLES for key, reader in table.items()}
"""The readers of all requests."""
