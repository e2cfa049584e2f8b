# SPDX-License-Identifier: GPL-2.0-or-later
"""A web site over TLS and QUIC, for real browsers: each page of it has 300,000 bytes. Needs aioquic.

Run as `.venv/quic/bin/python -m tests.netns.web_site CERTIFICATE KEY ADDRESS...`; prints "ready" when it listens.
"""

import asyncio
import http.server
import ssl
import sys
import threading

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent

PORT = 443
PAGE = b"<title>here</title>" + b"x" * 300_000


class OverQuic(QuicConnectionProtocol):  # type: ignore[misc]
    """Answers each request of HTTP/3 with the page."""

    http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        for each in self.http.handle_event(event) if self.http else ():
            if isinstance(each, HeadersReceived):
                self.http.send_headers(each.stream_id, [(b":status", b"200"), (b"content-type", b"text/html")])
                self.http.send_data(each.stream_id, PAGE, end_stream=True)
                self.transmit()


class OverTls(http.server.BaseHTTPRequestHandler):
    """Answers each request with the page."""

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        self.send_response(200)
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


async def main(certificate: str, key: str, addresses: list[str]) -> None:
    """Serves until the process ends."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    quic = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=False)
    quic.load_cert_chain(certificate, key)
    for address in addresses:
        site = http.server.ThreadingHTTPServer((address, PORT), OverTls)
        site.socket = tls.wrap_socket(site.socket, server_side=True)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        await serve(address, PORT, configuration=quic, create_protocol=OverQuic)
    print("ready", flush=True)  # noqa: T201 - whoever has started it waits for that
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
