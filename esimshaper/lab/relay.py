# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.lab.relay DESCRIPTOR HOST PORT`: hands TCP connections on, until it is killed.

The listening socket was opened in the network namespace of whoever looks, and this process runs in that of a device. So
what connects here comes to HOST from that device.
"""

import asyncio
import contextlib
import socket
import sys

_PIECE = 65536


async def relay(listening: socket.socket, host: str, port: int) -> None:
    """Serves for as long as the task lives."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))

    async with await asyncio.start_server(serve, sock=listening) as server:
        await server.serve_forever()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(relay(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], int(sys.argv[3])))
