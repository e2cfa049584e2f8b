# SPDX-License-Identifier: GPL-2.0-or-later
"""The host of a request is found in any pieces of its head."""

import contextlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.services.http import HEAD_BYTES, may_be_request, requested_host
from esimshaper.core.services.octets import IncompleteError, MalformedError, UnreadableError
from tests.tools import ROOT

REQUEST = (
    b"GET /a?host:%20b HTTP/1.1\r\nAccept: */*\r\nHost:  WWW.Example.org:8080 \r\nX: y\r\n\r\nHost: other.example\r\n"
)


def test_host_is_read() -> None:
    assert requested_host(REQUEST) == "www.example.org"


@pytest.mark.parametrize(
    ("request_", "host"),
    [
        (b"CONNECT mail.example.org:443 HTTP/1.1\r\n", "mail.example.org"),
        (b"GET http://user@cdn.example.org/x HTTP/1.0\r\n\r\n", "cdn.example.org"),
        (b"PROPFIND / HTTP/1.1\nhost: dav.example.org\n\n", "dav.example.org"),
        (b"GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", None),
    ],
)
def test_forms_of_requests(request_: bytes, host: str | None) -> None:
    assert requested_host(request_) == host


def test_each_beginning_is_incomplete_until_the_host_is_there() -> None:
    end = REQUEST.index(b"X: y")
    for size in range(4, end):
        assert may_be_request(REQUEST[:size])
        with pytest.raises(IncompleteError):
            requested_host(REQUEST[:size])
    assert requested_host(REQUEST[:end]) == "www.example.org"


@pytest.mark.parametrize(
    "stream", [b"GET / HTTP/1.1\r\n\r\nHost: a.example\r\n", b"HELO there\r\n", b"A " * HEAD_BYTES]
)
def test_what_has_no_host_is_malformed(stream: bytes) -> None:
    with pytest.raises(MalformedError):
        requested_host(stream)


HOSTILE = """
from esimshaper.core.services.http import HEAD_BYTES, requested_host
from esimshaper.core.services.octets import UnreadableError
HEADS = (
    "GET / HTTP/1.1\\r\\nhost:" + " " * HEAD_BYTES,
    "CONNECT " + "a:/@[" * HEAD_BYTES,
    "GET / HTTP/1.1\\n" + "host:\\r" * HEAD_BYTES,
)
for head in HEADS:
    for end in ("", "x", "\\r", "\\n", " HTTP/1.1\\r\\n"):
        try:
            requested_host((head[:HEAD_BYTES - 20] + end).encode())
        except UnreadableError:
            pass
"""


def test_no_head_takes_long() -> None:
    """In a process of its own: one that goes back and forth in it would take hours, and cannot be interrupted."""
    subprocess.run([sys.executable, "-c", HOSTILE], cwd=ROOT, timeout=20, check=True)


@given(st.binary(max_size=200))
def test_nothing_but_a_host_or_an_error_of_ours_leaves_the_reader(noise: bytes) -> None:
    for stream in (noise, b"GET / HTTP/1.1\r\n" + noise, b"POST " + noise):
        with contextlib.suppress(UnreadableError):
            requested_host(stream)
