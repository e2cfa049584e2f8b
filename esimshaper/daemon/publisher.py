# SPDX-License-Identifier: GPL-2.0-or-later
"""Serves metrics at the address of the settings. Owns the listener of `metrics.listen`.

An unusable address does not stop the counting: it may be that of a bridge that is not there yet.
"""

import logging

from esimshaper.core.model.errors import Unusable
from esimshaper.core.settings.values import Metrics
from esimshaper.edge.host.messages import Message, fields
from esimshaper.edge.http import metrics
from esimshaper.edge.http.server import Listener
from esimshaper.edge.http.tls import Certificates

log = logging.getLogger(__name__)


class Publisher:
    """`source` gives all metrics of one moment, and is called on other threads. `problem`: why nobody can read them."""

    def __init__(self, source: metrics.Source) -> None:
        self._source = source
        self._wanted: Metrics | None = None
        self._listener: Listener | None = None
        self.problem = ""

    def begin(self, wanted: Metrics) -> None:
        """Serves as `wanted`, or logs once why it cannot. Each look-around calls it again."""
        try:
            self.take(wanted, self.offer(wanted))
        except Unusable as error:
            self._fail(error)

    def offer(self, wanted: Metrics) -> Listener | None:
        """A new listener as `wanted`, beside the present one; None if that one is as wanted. Raises Unusable."""
        if wanted == self._wanted:
            return None
        listen, files = wanted.listen, wanted.tls
        certificates = Certificates(files.certificate, files.key, files.client_ca) if files else None
        return metrics.serve(self._source, listen.address, listen.port, certificates, self._listener)

    def take(self, wanted: Metrics, offered: Listener | None) -> Listener | None:
        """Replaces the listener; the caller stops the former one, which is returned, and that may take seconds."""
        if offered is None:
            return None
        before, self._listener, self._wanted, self.problem = self._listener, offered, wanted, ""
        log.info("metrics at %s://%s/metrics", "https" if wanted.tls else "http", offered.address)
        if not (wanted.tls or wanted.listen.is_local):
            clear = "metrics are not encrypted: whoever reaches %s reads who uses how much (see metrics.tls)"
            log.warning(clear, offered.address)
        return before

    def _fail(self, error: Unusable) -> None:
        if error.message != self.problem:
            text, known = "%s; esimshaper tries again. What to do: %s", fields(Message.METRICS_FAILING)
            log.error(text, error.message, error.hint, extra=known)
        self.problem = error.message

    def stop(self) -> None:
        if self._listener:
            self._listener.stop()
