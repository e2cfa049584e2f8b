# SPDX-License-Identifier: GPL-2.0-or-later
"""What the HTTP server reads from and writes to: a connection that has to be done before patience ends. Owns it.

cheroot waits anew for each read and each write, so a client that sends a byte now and then would hold a worker for
ever. Its files are those of Python's _pyio, which cost a third of the processor of a short answer.
"""

import errno
import io
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from esimshaper.edge.host import clock

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

STEP = 0.1  # seconds after which a worker looks whether others wait


class Patience:
    """How long a worker waits for one peer, all its reads and writes together, in seconds: less while others wait."""

    def __init__(self, others_wait: Callable[[], bool], alone: float, hurried: float) -> None:
        self._others_wait = others_wait
        self._alone, self._hurried = alone, hurried
        self._spent = 0.0

    def wait(self, sock: socket.socket, work: Callable[[], int]) -> int:
        """Does `work` on `sock`, in steps of STEP. Raises TimeoutError in the words by which cheroot knows it, and
        ConnectionResetError if the peer does not speak TLS.
        """
        while (left := (self._hurried if self._others_wait() else self._alone) - self._spent) > 0:
            sock.settimeout(min(left, STEP))
            began = clock.stopwatch()
            try:
                return work()
            except TimeoutError:
                pass
            except ssl.SSLError as error:
                raise ConnectionResetError(errno.ECONNRESET, str(error)) from None
            finally:
                self._spent += clock.stopwatch() - began
        raise TimeoutError("timed out")


class PlainSocket(socket.socket):
    """A connection whose reads and writes all have to be done before patience ends."""

    patience: Patience

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        return self.patience.wait(self, lambda: super(PlainSocket, self).recv_into(buffer, nbytes, flags))

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        return self.patience.wait(self, lambda: super(PlainSocket, self).send(data, flags))


class TlsSocket(ssl.SSLSocket):
    """The same over TLS."""

    patience: Patience

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        return self.patience.wait(self, lambda: super(TlsSocket, self).recv_into(buffer, nbytes, flags))

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        return self.patience.wait(self, lambda: super(TlsSocket, self).send(data, flags))

    def shake_hands(self) -> None:
        self.patience.wait(self, self._shake_hands)

    def _shake_hands(self) -> int:
        self.do_handshake()
        return 0


class Writer:
    """What a connection sends. While it `keeps`, it waits for more: each sending wakes the peer."""

    def __init__(self, sock: socket.socket) -> None:
        self.keeps = False
        self._socket = sock
        self._kept = bytearray()

    def write(self, data: bytes) -> int:
        """Raises OSError, as flush does; then nothing is kept."""
        self._kept += data
        if not self.keeps:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Sends all that is kept."""
        kept, self._kept = self._kept, bytearray()
        left = memoryview(kept)
        while left:
            left = left[self._socket.send(left) :]


def reader(sock: socket.socket) -> io.BufferedReader:
    """What a connection has sent."""
    return io.BufferedReader(socket.SocketIO(sock, "rb"))


def stream(sock: socket.socket, mode: str, _size: int) -> io.BufferedReader | Writer:
    """As cheroot asks for both."""
    return reader(sock) if "r" in mode else Writer(sock)
