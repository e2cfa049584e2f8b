# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: Prometheus. In: a callable that gives all Metrics of one moment. Owns: the socket of `metrics.listen`.

Nothing is kept between scrapes: each one asks for the Metrics once, so all of its numbers are of one moment.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from esimshaper.core.model.metrics import Metric, MetricType
from esimshaper.edge.http.server import Application, Listener, listen_tcp
from esimshaper.edge.http.tls import Certificates

Source = Callable[[], Iterable[Metric]]
"""Called from other threads, once per scrape."""


class _Collector(Collector):
    """The collector that prometheus_client asks for families."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def describe(self) -> list[Family]:
        """Empty, so that registering does not call the source: the daemon may not have read anything yet."""
        return []

    def collect(self) -> Iterator[Family]:
        return map(_family, self._source())


def _family(metric: Metric) -> Family:
    kind = CounterMetricFamily if metric.type is MetricType.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for values, number in metric.samples.items():
        family.add_metric([_encodable(value) for value in values], number)
    return family


def _encodable(value: str) -> str:
    """A host name may hold what is no UTF-8; one such name would cost the whole scrape."""
    return value.encode("utf-8", "backslashreplace").decode()


def application(source: Source) -> Application:
    """The WSGI application: the metrics at any path, with this process's own (memory, CPU, files) beside them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(source))
    ProcessCollector(registry=registry)
    app: Application = make_wsgi_app(registry)
    return app


def serve(
    source: Source,
    host: str,
    port: int,
    certificates: Certificates | None = None,
    instead_of: Listener | None = None,
) -> Listener:
    """Serves until the Listener is stopped, with TLS given `certificates`, beside a Listener that it replaces.

    Raises Unusable if it cannot listen.
    """
    return listen_tcp(application(source), host, port, "metrics", certificates, instead_of)
