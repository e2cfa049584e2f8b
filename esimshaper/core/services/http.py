# SPDX-License-Identifier: GPL-2.0-or-later
"""The head of an HTTP/1 request (RFC 9112) -> the name of the server. Pure."""

import re

from esimshaper.core.services.octets import IncompleteError, MalformedError
from esimshaper.core.services.tls import host_name

HEAD_BYTES = 16_384
_METHOD = re.compile(rb"[A-Z][A-Z-]{2,15} ")
_LINE = re.compile(rb"([A-Z][A-Z-]{2,15}) (\S+) HTTP/1\.[01]\r?\n")
_HOST = re.compile(rb"^host:([^\r\n]*)\r?\n", re.IGNORECASE | re.MULTILINE)
_AUTHORITY = re.compile(rb"(?:[a-z]+://)?(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)", re.IGNORECASE)
_END = re.compile(rb"\r?\n\r?\n")


def may_be_request(stream: bytes) -> bool:
    """Whether the stream begins as a request does."""
    return bool(_METHOD.match(stream))


def requested_host(stream: bytes) -> str | None:
    """The name of the server that the first request of a TCP stream is for; None where it is an address.

    Raises IncompleteError or MalformedError.
    """
    head = stream[:HEAD_BYTES]
    line = _LINE.match(head)
    if not line:
        if may_be_request(head) and b"\n" not in head and len(head) < HEAD_BYTES:
            raise IncompleteError
        raise MalformedError
    method, target = line.groups()
    if method == b"CONNECT" or b"://" in target:
        return _name(target)
    host = _HOST.search(head, line.end() - 1)
    end = _END.search(head, line.end() - 2)
    if host and not (end and end.start() < host.start()):
        return _name(host[1].strip())  # the blanks left to the pattern, a line of them would take hours
    if end or len(head) == HEAD_BYTES:
        raise MalformedError
    raise IncompleteError


def _name(authority: bytes) -> str | None:
    found = _AUTHORITY.match(authority)
    return host_name(found[1].decode("ascii", "replace")) if found else None
