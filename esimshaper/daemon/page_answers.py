# SPDX-License-Identifier: GPL-2.0-or-later
"""What web.sock answers: PageRequests -> documents. Runs in HTTP threads, and delays no tick."""

from collections.abc import Callable

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.page_requests import MeQuery, PageQuery, PageRequest, Peer
from esimshaper.core.report import me
from esimshaper.core.report.frame import Document, known_clients
from esimshaper.core.settings.values import Settings
from esimshaper.daemon.snapshots import Snapshot, Snapshots
from esimshaper.edge.history.database import KEPT
from esimshaper.edge.http.control import NotNow
from esimshaper.edge.lan.addresses import own_addresses
from esimshaper.edge.lan.neighbours import at_this_moment


class PageAnswers:
    """`settings` gives those in force."""

    def __init__(self, snapshots: Snapshots, settings: Callable[[], Settings]) -> None:
        self._snapshots = snapshots
        self._settings = settings

    def answer(self, request: PageRequest) -> Document:
        """The document for a request. Raises what control.Answer may raise."""
        shown = self._shown()
        snapshot = self._snapshots.latest()
        match request:
            case PageQuery():
                addresses = own_addresses(self._lan())
                return me.page_document(snapshot.state, snapshot.facts, shown, addresses)
            case MeQuery(peer):
                key = self._client(snapshot, peer)
                if key is None:
                    return me.nobody_document(snapshot.state, snapshot.facts)
                return me.me_document(snapshot.state, snapshot.facts, shown, key, snapshot.used(key))

    def _client(self, snapshot: Snapshot, peer: Peer) -> ClientKey | None:
        """The device that has this address at this moment: an address that was handed on is of who has it now."""
        neighbour = at_this_moment(peer.address, self._lan())
        if neighbour:
            return ClientKey(neighbour.mac)
        # On a link without MACs a client is its address.
        own = ClientKey(peer.address)
        return own if own in known_clients(snapshot.state) else None

    def _lan(self) -> tuple[str, ...]:
        settings = self._settings()
        return tuple(map(settings.device, settings.lan.interfaces))

    def _shown(self) -> me.Shown:
        web = self._settings().web
        if web is None:
            raise NotNow("the page is off", "Write `web: {}` into the configuration, and reload.")
        return me.Shown(web.plan, web.names, web.tls is not None, KEPT)
