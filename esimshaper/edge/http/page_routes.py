# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters of a request on web.sock -> the typed PageRequest. Pure. _ROUTES is the table of all that it takes."""

import ipaddress
from collections.abc import Callable, Mapping

from esimshaper.core.model.page_requests import MeQuery, PageQuery, PageRequest, Peer
from esimshaper.edge.http.routes import BadParameter, Params, only, text_of

Reader = Callable[[Params, Params], PageRequest]
"""The query and the body -> the request. Raises BadParameter."""


def reader_of(method: str, path: str) -> Reader | None:
    """The reader of a request; None if there is no such route."""
    return _ROUTES.get((method, path))


def _page(query: Params, _body: Params) -> PageRequest:
    only(query)
    return PageQuery()


def _me(query: Params, _body: Params) -> PageRequest:
    only(query, "address")
    return MeQuery(_peer(query))


_ROUTES: Mapping[tuple[str, str], Reader] = {
    ("GET", "/v1/page"): _page,
    ("GET", "/v1/me"): _me,
}


def _peer(params: Params) -> Peer:
    """The address as the kernel spells it: a browser that came by IPv4 to an IPv6 socket has both in one."""
    written = text_of(params, "address")
    try:
        found = ipaddress.ip_address(written)
    except ValueError:
        raise BadParameter(f"address must be an IP address, not {written!r}") from None
    if isinstance(found, ipaddress.IPv4Address):
        return Peer(str(found))
    if found.ipv4_mapped:
        return Peer(str(found.ipv4_mapped))
    return Peer(str(ipaddress.IPv6Address(found.packed)), found.scope_id or "")
