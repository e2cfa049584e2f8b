# SPDX-License-Identifier: GPL-2.0-or-later
"""Serves screens drawn from recorded documents, with the policy that the page's process sends."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from esimshaper.web.assets import ASSETS, Asset

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


@contextmanager
def serving(pages: Mapping[str, str], policy: str = POLICY) -> Iterator[str]:
    """Pages by their paths; gives the address. A path with ?json is what page.js asks for.

    `policy`: empty for a file that people open by themselves.
    """
    content = {path: Asset("text/html; charset=utf-8", html.encode()) for path, html in pages.items()}
    content |= ASSETS

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - as its library calls it
            found = content.get(self.path.replace("?json=", "?json"))
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", found.kind if found else "text/plain")
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(found.body if found else b"")

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
