# SPDX-License-Identifier: GPL-2.0-or-later
"""What a channel is given, and how it says what became of it. Owns: standard output of the child."""

import hashlib
import json
import os
import socket
import ssl
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from esimshaper.core.model.results import Result
from esimshaper.notify import secrets

Document = Mapping[str, Any]
SEVERITIES = ("info", "warning", "alarm")
"""In rising order."""

_TCP_INFO_BYTES = 216
_RECEIVED, _SEGMENTS, _SENT = 128, 136, 200
"""tcpi_bytes_received, tcpi_segs_out with tcpi_segs_in behind it, and tcpi_bytes_sent: offsets in struct tcp_info."""

_HEADERS = 52
"""Bytes of IPv4 and TCP with time stamps in each packet."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one recipient. key: the same for each attempt. at: when the first of its notices came up.

    severity: info, warning or alarm, the worst of its notices. document: the job as the daemon gave it.
    """

    key: str
    at: datetime
    subject: str
    text: str
    severity: str
    document: Document

    def as_json(self) -> str:
        """For programs: the text, and the values that it was made of."""
        kept = {name: self.document.get(name) for name in ("key", "form", "language", "notices")}
        told = {"event_type": self.severity, "subject": self.subject, "text": self.text}
        return json.dumps({"version": 1, **told, **kept}, ensure_ascii=False)


def token(key: str) -> str:
    """A letter's key in visible ASCII, for those outside: it tells nobody what the letter is about."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


class UndeliveredError(Exception):
    """The letter was not delivered, or nobody knows: `result` says which."""

    def __init__(self, result: Result, error: str) -> None:
        super().__init__(error)
        self.result = result


def tls_context(channel: Document) -> ssl.SSLContext:
    """Who is trusted: those that the system trusts, or `ca` of the channel alone. Raises UndeliveredError."""
    try:
        return ssl.create_default_context(cafile=channel.get("ca"))
    except OSError as error:  # ssl.SSLError is one as well; neither names the file
        why = f"the certificate at {channel.get('ca')} cannot be read: {error.strerror or error}"
        raise UndeliveredError(Result.IMPOSSIBLE, why) from None


class Report:
    """What a channel says on its way; its parent reads it, and keeps it if the child has to be killed."""

    def __init__(self) -> None:
        self.bytes, self.is_handed_over = 0, False
        self._connections: list[socket.socket] = []

    def step(self, text: str) -> None:
        """Something that has been done, for `notify test`."""
        self._say({"step": secrets.masked(text)})

    def hand_over(self) -> None:
        """From now on nobody knows whether it was delivered, until an answer comes."""
        self.is_handed_over = True
        self._say({"handed_over": True})

    def watch(self, connection: socket.socket | None) -> None:
        """Counts what a connection of TCP sends and receives until `settle`, also if it is wrapped or closed before."""
        if connection:
            self._connections.append(socket.socket(fileno=os.dup(connection.fileno())))

    def settle(self) -> None:
        """Lets go of all connections; `bytes` has what they took."""
        while self._connections:
            with self._connections.pop() as connection:
                self.bytes += _bytes_of(connection)

    def result(self, result: Result, error: str = "") -> None:
        """The last word."""
        self.settle()
        self._say({"result": result.value, "error": secrets.masked(error), "bytes": self.bytes})

    def _say(self, document: Document) -> None:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()


def _bytes_of(connection: socket.socket) -> int:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    if len(info) < _TCP_INFO_BYTES:  # the kernel is older than 4.19
        return 0
    (received,), (sent,) = (struct.unpack_from("=Q", info, at) for at in (_RECEIVED, _SENT))
    return int(received + sent + _HEADERS * sum(struct.unpack_from("=II", info, _SEGMENTS)))
