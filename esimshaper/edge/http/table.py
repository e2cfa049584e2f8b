# SPDX-License-Identifier: GPL-2.0-or-later
"""All requests that the control socket takes, by method and path, in one table. Pure."""

from collections.abc import Mapping

from esimshaper.edge.http import name_routes, notice_routes, routes
from esimshaper.edge.http.routes import Reader

ROUTES: Mapping[tuple[str, str], Reader] = {**routes.ROUTES, **name_routes.ROUTES, **notice_routes.ROUTES}
"""The readers of all requests."""
