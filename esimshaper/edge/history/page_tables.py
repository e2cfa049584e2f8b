# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge, part of history: what is kept of the page as rows of tables, and back. Pure."""

from collections.abc import Iterable

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.page import Ask, Done, Guesses, PageState, Password, Session
from esimshaper.edge.history.rows import Fetch, Keys, Rows, Tables, Values, is_client

KEYS: Keys = {
    "page_password": ("id",),
    "page_sessions": ("number",),
    "page_guesses": ("who",),
    "page_failed": ("number",),
    "page_asks": ("number",),
    "page_names": ("client",),
    "page_done": ("request",),
}


def tables(page: PageState) -> Tables:
    """All rows of the tables of KEYS."""
    return {
        "page_password": {(1,): tuple(page.password)} if page.password else {},
        "page_sessions": _keyed(page.sessions),
        "page_guesses": _keyed(page.guesses),
        "page_failed": {(number,): (at,) for number, at in enumerate(page.failed)},
        "page_asks": _keyed(page.asks),
        "page_names": {(client,): (name,) for client, name in page.names.items()},
        "page_done": _keyed(page.done),
    }


def page_from(rows: Fetch) -> PageState:
    """The PageState in the tables."""
    passwords = [Password(*values) for _, *values in rows("page_password")]
    asks = (Ask(number, ClientKey(client), *rest) for number, client, *rest in rows("page_asks"))
    return PageState(
        passwords[0] if passwords else None,
        tuple(Session(*row) for row in rows("page_sessions")),
        tuple(Guesses(*row) for row in rows("page_guesses")),
        tuple(at for _, at in rows("page_failed")),
        tuple(each for each in asks if is_client(each.client)),
        {ClientKey(client): name for client, name in rows("page_names") if is_client(client)},
        tuple(sorted((Done(*row) for row in rows("page_done")), key=lambda each: each.at)),
    )


def _keyed(rows: Iterable[Values]) -> Rows:
    return {row[:1]: row[1:] for row in rows}
