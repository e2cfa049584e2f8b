# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: before the service starts, opens packet sockets, which the service may not, and has systemd pass them to it.

Runs by itself, as root and as a file (`ExecStartPre=` of esimshaper.service), so it needs nothing but Python.
"""

import os
import socket
import sys

NAME = "tap"
"""Of the sockets, as $LISTEN_FDNAMES has it."""

SOCKETS = 8
"""One for each uplink with a queue of somebody else, and one to wait with; as many as FileDescriptorStoreMax=."""

SECONDS = 5.0
"""systemd may be busy, but the start of the service waits for this."""


def main() -> None:
    """Raises OSError, also if systemd has not taken the sockets in time."""
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(SECONDS)
        manager.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        # Those that an earlier start left there, if the service ended before it took them.
        manager.send(f"FDSTOREREMOVE=1\nFDNAME={NAME}".encode())
        # They get no packet: their protocol is 0, and they are bound to nothing.
        opened = [socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) for _ in range(SOCKETS)]
        message = f"FDSTORE=1\nFDNAME={NAME}".encode()
        socket.send_fds(manager, [message], [each.fileno() for each in opened])
        _wait(manager)


def _wait(manager: socket.socket) -> None:
    """As sd_notify_barrier(3): systemd closes the descriptor once it has read all that came before."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            socket.send_fds(manager, [b"BARRIER=1"], [theirs.fileno()])
        ours.settimeout(SECONDS)
        ours.recv(1)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"esimshaper cannot look behind queues of the uplink: no packet socket for it: {error}")
