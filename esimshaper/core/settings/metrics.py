# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `metrics` -> where Prometheus reads, and the files of its TLS. Pure."""

import ipaddress

from esimshaper.core.settings.block import Block
from esimshaper.core.settings.values import Listen, Metrics, Tls

_HINT = 'Write it as 127.0.0.1:19473 (this box only), 0.0.0.0:19473 or "[::]:19473" (everyone who can reach it).'


def metrics_from(metrics: Block) -> Metrics | None:
    """Where metrics are served; None without an address."""
    listen = metrics.parse("listen", parse_listen, _HINT)
    return None if listen is None else Metrics(listen, _tls(metrics))


def _tls(metrics: Block) -> Tls | None:
    tls = metrics.block("tls")
    certificate, key = tls.get("certificate"), tls.get("key")
    return None if certificate is None or key is None else Tls(certificate, key, tls.get("client_ca", ""))


def parse_listen(text: str) -> Listen:
    """IP address and port, from `127.0.0.1:19473` or `[::1]:19473`. Raises ValueError for anything else."""
    host, _, port = text.rpartition(":")
    address = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        raise ValueError(f"`{text}` is not an IP address and a port") from None
    if (version == 6) != (address != host):
        raise ValueError(f"`{text}` needs brackets around an IPv6 address, and only there")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ValueError(f"`{text}` does not end in a port from 1 to 65535")
    return Listen(address, int(port))
