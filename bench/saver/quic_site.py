# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a folder over HTTP/3, for players in Chromium, as nginx of Debian 12 has no QUIC. Needs aioquic.

Run as `.venv/quic/bin/python bench/saver/quic_site.py CERTIFICATE KEY ADDRESS FOLDER`; prints "ready" when it listens.
"""

import asyncio
import sys
from pathlib import Path
from typing import ClassVar

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent

PORT = 443
TYPES = {".m3u8": b"application/vnd.apple.mpegurl", ".mpd": b"application/dash+xml"}


class Files(QuicConnectionProtocol):  # type: ignore[misc]
    """Answers each request with a whole file, or with 404."""

    folder: ClassVar[Path]
    http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        for each in self.http.handle_event(event) if self.http else ():
            if isinstance(each, HeadersReceived):
                self._answer(each)
                self.transmit()

    def _answer(self, asked: HeadersReceived) -> None:
        assert self.http
        wanted = dict(asked.headers)[b":path"].decode().partition("?")[0].rpartition("/")[2]
        file = self.folder / wanted
        found = bool(wanted) and file.is_file()
        kind = TYPES.get(file.suffix, b"video/mp4")
        headers = [(b":status", b"200" if found else b"404"), (b"content-type", kind)]
        self.http.send_headers(asked.stream_id, [*headers, (b"access-control-allow-origin", b"*")])
        self.http.send_data(asked.stream_id, file.read_bytes() if found else b"", end_stream=True)


async def main(certificate: str, key: str, address: str, folder: str) -> None:
    """Serves until the process ends."""
    Files.folder = Path(folder)
    quic = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=False, max_datagram_size=1350)
    quic.load_cert_chain(certificate, key)
    await serve(address, PORT, configuration=quic, create_protocol=Files)
    print("ready", flush=True)  # noqa: T201 - whoever has started it waits for that
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
